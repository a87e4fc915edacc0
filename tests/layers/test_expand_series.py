"""``ExpandSeries`` equals the Lambda that it replaces, and keeps masks and integers."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops
from keras.ops import convert_to_numpy as numpy

from helpers import only_tensorflow
from keras_ts import ExpandSeries

series = hnp.arrays(
    np.float32,
    st.sampled_from([(1, 1), (2, 9), (4, 3)]),  # Few, since JAX compiles for each.
    elements=st.floats(-100, 100, width=32),
)


@given(series)
def test_expand_series_equals_the_lambda(x):
    expand = keras.layers.Lambda(lambda x: ops.expand_dims(x, -1))
    np.testing.assert_array_equal(numpy(ExpandSeries()(x)), numpy(expand(x)))


@pytest.mark.parametrize("axis", [-3, -2, -1, 0, 1, 2])
@pytest.mark.parametrize(
    "dtype", ["int8", "int32", "int64", "uint8", "float16", "float32", "float64"]
)
def test_expand_series_shape_and_dtype_are_what_the_spec_says(axis, dtype):
    layer = ExpandSeries(axis)
    out = layer(np.ones((2, 3), dtype))
    spec = layer.compute_output_spec(keras.KerasTensor((2, 3), dtype=dtype))
    assert tuple(out.shape) == spec.shape == layer.compute_output_shape((2, 3))
    assert keras.backend.standardize_dtype(out.dtype) == spec.dtype
    assert ("int" in dtype) == ("int" in spec.dtype)
    assert layer.compute_output_shape((None, None)) == tuple(
        np.insert(np.array([None, None], object), layer.axis % 3, 1)
    )


def test_expand_series_takes_any_length():
    inputs = keras.Input((None,))
    model = keras.Model(inputs, ExpandSeries()(inputs))
    for length in (1, 5, 30):
        assert model(np.ones((2, length))).shape == (2, length, 1)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 1), (2, 3, 4, 5)])
def test_expand_series_refuses_what_is_not_batch_and_time(shape):
    says = str(shape).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=rf"\(batch, time\).*{says}"):
        ExpandSeries()(np.ones(shape))
    with pytest.raises(ValueError, match=says):
        ExpandSeries().compute_output_shape(shape)


@pytest.mark.parametrize("axis", [-4, 1.5, "1", None, True])
def test_expand_series_refuses_other_axes(axis):
    with pytest.raises((TypeError, ValueError), match="axis"):
        ExpandSeries(axis)


@pytest.mark.parametrize(
    ("axis", "shape"), [(-1, (2, 3)), (2, (2, 3)), (1, (2, 1, 3)), (0, (1, 2, 3))]
)
def test_expand_series_passes_the_mask_on(axis, shape):
    mask = ops.convert_to_tensor(np.array([[True, True, False], [True, False, False]]))
    got = ExpandSeries(axis).compute_mask(np.ones((2, 3)), mask)
    assert tuple(got.shape) == shape
    assert ExpandSeries(axis).compute_mask(np.ones((2, 3)), None) is None


@only_tensorflow
def test_expand_series_takes_ragged_tensors():
    import tensorflow as tf

    ragged = tf.ragged.constant([[1.0, 2.0], [3.0]])
    assert ExpandSeries()(ragged).to_list() == [[[1.0], [2.0]], [[3.0]]]
