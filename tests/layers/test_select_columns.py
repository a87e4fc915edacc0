"""``SelectColumns`` hands on columns as they are."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras.ops import convert_to_numpy as numpy

from keras_ts.layers import SelectColumns


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    columns=st.lists(st.integers(0, 4), min_size=1, max_size=6),
    dtype=st.sampled_from(["float32", "int32"]),
)
def test_columns_stand_in_the_order_given_in_every_shape_and_dtype(shape, columns, dtype):
    x = np.arange(np.prod(shape) * 5).reshape(*shape, 5).astype(dtype)
    selected = SelectColumns(columns)(x)
    assert keras.backend.standardize_dtype(selected.dtype) == dtype
    np.testing.assert_array_equal(numpy(selected), x[..., columns])


def test_half_precision_keeps_the_level():
    x = np.array([[[100_000.25, 1.0]]], "float32")
    layer = SelectColumns([0], dtype="mixed_float16")
    assert numpy(layer(x)).tolist() == [[[100_000.25]]]


def test_the_symbolic_output_is_the_eager_one():
    inputs = keras.Input((None, 3), dtype="int32")
    outputs = SelectColumns([2])(inputs)
    assert outputs.shape == (None, None, 1)
    assert outputs.dtype == "int32"


def test_a_mask_goes_on():
    inputs = keras.Input((None, 3))
    layer = SelectColumns([1])
    masked = keras.layers.Masking(-1.0)(inputs)
    model = keras.Model(inputs, keras.layers.SimpleRNN(2)(layer(masked)))
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    padded = np.concatenate([x, np.full((2, 2, 3), -1.0, "float32")], axis=1)
    np.testing.assert_allclose(numpy(model(padded)), numpy(model(x)), rtol=1e-6)


def test_the_config_makes_the_same_layer():
    layer = SelectColumns(np.array([2, 0]).tolist(), name="own")
    again = SelectColumns.from_config(layer.get_config())
    assert again.columns == [2, 0]
    assert again.name == "own"


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ([], ValueError, "columns is empty"),
        ([-1], ValueError, r"columns\[0\] must be >= 0"),
        ([1.5], TypeError, r"columns\[0\] must be an integer"),
        ("01", TypeError, "columns must be a list of indices. Received: columns='01'"),
        (3, TypeError, "columns must be a list of indices. Received: columns=3"),
    ],
)
def test_columns_that_are_no_list_of_indices(columns, error, message):
    with pytest.raises(error, match=message):
        SelectColumns(columns)


def test_a_column_that_is_not_there():
    with pytest.raises(ValueError, match=r"columns must lie in 0\.\.2.*columns=\[3\].*\(2, 4, 3\)"):
        SelectColumns([3])(np.zeros((2, 4, 3)))
