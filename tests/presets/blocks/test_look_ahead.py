"""A core that reads later steps is found out, whatever it begins with; a causal one is not."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_ts.presets.blocks.core import check_causal


class Later(keras.layers.Layer):
    """Adds a step ``ahead`` to each step, times a gate that is trained."""

    def __init__(self, ahead, gate, **kwargs):
        super().__init__(**kwargs)
        self.ahead, self.gate = ahead, gate

    def build(self, shape):
        self.scale = self.add_weight(
            shape=(1,), initializer=keras.initializers.Constant(self.gate), name="scale"
        )

    def call(self, x):
        later = keras.ops.roll(x, -self.ahead, axis=1)
        return x + self.scale * later


def checked(*stack, steps=12, columns=3):
    core = keras.Sequential([keras.Input((steps, columns)), *stack])
    before = [weight.copy() for weight in core.get_weights()]
    try:
        check_causal(core, keras.KerasTensor((None, steps, columns)))
    finally:
        for now, weight in zip(core.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, weight)


@pytest.mark.parametrize("steps", [None, 1, 2, 12])
@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Conv1D(4, 3, padding="causal", dilation_rate=4),
        lambda: layers.LSTM(4, return_sequences=True),
        lambda: layers.LayerNormalization(),
        lambda: layers.Dropout(0.5),
    ],
)
def test_causal_layers_pass(layer, steps):
    checked(layer(), steps=steps)


@pytest.mark.parametrize(
    ("layer", "first", "last"),
    [
        (lambda: layers.Conv1D(4, 3, padding="same"), 0, 1),
        (lambda: layers.Conv1D(4, 5, padding="same"), 0, 2),
        (lambda: layers.Bidirectional(layers.GRU(4, return_sequences=True)), 0, 11),
        (lambda: layers.LayerNormalization(axis=[1, 2]), 0, 11),
    ],
)
def test_the_error_names_the_first_step_that_sees_a_later_one(layer, first, last):
    says = rf"step {first} of a window \(from 0\) changes with step {last}\. .*padding='causal'"
    with pytest.raises(ValueError, match=says):
        checked(layer())


@pytest.mark.parametrize("gate", [0.0, 1e-6, 1.0])
def test_a_gate_that_begins_closed_hides_nothing(gate):
    with pytest.raises(ValueError, match="changes with step 2"):
        checked(Later(2, gate))


def test_a_step_far_behind_the_first_is_found(monkeypatch):
    """Windows come in several batches, the last one with windows of the one before."""

    class Late(keras.layers.Layer):
        def call(self, x):
            ahead = np.arange(12)
            ahead[7] = 9
            return keras.ops.take(x, ahead, axis=1)

    for most in (12, 60, 1 << 14):
        monkeypatch.setattr("keras_ts.presets.blocks.core._MOST_STEPS", most)
        with pytest.raises(ValueError, match=r"step 7 of a window \(from 0\) changes with step 9"):
            checked(Late())


def test_outputs_that_are_random_are_refused():
    class Random(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed = keras.random.SeedGenerator(0)

        def call(self, x):
            return x + keras.random.normal((1, 12, 3), seed=self.seed)

    with pytest.raises(ValueError, match="different outputs for the same window"):
        checked(Random())


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        attention = keras.Input((12, 3))
        heads = layers.MultiHeadAttention(2, 4)
        core = keras.Model(attention, heads(attention, attention, use_causal_mask=True))
        check_causal(core, keras.KerasTensor((None, 12, 3)))
        with pytest.raises(ValueError, match="changes with step 1"):
            checked(layers.Conv1D(4, 3, padding="same"))
    finally:
        keras.config.set_dtype_policy("float32")
