"""Sums losses block by block: over all targets, and by step, series, target, inputs and origin."""

import copy
from collections.abc import Sequence

import numpy as np

from keras_ts._quantiles import outer_coverage
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.arithmetic import drift
from keras_ts.evaluation.arithmetic.coverage import coverage_of
from keras_ts.evaluation.arithmetic.verdict import Origins
from keras_ts.scores.metrics import QUANTILE, RATIOS, of_sums

# At most this many sums by origin and step are kept, of evenly spaced origins.
_MOST_NUMBERS = 1 << 22


class Tally:
    """Sums of one forecaster's losses; memory grows only with steps, series and windows."""

    def __init__(
        self,
        windows: int,
        series: int,
        steps: int,
        columns: int,
        measure: str = "mae",
        times: IntArray | None = None,  # the rows of the windows' origins, from 0 on
        classes: int = 1,
        levels: tuple[float, ...] | None = None,
        target_measures: Sequence[str] = (),  # measures with errors for each target, too
    ) -> None:
        # By seed and window, the sum of losses divided by the number of targets, with the missing
        # ones: the ratio of two forecasters' sums is then that of their mean losses.
        self.by_seed = np.full((1, windows), np.nan)
        self.by_target = {name: np.full((columns, 1, windows), np.nan) for name in target_measures}
        # How many targets of each window and column lie between the outer quantiles, how many there
        # are, and the class of each window and column by number of inputs.
        self.covered = np.zeros((2, windows if levels else 0, columns))
        self.classes_of = np.zeros(self.covered.shape[1:], np.int8)
        self.steps, self.targets, self.columns = steps, steps * columns, columns
        self._measure, self._series, self._classes = measure, series, classes
        self._sums: dict[tuple[str, str], Array] = {}
        # How many targets lie below each quantile, how many at or below it, and how many there are.
        self.levels, self._below = levels, np.zeros((3, len(levels or ())))
        # The place of each window's origin in the sums by origin; -1 if it is left out.
        self._origins: IntArray | None = None
        if times is not None:
            count, most = int(times.max()) + 1, max(_MOST_NUMBERS // steps, 2)
            chosen = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
            places = np.full(count, -1)
            places[chosen] = np.arange(len(chosen))
            self._origins, self._num_origins = places[times], len(chosen)

    @classmethod
    def joined(cls, tallies: Sequence["Tally"]) -> "Tally":
        """Return one forecaster's sums over the parts of its series, which share no origin."""
        first = tallies[0]
        sizes = first._series, first.steps, first.columns
        # Quantiles are joined only if all parts have the same levels.
        same_levels = all(tally.levels == first.levels for tally in tallies)
        levels = first.levels if same_levels else None
        joint = cls(0, *sizes, first._measure, classes=first._classes, levels=levels)
        if same_levels:
            joint._below = np.sum([tally._below for tally in tallies], axis=0)
        joint.by_seed = np.concatenate([tally.by_seed for tally in tallies], axis=1)
        joint.by_target = _on_targets(tallies, axis=2)
        joint.covered = np.concatenate([tally.covered for tally in tallies], axis=1)
        joint.classes_of = np.concatenate([tally.classes_of for tally in tallies])
        for by, name in {key: None for tally in tallies for key in tally._sums}:
            if name in QUANTILE and not same_levels:
                continue
            parts = [tally._sums[by, name] for tally in tallies if (by, name) in tally._sums]
            if by == "origin":
                joint._sums[by, name] = np.concatenate(parts, axis=1)
            else:
                joint._sums[by, name] = sum(parts, np.zeros_like(parts[0]))
        return joint

    @classmethod
    def averaged(cls, tallies: Sequence["Tally"]) -> "Tally":
        """Return the mean losses of models that differ only by their seed."""
        mean = copy.copy(tallies[0])
        mean.by_seed = np.concatenate([tally.by_seed for tally in tallies])
        mean.by_target = _on_targets(tallies, axis=1)
        mean.covered = np.mean([tally.covered for tally in tallies], axis=0)
        mean._below = np.sum([tally._below for tally in tallies], axis=0)
        mean._sums = {
            key: np.mean([tally._sums[key] for tally in tallies], axis=0) for key in mean._sums
        }
        return mean

    @property
    def errors(self) -> Array:
        """The error of each window by the measure, ``(windows,)``, a mean over seeds."""
        return self.by_seed.mean(axis=0)

    def add(
        self,
        windows: IntArray,
        series: IntArray,
        losses: dict[str, Array],
        present: BoolArray | None = None,
        classes: IntArray | None = None,  # (windows, targets), by number of inputs
    ) -> None:
        """Add losses ``(windows, steps, targets)`` by metric; leave out NaN and missing targets."""
        if classes is not None and present is not None:
            self._total("windows", "inputs")[0] += np.bincount(
                classes.ravel(), present.any(axis=1).ravel(), minlength=self._classes
            )
        for name, loss in losses.items():
            counted = ~np.isnan(loss)
            if present is not None:
                counted &= present
            values = np.where(counted, loss, 0.0)
            if name == self._measure:
                means = values.sum(axis=(1, 2)) / self.targets
                self.by_seed[0, windows] = np.where(counted.any(axis=(1, 2)), means, np.nan)
            if name in self.by_target:
                means = np.where(counted.any(axis=1), values.sum(axis=1) / self.steps, np.nan)
                self.by_target[name][:, 0, windows] = means.T
            if name == "coverage":
                self.covered[:, windows] = values.sum(axis=1), counted.sum(axis=1)
                self.classes_of[windows] = 0 if classes is None else classes
            for place, summands in enumerate((values, counted)):
                self._total(name, "series")[place] += np.bincount(
                    series, summands.sum(axis=(1, 2)), minlength=self._series
                )
                self._total(name, "step")[place] += summands.sum(axis=(0, 2))
                self._total(name, "target")[place] += summands.sum(axis=(0, 1))
                if classes is not None:
                    self._total(name, "inputs")[place] += np.bincount(
                        classes.ravel(), summands.sum(axis=1).ravel(), minlength=self._classes
                    )
                if self._origins is not None and name in (self._measure, "coverage", "signed"):
                    zeros = np.zeros((2, self._num_origins, self.steps))
                    by_origin = self._sums.setdefault(("origin", name), zeros)[place]
                    origins, chosen = self._origins[windows], self._origins[windows] >= 0
                    # bincount takes a third of the time of np.add.at.
                    flat = (origins[chosen, None] * self.steps + np.arange(self.steps)).ravel()
                    weights = summands[chosen].sum(axis=2).ravel()
                    added = np.bincount(flat, weights, minlength=by_origin.size)
                    by_origin += added.reshape(by_origin.shape)

    def add_quantiles(self, actual: Array, quantiles: Array, present: BoolArray) -> None:
        """Count the targets below each quantile, and those at or below it."""
        wide, values = present[..., None], actual[..., None]
        for place, beyond in enumerate((quantiles > values, quantiles >= values, wide)):
            self._below[place] += (wide & beyond).sum(axis=(0, 1, 2))

    def below(self) -> tuple[tuple[float, ...] | None, Array, Array]:
        """Return the levels, and the shares of targets below, and at or below, each quantile."""
        below, at_most, count = self._below
        return self.levels, below / count, at_most / count

    def metric(self, name: str, by: str | None = None) -> Array:
        """Return a metric over all, or by step, series, target or inputs; NaN without losses."""
        if ("step", name) not in self._sums:
            return np.full(self._shape(by) if by else (), np.nan)
        total, count = self._total(name, by or "step")
        if name in RATIOS:
            # Both losses are counted at the same targets.
            total, count = self._total(RATIOS[name], by or "step")[0], total
        if by is None:
            total, count = total.sum(), count.sum()
        return of_sums(name, total, count)

    def totals(self, name: str) -> Array:
        """Return the sums of a metric's losses and their numbers, ``(2, series)``."""
        return self._total(name, "series")

    def promise(self, name: str) -> dict[str, Array]:
        """Return mean and 95 % range over origins of a metric over steps 1 to each step."""
        totals, counts = self._total(name, "origin").cumsum(axis=2)
        means, course = of_sums(name, totals, counts), np.full((3, self.steps), np.nan)
        for step, column in enumerate(means.T):
            losses = column[~np.isnan(column)]
            if len(losses):
                course[:, step] = losses.mean(), *np.quantile(losses, [0.025, 0.975])
        return dict(zip(("mean", "low", "high"), course, strict=True))

    def by_row(self, name: str) -> Array:
        """Return sums of losses less each step's mean, and their numbers, by row: ``(2, rows)``."""
        if ("origin", name) not in self._sums:
            return np.zeros((2, 1))
        totals, counts = self._total(name, "origin")
        found = np.zeros((2, len(totals) + self.steps))
        if totals.size <= _MOST_NUMBERS - 2 * self.steps:  # Else not all origins are kept.
            totals = totals - counts * of_sums("mae", totals.sum(axis=0), counts.sum(axis=0))
            for step in range(self.steps):
                rows = slice(step + 1, step + 1 + len(totals))
                found[:, rows] += np.nan_to_num(totals[:, step]), counts[:, step]
        return found

    def spreads(self, lengths: Sequence[int]) -> tuple[int, dict[str, Array]]:
        """Return the number of rows, and by measure how means over runs of them vary."""
        losses = {"error": self._measure, "bias": "signed", "coverage": "coverage"}
        rows = {name: self.by_row(loss) for name, loss in losses.items()}
        found = {name: drift.spreads(sums, lengths) for name, sums in rows.items()}
        return int((rows["error"][1] > 0).sum()), found

    def origins(self, name: str) -> int:
        """Return the number of origins that have losses."""
        return int(self._total(name, "origin")[1].any(axis=1).sum())

    def series(self) -> IntArray:
        """Return the numbers of the series that have windows."""
        return np.flatnonzero(self._total("mae", "series")[1])

    def classes(self) -> tuple[IntArray, IntArray]:
        """Return the classes of inputs that occur, and how often, in all windows and targets."""
        counts = self._total("windows", "inputs")[0].astype(np.int64)
        return np.flatnonzero(counts), counts[counts > 0]

    def _shape(self, by: str) -> int:
        sizes = {"step": self.steps, "target": self.columns, "inputs": self._classes}
        return sizes.get(by, self._series)

    def _total(self, name: str, by: str) -> Array:
        return self._sums.setdefault((by, name), np.zeros((2, self._shape(by))))


def class_coverages(
    tallies: Sequence[Tally], classes: IntArray, origins: Origins
) -> dict[str, Array]:
    """Return the 95 % intervals of the coverage in each class of inputs, tally by tally."""
    # ``origins`` are those of windows with a value. A tally without quantiles has NaN.
    ends = np.full((2, len(tallies), len(classes)), np.nan)
    for row, tally in enumerate(tallies):
        if tally.levels and len(tally.levels) > 1:
            present = tally.covered[1].any(axis=1)
            asked = outer_coverage(tally.levels)
            for column, place in enumerate(classes.tolist()):
                in_class = tally.classes_of[present] == place
                covered = np.where(in_class, tally.covered[:, present], 0.0).sum(axis=2)
                counted = covered[1] > 0
                coverage = coverage_of(asked, covered[:, counted], origins.at(counted))
                ends[:, row, column] = coverage.low, coverage.high
    if np.isnan(ends).all():
        return {}
    return {"coverage_low": ends[0].ravel(), "coverage_high": ends[1].ravel()}


def _on_targets(tallies: Sequence[Tally], axis: int) -> dict[str, Array]:
    """Return the errors on each target side by side, by the measures that all tallies have."""
    parts = [tally.by_target for tally in tallies]
    shared = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: np.concatenate([part[name] for part in parts], axis) for name in shared}
