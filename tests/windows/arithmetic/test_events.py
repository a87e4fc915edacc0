"""An error returns if most of those at its phase are alike, and larger than noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.windows.arithmetic.events import returning


def by_definition(phases, left):
    """The same, a phase and an output at a time."""
    distinct = sorted(set(phases.tolist()))
    table = {}
    for phase in distinct:
        for output in range(left.shape[1]):
            errors = sorted(left[phases == phase, output].tolist())
            middle = [errors[(len(errors) - 1) // 2], errors[len(errors) // 2]]
            one_way = min(middle) > 0 or max(middle) < 0
            median = min(middle, key=abs) if one_way and len(errors) > 1 else 0.0
            bound = np.std(left[:, output]) * np.sqrt(2 * np.log(len(distinct)))
            if abs(median) > bound:
                table.setdefault(phase, [0.0] * left.shape[1])[output] = median
    return table


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 8), st.floats(0.5, 6))
def test_the_medians_and_the_threshold_are_those_of_the_definition(seed, rows, count, power):
    """Errors with tails of many weights, so that some phases are found and others not."""
    generator = np.random.default_rng(seed)
    phases = generator.integers(0, count, rows) * 3
    left = generator.normal(size=(rows, 2)) ** 3 * power
    left += np.where(phases == 3, 3 * power, 0.0)[:, None]
    found, effects = returning(phases, left)
    expected = by_definition(phases, left)
    assert found.tolist() == sorted(expected)
    np.testing.assert_array_equal(effects, [expected[phase] for phase in sorted(expected)] or
                                  np.empty((0, 2)))  # fmt: skip


def days(years=3, seed=0):
    noise = np.random.default_rng(seed).normal(size=(365 * years, 1))
    return np.arange(365 * years) % 365, noise


def test_one_day_of_each_year_is_found():
    phases, left = days()
    left[phases == 358] -= 9
    found, effects = returning(phases, left)
    assert found.tolist() == [358]
    assert effects == pytest.approx(np.median(left[phases == 358]))


@pytest.mark.parametrize("errors", [[9, 0, 0], [9, -9, 0], [0, 9, -9]])
def test_what_does_not_return_is_no_event(errors):
    phases, left = days()
    left[phases == 100, 0] += errors
    assert returning(phases, left)[0].tolist() == []


def test_two_of_three_are_enough_and_one_alone_is_not():
    phases, left = days()
    left[phases == 100, 0] += [9, 0, 9]
    assert returning(phases, left)[0].tolist() == [100]
    first = phases[:365], left[:365]
    assert returning(*first)[0].tolist() == []


def test_noise_has_no_events():
    """Of fifty series of noise, at most one has an event that is none."""
    told = [len(returning(*days(years, seed))[0]) for seed in range(25) for years in (2, 3)]
    assert sum(told) <= 1


def test_nothing_comes_of_nothing():
    found, effects = returning(np.zeros(0, int), np.zeros((0, 2)))
    assert (found.shape, effects.shape) == ((0,), (0, 2))
    found, effects = returning(np.arange(20) % 5, np.zeros((20, 2)))
    assert (found.shape, effects.shape) == ((0,), (0, 2))
