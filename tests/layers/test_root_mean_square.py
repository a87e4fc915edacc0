"""``RootMeanSquare`` is that of the values which are there."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras.ops import convert_to_numpy as numpy

from keras_ts.layers import RootMeanSquare


@given(
    seed=st.integers(0, 10_000),
    steps=st.sampled_from([1, 4, 9]),
    size=st.sampled_from([1e-30, 1, 1e30]),
)
def test_it_is_that_of_the_formula(seed, steps, size):
    generator = np.random.default_rng(seed)
    windows = generator.normal(size=(3, steps, 2)).astype("float32") * np.float32(size)
    windows[generator.random(windows.shape) < 0.3] = np.nan
    windows[0, :, 1] = np.nan
    present = np.isfinite(windows)
    squares = np.where(present, windows.astype("float64") ** 2, 0.0).sum(axis=1, keepdims=True)
    expected = np.sqrt(squares / np.maximum(present.sum(axis=1, keepdims=True), 1))
    np.testing.assert_allclose(numpy(RootMeanSquare()(windows)), expected, rtol=1e-5)
    assert expected[0, 0, 1] == 0


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_the_symbolic_output_is_the_eager_one_and_half_precision_keeps_it(policy):
    layer = RootMeanSquare(dtype=policy)
    symbolic = layer(keras.Input((None, 3)))
    eager = layer(np.full((5, 4, 3), 300_000.5, "float32"))
    assert symbolic.shape == (None, 1, 3)
    assert tuple(eager.shape) == (5, 1, 3)
    assert keras.backend.standardize_dtype(eager.dtype) == symbolic.dtype == "float32"
    np.testing.assert_array_equal(numpy(eager), np.float32(300_000.5))
