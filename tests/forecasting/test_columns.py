"""Columns are matched by name: their order does not matter, and none is missed without a word."""

import keras
import numpy as np
import pandas as pd
import pytest

from forecasting_models import PANEL, adding, after, sales, until
from keras_ts import RecurrentPreset, WindowedSeries, forecast

PAST, FUTURE = until(sales(), 25), after(sales(), 25)


@pytest.fixture(scope="module")
def model():
    return adding(PANEL.build(PAST))


def test_reordered_columns_and_rows_give_the_same_forecast(model):
    wanted = forecast(model, PAST, future=FUTURE)
    moved = PAST[PAST.columns[::-1]].assign(note="extra", also=1.0)
    shuffled = FUTURE.sample(frac=1, random_state=1)[["promo", "day", "shop", "units"]]
    pd.testing.assert_frame_equal(forecast(model, moved, future=shuffled), wanted)
    interleaved = moved.sort_values(["day", "shop"], ascending=[True, False])
    pd.testing.assert_frame_equal(forecast(model, interleaved, future=shuffled), wanted)


@pytest.mark.parametrize("name", ["units", "promo", "size"])
def test_missing_and_renamed_columns_are_refused_by_name(model, name):
    with pytest.raises(ValueError, match=rf"series lacks \['{name}'\].*It has .*'other'"):
        forecast(model, PAST.rename(columns={name: "other"}), future=FUTURE)


def test_a_missing_id_or_time_is_named(model):
    for name in ("shop", "day"):
        with pytest.raises(ValueError, match=f"_column='{name}' is not in the frame"):
            forecast(model, PAST.drop(columns=name), future=FUTURE)


def test_a_frame_for_a_model_that_carries_names_is_no_array(model):
    with pytest.raises(ValueError, match="id_column='shop' needs a pandas or polars frame"):
        forecast(model, PAST[["units", "promo", "size"]].to_numpy(), future=FUTURE)


def test_columns_of_an_array_are_counted():
    model = RecurrentPreset(units=(2,)).build(WindowedSeries(4).build(np.ones((20, 2))))
    with pytest.raises(ValueError, match=r"takes 2 columns under 'past', \[0, 1\], and .* has 3"):
        forecast(model, np.ones((20, 3)))


@pytest.mark.parametrize("shape", [(None,), (None, 1)])
def test_a_model_of_one_column_and_windows_without_names_reads_its_target(shape):
    windows = WindowedSeries(4, target_columns="units", time_column="day")
    body = [keras.layers.Cropping1D((3, 0)), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input(shape), keras.layers.Reshape((4, 1)), *body])
    shop = PAST[PAST["shop"] == PAST["shop"].iloc[0]]
    plain = shop[["day", "units"]]
    wanted = forecast(model, plain, windows)
    assert wanted["units"].item() == plain["units"].iloc[-1]
    for wider in (plain.assign(note="text", price=1.0), shop.assign(price=1.0)[shop.columns[::-1]]):
        pd.testing.assert_frame_equal(forecast(model, wider, windows), wanted)
    with pytest.raises(ValueError, match=r"series lacks \['units'\]"):
        forecast(model, plain.rename(columns={"units": "other"}), windows)


def test_a_frame_without_names_to_match_goes_by_position():
    model = RecurrentPreset(units=(2,), features=2).build(window=4, outputs=2)
    frame = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0)[::-1]})
    ahead = forecast(model, frame, WindowedSeries(4))
    assert ahead.columns.tolist() == ["step", "a", "b"]
    with pytest.raises(ValueError, match=r"give \(4, 3\), of the columns \['a', 'b', 'note'\]\."):
        forecast(model, frame.assign(note=1.0), WindowedSeries(4))
    values = forecast(model, frame.to_numpy(), WindowedSeries(4))
    np.testing.assert_allclose(ahead[["a", "b"]], values, rtol=1e-5)
