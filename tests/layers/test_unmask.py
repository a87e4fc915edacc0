"""A mask ends at ``Unmask``, whose values are those of its input."""

import keras
import numpy as np

from keras_ts.layers import KnownAhead, MaskMissing, Unmask

WINDOWS = np.array([[[np.nan], [2.0], [3.0]], [[1.0], [np.nan], [5.0]]], "float32")


def test_what_stands_behind_it_sees_every_step():
    """A mean of the steps leaves out those that a mask hides."""
    inputs = keras.Input((3, 1))
    masked = MaskMissing()(inputs)
    mean = keras.layers.GlobalAveragePooling1D()
    model = keras.Model(inputs, [mean(masked), mean(Unmask()(masked)), Unmask()(masked)])
    kept, every, values = (np.asarray(out) for out in model.predict(WINDOWS, verbose=0))
    np.testing.assert_allclose(kept.ravel(), [2.5, 3.0])
    np.testing.assert_allclose(every.ravel(), [5 / 3, 2.0], rtol=1e-6)
    np.testing.assert_array_equal(values, np.nan_to_num(WINDOWS))


def test_layers_that_carry_no_mask_give_no_warning_behind_it():
    steps = Unmask()(MaskMissing()(WINDOWS))
    assert keras.layers.Reshape((3, 1, 1))(steps).shape == (2, 3, 1, 1)


def test_columns_known_ahead_may_come_with_a_mask():
    ahead = KnownAhead()([MaskMissing()(WINDOWS), WINDOWS[:, 2:]])
    np.testing.assert_array_equal(ahead[:, :, 0, 0], [[2.0, 3.0, 3.0], [0.0, 5.0, 5.0]])
    keras.layers.Reshape((3, 1))(ahead)
