"""The table of docs/use/exporting.md: each named preset, from each backend, to each format."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from export_helpers import FORMATS_HERE, needs, path_for, with_holes
from helpers import BACKEND
from keras_ts import (
    RecurrentPreset,
    WindowedSeries,
    calibrate,
    export_model,
    from_preset,
    preset_names,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SERIES = 10 * np.sin(np.arange(90) * np.pi / 2) + np.arange(90) / 10
MASKING = [("gru_32x2", {}), ("smooth_gru", {}), ("seasonal_gru", {"period": 4})]


def built(name, missing="raise", **overrides):
    """Return the model of a preset, all of its weights moved off 0, and windows."""
    preset = from_preset(name, **overrides)
    sequence = preset.kind == "sequence_to_sequence"
    windows = WindowedSeries(
        12, 2, targets="sequence" if sequence else "vector", missing=missing, batch_size=16
    )
    values = SERIES + np.random.default_rng(0).normal(size=90)
    if preset.features:
        windows, values = replace(windows, target_columns=[0]), values[:, None]
    dataset = windows.build(values)
    model = preset.build(dataset)
    generator = np.random.default_rng(1)
    for weight in model.trainable_variables:
        value = keras.ops.convert_to_numpy(weight)
        weight.assign(value + 0.1 * generator.normal(size=value.shape))
    return model, dataset


def exports(model, dataset, format, folder):
    """Export a model, and run the file; with missing values, if windows may have them."""
    needs(format)
    x = keras.tree.map_structure(lambda part: np.array(part[:6]), dataset.to_numpy()[0])
    if dataset.windows.missing == "mask":
        x = {**x, "past": with_holes(x["past"])} if isinstance(x, dict) else with_holes(x)
    export_model(model, path_for(folder, format), format, check=x)


@pytest.mark.parametrize("format", FORMATS_HERE)
@pytest.mark.parametrize("name", preset_names())
def test_a_named_preset(name, format, tmp_path):
    model, dataset = built(name)
    if (BACKEND, format) == ("jax", "onnx") and from_preset(name).bidirectional:
        needs(format)
        # jax2onnx knows no loop that runs backwards.
        with pytest.raises(Exception, match=r"(?i)reverse|rev"):
            exports(model, dataset, format, tmp_path)
        return
    exports(model, dataset, format, tmp_path)


@pytest.mark.parametrize("format", FORMATS_HERE)
@pytest.mark.parametrize(("name", "settings"), MASKING)
def test_a_named_preset_on_windows_with_missing_values(name, settings, format, tmp_path):
    exports(*built(name, "mask", **settings), format, tmp_path)


@pytest.mark.parametrize("format", FORMATS_HERE)
def test_bands_of_quantiles_on_windows_with_missing_values(format, tmp_path):
    model, dataset = built("seasonal_gru", "mask", period=4, quantiles=[0.1, 0.5, 0.9])
    exports(calibrate(model, dataset, 0.8), dataset, format, tmp_path)


@pytest.mark.parametrize("format", FORMATS_HERE)
def test_columns_of_every_kind(format, tmp_path):
    """Known ahead and static, beside missing values: the file takes several inputs."""
    rows = np.random.default_rng(2).normal(size=(40, 4))
    rows[:, 3] = 5.0
    windows = WindowedSeries(
        12, 2, target_columns=0, future_columns=[1], static_columns=[3],
        missing="mask", batch_size=16,
    )  # fmt: skip
    dataset = windows.build([rows, rows[::-1] * [1, 1, 1, 2]])
    model = RecurrentPreset(cell="gru", units=(4,), window_norm="last").build(dataset)
    exports(model, dataset, format, tmp_path)


@pytest.mark.parametrize("format", FORMATS_HERE)
def test_a_net_of_ones_own_in_place_of_the_recurrent_layers(format, tmp_path):
    """A convolution and attention, beside missing values that the net gets a column for."""

    def core(columns):
        x = keras.layers.Conv1D(4, 2, dilation_rate=2, padding="causal")(columns)
        x = x + keras.layers.MultiHeadAttention(2, 2)(x, x, use_causal_mask=True)
        return keras.layers.GlobalAveragePooling1D()(keras.layers.LayerNormalization()(x))

    dataset = WindowedSeries(12, 2, missing="mask", batch_size=16).build(SERIES)
    model = RecurrentPreset(window_norm="last", minimum=0).build(dataset, core=core)
    exports(calibrate(model, dataset, 0.8), dataset, format, tmp_path)


@pytest.mark.parametrize("format", FORMATS_HERE)
@pytest.mark.parametrize("quantiles", [None, (0.1, 0.5, 0.9)])
def test_a_net_with_the_line_beside_it(quantiles, format, tmp_path):
    dataset = WindowedSeries(12, 2, batch_size=16).build(SERIES)
    preset = from_preset("smooth_gru", units=(4,), quantiles=quantiles)
    exports(preset.fit(dataset, epochs=1, verbose=0), dataset, format, tmp_path)
