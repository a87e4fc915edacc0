"""Columns that hold a target's later values, found in the data.

A column that was shifted before the check sees it does not move as the target is changed. So it is
looked for: if it equals the target some rows on, it has to change along with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

# Pairs of values that have to agree, values that have to differ, and pairs that are tried first.
_FEWEST, _DISTINCT, _HEAD = 20, 3, 64
# The largest error, relative to the column's range: float32 and back.
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Copy:
    """A column that holds, up to a factor and an offset, another one's values ``ahead`` rows on.

    Attributes:
        column: Index of the column.
        source: Index of the other one.
        ahead: Number of rows.
        scale: The factor in each series; NaN for a series that tells nothing.
        offset: The offset in each series.
    """

    column: int
    source: int
    ahead: int
    scale: Array
    offset: Array

    def derived(self, copy: Array, source: Array, changed: BoolArray, series: IntArray) -> Array:
        """Return the column as it would be for other values of its source.

        Args:
            copy: The column as it is.
            source: The other one, with its new values.
            changed: True where they are new.
            series: The number of each position's series.
        """
        at = np.flatnonzero(changed)
        to = at - self.ahead
        inside = (to >= 0) & (to < len(copy))
        at, to = at[inside], to[inside]
        number = series[to]
        values = self.scale[number] * source[at] + self.offset[number]
        kept = (series[at] == number) & np.isfinite(values) & np.isfinite(copy[to])
        new = copy.copy()
        new[to[kept]] = values[kept]
        return new


def find_copy(
    values: Array, offsets: IntArray, column: int, source: int, known: int, farthest: int
) -> Copy | None:
    """Return how a column tells another one's later values, or None if it does not.

    A column that is told as well by values known when it is used, as in a series that repeats
    itself or runs straight, is none.

    Args:
        values: ``(positions, columns)``.
        offsets: Flat start of each series, and the end of the last.
        column: Index of the column.
        source: Index of the other one.
        known: The largest number of rows on at which the other one's value is known when the column
            is read. 0 for a column of the past, negative for one that is read ahead.
        farthest: The largest number of rows on that is tried.
    """
    told = values[:, column]
    if len(np.unique(told[np.isfinite(told)][: 1 << 12])) < _DISTINCT:
        return None
    found = _fitting(values, offsets, column, source, range(known + 1, farthest + 1))
    if found is None:
        return None
    longest = int(np.diff(offsets).max())
    before = range(known, -longest, -1)
    return found if _fitting(values, offsets, column, source, before) is None else None


def _fitting(
    values: Array, offsets: IntArray, column: int, source: int, distances: Iterable[int]
) -> Copy | None:
    for ahead in distances:
        scale, offset = np.full((2, len(offsets) - 1), np.nan)
        for number, (begin, end) in enumerate(pairwise(offsets)):
            first, last = max(begin, begin - ahead), min(end, end - ahead)
            if last - first < _FEWEST:
                continue
            line = _line(values[first + ahead : last + ahead, source], values[first:last, column])
            if line is None:
                break
            scale[number], offset[number] = line
        else:
            if np.isfinite(scale).any():
                return Copy(column, source, ahead, scale, offset)
    return None


def _line(x: Array, y: Array) -> tuple[float, float] | None:
    """Return the slope and offset of the line on which all points lie, NaN for too few points."""
    whole = np.isfinite(x) & np.isfinite(y)
    x, y = x[whole], y[whole]
    if len(y) < _FEWEST or y.min() == y.max():
        return np.nan, np.nan
    for part in (slice(_HEAD), slice(None)):
        low, high = x[part].argmin(), x[part].argmax()
        run = x[high] - x[low]
        slope = (y[high] - y[low]) / run if run else 0.0
        error = np.abs(y[part] - y[low] - slope * (x[part] - x[low])).max()
        if error > _TOLERANCE * np.ptp(y):
            return None
    return (float(slope), float(y[low] - slope * x[low])) if slope else None
