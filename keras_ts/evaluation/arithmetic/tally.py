"""Sums losses block by block, for their means over all targets, each step and each series."""

from collections.abc import Sequence

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.arithmetic.metrics import of_means


class Tally:
    """Sums of one forecaster's losses; memory grows only with steps, series and windows."""

    def __init__(
        self, windows: int, series: int, steps: int, columns: int, measure: str = "mae"
    ) -> None:
        # The sum of a window's losses of ``measure`` over the number of its targets. Missing ones
        # add 0, so that the ratio of two forecasters' sums is that of their means.
        self.errors = np.full(windows, np.nan)
        self.targets = steps * columns
        self._measure = measure
        self._shape = {"step": steps, "series": series}
        self._sums: dict[tuple[str, str], Array] = {}

    @classmethod
    def joined(cls, tallies: Sequence["Tally"]) -> "Tally":
        """Return the sums of one forecaster over several parts of the same series."""
        first = tallies[0]
        joint = cls(0, first._shape["series"], first.steps, 1)
        joint.errors = np.concatenate([tally.errors for tally in tallies])
        joint.targets, joint._measure = first.targets, first._measure
        for tally in tallies:
            for (by, name), sums in tally._sums.items():
                joint._total(name, by)[:] += sums
        return joint

    def add(
        self,
        windows: IntArray,
        series: IntArray,
        losses: dict[str, Array],
        present: BoolArray | None = None,
    ) -> None:
        """Add losses ``(windows, steps, targets)`` by metric, without NaN and missing targets."""
        for name, loss in losses.items():
            counted = ~np.isnan(loss)
            if present is not None:
                counted &= present
            values = np.where(counted, loss, 0.0)
            by_series, by_step = self._total(name, "series"), self._total(name, "step")
            for place, summands in enumerate((values, counted)):
                sums = summands.sum(axis=(1, 2))
                by_series[place] += np.bincount(series, sums, minlength=self._shape["series"])
                by_step[place] += summands.sum(axis=(0, 2))
                if name == self._measure and place == 0:
                    judged = counted.any(axis=(1, 2))
                    self.errors[windows] = np.where(judged, sums / self.targets, np.nan)

    def metric(self, name: str, by: str | None = None) -> Array:
        """Return a metric over all targets, or for each step or series; NaN without losses."""
        if ("step", name) not in self._sums:
            return np.full(self._shape[by] if by else (), np.nan)
        total, count = self._total(name, by or "step")
        if by is None:
            total, count = total.sum(), count.sum()
        means = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
        return of_means(name, means)

    def totals(self, name: str) -> Array:
        """Return the sum of a metric's losses and their number, ``(2, series)``."""
        return self._total(name, "series")

    @property
    def steps(self) -> int:
        """Number of steps."""
        return self._shape["step"]

    def series(self) -> IntArray:
        """Return the numbers of the series that have windows."""
        return np.flatnonzero(self._total("mae", "series")[1])

    def _total(self, name: str, by: str) -> Array:
        return self._sums.setdefault((by, name), np.zeros((2, self._shape[by])))
