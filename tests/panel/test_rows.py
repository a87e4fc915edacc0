"""Rows of flat series are numbered as by plain loops."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.panel.rows import in_blocks, run_positions


@given(st.lists(st.tuples(st.integers(-5, 50), st.integers(0, 5))), st.integers(1, 3))
def test_positions_of_runs(runs, step):
    first, count = np.array(runs, np.int64).reshape(-1, 2).T
    wanted = [begin + step * k for begin, size in runs for k in range(size)]
    assert run_positions(first, count, step).tolist() == wanted


def test_blocks_hold_whole_series():
    blocks = in_blocks(np.diff([0, 2, 4, 9, 10, 10]), 4)
    assert [(block.start, block.stop) for block in blocks] == [(0, 2), (2, 3), (3, 5)]
    assert list(in_blocks(np.diff([0]), 4)) == []
