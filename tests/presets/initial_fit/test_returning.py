"""What returns is told by date, and in a panel by most series at it."""

import numpy as np
import pytest

from keras_ts.presets.initial_fit.events import Errors

PHASES = np.tile(np.arange(365), 3)


def noise(rows=365 * 3, steps=2):
    return np.random.default_rng(0).normal(size=(rows, steps, 1))


def test_what_is_taken_off_returns_no_more():
    errors = noise()
    errors[PHASES == 100] += 20
    left = Errors(errors, np.arange(len(errors)), None)
    effects = left.returning(PHASES)
    assert np.flatnonzero(effects.any(axis=(1, 2))).tolist() == [100]
    left.take_off(effects[PHASES])
    assert not left.returning(PHASES).any()


@pytest.mark.parametrize(("sharing", "found"), [(6, [100]), (4, [100]), (3, [])])
def test_most_series_must_show_what_their_median_shows(sharing, found):
    date = np.repeat(np.arange(len(PHASES)), 6)
    of_rows = noise(len(date))
    of_rows[(PHASES[date] == 100) & (np.arange(len(date)) % 6 < sharing)] += 20
    at_date = noise()
    at_date[PHASES == 100] += 20
    left = Errors(at_date, date, of_rows)
    effects = left.returning(PHASES)
    assert np.flatnonzero(effects.any(axis=(1, 2))).tolist() == found
    left.take_off(effects[PHASES])
    shown = left.of_rows[PHASES[date] == 100]
    assert (np.median(shown) < 5) == bool(found and sharing > 5) or sharing < 5


def test_of_few_numbers_picked_among_many_chance_is_that_of_many():
    errors = noise()
    errors[PHASES == 100] += 3.0
    few = np.where(PHASES == 100, 0, 1)
    left = Errors(errors, np.arange(len(errors)), None)
    assert left.returning(few).any()
    assert not left.returning(few, among=10**6).any()
