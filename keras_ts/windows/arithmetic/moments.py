"""Mean and standard deviation of columns, in blocks: a memory map is never read whole."""

from collections.abc import Iterator, Sequence

import numpy as np

from keras_ts._typing import Array

_BLOCK = 1 << 20


def merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Merge spans ``(begin, end)`` of rows into disjoint ones, in order."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def moments(values: Array, spans: Sequence[tuple[int, int]]) -> tuple[Array, Array]:
    """Return the mean and the standard deviation of every column, float64 ``(columns,)``.

    Values that are not finite are left out. A column without a finite value gets mean 0 and
    standard deviation 0.

    Args:
        values: ``(rows,)`` or ``(rows, columns)``.
        spans: Disjoint spans ``(begin, end)`` of the rows to read.
    """
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


def _blocks(values: Array, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[Array, Array]]:
    """Yield blocks of rows as float64, 0 where a value is not finite, and masks of the finite."""
    for begin, end in spans:
        for first in range(begin, end, _BLOCK):
            block = np.asarray(values[first : min(first + _BLOCK, end)], dtype=np.float64)
            block = block.reshape(len(block), -1)
            finite = np.isfinite(block)
            yield np.where(finite, block, 0.0), finite
