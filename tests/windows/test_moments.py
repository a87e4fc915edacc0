"""Mean and standard deviation by blocks equal NumPy's over the same rows."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.windows import scale as module
from keras_ts.windows.scale import merged, moments

SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), min_size=1, max_size=5)


@given(spans=SPANS)
def test_merged_spans_are_disjoint_in_order_and_hold_the_same_rows(spans):
    spans = [(begin, begin + length) for begin, length in spans]
    joined = merged(*np.array(spans).T).tolist()
    rows = [row for begin, end in joined for row in range(begin, end)]
    assert rows == sorted({row for begin, end in spans for row in range(begin, end)})
    # As few as can be: no span begins where the one before ends.
    assert all(end < begin for (_, end), (begin, _) in pairwise(joined))


@given(spans=SPANS, columns=st.integers(0, 3), level=st.sampled_from([0.0, 1e8]))
def test_moments_are_numpys_over_the_same_rows(spans, columns, level):
    values = np.random.default_rng(0).normal(level, 1.0, (40, columns) if columns else 40)
    spans = merged(*np.cumsum(spans, axis=1).T)
    rows = np.concatenate([values[begin:end] for begin, end in spans]).reshape(-1, columns or 1)
    mean, std = moments(values, spans)
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(std, rows.std(axis=0), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("block", [1, 7, 1000])
@pytest.mark.parametrize("spans", [[(0, 50)], [(0, 3), (5, 6), (8, 22), (30, 50)]])
def test_blocks_change_nothing(spans, block, monkeypatch):
    values = np.random.default_rng(0).normal(size=(50, 2))
    expected = moments(values, spans)
    monkeypatch.setattr(module, "_BLOCK", block)
    np.testing.assert_allclose(moments(values, spans), expected, rtol=1e-12)


def test_values_that_are_not_finite_are_left_out():
    values = np.array([[1.0, np.nan, np.nan], [3.0, np.inf, 5.0]])
    mean, std = moments(values, [(0, 2)])
    assert mean.tolist() == [2.0, 0.0, 5.0]
    assert std.tolist() == [1.0, 0.0, 0.0]


def test_integers_and_booleans_count_as_numbers():
    mean, std = moments(np.array([True, False]), [(0, 2)])
    assert (mean.tolist(), std.tolist()) == ([0.5], [0.5])
    # 2**53 + 2 is a float64, the sum of a thousand of them no int32.
    assert moments(np.full(1000, 2**31 - 1, np.int32), [(0, 1000)])[0].tolist() == [2.0**31 - 1]
