"""What differs by more than chance is called, and what does not seldom is."""

import numpy as np
import pytest

from keras_ts.evaluation.arithmetic.drift import (
    ends,
    level_and_step,
    most_by_chance,
    norms_of,
    run_lengths,
    some,
    spreads,
)


@pytest.mark.parametrize(("rows", "period", "lengths"), [
    (0, None, [1]), (9, 7, [1]), (60, None, [1, 2, 3, 5, 7]), (300, 1, [1, 2, 3, 5, 7, 14, 28, 56]),
    (130, 12, [1, 2, 3, 5, 8, 12, 24]),
])  # fmt: skip
def test_runs_are_whole_weeks_or_periods_or_shorter(rows, period, lengths):
    assert run_lengths(rows, period) == lengths


def test_spreads_are_those_of_all_runs():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 4, 40).astype(float)
    totals = rng.normal(size=40) * counts
    center = totals.sum() / counts.sum()
    for length, spread in zip(
        (1, 3, 9), spreads(np.stack([totals, counts]), (1, 3, 9)), strict=True
    ):
        runs = [slice(begin, begin + length) for begin in range(41 - length)]
        means = np.array([totals[run].sum() / counts[run].sum() for run in runs])
        expected = np.nan if length == 9 else np.sqrt(np.mean((means - center) ** 2))
        assert spread == pytest.approx(expected, nan_ok=True)
    assert np.isnan(spreads(np.zeros((2, 0)), (1, 2))).all()


def test_level_and_step_are_those_by_hand():
    series, times = np.array([0, 0, 0, 1, 1]), np.array([3, 4, 5, 4, 5])
    values = np.array([[1.0], [3.0], [np.nan], [10.0], [40.0]])
    norms = norms_of(series, values, 3)
    np.testing.assert_allclose(norms[:, 0], [[2, 2], [25, 30], [np.nan, np.nan]])
    level, step = level_and_step(series, times, values, norms[series])
    np.testing.assert_allclose(level, [[-0.5, 0.5 - 0.5, 0.5], [1, 2, 1]])
    np.testing.assert_allclose(step, [[0, 1, 1], [0, 1, 1]])
    assert some(5).tolist() == [0, 1, 2, 3, 4]
    assert len(np.unique(some(10**5))) == 1000


def test_without_a_spread_nothing_is_called():
    lengths = np.array([1, 10])
    assert most_by_chance(3.4, np.full(2, np.nan), lengths, 9, 7) == np.inf
    longer = most_by_chance(3.4, np.array([0.1, 0.01]), lengths, 90, 7)
    assert longer == most_by_chance(3.4, np.array([0.1]), lengths[:1], 90, 1)


def test_a_range_is_of_logarithms_or_ends_where_a_share_ends():
    assert ends("error", 2.0, 2 * np.log(2)) == pytest.approx((1, 4))
    low, high = ends("step", 1.0, np.inf)
    assert low < 1e-300
    assert high > 1e300
    assert ends("bias", 1.0, 2.0) == ends("level", 1.0, 2.0) == (-1, 3)
    assert ends("coverage", 0.8, 0.3) == pytest.approx((0.5, 1))


@pytest.mark.parametrize(("rows", "lasting"), [(20, 0.0), (60, 0.0), (60, 0.6), (400, 0.8)])
def test_a_measure_that_does_not_change_is_called_once_in_a_thousand_looks(rows, lasting):
    """Each of five measures may take so much of the one call in 200; runs of seven rows."""
    rng, draws = np.random.default_rng(0), 2000
    noise = rng.normal(size=(draws, rows + 100 + 7))
    for row in range(1, noise.shape[1]):
        noise[:, row] += lasting * noise[:, row - 1]
    lengths, calls = np.array(run_lengths(rows, 7)), 0
    for values in noise:
        past = values[:rows]
        most = most_by_chance(
            3.4, spreads(np.stack([past, np.ones(rows)]), lengths), lengths, rows, 7
        )
        calls += abs(values[-7:].mean() - past.mean()) > most
    assert calls <= 5  # One in 1000, and chance.
