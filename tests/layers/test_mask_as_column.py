"""``MaskAsColumn`` keeps what a mask says for layers that do not know masks."""

import keras
import numpy as np
import pytest

from helpers import called
from keras_ts.layers import MaskAsColumn, MaskMissing

WINDOWS = np.array([[[np.nan, 7.0], [2.0, 8.0], [3.0, 9.0]]], "float32")


def test_the_column_says_which_steps_have_values_and_all_columns_are_0_at_the_others():
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, MaskAsColumn()(MaskMissing()(inputs)))
    wanted = [[[0.0, 0.0, 0.0], [2.0, 8.0, 1.0], [3.0, 9.0, 1.0]]]
    np.testing.assert_array_equal(called(model, WINDOWS), wanted)
    assert model.output_shape == (None, None, 3)


def test_a_window_without_a_mask_has_values_at_every_step():
    columns = keras.ops.convert_to_numpy(MaskAsColumn()(np.full((1, 2, 1), 5.0, "float32")))
    assert columns.tolist() == [[[5.0, 1.0], [5.0, 1.0]]]


def test_a_value_that_is_not_finite_does_not_come_through_a_mask():
    columns = MaskAsColumn()(WINDOWS, mask=np.isfinite(WINDOWS).all(axis=-1))
    assert np.isfinite(keras.ops.convert_to_numpy(columns)).all()


def test_no_mask_stands_behind_it_so_that_a_convolution_gives_no_warning():
    inputs = keras.Input((3, 2))
    state = keras.layers.Conv1D(2, 2)(MaskAsColumn()(MaskMissing()(inputs)))
    assert np.isfinite(called(keras.Model(inputs, keras.layers.Flatten()(state)), WINDOWS)).all()


def test_half_precision_keeps_a_level():
    columns = MaskAsColumn(dtype="mixed_float16")(np.full((1, 2, 1), 70_001.0, "float32"))
    assert keras.ops.convert_to_numpy(columns)[0, 0].tolist() == [70_001.0, 1.0]


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1, 1)])
def test_other_axes_are_refused(shape):
    with pytest.raises(ValueError, match="MaskAsColumn takes windows"):
        MaskAsColumn()(np.zeros(shape))
