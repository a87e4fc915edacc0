"""A preset with smoothing: what it goes with, and what it refuses."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as numpy

from helpers import untraced
from keras_ts import RecurrentPreset, WindowedSeries, from_preset
from keras_ts.layers import LastSteps, LinearForecast
from keras_ts.presets import linear_path

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
    out = model.predict(dataset[0][0], verbose=0)
    assert out.shape == (*y.shape, *(() if quantiles is None else (len(quantiles),)))
    assert np.isfinite(out).all()
    if quantiles:
        out = out[..., 1]
    # A third of the share goes to no trend, and levels lie within the window behind its end.
    apart = np.abs(out - y).reshape(len(y), 4, -1).max(axis=(0, 1))
    np.testing.assert_array_less(apart, 14 * np.abs(slopes) + 1e-3)


def linear(model):
    return next(layer for layer in model.layers if isinstance(layer, LinearForecast))


def cells(**settings):
    return RecurrentPreset(
        cell="gru", units=(3,), window_norm="last", smoothing="linear", **settings
    )


@pytest.mark.parametrize("quantiles", [None, LEVELS])
@pytest.mark.parametrize("weight", [None, "inverse_scale"])
@pytest.mark.parametrize("columns", [None, [2, 0], 1])
def test_the_linear_map_leaves_nothing_that_is_linear(columns, weight, quantiles):
    """Three recurrences, the second of another size, are forecast exactly before any training."""
    time = np.arange(160.0)
    table = np.stack([np.sin(time), 1e4 * np.cos(0.4 * time + 1), np.sin(0.7 * time)], axis=1)
    windows = WindowedSeries(8, 2, gap=1, target_columns=columns, batch_size=16, shuffle=True)
    dataset = windows.build(table, sample_weight=weight)
    model = cells(quantiles=quantiles).build(dataset)
    x, y = windows.build(np.add(table, [3.0, -2e4, 50.0])).to_numpy()[:2]
    out = model.predict(x, verbose=0)
    out = out if quantiles is None else out[..., 1]
    np.testing.assert_allclose(out, y, rtol=1e-3, atol=1e-2 * np.std(y, axis=0).max())
    assert not linear(model).trainable
    assert np.abs(numpy(linear(model).kernel)).max() > 0.1


def test_missing_values_and_unlike_windows_stay_out_of_the_sums():
    """Windows with missing targets say nothing, and missing inputs count as the last value."""
    time = np.arange(300.0)
    series = np.sin(0.3 * time)
    whole = linear(cells().build(WindowedSeries(6).build(series)))
    holed = series.copy()
    holed[150] = np.nan
    kept = linear(cells().build(WindowedSeries(6, missing="mask").build(holed)))
    assert np.isfinite(numpy(kept.kernel)).all()
    assert np.abs(numpy(whole.kernel)).max() > 0.1


def kernel_of(series, weights=None):
    windows = WindowedSeries(2)
    return numpy(linear(cells().build(windows.build(series, sample_weight=weights))).kernel)


def test_a_weight_counts_as_its_square_of_copies_and_windows_of_weight_0_as_none():
    """Twice an error is four times its square. A weight of 1e37 has no square in float32."""
    generator = np.random.default_rng(1)
    up, down = np.zeros(200), np.zeros(200)
    for i in range(1, 200):
        up[i] = 0.9 * up[i - 1] + generator.normal()
        down[i] = -0.9 * down[i - 1] + generator.normal()
    copies = kernel_of([up] * 4 + [down])
    weighted = kernel_of([up, down], [np.full(200, 2.0), np.ones(200)])
    np.testing.assert_allclose(weighted, copies, rtol=0.05, atol=0.01)
    alone = kernel_of([up])
    np.testing.assert_allclose(
        kernel_of([up, down], [np.ones(200), np.zeros(200)]), alone, rtol=1e-4, atol=1e-5
    )
    large = kernel_of([up], [np.full(200, 1e37)])
    np.testing.assert_allclose(large, alone, rtol=1e-4, atol=1e-5)


def test_few_windows_give_no_map_that_is_worse_than_none():
    """Of random walks a map of sixty steps learned from fifteen windows would be noise alone."""
    errors = []
    for seed in range(4):
        walk = np.random.default_rng(seed).normal(size=400).cumsum()
        windows = WindowedSeries(60)
        x, y = windows.build(walk[15:]).to_numpy()
        for smoothing in ("linear", "mixed"):
            preset = RecurrentPreset(
                cell="gru", units=(2,), window_norm="last", smoothing=smoothing, memory=2
            )
            model = untraced(preset.build(windows.build(walk[:75])))
            errors.append(
                np.abs(np.asarray(model.predict(x, batch_size=len(x), verbose=0))[:, 0] - y).mean()
            )
    assert np.mean(errors[::2]) < 1.1 * np.mean(errors[1::2])


def test_many_windows_are_sampled_evenly(monkeypatch):
    """Blocks lie over the whole training part, and none is read twice."""
    series = np.random.default_rng(0).normal(size=1007)
    dataset = WindowedSeries(7, shuffle=True, seed=3).build(series)
    monkeypatch.setattr(linear_path, "_BLOCK", 100)
    read = np.concatenate([y for _, _, y, _ in linear_path.blocks(dataset)])
    np.testing.assert_array_equal(read, series[7:])
    monkeypatch.setattr(linear_path, "_BLOCK", 10)
    monkeypatch.setattr(linear_path, "_MOST_BLOCKS", 10)
    read = np.concatenate([y for _, _, y, _ in linear_path.blocks(dataset)])
    np.testing.assert_array_equal(read, series[7:].reshape(10, 100)[:, :10].ravel())


def test_built_alone_the_map_begins_at_zero_and_is_trained():
    model = cells(window=8).build()
    assert linear(model).trainable
    assert not numpy(linear(model).kernel).any()
    assert not any(isinstance(layer, LinearForecast) for layer in cells().build().layers)


def test_columns_known_ahead_begin_without_an_effect():
    table = np.random.default_rng(0).normal(size=(80, 2))
    dataset = WindowedSeries(8, 2, target_columns=0, future_columns=[1]).build(table)
    x = dataset[0][0]
    for settings, still in ((cells(), True), (from_preset("gru_32x2"), False)):
        model = settings.build(dataset)
        before = model.predict(x, verbose=0)
        after = model.predict({**x, "future": x["future"] + 1}, verbose=0)
        assert np.array_equal(before, after) is still


@pytest.mark.parametrize("missing", ["raise", "mask"])
def test_memory_hides_the_first_steps_from_the_recurrent_layers_alone(missing):
    series = np.random.default_rng(1).normal(size=(60, 1)).cumsum(axis=0)
    windows = WindowedSeries(12, missing=missing)
    dataset = windows.build(series)
    model = cells(memory=5).build(dataset)
    gru = next(layer for layer in model.layers if isinstance(layer, keras.layers.GRU))
    assert keras.tree.flatten(gru.input)[0].shape == (None, 5, 1)
    assert not any(isinstance(layer, LastSteps) for layer in cells(memory=12).build(dataset).layers)
    assert np.isfinite(model.predict(dataset[0][0], verbose=0)).all()


def test_memory_is_refused_where_every_step_forecasts():
    with pytest.raises(ValueError, match="memory leaves out the first steps"):
        RecurrentPreset("sequence_to_sequence", memory=3)
    with pytest.raises(ValueError, match="memory"):
        RecurrentPreset(memory=0)


def test_settings_that_smoothing_refuses():
    with pytest.raises(ValueError, match="kind='sequence_to_sequence'"):
        RecurrentPreset("sequence_to_sequence", window_norm="last", smoothing="mixed")
    with pytest.raises(ValueError, match="set window_norm"):
        RecurrentPreset(smoothing="mixed")
    with pytest.raises(ValueError, match="smoothing must be one of"):
        RecurrentPreset(window_norm="last", smoothing="holt")
