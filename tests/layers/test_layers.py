"""The layers equal the Lambdas they replace, and do what a Lambda cannot."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops

from helpers import BACKEND, only_tensorflow
from keras_ts import ExpandSeries, NormalizeWindow, RestoreWindow, ScaleOutput

series = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 9)),
    elements=st.floats(-100, 100, width=32),
)
finite = st.floats(-1e6, 1e6).filter(lambda v: v == 0 or abs(v) > 1e-6)
factors = finite.filter(bool)


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


@given(series)
def test_expand_series_equals_the_lambda(x):
    expand = keras.layers.Lambda(lambda x: ops.expand_dims(x, -1))
    np.testing.assert_array_equal(numpy(ExpandSeries()(x)), numpy(expand(x)))


@given(series, factors, finite)
def test_scale_output_equals_the_lambda_and_inverts(x, scale, offset):
    layer = ScaleOutput(scale, offset)
    lambda_layer = keras.layers.Lambda(lambda x: x * scale + offset)
    np.testing.assert_allclose(numpy(layer(x)), numpy(lambda_layer(x)), rtol=1e-6)
    tolerance = 1e-5 * (np.abs(x).max() + abs(offset / scale) + 1e-3)
    np.testing.assert_allclose(numpy(layer.invert(layer(x))), x, rtol=1e-5, atol=tolerance)


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


@pytest.mark.parametrize("axis", [3, -4, 1.5, "1", None, True])
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


@only_tensorflow
def test_expand_series_takes_ragged_tensors():
    import tensorflow as tf

    ragged = tf.ragged.constant([[1.0, 2.0], [3.0]])
    assert ExpandSeries()(ragged).to_list() == [[[1.0], [2.0]], [[3.0]]]


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
    ("values", "says"), [([1.0, 1.0], "constant"), ([], "empty"), ([1.0, np.nan], "missing")]
)
def test_scale_output_from_unusable_series(values, says):
    with pytest.raises(ValueError, match=says):
        ScaleOutput.from_series(values)


@given(
    hnp.arrays(np.float64, (3, 8, 2), elements=st.floats(-5, 5, width=32)),
    st.sampled_from(["last", "mean", "standard"]),
    st.booleans(),
)
def test_window_norm_restores_and_looks_only_back(x, statistic, causal):
    x = x.astype("float32")
    normal, location, scale = map(numpy, NormalizeWindow(statistic, causal=causal)(x))
    if not (causal and statistic == "last"):
        restored = numpy(RestoreWindow()([normal, location, scale]))
        np.testing.assert_allclose(restored, x, atol=1e-4)
    if causal:
        changed = x.copy()
        changed[:, 5:] += 100
        for before, after in zip(
            (normal, location, scale),
            map(numpy, NormalizeWindow(statistic, causal=True)(changed)),
            strict=True,
        ):
            np.testing.assert_allclose(after[:, :5], before[:, :5], atol=1e-6)
        # The running statistics are those of the window so far.
        if statistic != "last":
            np.testing.assert_allclose(location[:, 4], x[:, :5].mean(axis=1), atol=1e-4)


@given(st.floats(-1000, 1000), st.sampled_from(["last", "mean", "standard"]), st.booleans())
def test_window_norm_moves_with_the_level(level, statistic, causal):
    x = np.random.default_rng(3).normal(size=(2, 9, 1)).astype("float32")
    normal, location, _ = map(numpy, NormalizeWindow(statistic, causal=causal)(x))
    moved, moved_location, _ = map(
        numpy, NormalizeWindow(statistic, causal=causal)((x + np.float32(level)).astype("float32"))
    )
    np.testing.assert_allclose(moved, normal, atol=5e-3)
    np.testing.assert_allclose(moved_location, location + level, atol=5e-3)


def test_constant_windows_stay_finite():
    for statistic in ("last", "mean", "standard"):
        for causal in (True, False):
            normal, _, _ = NormalizeWindow(statistic, causal=causal)(np.full((1, 5, 1), 7.0))
            assert np.abs(numpy(normal)).max() < 1e-3


def test_the_backend_is_the_one_asked_for():
    assert keras.config.backend() == BACKEND
