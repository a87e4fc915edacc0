"""Margins are order statistics; the interval of a coverage is as wide as runs make it."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keras_ts.evaluation.arithmetic.coverage import (
    class_margins,
    coverage_of,
    differing_halves,
    floors,
    joined_classes,
    ranked,
    windows_needed,
)
from keras_ts.evaluation.arithmetic.verdict import Origins
from keras_ts.windows.scale import window_scales


def margins(scores, coverage):
    return ranked(scores, (coverage,))[..., 0]


@given(
    count=st.integers(1, 200), coverage=st.sampled_from([0.1, 0.5, 0.8, 0.9, 0.95, 0.99]),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_margins_are_the_least_that_hold_the_share(count, coverage, seed):
    scores = np.random.default_rng(seed).permutation(count).astype(float)
    assume(count >= windows_needed(coverage))
    margin = margins(scores, coverage)
    # Of count + 1 errors that can be exchanged, the new one is held if it is not above the margin:
    # the share of ranks at or below the margin's.
    rank = margin + 1
    assert rank / (count + 1) >= coverage - 1e-9
    assert (rank - 1) / (count + 1) < coverage


@pytest.mark.parametrize(("coverage", "needed"), [(0.8, 4), (0.95, 19), (0.5, 1), (0.99, 99)])
def test_windows_needed(coverage, needed):
    assert windows_needed(coverage) == needed


def test_each_step_and_target_has_its_own_margin():
    scores = np.random.default_rng(0).normal(size=(50, 3, 2)) * np.arange(1, 7).reshape(3, 2)
    together = margins(scores, 0.8)
    for step in range(3):
        for target in range(2):
            assert together[step, target] == margins(scores[:, step, target], 0.8)


def test_each_class_has_its_own_margin():
    scores = np.arange(20.0).reshape(10, 1, 2)
    classes = np.array([[0, 1]] * 5 + [[1, 0]] * 5)
    margin = class_margins(scores, classes, 2, 0.6)
    assert margin.shape == (2, 1, 2)
    assert margin[:, 0].tolist() == [[6.0, 17.0], [16.0, 7.0]]


@pytest.mark.parametrize(
    ("counts", "bounds"),
    [
        ((4, 4, 4), (1, 2, 8)),
        ((3, 4, 4), (1, 8)),
        ((2, 2, 4), (1, 8)),
        ((4, 3, 1), (1, 2)),
        ((4, 4, 3), (1, 2)),
        ((4, 0, 3), (1,)),
        ((1, 1, 1), (1,)),
    ],
)
def test_classes_with_too_few_scores_are_joined_to_the_next(counts, bounds):
    """A coverage of 0.8 needs four at each step; a missing one is none."""
    classes = np.repeat(np.arange(3), counts)[:, None]
    scores = np.ones((len(classes), 2, 1))
    assert joined_classes(scores, classes, (1, 2, 8), 0.8) == bounds
    scores[0, 1] = np.nan
    if counts == (4, 4, 4):
        assert joined_classes(scores, classes, (1, 2, 8), 0.8) == (1, 8)


def test_scales_of_windows():
    past = np.array([[1.0, 3.0, 2.0, 2.0], [5.0, 5.0, 5.0, 5.0], [1.0, np.nan, 2.0, 6.0]])
    scales = window_scales(past[..., None])
    assert scales.tolist() == [[1.0], [0.0], [4.0]]
    assert floors(scales).tolist() == [1.0]
    assert floors(np.zeros((3, 2))).tolist() == [1.0, 1.0]


def windows(count, overlap, generator, persistence=0.0, factor=1.0):
    """Return the errors of forecasts made one after another, whose targets overlap.

    Those of a step are moving sums of noise that is correlated itself; those of the last half are
    larger by a factor.
    """
    noise = generator.normal(size=count + overlap + 50)
    for place in range(1, len(noise)):
        noise[place] = persistence * noise[place - 1] + noise[place] * np.sqrt(1 - persistence**2)
    targets = np.lib.stride_tricks.sliding_window_view(noise[50:], overlap)[:count]
    errors = np.abs(np.cumsum(targets, axis=1))
    errors[count // 2 :] *= factor
    return errors


def at_times(inside):
    """Return how many values lie inside at each time, and how many there are."""
    return np.stack([inside.sum(axis=1), np.full(len(inside), inside.shape[1])]).astype(float)


def measured(inside, overlap):
    """Return the coverage of windows, ``([series, ]times, values)``."""
    series, times = (
        np.indices(inside.shape[:-1]) if inside.ndim > 2 else (0, np.arange(len(inside)))
    )
    series, times = np.broadcast_arrays(series, times)
    origins = Origins(series.ravel(), times.ravel(), overlap, overlap)
    held = inside.sum(axis=-1).ravel().astype(float)
    return coverage_of(0.8, np.stack([held, np.full(len(held), inside.shape[-1])]), origins)


@pytest.mark.parametrize(("count", "overlap"), [(120, 1), (250, 7), (250, 24), (600, 24)])
@pytest.mark.parametrize("persistence", [0.0, 0.9])
def test_chance_makes_no_change_more_than_one_time_in_twenty(count, overlap, persistence):
    """The margins are read off the very errors, as ``calibrate`` does."""
    generator, alarms = np.random.default_rng(0), 0
    for _ in range(200):
        errors = windows(count, overlap, generator, persistence)
        inside = errors <= np.quantile(errors, 0.8, axis=0)
        alarms += differing_halves(at_times(inside), overlap) is not None
    # Of 200 at 5 %, fewer than 1 % of all draws are above 18.
    assert alarms <= 18


def test_a_change_is_found():
    generator, found = np.random.default_rng(0), []
    for _ in range(40):
        errors = windows(400, 7, generator, factor=2.0)
        inside = errors <= np.quantile(errors, 0.8, axis=0)
        found.append(differing_halves(at_times(inside), 7))
    shares = np.array([halves for halves in found if halves is not None])
    assert len(shares) >= 36
    assert (shares[:, 0] > shares[:, 1]).all()
    np.testing.assert_allclose(shares.mean(axis=1), 0.8, atol=0.01)


@pytest.mark.parametrize("count", [1, 7, 40])
def test_few_times_tell_nothing(count):
    inside = np.arange(count)[:, None] < count / 2
    assert differing_halves(at_times(inside), overlap=12) is None


@pytest.mark.parametrize(("count", "overlap"), [(120, 1), (250, 7), (600, 24)])
@pytest.mark.parametrize("persistence", [0.0, 0.9])
def test_the_interval_holds_the_true_coverage(count, overlap, persistence):
    generator = np.random.default_rng(0)
    limits = np.quantile(windows(40000, overlap, generator, persistence), 0.8, axis=0)
    held = 0
    for _ in range(200):
        coverage = measured(windows(count, overlap, generator, persistence) <= limits, overlap)
        assert 0 <= coverage.low <= coverage.share <= coverage.high <= 1
        # No more than there are values to forecast, however many windows forecast each.
        assert 1 <= coverage.independent <= count + overlap - 1
        held += coverage.low <= 0.8 <= coverage.high
    assert held >= 178


@pytest.mark.parametrize(("series", "count", "overlap"), [(30, 30, 14), (30, 84, 14), (8, 30, 1)])
@pytest.mark.parametrize(("shared", "least"), [(0.0, 178), (0.3, 170), (0.7, 160)])
def test_errors_that_series_share_widen_the_interval(series, count, overlap, shared, least):
    """Blind to them, the interval of 30 series, 30 origins and 0.7 held 80 % in 28 of 100 cases."""
    generator, held = np.random.default_rng(0), 0
    limits = np.sqrt(np.arange(1, overlap + 1)) * 1.2816
    for _ in range(200):
        common, own = (generator.normal(size=(n, count + overlap - 1)) for n in (1, series))
        noise = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
        targets = np.lib.stride_tricks.sliding_window_view(noise, overlap, axis=1)
        coverage = measured(np.abs(np.cumsum(targets, axis=2)) <= limits, overlap)
        held += coverage.low <= 0.8 <= coverage.high
    assert held >= least


def test_independent_values_are_counted():
    inside = np.random.default_rng(0).random((2000, 1)) < 0.8
    coverage = measured(inside, 1)
    assert 1300 < coverage.independent <= 2000
    # Each value ten times over is worth no more.
    np.testing.assert_allclose(measured(np.repeat(inside, 10, axis=1), 1), coverage)
    fewer = measured(np.repeat(inside[:200], 10, axis=0), 10)
    assert 80 < fewer.independent < 400


def test_series_that_differ_count_as_one_value_each():
    """Half of 20 series is always inside and half never: 20 coin tosses, whatever the length."""
    inside = np.repeat(np.arange(20) < 10, 100).reshape(20, 100, 1)
    coverage = measured(inside, 1)
    assert coverage.share == 0.5
    assert 12 < coverage.independent < 21


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_or_none(share):
    coverage = measured(np.full((50, 1), share), 1)
    assert coverage.share == share
    assert 0.0 < coverage.high - coverage.low < 0.5
    assert measured(np.full((8, 5, 1), share), 2).share == share
