"""Schedules reach both ends by equal factors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.sweep.schedule import GeometricSchedule


@given(st.floats(1e-9, 1e-2), st.floats(1.5, 1e8), st.integers(2, 500))
def test_schedule_reaches_both_ends_by_equal_factors(start, factor, steps):
    end = start * factor
    rates = np.array([GeometricSchedule(start, end, steps).rate(i) for i in range(steps)])
    assert rates[0] == start
    assert rates[-1] == end
    np.testing.assert_allclose(
        rates[1:] / rates[:-1], (end / start) ** (1 / (steps - 1)), rtol=1e-6
    )


def test_schedule_of_the_course():
    ladder = GeometricSchedule(1e-8, per_decade=20)
    np.testing.assert_allclose(
        [ladder.rate(i) for i in range(100)],
        [1e-8 * 10 ** (i / 20) for i in range(100)],
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "Received neither"),
        ({"end": 1.0, "per_decade": 20}, "Received both"),
        ({"end": 1e-9, "steps": 10}, "end_lr must be larger than start_lr"),
        ({"end": 1.0, "steps": 1}, "steps must be >= 2"),
        ({"per_decade": 0}, "steps_per_decade must be > 0"),
    ],
)
def test_schedule_misuse(settings, says):
    with pytest.raises(ValueError, match=says):
        GeometricSchedule(1e-8, **settings)
