"""Labels of any type are found among others, whatever their order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.windows.arithmetic.labels import distinct_rows, places_of


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
