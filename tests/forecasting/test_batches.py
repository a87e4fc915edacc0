"""Panels are predicted in batches of bounded size, and long ones show how far they are."""

import keras
import numpy as np
import pytest

from keras_ts import WindowedSeries, _progress, forecast
from keras_ts.forecasting import loop

WINDOWS = WindowedSeries(4)


class Sized(keras.layers.Layer):
    """Returns the last value, and notes the sizes of compiled."""

    sizes = ()

    def call(self, inputs):
        Sized.sizes = (*Sized.sizes, inputs.shape[0])
        return inputs[:, -1:]


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((4,)), Sized()])
    model.run_eagerly = True
    Sized.sizes = ()
    return model


@pytest.mark.parametrize("series", [1, 3, 8, 21])
def test_every_series_once_in_batches_of_one_size(model, series, monkeypatch):
    monkeypatch.setattr(loop, "_MOST_ROWS", 8)
    panel = [np.full(5, float(number)) for number in range(series)]
    out = forecast(model, panel, WINDOWS, steps=2)
    np.testing.assert_array_equal(out, np.repeat(np.arange(series)[:, None], 2, axis=1))
    sizes = {size for size in Sized.sizes if size is not None}
    assert sizes == {min(8, 1 << (series - 1).bit_length())}


def test_long_windows_make_small_batches(model, monkeypatch):
    monkeypatch.setattr(loop, "_MOST_VALUES", 9)
    assert forecast(model, [np.arange(4.0)] * 5, WINDOWS).tolist() == [[3.0]] * 5
    assert max(size for size in Sized.sizes if size is not None) == 2


def test_a_long_panel_shows_its_progress(model, monkeypatch, capsys):
    monkeypatch.setattr(loop, "_MOST_ROWS", 2)
    forecast(model, [np.arange(4.0)] * 9, WINDOWS)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(_progress, "_renews", lambda: True)
    monkeypatch.setattr(_progress, "PATIENCE_SECONDS", 0.0)
    forecast(model, [np.arange(4.0)] * 9, WINDOWS)
    assert "9/9" in capsys.readouterr().out
