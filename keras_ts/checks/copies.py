"""Finds columns that hold a target's later values.

A column that was made from the target beforehand, by a shift, would stay when the target is
changed, and hide its leak. So the check looks for columns that equal the target some rows later,
and changes both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

# The fewest pairs of values that agree, the fewest distinct values, and the pairs tried first.
_FEWEST, _DISTINCT, _HEAD = 20, 3, 64
# The largest error, relative to the column's range: what a conversion to float32 leaves.
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Copy:
    """A column with another one's values ``ahead`` rows later, up to a factor and an offset."""

    column: int  # index
    source: int  # index
    ahead: int  # rows
    scale: Array  # by series; NaN if it is too short or constant
    offset: Array  # by series

    def derived(self, copy: Array, source: Array, changed: BoolArray, series: IntArray) -> Array:
        """Return the column, computed from its source's values where those are ``changed``."""
        at = np.flatnonzero(changed)
        to = at - self.ahead
        inside = (to >= 0) & (to < len(copy))
        at, to = at[inside], to[inside]
        number = series[to]
        values = self.scale[number] * source[at] + self.offset[number]
        valid = (series[at] == number) & np.isfinite(values) & np.isfinite(copy[to])
        new = copy.copy()
        new[to[valid]] = values[valid]
        return new


def find_copy(
    values: Array, offsets: IntArray, column: int, source: int, latest: int, farthest: int
) -> Copy | None:
    """Return how a column of ``(positions, columns)`` follows from another's later values."""
    # A column is no copy if it follows equally well from values that are known when it is read, as
    # in a series that repeats itself or runs straight. ``latest`` is the number of rows from the
    # column's row to the latest value of ``source`` known then: 0 for a column of the past, and
    # negative for one known ahead. ``farthest`` is the largest number of rows that is tried.
    held = values[:, column]
    if len(np.unique(held[np.isfinite(held)][: 1 << 12])) < _DISTINCT:
        return None
    copy = _fitting(values, offsets, column, source, range(latest + 1, farthest + 1))
    if copy is None:
        return None
    longest = int(np.diff(offsets).max())
    before = range(latest, -longest, -1)
    return copy if _fitting(values, offsets, column, source, before) is None else None


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
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
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
