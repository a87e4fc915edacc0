"""``SortedQuantiles`` gives quantiles that never cross, and hides no NaN."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras.ops import convert_to_numpy as numpy

from keras_ts.layers import SortedQuantiles

LEVELS = [0.1, 0.5, 0.9]


# Levels, outputs, axes in front; few, since JAX compiles for each.
SHAPES = [(1, 1, (2,)), (1, 3, (2, 2)), (2, 4, (1,)), (5, 1, (4,)), (9, 2, (3, 1, 2))]


@st.composite
def quantiles(draw):
    """Draw levels and an array whose last axis holds them for one output or several."""
    count, outputs, leading = draw(st.sampled_from(SHAPES))
    # Backends take subnormal numbers for 0.
    finite = st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False)
    values = finite | st.just(np.inf) | st.just(-np.inf)
    x = draw(hnp.arrays("float32", (*leading, outputs * count), elements=values))
    half = np.linspace(0.0, 0.5, count + 1)[1:]
    return half.tolist(), outputs, x


@given(case=quantiles())
def test_every_output_is_sorted_by_itself(case):
    levels, outputs, x = case
    parted = np.sort(x.reshape(*x.shape[:-1], outputs, len(levels)), axis=-1)
    expected = parted if outputs > 1 else parted[..., 0, :]
    layer = SortedQuantiles(levels)
    y = numpy(layer(x))
    np.testing.assert_array_equal(y, expected)
    assert layer.compute_output_shape(x.shape) == y.shape


@pytest.mark.parametrize("shape", [(2, 9), (2, 3, 18)])
@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_nan_is_seen_at_every_level_of_its_output_alone(shape, place):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    x[0, ..., place] = np.nan
    x[1, ..., 0] = np.inf
    y = numpy(SortedQuantiles(np.arange(1, 10) / 10)(x))
    broken = np.isnan(y)
    assert broken[0].all() if len(shape) == 2 else broken[0, :, 0].all()
    assert broken.sum() == (9 if len(shape) == 2 else 27)


def test_half_precision_neither_overflows_nor_crosses():
    """70,001 is infinite in float16, and 3,001 is 3,000."""
    x = np.array([[70_001.0, 3_001.0, 3_000.0]], "float32")
    for policy in ("mixed_float16", "float16", "mixed_bfloat16"):
        layer = SortedQuantiles(LEVELS, dtype=policy)
        y = layer(x)
        assert keras.backend.standardize_dtype(y.dtype) == "float32"
        assert layer.compute_output_spec(keras.KerasTensor((None, 3))).dtype == "float32"
        assert numpy(y).tolist() == [[3_000.0, 3_001.0, 70_001.0]]


def test_integers_become_float():
    assert numpy(SortedQuantiles(LEVELS)(np.array([[3, 1, 2]]))).dtype == np.float32


def test_a_model_learns_through_the_sort():
    """Each quantile takes its own gradient, whatever the order in which the network gives it."""
    inputs = keras.Input((1,))
    dense = keras.layers.Dense(3, use_bias=False)
    model = keras.Model(inputs, SortedQuantiles(LEVELS)(dense(inputs)))
    dense.set_weights([np.array([[3.0, 1.0, 2.0]])])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.fit(np.ones((1, 1)), np.array([[10.0, 20.0, 30.0]]), verbose=0, shuffle=False)
    # The gradient of the mean of three squares: 2/3 of each distance, by the sorted order.
    np.testing.assert_allclose(
        dense.get_weights()[0], [[3 + 27 / 3, 1 + 9 / 3, 2 + 18 / 3]], rtol=1e-6
    )


def test_a_mask_goes_through():
    series = keras.Input((None, 3))
    average = keras.layers.GlobalAveragePooling1D()
    x = average(SortedQuantiles(LEVELS)(keras.layers.Masking()(series)))
    values = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    values[:, 3:] = 0.0
    np.testing.assert_allclose(
        numpy(keras.Model(series, x)(values)),
        np.sort(values[:, :3], axis=-1).mean(axis=1),
        rtol=1e-5,
    )


@pytest.mark.parametrize("shape", [(4, 4), (4, 5, 2), (3,), (4, None), (4, 0)])
def test_an_axis_that_holds_no_quantiles(shape):
    with pytest.raises(ValueError, match=r"needs 3 values per output.*Received shape"):
        SortedQuantiles(LEVELS).compute_output_shape(shape)


@pytest.mark.parametrize(
    ("levels", "says"),
    [
        ([0.1, 0.9], "hold 0.5, the median"),
        ([0.5, 0.1], "must increase"),
        ([0.5, 0.5], "must increase"),
        ([0.0, 0.5], "lie between 0 and 1"),
        ([0.5, 1.0], "lie between 0 and 1"),
        ([], "hold 0.5"),
        ([0.5, float("nan")], r"quantiles\[1\] must be finite"),
        ([0.5, "0.9"], r"quantiles\[1\] must be a finite number"),
        ([0.5, True], r"quantiles\[1\] must be a finite number"),
        (0.5, "must be a list of numbers"),
        ("0.5", "must be a list of numbers"),
        (None, "must be a list of numbers"),
        ({0.5: 1}, "must be a list of numbers"),
        ([[0.5]], r"quantiles\[0\] must be a finite number"),
        (np.linspace(0, 1, 1001)[1:-1], "must be at most 200 numbers. Received 999"),
    ],
)
def test_levels_that_make_no_sense(levels, says):
    with pytest.raises((TypeError, ValueError), match=says) as error:
        SortedQuantiles(levels)
    assert len(str(error.value)) < 500


def test_levels_become_plain_floats():
    for levels in (np.array([0.25, 0.5]), (np.float32(0.25), 0.5), [0.25, np.float64(0.5)]):
        config = SortedQuantiles(levels).get_config()
        assert config["quantiles"] == [0.25, 0.5]
        assert {type(level) for level in config["quantiles"]} == {float}
