"""Labels of any type are found among others, whatever their order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.panel.labels import (
    Rows,
    collapsed,
    distinct_rows,
    expanded,
    label_column,
    made_columns,
    one_hot,
    places_of,
)


def test_labels_are_found_where_they_stand():
    labels = ["b", 3, "a", None]
    places = places_of(["a", "b", "x", 3, "a"], labels)
    assert places.tolist() == [2, 0, -1, 1, 2]
    assert places.dtype == np.int64
    assert places_of([], labels).tolist() == []
    assert places_of(["a"], []).tolist() == [-1]
    for labels in (("b", 3), range(4)):
        assert places_of(labels, labels).tolist() == [*range(len(labels))]
    assert places_of(range(4), range(1, 4)).tolist() == [-1, 0, 1, 2]


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, -0.0, 2.5]), st.integers(5, 6))))
def test_rows_are_numbered_as_by_a_dict(rows):
    numbers = {}
    wanted = [numbers.setdefault(row, len(numbers)) for row in rows]
    columns = np.array(rows, float).reshape(-1, 3).T
    first, places = distinct_rows([columns[0].astype("M8[D]"), *columns[1:]])
    assert places.tolist() == wanted
    assert first.tolist() == [wanted.index(number) for number in range(len(numbers))]


TEXTS = {"type": ("a", "b", ""), "day": ("fair",)}


def test_names():
    assert made_columns("type", ["a", ""]) == ["type=a", "type="]
    wanted = ["units", "type=a", "type=b", "type=", "day=fair"]
    assert expanded(["units", "type", "day"], TEXTS) == wanted
    assert expanded([0, "type"], None) == [0, "type"]


@given(columns=st.permutations(["units", "type", "day", "type=c", "price=1"]))
def test_the_columns_of_a_table_are_found_again(columns):
    assert collapsed(expanded(columns, TEXTS), TEXTS) == columns


@given(codes=st.lists(st.integers(-1, 4)))
def test_each_row_has_a_1_for_its_category(codes):
    """One that was never seen, 4, is the mean of the four; a missing one is NaN."""
    made = one_hot(np.array(codes, np.int64), 4)
    assert made.shape == (len(codes), 4)
    for row, code in zip(made.astype(float), codes, strict=True):
        wanted = np.vstack([np.eye(4), np.full(4, 0.25), np.full(4, np.nan)])[code]
        np.testing.assert_array_equal(row, wanted)


@pytest.mark.parametrize(("codes", "dtype"), [([0, 1], "bool"), ([0, -1], "float32")])
def test_numbers_beside_them_keep_their_type_where_no_text_is_missing(codes, dtype):
    assert one_hot(np.array(codes), 2).dtype == dtype


LABELS = {
    "texts": st.text(st.characters(codec="ascii"), max_size=3),  # NumPy drops a NUL at the end.
    "integers": st.integers(-(2**70), 2**70),
    "floats": st.floats(allow_nan=False),
    "booleans": st.booleans(),
    "others": st.one_of(st.text(max_size=1), st.integers(0, 2), st.none(), st.just((1, 2))),
}


@pytest.mark.parametrize("kind", LABELS)
@given(data=st.data())
def test_a_column_of_labels_keeps_their_values_and_types(kind, data):
    labels = data.draw(st.lists(LABELS[kind], max_size=4))
    back = label_column(tuple(labels)).tolist()
    assert back == labels
    assert [*map(type, back)] == [*map(type, labels)]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [(("a", "bc"), "U"), ((3, 4), "i"), ((0.5,), "f"), ((True, False), "b"), ((True, 2), "O")],
)
def test_labels_of_one_type_make_a_column_of_it(labels, kind):
    assert label_column(labels).dtype.kind == kind


def test_labels_that_numpy_would_change_stay():
    for labels in (("a\0", "b"), (2**70, 1), ((1, 2), (3, 4)), (), ("1", 1), (1, 2.0)):
        assert label_column(labels).dtype == object
        assert label_column(labels).shape == (len(labels),)


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
