"""Outlying losses move neither the smoothed curve, nor the stop, nor the suggestion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.sweep import suggestion
from keras_ts.sweep.smoothing import (
    WINDOW,
    Smoother,
    level_curve,
    moving_average,
    usable,
    without_inner_outliers,
    without_outliers,
)
from sweep_curves import RATES, first_stop, outlying, u_shape

finite = st.floats(-1e6, 1e6)
# Powers of two, and multiples of them: the arithmetic on them is exact.
grid = st.integers(-1000, 1000).map(lambda n: n / 8)


@given(outlying(), st.integers(0, 9))
def test_outliers_do_not_move_the_stop(outliers, seed):
    losses = u_shape(0.01, seed)
    places, sizes = outliers
    spoilt = losses.copy()
    spoilt[places] += sizes
    want = first_stop(losses)
    assert 90 < want < 114
    # One of the losses that the explosion begins with may be spoilt, and then tells less.
    assert want - 2 <= first_stop(spoilt) <= want + 2


@pytest.mark.parametrize("rule", ["valley", "steepest", "minimum"])
@given(outlying(), st.integers(0, 9))
def test_outliers_move_a_suggestion_by_less_than_half_a_decade(rule, outliers, seed):
    losses = u_shape(0.01, seed)
    losses = losses[: first_stop(losses) + 1]
    places, sizes = outliers
    spoilt = losses.copy()
    within = [
        (place, size) for place, size in zip(places, sizes, strict=True) if place < len(spoilt)
    ]
    for place, size in within:
        spoilt[place] += size
    want = suggestion.suggest(RATES[: len(losses)], [losses], 0.9, 4.0, rule)
    got = suggestion.suggest(RATES[: len(losses)], [spoilt], 0.9, 4.0, rule)
    assert abs(np.log10(got / want)) < 0.5


@given(outlying(), st.integers(0, 4))
def test_an_outlier_in_one_repeat_is_none_of_the_mean(outliers, repeat):
    """A few per cent of each of five repeats are more than a few of their mean."""
    repeats = np.array([u_shape(0.01, seed) for seed in range(5)])[:, :96]
    want = suggestion.suggest(RATES[:96], repeats, 0.9, 4.0, "valley")
    for run in range(5):
        for place, size in zip(*outliers, strict=True):
            repeats[run, (place + 16 * run) % 96] += size if run != repeat else 0.0
    got = suggestion.suggest(RATES[:96], repeats, 0.9, 4.0, "valley")
    assert abs(np.log10(got / want)) < 0.5
    low, high = suggestion.interval(RATES[:96], repeats, 0.9, 4.0, "valley")
    assert abs(np.log10(low / want)) < 0.5
    assert abs(np.log10(high / want)) < 0.5


@given(st.lists(grid, min_size=1, max_size=40), st.integers(-3, 6), grid)
def test_cleaning_follows_shift_and_scale(losses, power, shift):
    scale = 2.0**power
    want = scale * without_outliers(losses) + shift
    np.testing.assert_array_equal(without_outliers(scale * np.array(losses) + shift), want)


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 9))
def test_the_stop_follows_shift_and_scale(scale, shift, seed):
    losses = u_shape(0.01, seed)
    losses[[3, 40, 41]] += 50
    assert first_stop(scale * losses + shift) == first_stop(losses)


@given(st.lists(finite | st.sampled_from([np.nan, np.inf, -np.inf]), max_size=40),
       st.sampled_from([0.0, 0.5, 0.9]))  # fmt: skip
def test_losses_one_by_one_are_smoothed_as_all_at_once(losses, smoothing):
    smoother = Smoother(smoothing)
    for end, loss in enumerate(losses, 1):
        smoother.add(loss)
        want = moving_average(without_outliers(losses[:end]), smoothing)
        np.testing.assert_array_equal(smoother.smoothed, want)


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


def test_a_jump_that_lasts_is_an_explosion_after_half_a_window():
    losses = np.concatenate([1 + 0.01 * np.random.default_rng(0).normal(size=50), [50.0] * 20])
    assert first_stop(losses) == 50 + WINDOW // 2


def test_high_losses_at_the_end_may_be_an_explosion():
    losses = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 50.0, 60.0]
    assert without_outliers(losses).max() == 1.0
    assert without_inner_outliers(losses).tolist() == losses
    lows = [*losses[:9], -50.0]
    assert without_inner_outliers(lows).min() == pytest.approx(0.2)


def test_smoothing_from_both_sides_is_not_late():
    """A fall has the same middle in the curve, half a window later in the moving average."""
    losses = np.where(np.arange(100) < 50, 1.0, 0.0)
    assert (level_curve(losses, 0.9) > 0.5).sum() == 50
    assert (moving_average(losses, 0.9) > 0.5).sum() > 54


@pytest.mark.parametrize("after", [0.3, 0.5])
def test_the_steepest_fall_is_not_that_from_an_explosion(after):
    """A loss that rises to a plateau and falls again, as one that saturates does."""
    losses = 1 - 0.8 / (1 + np.exp(-0.15 * (np.arange(120) - 40)))
    losses[70:80] = 0.95
    losses[80:] = 0.2 + after
    rate = suggestion.suggest(RATES, [losses], 0.9, 4.0, "steepest")
    assert RATES[30] < rate < RATES[50]
