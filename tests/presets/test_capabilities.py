"""The table of named presets in the guide says what each of them takes."""

import dataclasses
import functools
import re
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from keras_ts import WindowedSeries, forecast, from_preset, preset_names

pytestmark = pytest.mark.usefixtures("untraced_models")

PAGE = Path(__file__).parents[2] / "docs" / "models" / "presets.md"
WINDOW = 14


@functools.cache
def cells():
    """Return the table: by preset and column, what its cell says."""
    page = PAGE.read_text(encoding="utf-8")
    [table] = re.findall(r"^\| preset \| series .*?(?=\n\n)", page, re.MULTILINE | re.DOTALL)
    header, _, *rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    said = [dict(zip(header, row, strict=True)) for row in rows]
    return {name: row for row in said for name in re.findall(r"`(\w+)`", row.pop("preset"))}


def preset_of(name, **settings):
    period = {"period": 7} if name == "seasonal_gru" else {}
    return from_preset(name, **period, **settings)


def built(preset, series, **settings):
    """Return the model of a preset for a series, and the inputs of its windows."""
    targets = preset.kind.removeprefix("sequence_to_")
    dataset = WindowedSeries(WINDOW, targets=targets, **settings).build(series)
    return preset.build(dataset), dataset.to_numpy()[0]


def wandering(rows=60):
    return 50 + np.random.default_rng(0).normal(size=rows).cumsum()


def forecasts(model, inputs):
    return keras.ops.convert_to_numpy(model(inputs))


def takes_many_series(name):
    """Two series of which one is a thousand times as large get forecasts in that ratio."""
    preset = preset_of(name)
    model, windows = built(preset, [wandering(), 1000 * wandering()])
    small, large = np.split(forecasts(model, windows), 2)
    if preset.kind == "sequence_to_sequence":
        small, large = small[:, -1], large[:, -1]
    return np.allclose(large, 1000 * small, rtol=1e-3)


def takes_columns_known_ahead(name):
    table = pd.DataFrame({"units": wandering(), "promotion": np.arange(60) % 2})
    try:
        model, _ = built(preset_of(name), table, target_columns="units", future_columns="promotion")
    except ValueError:
        return False
    return "future" in model.input


def quantiles_of(name):
    """Forecast quantiles from windows of which one lacks its first value."""
    series = wandering()
    series[20] = np.nan
    levels = (0.1, 0.5, 0.9)
    model, windows = built(preset_of(name, quantiles=levels), series, missing="mask")
    assert np.isnan(windows).any()
    return forecasts(model, windows)


def takes_every_step(name):
    try:
        preset = preset_of(name, kind="sequence_to_sequence")
    except ValueError:
        return False
    model, _ = built(preset, wandering())
    return model.output_shape == (None, WINDOW, 1)


def asked(name):
    """Return what the cells of a preset should say."""
    answers = {
        "known ahead": takes_columns_known_ahead(name),
        "every step": takes_every_step(name),
    }
    words = {column: "yes" if answer else "no" for column, answer in answers.items()}
    return {"series": "many" if takes_many_series(name) else "one", **words}


def test_the_table_has_all_presets():
    assert sorted(cells()) == sorted(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_each_cell_is_what_the_preset_does(name):
    assert cells()[name] == asked(name)


@pytest.mark.parametrize("name", preset_names())
def test_all_take_missing_values_and_quantiles(name):
    quantiles = quantiles_of(name)
    assert np.isfinite(quantiles).all()
    assert quantiles.shape[-1] == 3
    assert (np.diff(quantiles) >= 0).all()


def sizes(factor):
    """Return a panel whose largest series is a thousand times its smallest."""
    generator, time = np.random.default_rng(0), np.arange(60)
    wave = np.sin(2 * np.pi * time / 7)
    return [
        factor * size * (10 + wave + generator.normal(size=60).cumsum() / 4)
        for size in np.geomspace(1, 1000, 6)
    ]


@functools.cache
def trained(name, factor):
    """Return a preset's model, trained at a high rate on the panel, that many times as large."""
    recipe = dataclasses.replace(from_preset(name).recipe, learning_rate=0.05, epochs=3)
    keras.utils.set_random_seed(3)
    dataset = WindowedSeries(WINDOW, 3, batch_size=128).build(sizes(factor))
    return preset_of(name, units=(4,), recipe=recipe).fit(dataset, verbose=0)


@functools.cache
def untrained(name):
    return built(preset_of(name, units=(4,)), sizes(1.0))[0]


def by_size(model, factor):
    """Return the forecasts of the panel, that many times as large, in its own units."""
    return np.stack(forecast(model, sizes(factor))) / factor


@pytest.mark.filterwarnings("ignore:the last window of .* far outside")
def test_a_trained_net_forecasts_a_larger_panel_in_proportion():
    model = trained("gru_32x2", 1.0)
    for factor in (0.5, 10.0, 1000.0):
        np.testing.assert_allclose(by_size(model, factor), by_size(model, 1.0), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:the last window of .* far outside")
@pytest.mark.parametrize("name", ["seasonal_gru", "smooth_gru"])
def test_beside_smoothing_a_trained_net_reads_sizes_relative_to_its_training_part(name):
    """It reads them up to a factor of e^5, which is 148."""
    model = trained(name, 1.0)
    off = np.abs(by_size(model, 1000.0) / by_size(model, 1.0) - 1)
    assert 0.005 < off.max() < 0.15
    # All windows are larger than that beside the training part, the smallest series' too.
    np.testing.assert_allclose(by_size(model, 1e9), by_size(model, 1e7), rtol=1e-5)
    larger = by_size(trained(name, 1000.0), 1000.0)
    np.testing.assert_allclose(larger, by_size(model, 1.0), rtol=1e-3)
    model = untrained(name)
    np.testing.assert_allclose(by_size(model, 1000.0), by_size(model, 1.0), rtol=1e-5)
