"""Functions, objects and tables of anyone's stand beside the baselines of keras_ts."""

import keras
import numpy as np
import pandas as pd
import pytest

from keras_ts import WindowedSeries, baselines, compare, course_series
from keras_ts.evaluation.forecasters.forecaster import baselines_of, name_of
from keras_ts.windows import blocks


@pytest.fixture(scope="module")
def parts():
    return WindowedSeries(7, 3, shuffle=True, seed=1, batch_size=32).split(course_series(300), 200)


def last_value(train, validation):
    x, y = validation.to_numpy()
    return np.repeat(x[:, -1:], y.shape[1], axis=1)


class Median:
    """The median of the training part."""

    name = "median of train"

    def fit(self, train):
        self.value = np.median(train.to_numpy()[1])

    def predict(self, validation):
        return np.full((validation.num_windows, 3), self.value)


def test_functions_and_objects_are_baselines(parts, monkeypatch):
    monkeypatch.setattr(blocks, "_NUMBERS", 200)  # Several blocks.
    chosen = ["naive", last_value, Median(), baselines.SeasonalNaive(3)]
    report = compare(None, *parts, baselines=chosen)
    assert report.table["name"].tolist() == [
        "naive", "last_value", "median of train", "seasonal naive",
    ]  # fmt: skip
    assert report.table["mae"][0] == pytest.approx(report.table["mae"][1])
    train, held = parts
    by_hand = np.abs(held.to_numpy()[1] - np.median(train.to_numpy()[1])).mean()
    assert report.table["mae"][2] == pytest.approx(by_hand)


def test_a_function_may_return_a_table(parts):
    def aligned(train, validation):
        return validation.align(last_value(train, validation))

    def framed(train, validation):
        return pd.DataFrame(aligned(train, validation))

    mae = compare(None, *parts, baselines=["naive", aligned, framed]).table["mae"]
    assert mae[1:] == pytest.approx(mae[0])


@pytest.mark.parametrize("name", ["Naive", "Drift", "MovingAverage", "LinearRegression"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"horizon": 3}, {"horizon": 2, "target_columns": [0, 1]}, {"targets": "sequence"}],
)
def test_baselines_can_be_asked_by_themselves(name, settings):
    """As functions, they give what they give as baselines of keras_ts."""
    rng = np.random.default_rng(0)
    windows = WindowedSeries(5, **{"target_columns": 0, **settings})
    parts = windows.split(rng.normal(size=(90, 2)).cumsum(axis=0), at=60)
    baseline = getattr(baselines, name)

    def asked(train, validation):
        return baseline().fit(train).predict(validation)

    report = compare(None, *parts, baselines=[baseline(), asked])
    for column in ("mae", "rmse", "smape"):
        assert report.table[column][1] == pytest.approx(report.table[column][0])
    forecasts = asked(*parts)
    y = parts[1].to_numpy()[1]
    assert forecasts.shape == (y[:, -1] if "targets" in settings else y).shape


def test_windows_without_a_forecast_count_for_nobody(parts):
    def later(train, validation):
        forecasts = last_value(train, validation)
        forecasts[:10] = np.nan
        return forecasts

    report = compare(None, *parts, baselines=["naive", later])
    assert report.windows == parts[1].num_windows - 10
    assert "later has no forecast of 30 targets, which count nowhere." in str(report)
    assert report.table["mae"][0] == pytest.approx(report.table["mae"][1])


class Nameless:
    def fit(self, train): ...


def test_names():
    assert name_of(last_value) == "last_value"
    assert [own.name for own in baselines_of(None, 7, False)[0]][-1] == "seasonal naive"
    assert name_of(Nameless()) == "Nameless"


def test_misuse_is_refused(parts):
    def three(train, validation):
        return np.zeros(3)

    def text(train, validation):
        return ["a"] * validation.num_windows

    def wide(train, validation):
        return np.zeros((validation.num_windows, 5))

    def levels(train, validation):
        return np.zeros((validation.num_windows, 3, 2))

    for chosen, error in [
        ([], "baselines is empty, and a verdict needs one"),
        (["naive", "naive"], "must have different names. Received 'naive' twice"),
        (["ets"], "has no 'ets'; there are naive, drift, moving average, median, theta, linear "),
        (["seasonal naive"], "It needs period="),
        ([keras.Sequential(name="net")], "baselines holds a model, which it would train: 'net'"),
        ([three], "three must return a forecast of each of 98 windows, in time order"),
        ([text], "what text returns"),
        ([wide], r"wide must give one value per target, \(98, 3\)"),
        ([levels], "Received shape .98, 3, 2.* Quantiles come from a SortedQuantiles layer"),
    ]:
        with pytest.raises((TypeError, ValueError), match=error):
            compare(None, *parts, baselines=chosen)
