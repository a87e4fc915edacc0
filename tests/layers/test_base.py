"""Layers of a series compute in float32 at least, and their configs hold their settings."""

import keras
import numpy as np
import pytest

from keras_ts import ScaleOutput
from keras_ts.layers import Bounded
from keras_ts.layers.base import SeriesLayer


class Shifted(SeriesLayer):
    _settings = ("by",)

    def __init__(self, by=(1.0, 2.0), **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def call(self, inputs):
        by = keras.ops.convert_to_tensor(self.by, self._float_dtype)
        return keras.ops.cast(inputs, self._float_dtype) + by


@pytest.mark.parametrize("dtype", [None, "mixed_float16", "mixed_bfloat16"])
def test_values_that_half_precision_lacks_stay(dtype):
    layer = Shifted(dtype=dtype)
    outputs = keras.ops.convert_to_numpy(layer(np.array([[70_000.0, 100_001.0]], "float32")))
    assert outputs.tolist() == [[70_001.0, 100_003.0]]
    spec = layer.compute_output_spec(keras.KerasTensor((None, 2)))
    assert (spec.shape, spec.dtype) == ((None, 2), "float32")


def test_a_config_holds_the_settings_as_plain_values():
    config = Shifted((3.0, 4.0), name="shifted").get_config()
    assert config["by"] == [3.0, 4.0]
    again = Shifted.from_config(config)
    assert again.get_config() == config


def test_a_layer_prints_what_was_set():
    layer = ScaleOutput(100.0, name="scale")
    assert repr(layer) == "<ScaleOutput name=scale, built=False, scale=100.0, offset=0.0>"
    assert str(Bounded(minimum=0)).endswith(", minimum=0.0>")
