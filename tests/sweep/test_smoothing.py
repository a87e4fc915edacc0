"""Smoothing leaves outliers out, and all else as it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.sweep.suggestion import (
    before_divergence,
    level_curve,
    moving_average,
    usable,
    without_outliers,
)

finite = st.floats(-1e6, 1e6)


# Powers of two, and multiples of them: the arithmetic on them is exact.
grid = st.integers(-1000, 1000).map(lambda n: n / 8)


@given(st.lists(grid, min_size=1, max_size=40), st.integers(-3, 6), grid)
def test_cleaning_follows_shift_and_scale(losses, power, shift):
    scale = 2.0**power
    want = scale * without_outliers(losses) + shift
    np.testing.assert_array_equal(without_outliers(scale * np.array(losses) + shift), want)


@given(st.lists(finite, min_size=1, max_size=40), st.sampled_from([np.nan, np.inf]))
def test_what_is_not_finite_stays_and_so_does_all_after_it(losses, bad):
    whole = [*losses, bad, 5.0, 1e9]
    assert usable(whole) == len(losses)
    cleaned = without_outliers(whole)
    np.testing.assert_array_equal(cleaned[:-3], without_outliers(losses))
    np.testing.assert_array_equal(cleaned[-3:], whole[-3:])


def test_a_fall_and_a_valley_are_no_outliers():
    """A loss that falls or turns within a few rates widens the spread around it."""
    slope = np.linspace(1, 0, 40)
    np.testing.assert_array_equal(without_outliers(slope), slope)
    turn = np.abs(np.arange(40) - 20.0)
    np.testing.assert_array_equal(without_outliers(turn), turn)
    fall = np.where(np.arange(40) < 20, 1.0, 0.2)
    np.testing.assert_array_equal(without_outliers(fall), fall)


def test_high_losses_at_the_end_may_be_an_explosion():
    losses = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 50.0, 60.0]
    assert without_outliers(losses).max() == 1.0
    assert before_divergence(losses, 0.9, None).tolist() == losses
    lows = [*losses[:9], -50.0]
    assert before_divergence(lows, 0.9, None).min() == pytest.approx(0.2)


def test_smoothing_from_both_sides_is_not_late():
    """A fall has the same middle in the curve, half a window later in the moving average."""
    losses = np.where(np.arange(100) < 50, 1.0, 0.0)
    assert (level_curve(losses, 0.9) > 0.5).sum() == 50
    assert (moving_average(losses, 0.9) > 0.5).sum() > 54
