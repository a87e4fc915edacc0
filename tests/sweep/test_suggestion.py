"""Rules see a curve's shape and nothing else: no outlier, no shift, no scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.sweep import suggestion
from keras_ts.sweep.suggestion import WINDOW
from sweep_curves import RATES, first_stop, outlying, u_shape


def suggest(rates, losses, smoothing, rule):
    return suggestion.suggest(rates, losses, smoothing, 4.0, rule)


@pytest.mark.parametrize("rule", ["valley", "minimum"])
@given(shift=st.floats(-1e3, 1e3), scale=st.floats(1e-3, 1e3))
def test_suggestions_do_not_mind_shift_and_scale(rule, shift, scale):
    losses = u_shape(0.01)
    want = suggest(RATES, losses, 0.9, rule)
    got = suggest(RATES, scale * losses + shift, 0.9, rule)
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("rule", ["valley", "minimum"])
def test_noise_moves_a_suggestion_by_less_than_half_a_decade(rule):
    clean = suggest(RATES, u_shape(), 0.9, rule)
    drift = [
        abs(np.log10(suggest(RATES, u_shape(0.01, seed), 0.9, rule) / clean)) for seed in range(50)
    ]
    assert np.mean(np.array(drift) < 0.5) >= 0.9


def test_valley_lies_before_the_bottom_and_past_the_fall():
    rate = suggest(RATES, u_shape(), 0.9, "valley")
    assert 1e-3 < rate < RATES[u_shape().argmin()]


def test_curves_without_a_suggestion_say_why():
    with pytest.raises(ValueError, match=r"needs 10 finite losses. The sweep begins with 3"):
        suggest(RATES[:3], [3.0, 2.0, 1.0], 0.9, "valley")
    with pytest.raises(
        ValueError, match=r"The sweep begins with 0, and is not finite from rate 1e-06 on"
    ):
        suggest(RATES, [np.nan] * 120, 0.9, "valley")
    with pytest.raises(ValueError, match="never falls below its value at the first rate"):
        suggest(RATES, np.linspace(1, 2, 120), 0.9, "valley")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_suggestions_lie_below_the_first_rate_that_is_not_finite(bad):
    losses = u_shape()
    losses[70:] = bad
    for rule in suggestion.RULES:
        assert suggest(RATES, losses, 0.9, rule) < RATES[70]


NOISES = {
    "normal": lambda random, n: random.normal(size=n),
    "heavy tails": lambda random, n: random.standard_t(3, size=n),
    "lopsided": lambda random, n: np.exp(random.normal(size=n)),
}


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("points", [10, 30, 120])
def test_no_rate_is_named_on_pure_noise(noise, points):
    """The few in a hundred that look like a fall by chance are all there may be."""
    named = 0
    for seed in range(100):
        losses = NOISES[noise](np.random.default_rng(seed), points)
        try:
            suggest(RATES[:points], losses, 0.9, "valley")
            named += 1
        except ValueError:
            pass
    assert named <= 6


@pytest.mark.parametrize("noise", NOISES)
def test_a_fall_is_told_from_noise(noise):
    """One twice as deep as the noise is wide, or, in twenty points, much deeper."""
    for seed in range(50):
        draws = NOISES[noise](np.random.default_rng(seed), len(RATES))
        width = np.subtract(*np.quantile(draws, [0.9, 0.1]))
        assert 1e-5 < suggest(RATES, u_shape() + 0.4 * draws / width, 0.9, "valley") < 0.1
    few = RATES[::6]
    assert 1e-4 < suggest(few, u_shape(0.01)[::6], 0.9, "valley") < 0.1


def test_a_level_loss_says_so():
    with pytest.raises(ValueError, match=r"loss never falls|no further than its noise"):
        suggest(RATES, np.ones(len(RATES)), 0.9, "valley")
    noise = np.random.default_rng(1).normal(size=len(RATES))
    with pytest.raises(
        ValueError, match=r"the rates 1e-06 and 1 the loss falls no further than its noise would"
    ):
        suggest(RATES, noise, 0.9, "valley")


@pytest.mark.parametrize("rule", ["valley", "minimum"])
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
    want = suggestion.suggest(RATES[: len(losses)], losses, 0.9, 4.0, rule)
    got = suggestion.suggest(RATES[: len(losses)], spoilt, 0.9, 4.0, rule)
    assert abs(np.log10(got / want)) < 0.5


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
