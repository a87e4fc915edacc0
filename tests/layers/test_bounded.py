"""``Bounded`` clips outside of training, and lets a gradient through in it."""

import keras
import numpy as np
import pytest

from helpers import called, untraced
from keras_ts.layers import Bounded, MaskMissing

X = np.array([[-3.0, 0.5, 12.0, np.nan]], "float32")


def values(layer, x=X, **settings):
    return keras.ops.convert_to_numpy(layer(x, **settings))


@pytest.mark.parametrize(
    ("bounds", "wanted"),
    [
        ({"minimum": 0}, [0.0, 0.5, 12.0, np.nan]),
        ({"maximum": 10}, [-3.0, 0.5, 10.0, np.nan]),
        ({"minimum": np.float32(-1), "maximum": 1}, [-1.0, 0.5, 1.0, np.nan]),
    ],
)
def test_values_stay_within_the_bounds_and_nan_stays_nan(bounds, wanted):
    np.testing.assert_array_equal(values(Bounded(**bounds))[0], wanted)
    np.testing.assert_array_equal(values(Bounded(**bounds), training=True), X)


def test_training_goes_on_from_below_a_bound():
    """The gradient of a clipped output is 0: the net would stay where it is."""
    inputs = keras.Input((1,))
    dense = keras.layers.Dense(1, use_bias=False)
    model = keras.Model(inputs, Bounded(minimum=0)(dense(inputs)))
    dense.set_weights([np.array([[-2.0]])])
    model.compile(keras.optimizers.SGD(0.25), "mse")
    x, y = np.ones((1, 1)), np.full((1, 1), 6.0)
    assert model.evaluate(x, y, verbose=0) == 36.0  # From 0, which is what it forecasts.
    history = untraced(model).fit(x, y, verbose=0).history
    assert history["loss"] == [64.0]  # From -2.
    np.testing.assert_allclose(dense.get_weights()[0], [[2.0]], rtol=1e-6)
    np.testing.assert_allclose(called(model, x), [[2.0]], rtol=1e-6)


def test_a_mask_goes_through():
    inputs = keras.Input((3, 1))
    average = keras.layers.GlobalAveragePooling1D()
    model = keras.Model(inputs, average(Bounded(minimum=0)(MaskMissing()(inputs))))
    x = np.array([[[np.nan], [4.0], [-2.0]]])
    np.testing.assert_allclose(called(model, x), [[2.0]])


def test_half_precision_keeps_a_level():
    layer = Bounded(maximum=70_001, dtype="mixed_float16")
    assert values(layer, np.array([[80_000.0, 70_000.5]], "float32")).tolist() == [
        [70_001.0, 70_000.5]
    ]
    assert layer.compute_output_spec(keras.KerasTensor((None, 2))).dtype == "float32"


def test_integers_become_float():
    assert values(Bounded(minimum=0.5), np.array([[0, 3]])).tolist() == [[0.5, 3.0]]


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ({"minimum": 1, "maximum": 1}, r"minimum must be below maximum.*minimum=1.0, maximum=1.0"),
        ({"minimum": 2, "maximum": 1}, "minimum must be below maximum"),
        ({"minimum": float("nan")}, "minimum must be finite"),
        ({"maximum": float("inf")}, "maximum must be finite"),
        ({"minimum": "0"}, "minimum must be a finite number"),
        ({"minimum": [0]}, "minimum must be a finite number"),
        ({"maximum": True}, "maximum must be a finite number"),
        ({"maximum": 1e39}, "maximum must fit float32"),
    ],
)
def test_bounds_that_make_no_sense(bounds, says):
    with pytest.raises((TypeError, ValueError), match=says):
        Bounded(**bounds)


def test_bounds_become_plain_floats():
    config = Bounded(np.int64(0), np.float32(2.5)).get_config()
    assert (config["minimum"], config["maximum"]) == (0.0, 2.5)
    assert {type(config["minimum"]), type(config["maximum"])} == {float}
