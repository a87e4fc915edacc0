"""``MaskLike`` gives one tensor the mask of another, whatever mask it had."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as numpy

from keras_ts.layers import MaskLike, MaskMissing


def test_recurrent_layers_leave_out_the_steps_that_the_second_input_lacks():
    """Behind ``Concatenate`` alone they would read them: the calendar is there at every step."""
    sales, calendar = keras.Input((5, 1)), keras.Input((5, 2))
    sold = MaskMissing()(sales)
    both = MaskLike()([keras.layers.Concatenate()([sold, calendar]), sold])
    model = keras.Model([sales, calendar], keras.layers.GRU(3)(both))
    generator = np.random.default_rng(0)
    x, cycle = generator.normal(size=(1, 5, 1)), generator.normal(size=(1, 5, 2))
    x[0, [0, 1, 3]] = np.nan
    other = cycle.copy()
    other[0, [0, 1, 3]] = 7.0
    alone = numpy(model([x, cycle]))
    np.testing.assert_array_equal(numpy(model([x, other])), alone)
    other[0, 4] = 7.0
    assert np.abs(numpy(model([x, other])) - alone).max() > 1e-3


def test_a_mask_of_the_first_input_goes():
    windows = np.array([[[np.nan], [1.0]]], "float32")
    masked = MaskMissing()(keras.ops.convert_to_tensor(windows))
    layer = MaskLike()
    assert layer.compute_mask([masked, windows], [[[False, True]], None]) is None
    assert numpy(layer([masked, windows])).tolist() == [[[0.0], [1.0]]]


@pytest.mark.parametrize("shapes", [[(4, 1)], [(4, 1), (5, 1)], [(4, 1)] * 3])
def test_inputs_that_are_not_two_of_the_same_time_are_refused(shapes):
    with pytest.raises(ValueError, match=r"takes \[windows, masked\]"):
        MaskLike()([keras.Input(shape) for shape in shapes])
