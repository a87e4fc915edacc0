"""A preset with smoothing: what it goes with, and what it refuses."""

import numpy as np
import pytest

from helpers import called
from keras_ts import LinearForecast, RecurrentPreset, WindowedSeries

LEVELS = (0.1, 0.5, 0.9)


@pytest.mark.parametrize("quantiles", [None, LEVELS])
@pytest.mark.parametrize(
    ("columns", "slopes"), [(None, [1.0, 0.0, -3.0]), ([2, 0], [-3.0, 1.0]), (1, [0.0])]
)
@pytest.mark.parametrize("smoothing", ["mixed", "linear"])
def test_smoothing_goes_with_several_targets_gaps_quantiles_and_holes(
    smoothing, columns, slopes, quantiles
):
    """At first the median of a table of constants and lines is near the lines' continuation."""
    time = np.arange(40.0)
    table = np.stack([time, 50.0 - 0.0 * time, -3.0 * time], axis=1)
    padded = np.concatenate([np.full((9, 3), np.nan), table[:20]])
    windows = WindowedSeries(12, 4, gap=2, target_columns=columns, missing="keep")
    dataset = windows.build([table, padded])
    preset = RecurrentPreset(
        cell="gru", units=(3,), window_norm="seasonal", period=4, smoothing=smoothing,
        quantiles=quantiles,
    )  # fmt: skip
    model = preset.build(dataset)
    if smoothing == "linear":
        linear(model).kernel.assign(0.0 * linear(model).kernel)
    y = dataset[0][1]
    out = called(model, dataset[0][0])
    assert out.shape == (*y.shape, *(() if quantiles is None else (len(quantiles),)))
    assert np.isfinite(out).all()
    if quantiles:
        out = out[..., 1]
    # A third of the share goes to no trend, and levels lie within the window behind its end.
    apart = np.abs(out - y).reshape(len(y), 4, -1).max(axis=(0, 1))
    np.testing.assert_array_less(apart, 14 * np.abs(slopes) + 1e-3)


@pytest.mark.parametrize("gap", [0, 4])
def test_trends_go_on_by_rows_where_windows_leave_rows_out(gap):
    """They grew by a step of the window, four rows, for each row."""
    line = np.arange(300.0)
    preset = RecurrentPreset(cell="gru", units=(3,), window_norm="last", smoothing="mixed")
    dataset = WindowedSeries(12, 4, gap=gap, sampling_rate=4).build(line)
    x, y = dataset[0]
    np.testing.assert_allclose(called(preset.build(dataset), x), y, atol=0.2)


def linear(model):
    return next(layer for layer in model.layers if isinstance(layer, LinearForecast))
