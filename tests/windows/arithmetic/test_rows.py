"""Rows are found by series and time as a plain loop finds them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.windows.arithmetic.labels import Rows

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), max_size=20)
WANTED = st.lists(st.tuples(st.integers(-1, 4), st.integers(-7, 7)), max_size=20)


@given(ROWS, WANTED, st.booleans())
def test_rows_are_found_as_by_a_loop(rows, wanted, dated):
    rows = list(dict.fromkeys(rows))
    (series, times), (others, moments) = (
        np.array(pairs, np.int64).reshape(-1, 2).T for pairs in (rows, wanted)
    )
    if dated:
        times, moments = times.astype("M8[D]"), moments.astype("M8[D]").astype("M8[h]")
    index = Rows(series, times)
    assert index.twice is None
    places = index.locate(others, moments)
    assert places.tolist() == [rows.index(row) if row in rows else -1 for row in wanted]


@given(ROWS)
def test_a_row_that_stands_twice_is_named(rows):
    twice = Rows(*np.array(rows, np.int64).reshape(-1, 2).T).twice
    if repeated := [row for row in rows if rows.count(row) > 1]:
        first = rows.index(min(repeated))
        assert twice == (first, rows.index(min(repeated), first + 1))
    else:
        assert twice is None


def test_a_missing_time_is_no_row():
    for times in (np.array([1.0, np.nan]), np.array(["2024-01-01", "NaT"], "M8[D]")):
        rows = Rows(np.zeros(2, np.int64), times)
        assert rows.locate(np.array([0, 0, -1]), times[[1, 0, 0]]).tolist() == [-1, 0, -1]
