"""Baselines forecast as their names say; the regression is the ridge that its formula says."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.evaluation.baselines import (
    LinearAutoregression,
    drift,
    filled,
    moving_average,
    naive,
    periods_back,
)

AHEAD = np.array([3, 4])  # A horizon of 2 behind a gap of 2.


def test_baselines_by_hand():
    past = np.array([[[1.0, 8.0], [3.0, 4.0], [5.0, 6.0]]])
    assert naive(past, AHEAD).tolist() == [[[5.0, 6.0], [5.0, 6.0]]]
    assert moving_average(past, AHEAD).tolist() == [[[3.0, 6.0], [3.0, 6.0]]]
    # The first column rises by 4 in 2 inputs, 6 positions; the second falls by 2.
    slopes = np.array([4.0, -2.0]) / 6
    expected = [[[5, 6] + 3 * slopes, [5, 6] + 4 * slopes]]
    np.testing.assert_allclose(drift(past, AHEAD, 3), expected)


def test_missing_values_are_the_last_known_one_or_the_first():
    nan = np.nan
    past = np.array([[[nan, 1.0], [2.0, nan], [nan, nan], [3.0, 4.0]], [[nan, nan]] * 4])
    expected = [[[2.0, 1.0], [2.0, 1.0], [2.0, 1.0], [3.0, 4.0]], [[nan, nan]] * 4]
    np.testing.assert_array_equal(filled(past), expected)


def test_drift_of_one_input_is_naive():
    past = np.array([[[2.0]], [[3.0]]])
    assert drift(past, AHEAD, 1).tolist() == naive(past, AHEAD).tolist()


@given(st.integers(1, 20), st.integers(1, 12), st.integers(0, 5))
def test_the_season_before_is_known_and_in_phase(horizon, season, gap):
    ahead = gap + np.arange(1, horizon + 1)
    back = periods_back(ahead, season)
    assert ((ahead + back) % season == 0).all()
    assert ((back >= 0) & (back < season)).all()


def test_linear_autoregression_is_a_ridge_with_the_means_taken_off():
    rng = np.random.default_rng(1)
    past, actual = rng.normal(1e6, 3.0, (200, 5, 2)), rng.normal(-1e6, 3.0, (200, 3, 2))
    actual[:, 0] += past[:, -1] - past[:, 0]
    linear = LinearAutoregression(5, 3, 2)
    for begin in range(0, 200, 70):
        linear.add(past[begin : begin + 70], actual[begin : begin + 70])
    linear.add(past[:0], actual[:0])
    linear.fit()
    forecast = linear.predict(past)
    for target in range(2):
        x, y = past[..., target], actual[..., target]
        centred = x - x.mean(axis=0)
        gram = centred.T @ centred
        penalty = 1e-3 * np.trace(gram) / 5 * np.eye(5)
        weights = np.linalg.solve(gram + penalty, centred.T @ (y - y.mean(axis=0)))
        expected = centred @ weights + y.mean(axis=0)
        np.testing.assert_allclose(forecast[..., target], expected, rtol=0, atol=1e-6)


def test_linear_autoregression_of_a_constant_series_is_the_constant():
    linear = LinearAutoregression(3, 1, 1)
    linear.add(np.full((9, 3, 1), 7.0), np.full((9, 1, 1), 7.0))
    linear.fit()
    assert linear.predict(np.full((1, 3, 1), 7.0)).tolist() == [[[7.0]]]
