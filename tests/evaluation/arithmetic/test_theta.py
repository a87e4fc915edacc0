"""The theta method of many windows equals a slow loop over each, and shows a season."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.evaluation.arithmetic.theta import theta

pytestmark = pytest.mark.backend_free
WEIGHTS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99]


def errors(values, weight, share, first):
    """Return the one-step errors of one window and its last level, by the formula, in a loop."""
    steps = np.arange(1, len(values) + 1)
    slope, intercept = np.polyfit(steps, values, 1) if len(values) > 1 else (0.0, values[0])
    level, found = first, []
    for place, value in enumerate(values):
        drift = (1 - (1 - weight) ** (place + 1)) / weight
        found.append(value - level - share * ((1 - weight) ** place * intercept + drift * slope))
        level = weight * value + (1 - weight) * level
    return np.array(found), level, intercept, slope


def slowly(values, steps):
    """Return the forecasts of one window without a season."""
    best, made = np.inf, None
    for weight in WEIGHTS:
        rest = errors(values, weight, 0.0, 0.0)[0]
        trend, begin = (rest - errors(values, weight, *one)[0] for one in ((1.0, 0.0), (0.0, 1.0)))
        share = np.linalg.lstsq(np.stack([trend, begin], axis=1), rest, rcond=None)[0][0]
        share = np.clip(share, 0.0, 1.0)
        first = (rest - share * trend) @ begin / (begin @ begin)
        left, level, intercept, slope = errors(values, weight, share, first)
        if left @ left < best * (1 - 1e-9):
            power = (1 - weight) ** len(values)
            total = (1 - (1 - weight) ** (len(values) + 1)) / weight
            ahead = np.arange(steps) + total
            best, made = left @ left, level + share * (power * intercept + ahead * slope)
    return made


@given(st.integers(0, 1000), st.integers(4, 25), st.sampled_from([0.0, 0.5]))
def test_many_windows_equal_a_loop_over_each(seed, inputs, drift):
    draw = np.random.default_rng(seed)
    windows = draw.normal(drift, 1.0, size=(5, inputs)).cumsum(axis=1) + 30
    starts = draw.integers(0, inputs - 3, size=5)
    made = theta(windows, starts, np.arange(1, 6), None)
    expected = [slowly(row[start:], 5) for row, start in zip(windows, starts, strict=True)]
    np.testing.assert_allclose(made, expected, rtol=1e-6)


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0], [5.0] * 9, [0.0] * 12])
def test_a_constant_goes_on(values):
    made = theta(np.array([values]), np.array([0]), np.arange(1, 4), None)
    np.testing.assert_allclose(made, values[0])


@given(st.integers(0, 1000), st.floats(-1e3, 1e3), st.floats(0.01, 100))
def test_a_forecast_moves_with_location_and_scale(seed, location, scale):
    windows = np.random.default_rng(seed).normal(size=(3, 16)).cumsum(axis=1)
    plain, moved = (
        theta(values, np.zeros(3, int), np.arange(1, 4), None)
        for values in (windows, location + scale * windows)
    )
    np.testing.assert_allclose(moved, location + scale * plain, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("period", [3, 4, 7])
@pytest.mark.parametrize("grows", [False, True])
def test_an_exact_season_is_forecast_exactly(period, grows):
    season = np.random.default_rng(period).uniform(0.5, 1.5, period)
    season += 1 - season.mean()
    steps = np.arange(4 * period + 6)
    phases = season[steps % period]
    # Below zero, the season is added.
    series = 20 * phases if grows else 5 * phases - 20
    made = theta(series[None, :-6], np.array([0]), np.arange(1, 7), period)
    np.testing.assert_allclose(made[0], series[-6:], rtol=1e-9)


def test_noise_has_a_season_one_time_in_ten():
    windows = np.random.default_rng(0).normal(size=(2000, 48)) + 50
    with_period = theta(windows, np.zeros(2000, int), np.arange(1, 3), 4)
    without = theta(windows, np.zeros(2000, int), np.arange(1, 3), None)
    assert 0.04 < np.mean((with_period != without).any(axis=1)) < 0.12
