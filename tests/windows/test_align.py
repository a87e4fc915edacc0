"""Every prediction is put back on its place."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import distinct, window_settings
from keras_ts import RecurrentPreset, WindowedSeries, calibrate


@given(window_settings(columns=2), st.booleans())
def test_align_puts_every_target_on_its_place(windows, panel):
    windows = WindowedSeries.from_config({**windows.get_config(), "shuffle": False})
    series = [distinct(50, 2), distinct(40, 2) + 1000] if panel else [distinct(50, 2)]
    dataset = windows.build(series if panel else series[0])
    _, y = dataset.to_numpy()
    table = dataset.align(y + 0.25)
    assert list(table) == ["series", "origin", "step", "target", "actual", "prediction"]
    assert len({len(column) for column in table.values()}) == 1
    np.testing.assert_array_equal(table["prediction"], table["actual"] + 0.25)
    np.testing.assert_array_equal(table["target"], table["origin"] + windows.gap + table["step"])
    columns = windows.target_columns
    chosen = (
        slice(None) if columns is None else columns if isinstance(columns, int) else list(columns)
    )
    for row in range(0, len(table["step"]), 7):
        want = series[table["series"][row]][table["target"][row]][chosen]
        np.testing.assert_array_equal(np.ravel(table["actual"][row]), np.ravel(want))
    per_window = windows.horizon * (windows.window if windows.targets == "sequence" else 1)
    assert len(table["step"]) == dataset.num_windows * per_window


def test_align_names_series_and_timestamps():
    days = pd.date_range("2024-01-01", periods=10)
    frame = pd.DataFrame(
        {"day": [*days, *days], "shop": ["b"] * 10 + ["a"] * 10, "v": np.arange(20.0)}
    )
    windows = WindowedSeries(3, horizon=2, id_column="shop", time_column="day", target_columns="v")
    dataset = windows.build(frame)
    table = pd.DataFrame(dataset.align(dataset.to_numpy()[1]))
    merged = table.merge(frame, left_on=["series", "target"], right_on=["shop", "day"])
    assert len(merged) == len(table) == 24
    np.testing.assert_array_equal(merged["actual"], merged["v"])
    assert ((merged["target"] - merged["origin"]).dt.days == merged["step"]).all()


def test_align_misuse():
    with pytest.raises(ValueError, match="this dataset shuffles"):
        WindowedSeries(3, shuffle=True).build(distinct(20)).align(np.zeros(17))
    with pytest.raises(ValueError, match=r"one value per target, \(17,\). Received shape \(16,\)"):
        WindowedSeries(3).build(distinct(20)).align(np.zeros(16))


def test_align_takes_the_shape_of_the_targets_alone():
    dataset = WindowedSeries(3, horizon=2).build(distinct(20, 3))
    _, y = dataset.to_numpy()
    dataset.align(y)
    for wrong in (y.swapaxes(1, 2), y.reshape(len(y), -1), y[..., None, None], y.reshape(-1)):
        with pytest.raises(ValueError, match=r"target, \(16, 2, 3\)\. Received"):
            dataset.align(wrong)


@pytest.mark.parametrize("targets", ["vector", "sequence"])
@pytest.mark.parametrize("horizon", [1, 2])
def test_align_takes_the_last_axis_that_keras_adds(targets, horizon):
    dataset = WindowedSeries(3, horizon, targets=targets).build(distinct(20))
    _, y = dataset.to_numpy()
    plain, added = dataset.align(y), dataset.align(y[..., None])
    np.testing.assert_array_equal(plain["prediction"], added["prediction"])
    assert plain["prediction"].ndim == added["prediction"].ndim == 1
    with pytest.raises(ValueError, match="one value per target"):
        dataset.align(y[None])
    with pytest.raises(TypeError, match="predictions must hold real numbers"):
        dataset.align(y.astype(str))


LEVELS = [0.1, 0.5, 0.9]


@pytest.mark.parametrize("targets", ["vector", "sequence"])
@pytest.mark.parametrize(
    ("horizon", "columns", "levels"),
    [(1, None, None), (1, [0], LEVELS), (1, [1, 0], None), (2, [1, 0], LEVELS)],
)
def test_align_takes_what_predict_of_a_model_and_of_its_calibrated_one_returns(
    targets, horizon, columns, levels
):
    series = np.random.default_rng(0).normal(size=(30, 2) if columns else 30).cumsum(axis=0)
    dataset = WindowedSeries(
        4, horizon, targets=targets, target_columns=columns, batch_size=8, remainder="pad"
    ).build(series)
    model = RecurrentPreset(f"sequence_to_{targets}", units=(2,), quantiles=levels).build(dataset)
    calibrated = calibrate(model, dataset, 0.8)
    _, y, *_ = dataset.to_numpy()
    for own, own_levels in ((model, levels), (calibrated, LEVELS)):
        predictions = own.predict(dataset, verbose=0)
        assert len(predictions) > dataset.num_windows
        table = dataset.align(predictions, quantiles=own_levels)
        names = ["prediction", "prediction_0.1", "prediction_0.9"][: len(own_levels or [0])]
        assert list(table) == ["series", "origin", "step", "target", "actual", *names]
        by_level = predictions[: len(y)].reshape(*y.shape, -1)
        for name, place in zip(names, [1, 0, 2] if own_levels else [0], strict=True):
            rows = by_level[..., place].reshape(table["actual"].shape)
            np.testing.assert_array_equal(table[name], rows)
        np.testing.assert_array_equal(table["actual"], y.reshape(table["actual"].shape))


def test_align_does_not_guess_levels():
    dataset = WindowedSeries(3, horizon=2).build(distinct(20))
    _, y = dataset.to_numpy()
    bands = y[..., None] + [-1.0, 0.0, 2.0]
    with pytest.raises(ValueError, match=r"\(16, 2\)\. .*\(16, 2, 3\).* holds 3 quantiles, pass"):
        dataset.align(bands)
    for wrong in (bands[..., :2], y, bands[..., None]):
        with pytest.raises(ValueError, match=r"target and quantile, \(16, 2, 3\)\. Received shape"):
            dataset.align(wrong, quantiles=LEVELS)
    with pytest.raises(ValueError, match="quantiles must increase, lie between 0 and 1, and hold"):
        dataset.align(bands, quantiles=[0.1, 0.4, 0.9])
    table = dataset.align(bands, quantiles=LEVELS)
    assert (table["prediction_0.9"] - table["prediction"] == 2.0).all()
