"""The table of named presets in the guide says what each of them takes."""

import functools
import re
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from keras_ts import WindowedSeries, from_preset, preset_names

PAGE = Path(__file__).parents[2] / "docs" / "models" / "presets.md"
WINDOW = 14


@functools.cache
def cells():
    """Return the table: by preset and column, what its cell says."""
    page = PAGE.read_text(encoding="utf-8")
    [table] = re.findall(r"^\| preset \| series .*?(?=\n\n)", page, re.MULTILINE | re.DOTALL)
    header, _, *rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return {row[0].strip("`"): dict(zip(header, row, strict=True)) for row in rows}


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


def weights(name):
    trained = built(preset_of(name), wandering())[0].trainable_weights
    return f"{sum(np.prod(weight.shape, dtype=int) for weight in trained):,}"


def asked(name):
    """Return what the cells of a preset should say."""
    quantiles = quantiles_of(name)
    sorted_ones = quantiles.shape[-1] == 3 and (np.diff(quantiles) >= 0).all()
    answers = {
        "known ahead": takes_columns_known_ahead(name),
        "missing": np.isfinite(quantiles).all(),
        "quantiles": sorted_ones,
        "every step": takes_every_step(name),
    }
    words = {column: "yes" if answer else "no" for column, answer in answers.items()}
    return {
        "series": "many" if takes_many_series(name) else "one",
        **words,
        "weights": weights(name),
    }


def test_the_table_has_all_presets():
    assert sorted(cells()) == sorted(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_each_cell_is_what_the_preset_does(name):
    assert cells()[name] == {"preset": f"`{name}`", **asked(name)}
