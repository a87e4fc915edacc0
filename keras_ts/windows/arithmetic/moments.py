"""Mean and standard deviation of columns, in blocks: a memory map is never read whole."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.geometry import in_blocks, in_pieces, run_positions

_BLOCK = 1 << 20


def merged(begin: IntArray, end: IntArray) -> IntArray:
    """Merge spans of rows into disjoint ones, in order, ``(spans, 2)``."""
    order = np.argsort(begin, kind="stable")
    begin, reach = begin[order], np.maximum.accumulate(end[order])
    apart = np.flatnonzero(begin[1:] > reach[:-1])
    return np.stack([begin[np.append(0, apart + 1)], reach[np.append(apart, len(reach) - 1)]], 1)


def moments(values: Array, spans: Any) -> tuple[Array, Array]:
    """Return mean and standard deviation of the finite values of each column in disjoint spans."""
    columns = 1 if values.ndim == 1 else values.shape[1]
    count = np.zeros(columns)
    total = np.zeros(columns)
    for block, finite in _blocks(values, spans):
        count += finite.sum(axis=0)
        total += block.sum(axis=0)
    mean = total / np.maximum(count, 1)
    # A second pass, since E[x^2] - E[x]^2 loses its digits for a column far from 0.
    squares = np.zeros(columns)
    for block, finite in _blocks(values, spans):
        squares += np.square(np.where(finite, block - mean, 0.0)).sum(axis=0)
    return mean, np.sqrt(squares / np.maximum(count, 1))


def _blocks(values: Array, spans: Any) -> Iterator[tuple[Array, Array]]:
    """Yield blocks of rows as float64, 0 where a value is not finite, and masks of the finite."""
    begin, end = np.reshape(spans, (-1, 2)).T
    span, done, count = in_pieces(end - begin, _BLOCK)
    first = begin[span] + done
    for block in in_blocks(count, _BLOCK):
        rows: Any = slice(first[block][0], first[block][0] + count[block][0])
        if len(count[block]) > 1:
            rows = run_positions(first[block], count[block])
        read = np.asarray(values[rows], dtype=np.float64)
        read = read.reshape(len(read), -1)
        finite = np.isfinite(read)
        yield np.where(finite, read, 0.0), finite
