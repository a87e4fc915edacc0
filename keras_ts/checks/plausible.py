"""Replaces rows of a column by other plausible values, which differ enough to move a forecast.

A look ahead shows in a forecast that moves when later values change. A scaler moves only if the
change is large, but a pipeline breaks if a change makes a count negative or a flag 2.
"""

from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

# Statistics react to different changes: a maximum moves when values are raised, a minimum when they
# are lowered. A pipeline may clip all that lies outside of the range; shuffled values stay in it.
KINDS = ("raised", "lowered", "shuffled")


class PlausibleColumn:
    """A column of series laid end to end, ``(positions,)``, whose rows can get other values."""

    def __init__(self, values: Array, series: IntArray, dtype: np.dtype[Any]) -> None:
        self.values = values
        self._series, self._dtype = series, dtype
        self._finite = np.isfinite(values)
        held = values[self._finite]
        low, high = np.full((2, int(series.max(initial=0)) + 1), np.nan)
        np.fmin.at(low, series[self._finite], held)
        np.fmax.at(high, series[self._finite], held)
        self._low, self._high = low, high
        distinct = np.unique(held[: 1 << 12])
        self._pair = len(distinct) <= 2 and len(distinct := np.unique(held)) == 2
        self._ends = distinct[[0, -1]] if len(distinct) else np.zeros(2)
        self._positive = bool((held >= 0).all())
        self._share = self._positive and dtype.kind == "f" and bool((held <= 1).all())

    def changed(self, kind: str, rows: BoolArray, generator: np.random.Generator) -> Array:
        """Return the column with other values in ``rows``, ``(positions,)``; missing ones stay."""
        # Values that are raised or lowered leave the range of their series. They stay at 0 or above
        # if the column has no negative value, and at 1 or below if it holds shares. In a column of
        # two values all become the larger or the smaller one or, if shuffled, each the other one.
        rows = rows & self._finite
        old, series = self.values[rows], self._series[rows]
        if self._pair:
            # Setting each to the other value might keep the sums of several.
            low, high = self._ends
            lone = {"raised": high, "lowered": low}
            new = np.full_like(old, lone[kind]) if kind in lone else low + high - old
        elif kind == "shuffled":
            new = np.empty_like(old)
            new[np.argsort(series, kind="stable")] = old[
                np.lexsort((generator.random(len(old)), series))
            ]
        else:
            new = self._beyond(kind, old, series, generator)
        result = self.values.copy()
        result[rows] = self.kept(new)
        return result

    def kept(self, values: Array) -> Array:
        """Return values rounded and clipped to what the column's dtype holds."""
        if self._dtype.kind in "iu":
            limits = np.iinfo(self._dtype)
            # No float64 lies between this and the largest integer of eight bytes.
            highest = min(int(limits.max), (1 << 63) - 1024)
            return np.clip(np.rint(values), limits.min, highest)
        if self._dtype.kind == "f":
            largest = float(np.finfo(self._dtype).max) / 4
            return np.clip(values, -largest, largest).astype(self._dtype).astype(np.float64)
        return values

    def _beyond(
        self, kind: str, old: Array, series: IntArray, generator: np.random.Generator
    ) -> Array:
        low, high = self._low[series], self._high[series]
        spread = high - low
        spread = np.where(spread > 0, spread, np.maximum(np.abs(old), 1.0))
        amount = generator.uniform(1.1, 2.0, len(old))
        share = generator.uniform(0.1, 0.6, len(old))
        if kind == "raised":
            if self._share:
                # The new value lies between 1 and the largest value or, if that is 1, the old one.
                return np.where(high < 1, high + (1 - high) * share, old + (1 - old) * share)
            return old + spread * amount
        if self._positive:
            lowest = np.where(low > 0, low, old) * share
            return np.maximum(lowest, 1.0 * (low > 0)) if self._dtype.kind in "iu" else lowest
        return old - spread * amount
