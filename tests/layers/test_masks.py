"""Every layer passes a mask on to the layer behind it."""

import keras
import numpy as np
import pytest
from keras import ops
from keras.ops import convert_to_numpy as numpy

from keras_ts import ScaleOutput
from keras_ts.layers import NormalizeWindow, RestoreWindow


@pytest.mark.parametrize(
    "passed_on",
    [
        ScaleOutput(2.0),
        lambda x: NormalizeWindow("mean")(x)[0],
        lambda x: NormalizeWindow("last", causal=True)(x)[0],
        lambda x: RestoreWindow()([x, ops.ones((1, 1, 1)), ops.ones((1, 1, 1))]),
    ],
)
def test_masks_reach_the_layer_behind(passed_on):
    """A padded window gives what the short one gives, which no masked step may touch."""
    inputs = keras.Input((None, 1))
    masked = keras.layers.Masking()(inputs)
    model = keras.Model(inputs, keras.layers.LSTM(3)(passed_on(masked)))
    short = np.array([[[1.0], [2.0]]])
    for padded in ([[[1.0], [2.0], [0.0], [0.0]]], [[[0.0], [1.0], [0.0], [2.0]]]):
        np.testing.assert_allclose(numpy(model(np.array(padded))), numpy(model(short)), rtol=1e-5)
    # The same steps, none of them masked, give something else.
    nearly = np.array([[[1.0], [2.0], [1e-9], [1e-9]]])
    assert np.abs(numpy(model(nearly)) - numpy(model(short))).max() > 1e-3
