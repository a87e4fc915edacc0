"""Missing values are parted from the others."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keras_ts.windows.arithmetic.parted import parted
from keras_ts.windows.arithmetic.scale import window_scales

SHAPES = st.tuples(st.integers(1, 3), st.integers(2, 6), st.integers(1, 3))
NUMBERS = st.floats(-1e3, 1e3, width=32) | st.sampled_from([np.nan, np.inf, -np.inf])


@given(arrays.arrays(np.float32, SHAPES, elements=NUMBERS))
def test_values_and_places_are_those_of_a_plain_test(values):
    whole, missing = parted(values)
    np.testing.assert_array_equal(missing, ~np.isfinite(values))
    np.testing.assert_array_equal(whole, np.where(np.isfinite(values), values, 0))


@given(arrays.arrays(np.float32, SHAPES, elements=NUMBERS))
def test_the_scale_of_a_window_is_the_mean_of_its_whole_steps(past):
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(past.astype(float), axis=1))
    scales = window_scales(past)
    for window, column in np.ndindex(len(past), past.shape[2]):
        whole = [step for step in steps[window, :, column] if np.isfinite(step)]
        wanted = sum(whole) / len(whole) if whole else 0
        np.testing.assert_allclose(scales[window, column], wanted, rtol=1e-5, atol=1e-3)
