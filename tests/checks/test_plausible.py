"""Changed values leave the range of their series, and stay of the column's kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.checks.changeable import KINDS, PlausibleColumn

ONE = np.zeros(60, dtype=np.int64)
NORMAL = np.random.default_rng(0).normal(size=60)


def changed(values, kind, first=20, series=ONE, dtype=None):
    values = np.asarray(values)
    column = PlausibleColumn(values.astype(np.float64), series, np.dtype(dtype or values.dtype))
    rows = np.arange(len(values)) >= first
    new = column.changed(kind, rows, np.random.default_rng(1))
    assert new.dtype == np.float64
    assert np.array_equal(new[:first], values[:first], equal_nan=True)
    assert np.array_equal(np.isfinite(new), np.isfinite(values))
    return new[first:]


def test_raised_and_lowered_values_leave_the_range():
    assert (changed(NORMAL, "raised") > NORMAL.max()).all()
    assert (changed(NORMAL, "lowered") < NORMAL.min()).all()
    new = changed(NORMAL, "shuffled")
    assert sorted(new) == sorted(NORMAL[20:])
    assert (new != NORMAL[20:]).any()


def test_positive_values_stay_positive():
    values = np.exp(NORMAL)
    new = changed(values, "lowered")
    assert ((new > 0) & (new < values.min())).all()
    counts = np.random.default_rng(0).poisson(1.0, 60)
    new = changed(counts, "lowered")
    assert (new >= 0).all()
    assert (new == np.rint(new)).all()
    assert (changed(counts + 1, "lowered") >= 1).all()


def test_shares_stay_shares():
    values = np.random.default_rng(0).uniform(0.1, 0.9, 60)
    for kind, reaches in (("raised", lambda v: v > 0.9), ("lowered", lambda v: v < 0.1)):
        new = changed(values, kind)
        assert ((new > 0) & (new < 1)).all()
        assert reaches(new).all()
    values[0] = 1.0
    new = changed(values, "raised")
    assert ((new > values[20:]) & (new <= 1)).all()


@pytest.mark.parametrize("ends", [(0, 1), (-1.0, 3.0), (False, True)])
def test_a_column_of_two_values_keeps_to_them(ends):
    values = np.where(NORMAL > 0, *ends)
    assert (changed(values, "raised") == ends[1]).all()
    assert (changed(values, "lowered") == ends[0]).all()
    assert (changed(values, "shuffled") == np.where(NORMAL > 0, *ends[::-1])[20:]).all()


@given(
    st.sampled_from(["uint8", "int8", "int64", "uint64", "float16", "float32", "float64"]),
    st.sampled_from(KINDS),
    st.integers(0, 9),
)
def test_any_type_holds_the_new_values(dtype, kind, seed):
    generator = np.random.default_rng(seed)
    limits = np.finfo(dtype) if dtype.startswith("float") else np.iinfo(dtype)
    low, high = max(float(limits.min), -1e9), min(float(limits.max), 1e9)
    values = generator.uniform(low, high, 60).astype(dtype)
    new = changed(values, kind)
    kept = new.astype(dtype)  # Warns of what does not fit, and warnings are errors.
    assert np.isfinite(kept).all()
    assert (kept.astype(np.float64) == new).all()


def test_series_have_ranges_of_their_own():
    series = np.repeat([0, 1], 30)
    values = np.where(series, 1000 * NORMAL, NORMAL)
    new = changed(values, "raised", 0, series)
    assert np.abs(new[:30]).max() < 20
    assert new[30:].min() > values[30:].max()
    shuffled = changed(values, "shuffled", 0, series)
    for number in (0, 1):
        assert sorted(shuffled[series == number]) == sorted(values[series == number])


def test_constants_and_holes():
    assert (changed(np.full(60, 5.0), "raised") > 5).all()
    assert (changed(np.zeros(60), "raised") > 0).all()
    changed(np.full(60, np.nan), "raised")
    changed(np.where(NORMAL > 1, np.nan, NORMAL), "lowered")
