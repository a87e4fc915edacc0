"""The table of docs/use/exporting.md: each named preset, from each backend, to each format."""

import re
from dataclasses import replace

import keras
import numpy as np
import pytest

from export_helpers import needs
from helpers import BACKEND
from keras_ts import (
    RecurrentPreset,
    WindowedSeries,
    calibrate,
    check_export,
    from_preset,
    preset_names,
)
from keras_ts.exporting.formats import FORMATS

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SERIES = 10 * np.sin(np.arange(90) * np.pi / 2) + np.arange(90) / 10
# Why a format cannot hold a preset, in words of the error.
REFUSED = {
    ("tensorflow", "litert"): "does not run .* recurrent layers need unroll=True",
    ("tensorflow", "openvino"): "No conversion rule .* recurrent layers need unroll=True",
    ("jax", "litert"): "Keras exports no LiteRT from JAX",
    ("jax", "openvino"): "OpenVINO reads nothing that JAX compiles",
    ("torch", "tf_saved_model"): "TensorFlow does not trace layers that run on PyTorch",
}
BACKWARDS = "a loop that runs backwards, as in Bidirectional"
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


def checked(model, dataset, format, backwards=False):
    """Check that an export works, or is refused for the reason that the table gives."""
    needs(format)
    x = keras.tree.map_structure(lambda array: array[:3], dataset.to_numpy()[0])
    reason = REFUSED.get((BACKEND, format))
    if backwards and (BACKEND, format) == ("jax", "onnx"):
        reason = BACKWARDS
    if reason is None:
        report = check_export(model, x, format)
        assert report.ok, report
        return report
    try:
        report = check_export(model, x, format)
        assert not report.ok
    except ValueError as error:  # No file comes to be.
        report = error
    assert re.search(f"(?s){reason}", str(report))
    return None


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", preset_names())
def test_a_named_preset(name, format):
    model, dataset = built(name)
    report = checked(model, dataset, format, backwards=from_preset(name).bidirectional)
    assert report is None or not report.missing


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("name", "settings"), MASKING)
def test_a_named_preset_on_windows_with_missing_values(name, settings, format):
    report = checked(*built(name, "mask", **settings), format)
    assert report is None or report.missing


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("quantiles", [None, [0.1, 0.5, 0.9]])
def test_bands_on_windows_with_missing_values(quantiles, format):
    model, dataset = built("seasonal_gru", "mask", period=4, quantiles=quantiles)
    report = checked(calibrate(model, dataset, 0.8), dataset, format)
    assert report is None or report.missing


@pytest.mark.parametrize("format", FORMATS)
def test_columns_of_every_kind(format):
    """Known ahead, static and a calendar, beside missing values: the file takes several inputs."""
    rows = np.random.default_rng(2).normal(size=(40, 4))
    rows[:, 3] = 5.0
    windows = WindowedSeries(
        12, 2, target_columns=0, future_columns=[1], static_columns=[3], calendar=[7],
        missing="mask", batch_size=16,
    )  # fmt: skip
    dataset = windows.build([rows, rows[::-1] * [1, 1, 1, 2]])
    model = RecurrentPreset(cell="gru", units=(4,), window_norm="last").build(dataset)
    report = checked(model, dataset, format)
    assert report is None or report.missing


@pytest.mark.parametrize("format", ["tf_saved_model", "onnx"])
def test_a_net_of_ones_own_in_place_of_the_recurrent_layers(format):
    """A convolution and attention, beside missing values that the net gets a column for."""

    def core(columns):
        x = keras.layers.Conv1D(4, 2, dilation_rate=2, padding="causal")(columns)
        x = x + keras.layers.MultiHeadAttention(2, 2)(x, x, use_causal_mask=True)
        return keras.layers.GlobalAveragePooling1D()(keras.layers.LayerNormalization()(x))

    dataset = WindowedSeries(12, 2, missing="mask", batch_size=16).build(SERIES)
    model = RecurrentPreset(window_norm="last", minimum=0).build(dataset, core=core)
    report = checked(calibrate(model, dataset, 0.8), dataset, format)
    assert report is None or report.missing


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("quantiles", [None, (0.1, 0.5, 0.9)])
def test_a_net_with_the_line_beside_it(quantiles, format):
    dataset = WindowedSeries(12, 2, batch_size=16).build(SERIES)
    preset = from_preset("smooth_gru", units=(4,), quantiles=quantiles)
    checked(preset.fit(dataset, epochs=1, verbose=0), dataset, format)
