"""``LastSteps`` keeps the end of a window with its mask."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as numpy

from keras_ts.layers import LastSteps


@pytest.mark.parametrize("length", [2, 3, 7])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_the_last_steps_stay_and_shorter_windows_are_whole(length, dtype):
    x = np.arange(2 * length * 2).reshape(2, length, 2).astype(dtype)
    out = LastSteps(3)(x)
    np.testing.assert_array_equal(numpy(out), x[:, -3:])
    assert keras.backend.standardize_dtype(out.dtype) == dtype
    assert LastSteps(3)(keras.Input((length, 2))).shape == (None, min(3, length), 2)


def test_windows_of_any_length():
    symbolic = keras.Input((None, 1))
    model = keras.Model(symbolic, LastSteps(3)(symbolic))
    for length in (2, 5):
        x = np.arange(length, dtype="float32").reshape(1, length, 1)
        np.testing.assert_array_equal(model.predict(x, verbose=0), x[:, -3:])


def test_a_level_survives_half_precision():
    x = np.full((1, 4, 1), 100_001.0, "float32")
    assert numpy(LastSteps(2, dtype="mixed_float16")(x)).ravel().tolist() == [100_001.0] * 2


def test_the_mask_goes_along_so_that_a_recurrent_layer_skips_the_same_steps():
    x = np.random.default_rng(0).normal(size=(2, 6, 1)).astype("float32")
    x[:, 4] = 0.0
    inputs = keras.Input((6, 1))
    gru = keras.layers.GRU(3)
    model = keras.Model(inputs, gru(LastSteps(4)(keras.layers.Masking(0.0)(inputs))))
    expected = gru(np.delete(x[:, 2:], 2, axis=1))
    np.testing.assert_allclose(model.predict(x, verbose=0), numpy(expected), rtol=1e-5, atol=1e-6)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="steps"):
        LastSteps(0)
    with pytest.raises(ValueError, match=r"takes \(batch, time, ...\)"):
        LastSteps(1)(np.ones(3))
