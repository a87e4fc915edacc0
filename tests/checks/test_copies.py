"""A column that holds a target's later values is found, and no other is taken for one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keras_ts.checks.disguise import find_copy

OFFSETS = np.array([0, 60, 65, 165])
SERIES = np.repeat([0, 1, 2], np.diff(OFFSETS))
VALUES = np.random.default_rng(0).normal(size=165).cumsum()


def shifted(values, ahead, fill=0.0):
    """Return the values some rows on, in each series."""
    parts = []
    for begin, end in pairwise(OFFSETS):
        part = np.full(end - begin, fill)
        for row in range(end - begin):
            if begin <= begin + row + ahead < end:
                part[row] = values[begin + row + ahead]
        parts.append(part)
    return np.concatenate(parts)


def found(column, source, known, farthest=12):
    return find_copy(np.stack([column, source], axis=1), OFFSETS, 0, 1, known, farthest)


@given(st.integers(-8, 8), st.integers(-8, 3), st.floats(0.1, 9), st.floats(-9, 9), st.booleans())
def test_copies_are_found(ahead, known, scale, offset, half):
    column = shifted(VALUES, ahead) * scale + offset
    column = column.astype(np.float32) if half else column
    copy = found(column, VALUES, known)
    if ahead <= known:
        assert copy is None
    else:
        assert copy.ahead == ahead
        assert copy.scale[[0, 2]] == pytest.approx(scale, rel=1e-3)
        # Five rows tell nothing.
        assert np.isnan(copy.scale[1])


@given(st.integers(-8, 8), st.integers(0, 164))
def test_a_copy_follows_its_source(ahead, first):
    column = shifted(VALUES, ahead) * 2 + 1
    copy = found(column, VALUES, -9)
    later = np.arange(165) >= first
    source = np.where(later, VALUES + 100, VALUES)
    new = copy.derived(column, source, later, SERIES)
    inside = shifted(np.ones(165), ahead).astype(bool) & (SERIES != 1)
    expected = np.where(inside, shifted(source, ahead) * 2 + 1, column)
    assert new == pytest.approx(expected)


@pytest.mark.parametrize(
    "long",
    [
        np.arange(180.0),
        np.sin(np.arange(180) * 2 * np.pi / 12),
        np.tile([3.0, 1.0, 4.0, 1.0, 5.0], 36),
        np.ones(180),
    ],
)
def test_a_series_that_earlier_values_tell_has_no_copies(long):
    source = long[5:170]
    for ahead in (-3, 0, 2):
        column = long[5 + ahead : 170 + ahead]
        assert find_copy(np.stack([column, source], 1), np.array([0, 165]), 0, 1, 0, 9) is None
    plan = np.cos(np.arange(165) * 2 * np.pi / 12)
    assert find_copy(np.stack([plan, source], 1), np.array([0, 165]), 0, 1, -6, 9) is None


@given(st.integers(0, 99))
def test_other_columns_are_none(seed):
    generator = np.random.default_rng(seed)
    assert found(generator.normal(size=165), VALUES, 0) is None
    assert found(VALUES + 1e-3 * generator.normal(size=165), VALUES, -3) is None
    assert found(generator.integers(0, 2, 165).astype(float), VALUES, -3) is None
    steps = generator.integers(0, 3, 165).astype(float)
    assume(len(np.unique(steps)) == 3)
    assert found(steps, VALUES, -3) is None


def test_holes_do_not_matter():
    column, source = shifted(VALUES, 2), VALUES.copy()
    column[[5, 80]], source[[9, 10]] = np.nan, np.nan
    copy = found(column, source, 0)
    assert copy.ahead == 2
    new = copy.derived(column, source + 1, np.ones(165, bool), SERIES)
    assert np.isnan(new[[5, 80]]).all()
    assert new[7] == column[7]
