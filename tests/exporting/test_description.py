"""A server that has the description alone makes the arrays that ``forecast`` makes."""

import json

import keras
import numpy as np
import pandas as pd
import pytest

from described_inputs import arrays
from helpers import called
from keras_ts import RecurrentPreset, Rollout, WindowedInput, WindowedSeries, forecast
from keras_ts.exporting.description import describe
from keras_ts.layers import Bounded, ConformalInterval, MaskMissing, SortedQuantiles
from keras_ts.layers.plumbing import Unmask

RANDOM = np.random.default_rng(0)


def linear(dataset, quantiles=None, masked=None):
    """A model in which every value of every input counts; it may mask missing values."""
    x = dataset[0][0]
    parts = x if isinstance(x, dict) else {"past": x}
    inputs = {name: keras.Input(part.shape[1:], name=name) for name, part in parts.items()}
    carrying = {**inputs, "past": WindowedInput.of(dataset, quantiles)(inputs["past"])}
    if masked is not None:
        carrying["past"] = Unmask()(MaskMissing(masked)(carrying["past"]))
    flat = [keras.layers.Reshape((-1,))(part) for part in carrying.values()]
    joined = keras.layers.Concatenate()(flat) if len(flat) > 1 else flat[0]
    shape = dataset[0][1].shape[1:] or (1,)
    count = int(np.prod(shape)) * len(quantiles or [0])
    out = keras.layers.Dense(count, kernel_initializer=keras.initializers.RandomNormal(seed=1))(
        joined
    )
    if quantiles is not None:
        out = SortedQuantiles(quantiles)(out)
    elif len(shape) > 1:
        out = keras.layers.Reshape(shape)(out)
    return keras.Model(inputs if len(inputs) > 1 else inputs["past"], out)


def table(rows=40, freq="D", start="2024-02-20", **columns):
    values = {
        "day": pd.date_range(start, periods=rows, freq=freq),
        "promo": RANDOM.integers(0, 2, rows) * 1.0,
        "kind": np.array(["a", "b", "c"])[np.arange(rows) % 3],
        "units": RANDOM.normal(size=rows),
        "price": RANDOM.normal(size=rows),
        "size": 3.0,
        "type": "big",
    }
    return pd.DataFrame({**values, **columns})


