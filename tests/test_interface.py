"""Everything that uses a model goes by what it carries, and refuses what disagrees with that."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from forecasting_models import PANEL, adding, after, sales, until
from helpers import run_fresh
from keras_ts import (
    RecurrentPreset,
    Rollout,
    WindowedInput,
    WindowedSeries,
    backtest,
    calibrate,
    check_leakage,
    compare,
    forecast,
    load_model,
    save_model,
)
from keras_ts.interface import Interface
from keras_ts.layers import ConformalInterval, SortedQuantiles

PAST, FUTURE = until(sales(), 25), after(sales(), 25)
SERIES = np.arange(20.0)


def test_a_model_without_windows_says_so():
    model = RecurrentPreset(units=(2,)).build(window=4)
    with pytest.raises(ValueError, match=r"carries no windows: pass windows=dataset\.windows"):
        forecast(model, SERIES)


@pytest.mark.parametrize("saved", [False, True])
def test_windows_that_disagree_are_refused(saved, tmp_path):
    dataset = WindowedSeries(4, 2).build(SERIES)
    model = RecurrentPreset(units=(2,)).build(window=4, outputs=2)
    if saved:
        save_model(model, tmp_path / "model.keras", windows=dataset)
        model = load_model(tmp_path / "model.keras")
    else:
        model = RecurrentPreset(units=(2,)).build(dataset)
    assert forecast(model, SERIES).shape == (2,)
    assert forecast(model, SERIES, WindowedSeries(4, 2, shuffle=True, stride=2)).shape == (2,)
    with pytest.raises(ValueError, match="sampling_rate=1 against sampling_rate=2"):
        forecast(model, SERIES, WindowedSeries(4, 2, sampling_rate=2))


HOLED = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=20), "x": SERIES}).drop(index=17)


@pytest.mark.parametrize(("trained", "passed"), [("mask", "keep"), ("keep", "drop")])
def test_windows_that_count_missing_rows_in_another_way_are_refused(trained, passed):
    windows = WindowedSeries(4, 2, target_columns="x", time_column="day", missing=trained)
    model = RecurrentPreset(units=(2,)).build(windows.build(HOLED))
    with pytest.raises(ValueError, match=f"missing={trained!r} against missing={passed!r}"):
        forecast(model, HOLED, replace(windows, missing=passed))
    # Without times there is nothing to count.
    windows = replace(windows, time_column=None)
    model = RecurrentPreset(units=(2,)).build(windows.build(HOLED[["x"]]))
    assert len(forecast(model, HOLED[["x"]], replace(windows, missing=passed))) == 2


def test_a_forecast_without_a_mask_for_a_hole_is_refused():
    windows = WindowedSeries(4, 2, target_columns="x", time_column="day", missing="mask")
    plain = keras.Sequential([keras.Input((4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="the series lacks values in its last window"):
        forecast(plain, HOLED, windows)
    assert forecast(plain, HOLED, windows, incomplete="nan")["x"].isna().all()
    assert forecast(plain, HOLED[:-3], windows)["x"].notna().all()


def test_data_of_another_frequency_are_refused():
    model = adding(PANEL.build(PAST))
    hours = sales(25, freq="h")
    with pytest.raises(ValueError, match=r"steps of '1 day', and those of .* are '1 hour'"):
        forecast(model, hours, future=FUTURE)


def test_levels_are_those_of_the_last_layer_of_a_model_that_carries_none():
    inputs = keras.Input((4,))
    outputs = SortedQuantiles([0.1, 0.5, 0.9])(keras.layers.Dense(6)(inputs))
    model = keras.Model(inputs, outputs)
    frame = pd.DataFrame({"x": SERIES})
    assert forecast(model, SERIES, WindowedSeries(4, 2)).shape == (2, 3)
    ahead = forecast(model, frame, WindowedSeries(4, 2, target_columns="x"))
    assert ahead.columns.tolist() == ["step", "x_0.1", "x", "x_0.9"]


def test_a_fresh_process_forecasts_the_same_from_the_file_alone(tmp_path):
    windows = WindowedSeries(
        6, 3, target_columns="units", future_columns="promo", calendar=["week", "year"],
        id_column="shop", time_column="day",
    )  # fmt: skip
    model = RecurrentPreset(units=(3,)).build(windows.build(PAST.drop(columns="size")))
    model.save(tmp_path / "model.keras")
    PAST.to_pickle(tmp_path / "past.pkl")
    FUTURE.to_pickle(tmp_path / "future.pkl")
    run_fresh(
        "import sys, pandas as pd, keras_ts\n"
        "model, past, future, out = sys.argv[1:]\n"
        "past, future = pd.read_pickle(past), pd.read_pickle(future)\n"
        "keras_ts.forecast(keras_ts.load_model(model), past, steps=5, future=future)"
        ".to_pickle(out)\n",
        *[tmp_path / name for name in ("model.keras", "past.pkl", "future.pkl", "out.pkl")],
    )
    again = pd.read_pickle(tmp_path / "out.pkl")
    wanted = forecast(model, PAST, steps=5, future=FUTURE)
    pd.testing.assert_frame_equal(again, wanted, rtol=1e-5)


def test_quantiles_are_those_of_the_last_layer_however_deep_that_stands():
    inputs = keras.Input((3,))
    point = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    assert Interface.of(point).quantiles is None
    quantiles = keras.Sequential([keras.Input((3,)), point, SortedQuantiles([0.1, 0.5, 0.9])])
    assert Interface.of(quantiles).quantiles == (0.1, 0.5, 0.9)
    wrapped = keras.Sequential([keras.Input((3,)), quantiles])
    assert Interface.of(wrapped).quantiles == (0.1, 0.5, 0.9)
    assert isinstance(Interface.of(wrapped).last_layer, SortedQuantiles)
    banded = keras.Model(inputs, ConformalInterval(0.5)([point(inputs), inputs]))
    assert Interface.of(banded).quantiles == (0.25, 0.5, 0.75)
    middle = keras.Model(inputs, keras.layers.Dense(1)(quantiles(inputs)))
    assert Interface.of(middle).quantiles is None


USES = {
    "forecast": lambda model, windows: forecast(model, SERIES, windows),
    "Rollout": Rollout,
    "compare": lambda model, windows: compare(model, *windows.split(SERIES, 10)),
    "calibrate": lambda model, windows: calibrate(model, windows.build(SERIES), 0.5),
    "backtest": lambda model, windows: backtest(
        lambda train: model, SERIES, windows, 1, verbose=0, epochs=1
    ),
    "check_leakage": lambda model, windows: check_leakage(model, SERIES, windows),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("place", ["layer", "metadata"])
def test_windows_of_a_layer_and_of_a_file_are_honoured_by_all_alike(use, place, tmp_path):
    """With ``gap=1`` the shapes are the same, and the figures would be those of another model."""
    windows = WindowedSeries(4)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    if place == "layer":
        model = keras.Sequential([keras.Input((4,)), WindowedInput(windows), keras.layers.Dense(1)])
    else:
        save_model(model, tmp_path / "model.keras", windows=windows)
        model = load_model(tmp_path / "model.keras")
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="gap=0 against gap=1"):
        USES[use](model, WindowedSeries(4, gap=1))
