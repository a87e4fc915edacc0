"""A preset for windows with holes: time passes in them, up to the last step of a window."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import called, warned_of_masks
from keras_ts import RecurrentPreset, WindowedSeries, forecast, from_preset
from keras_ts.layers import MaskMissing

pytestmark = pytest.mark.usefixtures("untraced_models")

TIME = np.arange(96.0)
SEASON = np.where(TIME % 12 == 3, 30.0, 0.0) + 10 * np.sin(2 * np.pi * TIME / 12) + 100


@pytest.mark.filterwarnings("ignore:Values are missing at the end")
@pytest.mark.parametrize("missing", [0, 1, 5, 14])
def test_a_season_keeps_its_phase_behind_missing_last_values(missing):
    """At first the net forecasts a season without noise as it is."""
    windows = WindowedSeries(48, 6, missing="keep")
    model = from_preset("seasonal_gru", period=12, units=(3,)).build(windows.build([SEASON] * 2))
    ended = SEASON[:90].copy()
    ended[90 - missing :] = np.nan
    np.testing.assert_allclose(forecast(model, [ended])[0], SEASON[90:], rtol=1e-3)


def test_a_trend_goes_on_through_missing_last_values():
    """The step behind two missing values is the third of the forecast from the last value."""
    windows = WindowedSeries(24, 6, missing="keep")
    line = 50 + TIME
    model = from_preset("seasonal_gru", units=(3,)).build(windows.build([line, -line]))
    ended = np.r_[line[:80], np.nan, np.nan]
    whole = np.r_[[np.nan] * 2, line[:80]]
    # Two steps more in front of the window are as good as none to all but the levels' mean.
    later, before = forecast(model, [ended])[0], forecast(model, [whole])[0]
    np.testing.assert_allclose(later[:4], before[2:], atol=0.2)
    assert (later[:4] - before[:4] > 0.2).all()


@pytest.mark.parametrize("targets", ["vector", "sequence"])
def test_warns_of_missing_targets_which_make_the_loss_nan(targets):
    series = np.r_[np.full(8, np.nan), TIME]
    series[50] = np.nan
    kind = f"sequence_to_{targets}"
    windows = WindowedSeries(10, 3, gap=1, targets=targets, missing="keep")
    preset = RecurrentPreset(kind, units=(2,), window_norm="last")
    dataset = windows.build([series, TIME])
    broken = np.isnan(dataset.to_numpy()[1].reshape(dataset.num_windows, -1)).any(axis=1).sum()
    with pytest.warns(UserWarning, match=f"^{broken} of {dataset.num_windows} windows"):
        preset.build(dataset)
    priced = WindowedSeries(
        10, 3, gap=1, targets="vector", target_columns=0, future_columns=[1], missing="keep"
    ).build(np.stack([TIME, series[:96]], axis=1))
    gone = np.isnan(priced.to_numpy()[0]["future"]).any(axis=(1, 2)).sum()
    with pytest.warns(UserWarning, match=f"^{gone} of {priced.num_windows} windows"):
        RecurrentPreset(units=(2,), window_norm="last").build(priced)
    inner = TIME.copy()
    inner[0] = np.nan  # An input of the first window, and no target.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        preset.build(windows.build(inner))


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("rate", [1, 2])
def test_a_window_without_a_target_gives_no_forecast(columns, rate):
    """The net would forecast 0 from it: it sees no level. Other columns may be missing."""
    windows = WindowedSeries(8, 3, target_columns=0, sampling_rate=rate, missing="keep")
    table = np.stack([TIME] * columns, axis=1)
    model = RecurrentPreset(units=(2,), window_norm="last").build(windows.build(table))
    empty, last, alone = table.copy(), table.copy(), table.copy()
    empty[-8 * rate :, 0] = np.nan
    last[-8 * rate : -1] = np.nan
    alone[-8 * rate :, 1:] = np.nan
    with pytest.raises(
        ValueError, match="series 1 has no value of its target 0 in its last window"
    ):
        forecast(model, [table, empty])
    given = forecast(model, [table, empty, last, alone], incomplete="nan")
    assert np.isnan(given[1]).all()
    assert np.isfinite(given[[0, 2, 3]]).all()


def test_a_target_of_which_a_window_has_no_value_is_neither_trained_on_nor_forecast():
    """The net would forecast it from 0, beside another target that it sees."""
    table = np.stack([TIME, 5000 + TIME], axis=1)
    late, ended = table.copy(), table.copy()
    late[:30, 1] = np.nan
    ended[-12:, 1] = np.nan
    windows = WindowedSeries(12, 2, missing="mask")
    dataset = windows.build(late)
    assert dataset.origins[0] == 30
    model = RecurrentPreset(units=(2,), window_norm="last").build(dataset)
    x, y = dataset.to_numpy()
    assert np.abs(called(model, x) - y).max() < 100
    with pytest.raises(ValueError, match="series 1 has no value of its target 1 in its last"):
        forecast(model, [table, ended])
    assert np.isnan(forecast(model, [table, ended], incomplete="nan")[1]).all()


@warned_of_masks
def test_a_model_that_masks_rows_lacking_any_value_gives_no_forecast_from_such_rows_alone():
    inputs = keras.Input((8, 2))
    state = keras.layers.GRU(2)(MaskMissing()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(state))
    table = np.stack([TIME, TIME], axis=1)
    table[-8:, 1] = np.nan
    windows = WindowedSeries(8, target_columns=0, missing="mask")
    with pytest.raises(ValueError, match="a missing value in every row of its last window"):
        forecast(model, table, windows)


def test_a_hole_in_a_known_column_counts_as_the_value_before_it():
    """In a sequence the steps in front of it are not masked themselves, and read it ahead."""
    price = 100 + np.random.default_rng(0).normal(size=96)
    windows = WindowedSeries(
        12, 2, targets="sequence", target_columns=0, future_columns=[1], missing="keep"
    )
    dataset = windows.build(np.stack([SEASON, price], axis=1))
    model = RecurrentPreset("sequence_to_sequence", units=(3,), window_norm="last").build(dataset)
    whole = dataset[0][0]["past"]
    got = []
    for value in (np.nan, whole[:, 5, 1]):
        x = {part: values.copy() for part, values in dataset[0][0].items()}
        x["past"][:, 6, 1] = value
        got.append(called(model, x))
    np.testing.assert_allclose(got[0], got[1], rtol=1e-5)


@pytest.mark.parametrize("targets", ["vector", "sequence"])
def test_masked_windows_train_without_a_missing_target(targets):
    generator = np.random.default_rng(0)
    table = generator.normal(size=(90, 3))
    for hole in (slice(0, 9), 40, slice(60, 63)):
        table[hole, 0] = np.nan
    table[70, 2] = np.nan
    windows = WindowedSeries(
        6, 2, targets=targets, target_columns=0, future_columns=[1], missing="mask"
    )
    dataset = windows.build([table, table[::-1]])
    model = RecurrentPreset(f"sequence_to_{targets}", "gru", (3,), window_norm="last").build(
        dataset
    )
    model.compile("adam", "mse")
    history = model.fit(dataset, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


@pytest.mark.filterwarnings("ignore:.* fewer than the 24 rows of a window")
@pytest.mark.parametrize("columns", [None, 2])
def test_a_series_shorter_than_a_window_is_forecast_as_with_missing_rows_in_front(columns):
    generator = np.random.default_rng(0)
    panel = [50 + generator.normal(size=n if columns is None else (n, columns)) for n in (60, 9, 1)]
    windows = WindowedSeries(24, 3, missing="mask", target_columns=columns and [0])
    model = from_preset("smooth_gru", units=(3,)).build(windows.build(panel))
    padded = []
    for series in panel:
        rows = np.full((max(24 - len(series), 0), *series.shape[1:]), np.nan)
        padded.append(np.concatenate([rows, series]))
    got = forecast(model, panel)
    np.testing.assert_allclose(got, forecast(model, padded), rtol=1e-5)
    assert np.isfinite(got).all()


def test_a_window_without_a_value_is_refused_and_one_with_a_gap_in_time_is_not():
    days = pd.date_range("2024-01-01", periods=40)
    frame = pd.DataFrame({"day": days, "y": np.arange(40.0), "shop": "a"})
    windows = WindowedSeries(
        8, 2, missing="mask", id_column="shop", time_column="day", target_columns="y"
    )
    model = RecurrentPreset(cell="gru", units=(2,), window_norm="last").build(windows.build(frame))
    empty = frame.assign(y=np.nan)
    with pytest.raises(ValueError, match="series 'a' has no value of its target 'y' in its last"):
        forecast(model, empty)
    assert np.isnan(forecast(model, empty, incomplete="nan")["y"]).all()
    gap = frame.drop(index=35)
    written = frame.assign(y=frame["y"].where(frame.index != 35))
    pd.testing.assert_frame_equal(forecast(model, gap), forecast(model, written))
    np.testing.assert_equal(windows.build(gap).to_numpy(), windows.build(written).to_numpy())


def test_masked_windows_that_are_all_left_out_are_refused():
    holes = np.where(np.arange(40) % 2, np.nan, 1.0)
    with pytest.raises(ValueError, match='missing="mask" leaves no window: no window has an inp'):
        WindowedSeries(5, 2, missing="mask").build(holes)
