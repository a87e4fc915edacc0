"""Folds are the last stretches of a series, each behind all that it may learn from."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.windows.arithmetic.folds import fold_edges


@given(
    st.integers(0, 60),
    st.integers(1, 6),
    st.none() | st.integers(1, 15),
    st.none() | st.integers(1, 20),
)
def test_validation_parts_follow_one_another_to_the_end(count, n_splits, test_size, most):
    both = fold_edges(np.array([count, count + 1]), n_splits, test_size, most)
    edges = [tuple(int(edge[0]) for edge in fold) for fold in both]
    longer = fold_edges(np.array([count + 1]), n_splits, test_size, most)
    assert np.array(both)[..., 1].tolist() == np.array(longer)[..., 0].tolist()
    size = count // (n_splits + 1) if test_size is None else test_size
    places = list(range(count))
    expected, end = [], count
    for _ in range(n_splits):
        border = max(end - size, 0)
        first = 0 if most is None or border < most else border - most
        expected.insert(0, (places[first:border], places[border:end]))
        end = border
    assert [(places[a:b], places[b:c]) for a, b, c in edges] == expected
    assert all(0 <= a <= b <= c <= count for a, b, c in edges)
