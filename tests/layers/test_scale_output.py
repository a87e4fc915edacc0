"""``ScaleOutput`` equals the Lambda that it replaces, can be inverted, and checks its numbers."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras.ops import convert_to_numpy as numpy

from keras_ts import ScaleOutput

series = hnp.arrays(
    np.float32,
    st.sampled_from([(1, 1), (2, 9), (4, 3)]),  # Few, since JAX compiles for each.
    elements=st.floats(-100, 100, width=32),
)
finite = st.floats(-1e6, 1e6).filter(lambda v: v == 0 or abs(v) > 1e-6)
factors = finite.filter(bool)


@given(series, factors, finite)
def test_scale_output_equals_the_lambda_and_inverts(x, scale, offset):
    layer = ScaleOutput(scale, offset)
    lambda_layer = keras.layers.Lambda(lambda x: x * scale + offset)
    np.testing.assert_allclose(numpy(layer(x)), numpy(lambda_layer(x)), rtol=1e-6)
    tolerance = 1e-5 * (np.abs(x).max() + abs(offset / scale) + 1e-3)
    np.testing.assert_allclose(numpy(layer.invert(layer(x))), x, rtol=1e-5, atol=tolerance)


@pytest.mark.parametrize(
    "bad",
    [0, 0.0, float("nan"), float("inf"), -float("inf"), "1", None, True, [], [[1.0]], [1.0] * 5000,
     [1.0, None], [1.0, 0.0], {"a": 1}, 1j, 10**400, 1e39, 1e-60, np.array([[1.0]])],
)  # fmt: skip
def test_scale_output_refuses_bad_scales_at_construction_and_load(bad):
    with pytest.raises((TypeError, ValueError), match="scale"):
        ScaleOutput(bad)
    config = {**ScaleOutput(2.0).get_config(), "scale": bad}
    with pytest.raises((TypeError, ValueError), match="scale"):
        ScaleOutput.from_config(config)


@pytest.mark.parametrize("bad", [float("nan"), "0", None, True, [[0.0]], [0.0] * 5000])
def test_scale_output_refuses_bad_offsets(bad):
    with pytest.raises((TypeError, ValueError), match="offset"):
        ScaleOutput(1.0, bad)


def test_scale_output_integers_become_floats():
    assert numpy(ScaleOutput(0.5)(np.array([[2, 3]]))).tolist() == [[1.0, 1.5]]


@pytest.mark.parametrize("dtype", ["int8", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_scale_output_dtype_is_what_the_spec_says(dtype, policy):
    layer = ScaleOutput(2.0, dtype=policy)
    spec = layer.compute_output_spec(keras.KerasTensor((2, 3), dtype=dtype))
    out = layer(np.ones((2, 3), dtype))
    assert keras.backend.standardize_dtype(out.dtype) == spec.dtype == "float32"


def test_scale_output_stays_finite_in_half_precision():
    assert numpy(ScaleOutput(100.0, dtype="mixed_float16")(np.array([[700.0]])))[0, 0] == 70_000.0


def test_scale_output_one_scale_per_feature_whatever_the_image_format():
    before = keras.config.image_data_format()
    try:
        keras.config.set_image_data_format("channels_first")
        out = ScaleOutput([1.0, 2.0, 3.0], [0.0, 0.0, 1.0])(np.ones((2, 3)))
    finally:
        keras.config.set_image_data_format(before)
    assert numpy(out).tolist() == [[1.0, 2.0, 4.0]] * 2
    with pytest.raises(ValueError, match=r"3 scales or offsets.*\(2, 4\)"):
        ScaleOutput([1.0, 2.0, 3.0])(np.ones((2, 4)))
    with pytest.raises(ValueError, match="same length"):
        ScaleOutput([1.0, 2.0], [1.0])


@given(factors | st.lists(factors, min_size=1, max_size=5))
def test_scale_output_config_goes_through_json(scale):
    layer = ScaleOutput(np.array(scale) if isinstance(scale, list) else np.float64(scale))
    config = json.loads(json.dumps(layer.get_config(), allow_nan=False))
    assert ScaleOutput.from_config(config).scale == scale


@pytest.mark.parametrize("method", ["standard", "max_abs", "min_max"])
def test_scale_output_from_series(method):
    values = np.random.default_rng(1).normal(5, 3, size=(50, 2))
    normal = numpy(ScaleOutput.from_series(values, method).invert(values))
    if method == "standard":
        np.testing.assert_allclose(normal.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(normal.std(axis=0), 1, rtol=1e-5)
    elif method == "max_abs":
        np.testing.assert_allclose(np.abs(normal).max(axis=0), 1, rtol=1e-5)
    else:
        np.testing.assert_allclose([normal.min(), normal.max()], [0, 1], atol=1e-5)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1.0, 1.0], "^series is constant"),
        ([0.1, 0.1, 0.1], "^series is constant"),  # Its computed deviation is 1.4e-17.
        (np.array([[1.0, 3.0], [2.0, 3.0]]), "^column 1 of series is constant"),
        ([], "empty"),
        ([1.0, np.nan], "missing"),
    ],
)
def test_scale_output_from_unusable_series(values, says):
    with pytest.raises(ValueError, match=says):
        ScaleOutput.from_series(values)
