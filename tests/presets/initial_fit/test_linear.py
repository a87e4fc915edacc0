"""The linear map of a preset is fitted before any training, and frozen."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from keras.ops import convert_to_numpy as numpy

from helpers import called
from keras_ts import LinearForecast, RecurrentPreset, WindowedSeries

LEVELS = (0.1, 0.5, 0.9)


def linear(model):
    return next(layer for layer in model.layers if isinstance(layer, LinearForecast))


def cells(**settings):
    return RecurrentPreset(
        cell="gru", units=(3,), window_norm="last", smoothing="linear", **settings
    )


def kernel_of(series, weights=None):
    windows = WindowedSeries(2)
    return numpy(linear(cells().build(windows.build(series, sample_weight=weights))).kernel)


@pytest.mark.parametrize("quantiles", [None, LEVELS])
@pytest.mark.parametrize("weight", [None, "inverse_scale"])
@pytest.mark.parametrize("columns", [None, [2, 0], 1])
def test_the_linear_map_leaves_nothing_that_is_linear(columns, weight, quantiles):
    """Three recurrences, the second of another size, are forecast exactly before any training."""
    time = np.arange(160.0)
    table = np.stack([np.sin(time), 1e4 * np.cos(0.4 * time + 1), np.sin(0.7 * time)], axis=1)
    windows = WindowedSeries(8, 2, gap=1, target_columns=columns, batch_size=16, shuffle=True)
    dataset = replace(windows, weighting=weight).build(table)
    model = cells(quantiles=quantiles).build(dataset)
    x, y = windows.build(np.add(table, [3.0, -2e4, 50.0])).to_numpy()[:2]
    out = called(model, x)
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
        preset = RecurrentPreset(
            cell="gru", units=(2,), window_norm="last", smoothing="linear", memory=2
        )
        model = preset.build(windows.build(walk[:75]))
        for _ in range(2):
            errors.append(np.abs(called(model, x)[:, 0] - y).mean())
            linear(model).kernel.assign(np.zeros(linear(model).kernel.shape))
    assert np.mean(errors[::2]) < 1.1 * np.mean(errors[1::2])


def test_built_alone_the_map_begins_at_zero_and_is_trained():
    model = cells().build(window=8)
    assert linear(model).trainable
    assert not numpy(linear(model).kernel).any()
    assert not any(isinstance(layer, LinearForecast) for layer in cells().build().layers)


@pytest.mark.parametrize("quantiles", [None, LEVELS])
@pytest.mark.parametrize("columns", [["a"], ["b", "a"]])
def test_a_season_longer_than_the_window_is_forecast_from_the_calendar(columns, quantiles):
    """Noise about sines of 60 steps: a window of 12 does not tell them, and the calendar does."""
    time, generator = np.arange(600), np.random.default_rng(0)
    scale = {"a": 5.0, "b": 1e3}
    season = {"a": np.sin(2 * np.pi * time / 60), "b": np.cos(2 * np.pi * time / 60)}
    noise = generator.normal(size=(600, 2))
    table = pd.DataFrame({"time": time}).assign(
        **{name: scale[name] * (season[name] + noise[:, n]) for n, name in enumerate("ab")}
    )
    errors = []
    for calendar in ([60], [6], None):
        windows = WindowedSeries(
            12, 20, target_columns=columns, calendar=calendar, time_column="time"
        )
        train, later = windows.split(table, at=500)
        model = cells(quantiles=quantiles).build(train)
        x, y = later.to_numpy()[:2]
        out = called(model, x)
        out = out if quantiles is None else out[..., 1]
        each = [scale[name] for name in columns]
        errors.append(np.abs((out.reshape(*y.shape) - y).reshape(*y.shape[:2], -1) / each).mean())
    assert errors[0] < 0.93 * min(errors[1:])
    # The noise alone is the root of 2 over pi.
    assert errors[0] < 1.15 * np.sqrt(2 / np.pi)


def test_a_holiday_at_the_last_step_moves_no_forecast_of_another():
    """It counted as a cycle longer than the window, and moved all steps of a frozen map."""
    country = pytest.importorskip("holidays").country_holidays("US", years=range(2019, 2023))
    days = pd.date_range("2019-01-01", "2022-12-31")
    units = np.random.default_rng(0).normal(size=len(days)) - 20 * np.isin(days.date, [*country])
    windows = WindowedSeries(12, 5, time_column="day", calendar=["year", "holidays:US"])
    train = windows.build(pd.DataFrame({"day": days, "units": units}))
    model, (x, *_) = cells().build(train), train[0]
    later = {**x, "future": x["future"].copy()}
    later["future"][:, -1, 2:] = 1.0
    np.testing.assert_array_equal(called(model, later), called(model, x))
