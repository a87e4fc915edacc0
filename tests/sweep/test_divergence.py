"""A sweep stops soon after an explosion, and for nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.sweep.smoothing import (
    WINDOW,
)
from sweep_curves import RATES, first_stop, outlying, u_shape


def test_divergence_counts_from_the_fall_and_not_from_zero():
    stop = first_stop(u_shape())
    assert RATES[stop] > 0.05
    for shift, scale in ((-5.0, 1.0), (100.0, 1.0), (0.0, 30.0)):
        assert first_stop(scale * u_shape() + shift) == stop
    flat = 1 + 0.01 * np.random.default_rng(1).normal(size=300)
    assert first_stop(flat) is None
    assert first_stop(np.linspace(1, 0, 300)) is None


def test_a_low_first_loss_stops_nothing():
    """The first loss by chance lower than all that follow, as happened in one sweep of 200."""
    losses = [0.35, 0.61, 0.65, 0.38, 0.78, 0.78, 0.77, 0.77, 0.76, 0.82, 0.7, 0.6]
    assert first_stop(losses) is None


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


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 9))
def test_the_stop_follows_shift_and_scale(scale, shift, seed):
    losses = u_shape(0.01, seed)
    losses[[3, 40, 41]] += 50
    assert first_stop(scale * losses + shift) == first_stop(losses)


def test_a_jump_that_lasts_is_an_explosion_after_half_a_window():
    losses = np.concatenate([1 + 0.01 * np.random.default_rng(0).normal(size=50), [50.0] * 20])
    assert first_stop(losses) == 50 + WINDOW // 2