def rows_of(frame):
    return [
        {name: value.to_pydatetime() if name == "day" else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def check(model, frame, rows, steps=None, windows=None):
    """Compare a rollout, fed by the description alone, with what ``forecast`` gives."""
    rollout = Rollout(model, windows, steps)
    about = json.loads(json.dumps(describe(rollout), allow_nan=False))
    ahead = frame.iloc[rows:]
    x = arrays(about, rows_of(frame.iloc[:rows]), rows_of(ahead))
    inputs = x if len(about["inputs"]) > 1 else x["past"]
    out = called(rollout, inputs)
    assert out.shape[1:] == tuple(about["output"]["shape"][1:])
    known = set(about["inputs"].get("future", {"columns": []})["columns"])
    future = ahead if known & {"promo", "kind=a"} else None
    wanted = forecast(model, frame.iloc[:rows], windows, steps, future=future)
    np.testing.assert_allclose(
        out.reshape(about["steps"], -1), wanted[about["output"]["columns"]], rtol=1e-4, atol=1e-5
    )
    return about


def test_a_plain_series():
    series = RANDOM.normal(size=40)
    model = linear(WindowedSeries(6, 3).build(series))
    about = describe(Rollout(model))
    assert about["inputs"]["past"]["columns"] == about["output"]["targets"] == [0]
    assert about["frequency"] is about["time_column"] is about["output"]["quantiles"] is None
    x = arrays(about, [{0: value} for value in series])
    out = called(Rollout(model), x["past"])[0]
    np.testing.assert_allclose(out, forecast(model, series), rtol=1e-5)


def test_every_kind_of_column():
    """Two columns of text, and columns in another order than in the table."""
    windows = WindowedSeries(
        5, 4, target_columns="units", future_columns=["kind", "promo"], time_column="day",
        static_columns=["type", "size"], calendar=["week", "year"],
    )  # fmt: skip
    frame = table()
    train, _ = windows.split(frame, at=-8)
    about = check(linear(train), frame, 33)
    assert about["inputs"]["past"]["columns"] == [
        "promo", "kind=a", "kind=b", "kind=c", "units", "price",
        "week_sin", "week_cos", "year_sin", "year_cos",
    ]  # fmt: skip
    assert about["inputs"]["future"]["columns"] == [
        "promo", "kind=a", "kind=b", "kind=c", "week_sin", "week_cos", "year_sin", "year_cos"
    ]  # fmt: skip
    assert sorted(about["inputs"]["static"]["columns"]) == ["size", "type=big"]
    past = frame[["units", "price"]][:-8].agg(["min", "max"]).to_dict("list")
    assert about["ranges"] == {**past, "promo": [0.0, 1.0], "size": [3.0, 3.0]}
    assert about["frequency"] == "1 day"
    assert about["categories"]["kind"] == {"a": "kind=a", "b": "kind=b", "c": "kind=c"}


@pytest.mark.filterwarnings("ignore:column 'kind' has:UserWarning")
def test_a_category_never_seen():
    windows = WindowedSeries(
        5, 4, target_columns="units", future_columns=["kind"], time_column="day", unseen="mean"
    )
    frame = table().drop(columns=["type"])
    model = linear(windows.build(frame))
    about = check(model, frame.assign(kind=frame["kind"].where(frame["kind"] != "b", "never")), 33)
    assert about["unseen"] == "mean"


def test_several_targets_with_quantiles_of_each():
    windows = WindowedSeries(5, 2, target_columns=["price", "units"], time_column="day")
    frame = table().drop(columns=["kind", "type"])
    about = check(linear(windows.build(frame), [0.1, 0.5, 0.9]), frame, 38)
    assert about["output"]["axes"] == ["batch", "step", "target", "quantile"]
    assert about["output"]["columns"] == [
        "price_0.1", "price", "price_0.9", "units_0.1", "units", "units_0.9"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("freq", "calendar", "starts"),
    [
        ("D", [7, "week"], "2024-02-20"),
        ("6h", [4, "day", "hour"], "2023-12-28 03:20"),
        ("MS", [12], "2020-01-01"),
        ("ME", [12, "year"], "2020-01-01"),
        ("B", [5], "2024-01-04"),
        ("D", ["week", "holidays:US-CA"], "2023-12-20"),
        ("12h", ["holidays:US"], "2023-12-20"),
        ("B", ["holidays:US"], "2023-12-20"),
    ],
)
def test_calendars(freq, calendar, starts):
    windows = WindowedSeries(
        4, 3, target_columns="units", time_column="day", calendar=calendar, sampling_rate=2, gap=2
    )
    frame = table(freq=freq, start=starts).drop(columns=["kind", "type", "size"])
    about = check(linear(windows.build(frame)), frame, 30)
    assert about["inputs"]["past"]["rows"] == [-6, 0]
    assert about["inputs"]["future"]["rows"] == about["output"]["rows"] == [3, 5]


def test_a_rollout_past_the_horizon():
    windows = WindowedSeries(
        5, 2, target_columns="units", future_columns="promo", time_column="day", calendar=["week"]
    )
    frame = table()[["day", "promo", "units"]]
    about = check(linear(windows.build(frame)), frame, 30, steps=6)
    assert (about["horizon"], about["steps"]) == (2, 6)
    assert about["output"]["rows"] == [1, 6]


def test_bands_within_bounds():
    frame = table()[["day", "units"]]
    dataset = WindowedSeries(5, 2, target_columns="units", time_column="day").build(frame)
    inputs = keras.Input((5, 1))
    past = WindowedInput.of(dataset)(inputs)
    points = keras.layers.Dense(2)(keras.layers.Reshape((-1,))(past))
    band = ConformalInterval([0.5, 0.8], targets=0)
    model = keras.Model(inputs, Bounded(0, 0.4)(band([points, past])))
    band.margins.assign(0.2 * np.ones(band.margins.shape) * [[1.0], [2.0]])
    about = check(model, frame, 40)
    assert about["output"]["quantiles"] == [0.1, 0.25, 0.5, 0.75, 0.9]
    assert about["bounds"] == {"minimum": 0.0, "maximum": 0.4}


@pytest.mark.parametrize(
    ("missing", "settings", "masked", "planned"),
    [("mask", {}, "any", []), ("mask_targets", {"min_inputs": 3}, "all", ["promo"])],
)
def test_what_may_be_missing(missing, settings, masked, planned):
    frame = table()[["day", "promo", "units", "price"]]
    frame.loc[[30, 31], "units"] = np.nan
    windows = WindowedSeries(
        6, 2, target_columns="units", future_columns="promo", time_column="day", calendar=["week"],
        sampling_rate=2, missing=missing, **settings,
    )  # fmt: skip
    about = check(linear(windows.build(frame), masked=masked), frame, 36)
    past, future = about["inputs"]["past"], about["inputs"]["future"]
    assert past["may_be_missing"] == past["columns"]
    assert past["present"] == {
        "columns": past["columns"] if masked == "any" else ["units"],
        "in_one_row": masked == "any",
        "every": 2,
    }
    assert past["row_count"] == [5 if settings else 1, 11]
    assert future["may_be_missing"] == planned
    assert about["output"]["closes_steps"] == bool(planned)
    assert about["output"]["draws_samples"] is False


def test_a_window_may_have_no_value():
    windows = WindowedSeries(
        5, 2, target_columns="units", time_column="day", missing="mask", min_inputs=0
    )
    dataset = windows.build(table()[["day", "units"]])
    model = RecurrentPreset(units=(2,), window_norm="last").build(dataset)
    past = describe(Rollout(model))["inputs"]["past"]
    assert past["present"] is None
    assert past["row_count"] == [0, 5]


def test_windows_that_only_the_caller_knows():
    dataset = WindowedSeries(5, 2, target_columns="units", time_column="day").build(
        table()[["day", "units"]]
    )
    model = keras.Sequential([
        keras.Input((5, 1)), keras.layers.Reshape((-1,)), keras.layers.Dense(2)
    ])  # fmt: skip
    about = describe(Rollout(model, dataset))
    assert about["inputs"]["past"]["columns"] == ["units"]
    assert about["frequency"] == "1 day"
    with pytest.raises(ValueError, match="pass the dataset that it was trained on as windows"):
        Rollout(model, dataset.windows)
