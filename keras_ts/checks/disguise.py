"""Finds columns that copy a target's later values, or hold a target in disguise.

A copy was made from a target by a shift: ``check_leakage`` changes it with the target, since it
would otherwise hide the leak. A disguise is a column of which the target is a smooth function, such
as the day's customers: among the columns known ahead, it makes held-out forecasts look perfect.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

# The fewest pairs of values, the fewest distinct values, and how many pairs are tried first.
_FEWEST_PAIRS, _DISTINCT, _HEAD = 20, 3, 64
# The largest error, relative to the column's range: what a conversion to float32 leaves.
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Copy:
    """A column that equals another one ``ahead`` rows later, up to a factor and an offset."""

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
    """Return how a column of ``(positions, columns)`` copies another; None if it does not."""
    # A column is no copy if it equals known values of ``source`` as well, as in a series that
    # repeats itself or is a straight line. ``latest`` is how many rows after the column's row the
    # latest known value of ``source`` stands: 0 for a column of the past, and negative for one
    # known ahead. ``farthest`` is the largest number of rows that is tried.
    numbers = values[:, column]
    if len(np.unique(numbers[np.isfinite(numbers)][: 1 << 12])) < _DISTINCT:
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
            if last - first < _FEWEST_PAIRS:
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
    """Return slope and offset of a line through all points, NaN if few or constant, or None."""
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if len(y) < _FEWEST_PAIRS or y.min() == y.max():
        return np.nan, np.nan
    for part in (slice(_HEAD), slice(None)):
        low, high = x[part].argmin(), x[part].argmax()
        run = x[high] - x[low]
        slope = (y[high] - y[low]) / run if run else 0.0
        error = np.abs(y[part] - y[low] - slope * (x[part] - x[low])).max()
        if error > _TOLERANCE * np.ptp(y):
            return None
    return (float(slope), float(y[low] - slope * x[low])) if slope else None


# A column that explains a larger share of a target is suspicious.
LARGEST_SHARE = 0.99
# A column with no more distinct values, such as a promotion or a closed day, is no disguise.
_FEW_VALUES = 10
# The fewest rows of a series; the number of latest rows and the most series that are read.
_FEWEST, _LATEST, _MOST_SERIES = 30, 1024, 64
# The most of the target's past that is read, and the fewest rows for each of its lags.
_MOST_LAGS, _ROWS_PER_LAG = 48, 8
# If the past leaves less than this share of the variance, there is nothing left to explain.
_LEAST_OPEN = 1e-6
# A disguise explains more than the second share, even without the first share of rows: those with
# the largest residuals.
_MOST_OPEN, _LEAST_WITHOUT = 0.1, 0.9
# A column is a counter if more than this share of its steps are equal; it may start again.
_COUNTING = 0.75
# Distances are ranked on about the first number of rows. The best few are tried on all rows.
_ROWS_TO_CHOOSE, _CHOSEN = 1024, 3


class OpenTarget:
    """A target, with the residual of each value in a regression on the values before it."""

    def __init__(self, values: Array, offsets: IntArray) -> None:
        bounds = list(pairwise(offsets.tolist()))
        chosen = np.unique(np.linspace(0, len(bounds) - 1, _MOST_SERIES).astype(int))
        rows, counted, past = [], [np.empty(0)], [np.empty(0)]
        for begin, end in (bounds[place] for place in chosen):
            span = np.arange(max(begin, end - _LATEST), end)
            y = values[span]
            finite = y[np.isfinite(y)]
            if len(finite) < _FEWEST or not finite.std() > 0:
                continue
            y = (y - finite.mean()) / finite.std()
            distinct, counts = np.unique(y[np.isfinite(y)], return_counts=True)
            rows.append(span)
            past.append(_left_open_by_past(y))
            counted.append(np.where(y == distinct[counts.argmax()], np.nan, y))
        self._rows = np.concatenate([np.empty(0, np.int64), *rows])
        self._series = np.repeat(np.arange(len(rows)), [len(span) for span in rows])
        self._y, self._of_past = np.concatenate(counted), np.concatenate(past)

    def explained_by(self, column: Array, distances: Iterable[int]) -> tuple[int, float] | None:
        """Return the distance at which a column explains the target, and the share; or None."""
        # The docstring of ``check_leakage`` has the formula.
        x, series, distances = column[self._rows], self._series, list(distances)
        usable = np.isfinite(x)
        for number in range(int(series.max(initial=-1)) + 1):
            here = series == number
            if len(np.unique(x[here & usable])) <= _FEW_VALUES or _of_calendar(x[here]):
                usable[here] = False
        rows = np.flatnonzero(usable)
        # Rows of equal values are put in random order, since neighbours in time may be similar.
        ties = np.random.default_rng(0).random(len(rows))
        rows = rows[np.lexsort((ties, x[rows], series[rows]))]
        if not len(rows):
            return None
        few = rows[series[rows] <= series[rows[:_ROWS_TO_CHOOSE][-1]]]  # Whole series.
        likely = sorted(distances, key=lambda ahead: self._ratio(x, few, ahead))[:_CHOSEN]
        share, distance = max((self._share(x, rows, ahead), ahead) for ahead in likely)
        return (distance, share) if share > LARGEST_SHARE else None

    def _ratio(self, x: Array, rows: IntArray, distance: int) -> float:
        """Return what a column leaves unexplained, relative to what the past leaves."""
        of_column, of_past, _, _ = self._left_open(x, rows, distance)
        total = float(of_past @ of_past)
        return float(of_column @ of_column) / total if total > 0 else np.inf

    def _share(self, x: Array, rows: IntArray, distance: int) -> float:
        """Return the lower of the shares that a column explains of what past and median leave."""
        of_column, of_past, values, series = self._left_open(x, rows, distance)
        enough = np.bincount(series, minlength=1)[series] >= _FEWEST
        of_column, of_past = of_column[enough], of_past[enough]
        values, series = values[enough], series[enough]
        # Each value minus the median of its series; the series are in order.
        begins = np.flatnonzero(np.diff(series, prepend=-1))
        lengths = np.diff(np.append(begins, len(series)))
        ordered = values[np.lexsort((values, series))]
        of_median = values - np.repeat(ordered[begins + (lengths - 1) // 2], lengths)
        return min(_explained(of_column, of_past), _explained(of_column, of_median))

    def _left_open(
        self, x: Array, rows: IntArray, distance: int
    ) -> tuple[Array, Array, Array, IntArray]:
        """Return residuals of column ``x`` and of the past; the values, and their series."""
        at = rows + distance
        inside = (at >= 0) & (at < len(x))
        rows, at = rows[inside], at[inside]
        here = (self._series[at] == self._series[rows]) & np.isfinite(self._y[at])
        rows, at = rows[here], at[here]
        series, x, y = self._series[rows], x[rows], self._y[at]
        between = (series[2:] == series[:-2]) & np.isfinite(self._of_past[at[1:-1]])
        low, value, high = y[:-2][between], y[1:-1][between], y[2:][between]
        before, there, after = x[:-2][between], x[1:-1][between], x[2:][between]
        width = after - before
        weight = np.divide(there - before, width, out=np.full(len(width), 0.5), where=width > 0)
        of_column = value - (low + weight * (high - low))
        return of_column, self._of_past[at[1:-1][between]], value, series[1:-1][between]


def _of_calendar(x: Array) -> bool:
    """Return True if a column is periodic, or changes by the same step in most rows."""
    steps = np.diff(x)
    distinct, counts = np.unique(steps[np.isfinite(steps)], return_counts=True)
    if len(distinct) and distinct[counts.argmax()] != 0 and counts.max() > _COUNTING * len(steps):
        return True
    periods = 1 + np.flatnonzero(x[1 : len(x) // 2 + 1] == x[0])
    return any(np.array_equal(x[period:], x[:-period]) for period in periods)


def _explained(of_column: Array, without: Array) -> float:
    """Return the share that a column explains, or less if that is mostly due to a few rows."""
    if not len(without):
        return 0.0
    size = np.abs(without)
    usual = size <= np.quantile(size, 1 - _MOST_OPEN)
    shares = []
    for rows in (np.isfinite(size), usual):
        total = float(np.sum(without[rows] ** 2))
        shares.append(1 - float(np.sum(of_column[rows] ** 2)) / total if total > 0 else 0.0)
    return shares[0] if shares[1] > _LEAST_WITHOUT else min(shares)


def _left_open_by_past(y: Array) -> Array:
    """Return the residuals of a regression on the last values; NaN where there is none."""
    residuals = np.full(len(y), np.nan)
    lags = min(_MOST_LAGS, len(y) // _ROWS_PER_LAG)
    past = np.lib.stride_tricks.sliding_window_view(y, lags + 1)
    finite = np.isfinite(past).all(axis=1)
    if finite.sum() < _FEWEST:
        return residuals
    inputs = np.column_stack([past[finite, :-1], np.ones(finite.sum())])
    targets = past[finite, -1]
    left = targets - inputs @ np.linalg.lstsq(inputs, targets, rcond=None)[0]
    if np.mean(left**2) > _LEAST_OPEN * np.var(targets):
        residuals[lags + np.flatnonzero(finite)] = left
    return residuals
