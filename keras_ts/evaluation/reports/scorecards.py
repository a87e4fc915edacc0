"""Makes the scorecard of a model from a report: plain values for ``save_model`` to keep.

A scorecard says what was measured, on which data, and how much the error of a single forecast
varied there, so that ``score`` can tell later if a forecast was as good as those. Its size depends
on the horizon and the number of forecasters, never on the number of series or windows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts._version import __version__
from keras_ts.evaluation.arithmetic.verdict import Origins
from keras_ts.evaluation.judged.reading import JudgedWindows
from keras_ts.saving.schema import task_of
from keras_ts.saving.weights import Weights

# The most numbers in the sums over origins: of a long series some origins are left out, evenly.
_MOST_NUMBERS = 1 << 22
_LONGEST_TEXT = 1000


class Evidence(NamedTuple):
    """What a report knows of its models, by name, beside their scores."""

    judged_on: dict[str, Any]
    by: str  # the metric that the verdict compares
    period: int | None
    weights: Mapping[str, Weights]  # empty for a backtest, which judges others
    levels: Mapping[str, tuple[float, ...] | None]  # None for a point
    errors: Mapping[str, "ByOrigin"]
    coverage: Mapping[str, "ByOrigin"]  # of the outer interval
    folds: int | None


class ByOrigin:
    """Sums losses for each origin's time and each step; series of one time are averaged."""

    def __init__(self, times: IntArray, steps: int) -> None:
        """Prepare sums of 0 for windows whose origin times are numbered from 0 without a gap."""
        count = int(times.max()) + 1
        most = max(_MOST_NUMBERS // steps, 2)
        chosen = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
        place = np.full(count, -1)
        place[chosen] = np.arange(len(chosen))
        self._places = place[times]
        self._sums = np.zeros((2, len(chosen), steps))

    def add(self, windows: IntArray, losses: Array, present: BoolArray | None = None) -> None:
        """Add losses ``(windows, steps, targets)``; NaN and targets not present are left out."""
        counted = ~np.isnan(losses)
        if present is not None:
            counted &= present
        places = self._places[windows]
        chosen = places >= 0
        shape = self._sums.shape[1:]
        # bincount takes a third of the time of np.add.at.
        flat = (places[chosen, None] * shape[1] + np.arange(shape[1])).ravel()
        for sums, values in zip(self._sums, (np.where(counted, losses, 0.0), counted), strict=True):
            weights = values[chosen].sum(axis=2).ravel()
            sums += np.bincount(flat, weights, minlength=shape[0] * shape[1]).reshape(shape)

    def promise(self) -> dict[str, list[float | None]]:
        """Return mean and 95 % range, over origins, of the mean loss of the first h steps."""
        totals, counts = self._sums.cumsum(axis=2)
        means = np.divide(totals, counts, out=np.full_like(totals, np.nan), where=counts > 0)
        promise: dict[str, list[float | None]] = {"mean": [], "low": [], "high": []}
        for column in means.T:
            losses = column[~np.isnan(column)]
            low, high = np.quantile(losses, [0.025, 0.975]) if len(losses) else (np.nan, np.nan)
            mean = losses.mean() if len(losses) else np.nan
            for name, value in (("mean", mean), ("low", low), ("high", high)):
                promise[name].append(plain(value))
        return promise

    @classmethod
    def joined(cls, parts: Sequence["ByOrigin"]) -> "ByOrigin":
        """Return the sums of parts that share no origin, such as folds."""
        joint = cls(np.zeros(1, np.int64), parts[0]._sums.shape[2])
        joint._sums = np.concatenate([part._sums for part in parts], axis=1)
        return joint

    def totals(self) -> Array:
        """Return the sum of losses, and their number, at each origin time, ``(2, times)``."""
        totals: Array = self._sums.sum(axis=2)
        return totals

    @property
    def origins(self) -> int:
        """Number of origin times that have losses."""
        return int(self._sums[1].any(axis=1).sum())


def judged_on(
    judged: JudgedWindows, series: IntArray, flat: IntArray, origins: Origins, fingerprint: str
) -> dict[str, Any]:
    """Describe the data that was judged on, as plain values: counts, ends, fingerprint, task."""
    targets = [flat + judged.ahead[0], flat + judged.ahead[-1]]
    clock = judged.panel.clock
    if clock is None:
        starts = judged.panel.offsets[series]
        first, last = str((targets[0] - starts).min()), str((targets[1] - starts).max())
    else:
        ends = clock.times[targets[0]].argmin(), clock.times[targets[1]].argmax()
        first, last = (clock.written(int(t[e])) for t, e in zip(targets, ends, strict=True))
    return {
        "windows": len(flat),
        "series": origins.num_series,
        "origins": origins.num_times,
        "first": first,
        "last": last,
        "fingerprint": fingerprint,
        **task_of(judged.dataset.windows, judged.panel.columns),
    }


def scorecard_of(
    report: Any, evidence: Evidence, name: str, sentence: str, notes: list[str]
) -> dict[str, Any]:
    """Return the scorecard of one of a report's models, which JSON takes."""
    names = report.table["name"].tolist()
    # Baselines are what no verdict is given of.
    rows = [n for n, other in enumerate(names) if other == name or other not in report.verdicts]
    quantiles = evidence.levels.get(name)
    by_step = report.scores(by="step")
    steps: dict[str, Any] = {
        role: plain_list(by_step[evidence.by][by_step["name"] == who])
        for role, who in (("model", name), ("baseline", report.best))
    }
    coverage = steps["coverage"] = None
    if quantiles is not None:
        rows_of_model = by_step["name"] == name
        steps["coverage"] = plain_list(by_step["coverage"][rows_of_model])
        row = names.index(name)
        coverage = {
            "asked": plain(quantiles[-1] - quantiles[0]),
            "share": plain(report.table["coverage"][row]),
            "width": plain(report.table["width"][row]),
        }
    weights = evidence.weights.get(name)
    return {
        "format": 1,
        "model": name,
        "by": evidence.by,
        "period": evidence.period,
        "folds": evidence.folds,
        "best": report.best,
        "verdict": report.verdicts[name],
        "sentence": sentence[:_LONGEST_TEXT],
        "notes": [note[:_LONGEST_TEXT] for note in notes],
        "table": {
            column: [names[n] for n in rows] if column == "name" else plain_list(values[rows])
            for column, values in report.table.items()
        },
        "steps": steps,
        "coverage": coverage,
        "promised": {
            "origins": evidence.errors[name].origins,
            "errors": evidence.errors[name].promise(),
            "coverage": evidence.coverage[name].promise() if name in evidence.coverage else None,
        },
        "judged_on": evidence.judged_on,
        "versions": {
            "keras_ts": __version__,
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
        },
        **({"weights": None, "intervals": None} if weights is None else weights.plain()),
    }


def plain(value: Any) -> float | None:
    """Return a number to six digits, as JSON takes it; None for one that is not finite."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def plain_list(values: Array) -> list[float | None]:
    """Return numbers as ``plain`` does."""
    return [plain(value) for value in values.tolist()]
