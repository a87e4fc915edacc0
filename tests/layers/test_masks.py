"""Masks reach the layer behind, move to another tensor, become a column, or end."""

import keras
import numpy as np
import pytest
from keras import ops
from keras.ops import convert_to_numpy as numpy

from helpers import called, warned_of_masks
from keras_ts import ScaleOutput
from keras_ts.layers import MaskMissing, NormalizeWindow, RestoreWindow
from keras_ts.layers.masks import MaskAsColumn, MaskLike, Unmask
from keras_ts.layers.plumbing import KnownAhead


@warned_of_masks
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


@warned_of_masks
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


TWO_COLUMNS = np.array([[[np.nan, 7.0], [2.0, 8.0], [3.0, 9.0]]], "float32")


def test_the_column_says_which_steps_have_values_and_all_columns_are_0_at_the_others():
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, MaskAsColumn()(MaskMissing()(inputs)))
    wanted = [[[0.0, 0.0, 0.0], [2.0, 8.0, 1.0], [3.0, 9.0, 1.0]]]
    np.testing.assert_array_equal(called(model, TWO_COLUMNS), wanted)
    assert model.output_shape == (None, None, 3)


def test_a_window_without_a_mask_has_values_at_every_step():
    columns = keras.ops.convert_to_numpy(MaskAsColumn()(np.full((1, 2, 1), 5.0, "float32")))
    assert columns.tolist() == [[[5.0, 1.0], [5.0, 1.0]]]


def test_a_value_that_is_not_finite_does_not_come_through_a_mask():
    columns = MaskAsColumn()(TWO_COLUMNS, mask=np.isfinite(TWO_COLUMNS).all(axis=-1))
    assert np.isfinite(keras.ops.convert_to_numpy(columns)).all()


def test_no_mask_stands_behind_it_so_that_a_convolution_gives_no_warning():
    inputs = keras.Input((3, 2))
    state = keras.layers.Conv1D(2, 2)(MaskAsColumn()(MaskMissing()(inputs)))
    assert np.isfinite(
        called(keras.Model(inputs, keras.layers.Flatten()(state)), TWO_COLUMNS)
    ).all()


def test_half_precision_keeps_a_level_beside_the_column():
    columns = MaskAsColumn(dtype="mixed_float16")(np.full((1, 2, 1), 70_001.0, "float32"))
    assert keras.ops.convert_to_numpy(columns)[0, 0].tolist() == [70_001.0, 1.0]


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
