"""``CarryForward`` fills each column as pandas does."""

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras.ops import convert_to_numpy as numpy

from keras_ts.layers import CarryForward, MaskMissing

VALUES = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1.0, -2.5, 3e30])
# Few, since JAX compiles for each.
SHAPES = st.sampled_from([(1, 1, 1), (3, 2, 1), (2, 5, 3), (4, 9, 2)])


@given(arrays("float32", SHAPES, elements=VALUES))
def test_equals_the_fill_of_pandas(windows):
    for start in (None, 0.0, -7.0):
        expected = np.stack([
            pd.DataFrame(np.where(np.isfinite(window), window, np.nan)).ffill().to_numpy()
            for window in windows
        ])  # fmt: skip
        if start is not None:
            expected = np.where(np.isnan(expected), start, expected)
        np.testing.assert_array_equal(numpy(CarryForward(start)(windows)), expected)


def test_the_mask_of_the_input_stays():
    inputs = keras.Input((4, 1))
    mean = keras.layers.GlobalAveragePooling1D()
    model = keras.Model(inputs, mean(CarryForward()(MaskMissing()(inputs))))
    x = np.array([[[np.nan], [2.0], [np.nan], [4.0]]], "float32")
    assert numpy(model(x)).tolist() == [[3.0]]


def test_half_precision_keeps_the_level():
    layer = CarryForward(dtype="mixed_float16")
    assert numpy(layer(np.array([[[100_000.25]]], "float32"))).tolist() == [[[100_000.25]]]
    assert layer(keras.Input((4, 1))).dtype == "float32"


def test_windows_of_an_open_length_are_refused():
    with pytest.raises(ValueError, match=r"fixed time. Received: shape \(None, None, 1\)"):
        CarryForward()(keras.Input((None, 1)))
    with pytest.raises(TypeError, match="start must be a finite number"):
        CarryForward("mean")
