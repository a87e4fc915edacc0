"""Finds columns that hold a target in disguise: those that tell its value, if not as a plain copy.

The customers of a day, or its sales with the tax, cannot be known before the day. If such a column
is named as known ahead, forecasts look perfect until the first one that is made in earnest, and no
forecast moves when the target is changed, since the column stays.
"""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from keras_ts._typing import Array, IntArray

# A column that explains a larger share is suspicious.
LARGEST_SHARE = 0.99
# A column of so few values, such as a promotion, a price of a few levels or a closed day, is none.
_FEW_VALUES = 10
# Fewest rows of a series; the latest rows, and the most series, that are read.
_FEWEST, _LATEST, _MOST_SERIES = 30, 1024, 64
# The most of the target's past that is read, and the fewest rows for each of its lags.
_MOST_LAGS, _ROWS_PER_LAG = 48, 8
# If the past leaves open less than this share of the variance, nothing is left to tell.
_LEAST_OPEN = 1e-6


def find_disguise(
    values: Array, offsets: IntArray, column: int, source: int, distances: Iterable[int]
) -> tuple[int, float] | None:
    """Return how many rows later a column tells another one's value, and the share; or None.

    The share is ``1 - sum(d ** 2) / sum(e ** 2)`` over the rows of all series, each divided by its
    standard deviation. ``e`` is what the other column's own past leaves open: the residual of a
    linear regression on its last 48 values, or on fewer if that is more than an eighth of the rows.
    ``d`` is what the column leaves open: how far the value lies from the straight line between the
    two rows of the series with the nearest values in the column. So any smooth function is found,
    and a trend or a season, which the past tells as well, is none.

    Rows in which the other column has its most frequent value are left out, such as the zeros of
    sparse sales, which a closed day explains. Nor is a column of ten values or fewer a disguise,
    such as a promotion or a price of a few levels.

    Args:
        values: ``(positions, columns)``.
        offsets: Flat start of each series, and the end of the last.
        column: Index of the column.
        source: Index of the other one.
        distances: The numbers of rows, from the column's to the value's, that are tried.
    """
    bounds = list(pairwise(offsets.tolist()))
    chosen = np.unique(np.linspace(0, len(bounds) - 1, _MOST_SERIES).astype(int))
    parts = []
    for begin, end in (bounds[place] for place in chosen):
        rows = slice(max(begin, end - _LATEST), end)
        y, x = values[rows, source], values[rows, column]
        spread = np.nanstd(y) if np.isfinite(y).sum() >= _FEWEST else 0.0
        if spread > 0 and len(np.unique(x[np.isfinite(x)])) > _FEW_VALUES:
            y = (y - np.nanmean(y)) / spread
            parts.append((y, x, _left_open_by_past(y)))
    shares = [(_share(parts, distance), distance) for distance in distances] if parts else []
    share, distance = max(shares, default=(0.0, 0))
    return (distance, share) if share > LARGEST_SHARE else None


def _share(parts: list[tuple[Array, Array, Array]], distance: int) -> float:
    """Return the share that a column explains of what the past leaves open."""
    by_column = by_past = 0.0
    for y, x, of_past in parts:
        distinct, counts = np.unique(y[np.isfinite(y)], return_counts=True)
        counted = np.where(y == distinct[counts.argmax()], np.nan, y)
        shifted = np.full(len(x), np.nan)
        first, last = max(distance, 0), len(x) + min(distance, 0)
        shifted[first:last] = x[first - distance : last - distance]
        of_column = _left_open_by_column(counted, shifted)
        both = np.isfinite(of_column) & np.isfinite(of_past)
        if both.sum() >= _FEWEST:
            by_column += float(np.sum(of_column[both] ** 2))
            by_past += float(np.sum(of_past[both] ** 2))
    return 1 - by_column / by_past if by_past else 0.0


def _left_open_by_past(y: Array) -> Array:
    """Return the residuals of a regression on the last values; NaN without one."""
    residuals = np.full(len(y), np.nan)
    lags = min(_MOST_LAGS, len(y) // _ROWS_PER_LAG)
    past = np.lib.stride_tricks.sliding_window_view(y, lags + 1)
    whole = np.isfinite(past).all(axis=1)
    if whole.sum() < _FEWEST:
        return residuals
    inputs = np.column_stack([past[whole, :-1], np.ones(whole.sum())])
    targets = past[whole, -1]
    left = targets - inputs @ np.linalg.lstsq(inputs, targets, rcond=None)[0]
    if np.mean(left**2) > _LEAST_OPEN * np.var(targets):
        residuals[lags + np.flatnonzero(whole)] = left
    return residuals


def _left_open_by_column(y: Array, x: Array) -> Array:
    """Return how far each value lies from the line between its two neighbours in ``x``."""
    residuals = np.full(len(y), np.nan)
    rows = np.flatnonzero(np.isfinite(y) & np.isfinite(x))
    # Rows of equal values in random order: those that follow each other in time may be alike.
    ties = np.random.default_rng(0).random(len(rows))
    rows = rows[np.lexsort((ties, x[rows]))]
    if len(rows) < _FEWEST:
        return residuals
    low, value, high = (y[rows[i : len(rows) - 2 + i]] for i in range(3))
    before, at, after = (x[rows[i : len(rows) - 2 + i]] for i in range(3))
    apart = after - before
    weight = np.divide(at - before, apart, out=np.full(len(at), 0.5), where=apart > 0)
    residuals[rows[1:-1]] = value - (low + weight * (high - low))
    return residuals
