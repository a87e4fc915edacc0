"""Masked presets mean the same on the Keras to come, whose recurrent layers pass no mask on.

Keras's master of August 2026 differs from 3.15 in one line of ``RNN``, ``Bidirectional`` and
``TimeDistributed``: ``supports_masking = False``. The fixture ``next_keras`` sets that on the
Keras that is installed, and emulates nothing else of the version to come.
"""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

from helpers import called
from keras_ts import RecurrentPreset, WindowedSeries, from_preset
from keras_ts.layers import MaskMissing

TABLE = np.random.default_rng(0).normal(size=(90, 2)).cumsum(axis=0) + 20
TABLE[[9, 30, 31, 40, 70], 0] = np.nan


def sequence(**settings):
    return RecurrentPreset("sequence_to_sequence", units=(3, 4), window_norm="last", **settings)


CASES = {
    "bilstm_32x2": (from_preset("bilstm_32x2", units=(3, 4)), None),
    "gru_32x2": (from_preset("gru_32x2", units=(3, 4)), None),
    "smooth_gru": (from_preset("smooth_gru", units=(3, 4)), None),
    "seasonal_gru": (from_preset("seasonal_gru", period=6, units=(3,)), None),
    "memory": (from_preset("gru_32x2", units=(3, 4), memory=7), None),
    "sequence": (sequence(cell="lstm"), None),
    "core": (RecurrentPreset(window_norm="last"), lambda: layers.GRU(4)),
    "bidirectional core": (
        RecurrentPreset(window_norm="last"), lambda: layers.Bidirectional(layers.GRU(4))
    ),
    "sequence core": (sequence(), lambda: layers.GRU(4, return_sequences=True)),
}  # fmt: skip


def test_a_stack_whose_masks_pass_from_layer_to_layer_forecasts_other_numbers(next_keras):
    """So the other tests here can fail."""
    inputs = keras.Input((6, 1))
    masked, x = MaskMissing()(inputs), TABLE[None, 5:11, :1]
    first, second = layers.GRU(3, return_sequences=True), layers.GRU(2)
    first.supports_masking = second.supports_masking = True  # As it is on Keras 3.15.
    before = called(keras.Model(inputs, second(first(masked))), x)
    next_keras()
    copies = [type(layer).from_config(layer.get_config()) for layer in (first, second)]
    with pytest.warns(UserWarning, match="does not support masking"):
        model = keras.Model(inputs, copies[1](copies[0](masked)))
    for copy, layer in zip(copies, (first, second), strict=True):
        copy.set_weights(layer.get_weights())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* does not support masking")
        after = called(model, x)
    assert np.abs(after - before).max() > 1e-4


@pytest.mark.parametrize("name", CASES)
def test_masked_presets_forecast_the_same(name, next_keras, tmp_path):
    """Built there, or loaded there from a file of today; and nothing warns of a mask that ends."""
    preset, core = CASES[name]
    windows = WindowedSeries(
        12, 2, missing="mask", targets=preset.kind.removeprefix("sequence_to_"),
        target_columns=0, future_columns=[1],
    )  # fmt: skip
    dataset = windows.build(TABLE)
    x = dataset.to_numpy()[0]
    today = preset.build(dataset, core=core)
    generator = np.random.default_rng(1)
    # Smoothing presets begin with zeros, which hide what the net reads.
    today.set_weights([
        generator.normal(size=weight.shape, scale=0.5) for weight in today.get_weights()
    ])  # fmt: skip
    today.save(tmp_path / "today.keras")
    expected = called(today, x)
    next_keras()
    there = preset.build(dataset, core=core)
    assert there.count_params() == today.count_params()
    there.set_weights(today.get_weights())
    np.testing.assert_allclose(called(there, x), expected, rtol=1e-5, atol=1e-5)
    with warnings.catch_warnings():
        if "bi" in name:
            # Keras's own layer passes a mask by name to the two within it, which warn.
            warnings.filterwarnings("ignore", "Layer '(for|back)ward_.* does not support masking")
        loaded = called(keras.saving.load_model(tmp_path / "today.keras"), x)
    np.testing.assert_allclose(loaded, expected, rtol=1e-5, atol=1e-5)
