"""``ScoreReport``: the scores of forecasts whose rows have come, and what the model promised."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.arithmetic.metrics import absolute_errors, scaled_errors
from keras_ts.evaluation.reports.frames import as_frame
from keras_ts.evaluation.reports.rows import scores_of_rows
from keras_ts.evaluation.reports.text import aligned, html_table
from keras_ts.saving.card import HEADINGS
from keras_ts.saving.scorecard import scorecard

# One error in n + 1 exceeds the largest of n others, so with fewer origins a range says little.
_FEWEST_ORIGINS = 10


class Promise(NamedTuple):
    """The errors that a model had at the origins on which it was judged.

    Attributes:
        by: Their metric, ``"mae"`` or ``"mase"``.
        period: The steps of MASE are this many positions apart.
        origins: The number of origins.
        low: For each number of steps, the error over that many first steps that 2.5 % of the
            origins stayed below.
        high: The error that 2.5 % exceeded.
        ok: True if the weights are those that were judged.
    """

    by: str
    period: int
    origins: int
    low: Sequence[float | None]
    high: Sequence[float | None]
    ok: bool

    @classmethod
    def of(cls, filepath: str | os.PathLike[str]) -> "Promise":
        """Read the scorecard of a file."""
        card = scorecard(filepath)
        values = card.to_dict()
        promised = values["promised"]
        errors = promised["errors"]
        return cls(
            values["by"],
            values["period"] or 1,
            promised["origins"],
            errors["low"],
            errors["high"],
            card.ok,
        )


class ScoreReport:
    """The scores of forecasts whose rows have come; print it for a table that ends in a sentence.

    Returned by ``score``.

    Attributes:
        table: A dict of columns of equal length: the one that ``by`` names, ``mae``, ``rmse``,
            ``mase`` (NaN without ``train``) and ``smape`` (in per cent); with quantiles also
            ``pinball``, ``coverage`` and ``width``.
        promised: ``"as promised"`` if the error lies within what the model's scorecard promised,
            ``"better"`` below it, and ``"worse"`` above it; None without a scorecard, if it comes
            from fewer than ten origins, or promises a MASE and there is no ``train``.
    """

    def __init__(
        self,
        columns: dict[str, Array],
        actual: Array,
        predicted: Array,
        scales: Array,
        levels: Sequence[float] | None,
        by: str | None,
        promise: Promise | None,
        outstanding: int,
        period: int | None,
        targets: Sequence[str],
        whole: bool,
    ) -> None:
        self._columns, self._actual, self._predicted = columns, actual, predicted
        self._scales, self._levels, self._by = scales, levels, by
        self._promise, self._outstanding, self._period = promise, outstanding, period
        self._targets, self._whole = targets, whole
        # A step without a forecast, such as a closed day, counts nowhere.
        lacks = np.isnan(predicted).reshape(*actual.shape, -1).any(axis=-1)
        self._lacking = int((lacks & np.isfinite(actual)).sum())
        self._missing = int((~np.isfinite(actual)).sum())
        self._actual = np.where(lacks, np.nan, actual)
        self.table = self.scores(by)
        self.promised, self._sentence = self._judged()

    def scores(self, by: str | None = None) -> dict[str, Array]:
        """Return the scores of all rows, or of each step or series.

        Args:
            by: ``"step"`` or ``"series"``. Defaults to None: all rows.

        Returns:
            A dict of columns of equal length, as in ``table``.
        """
        if by is not None:
            _checks.choice("by", by, ("step", "series"))
        if by is None:
            return scores_of_rows(self._actual, self._predicted, self._scales, self._levels)
        column = self._columns[by]
        # Steps in their order, series in that of the forecasts.
        order = np.argsort(column, kind="stable") if by == "step" else np.arange(len(column))
        return scores_of_rows(
            self._actual[order],
            self._predicted[order],
            self._scales[order],
            self._levels,
            by,
            column[order],
        )

    def to_frame(self, library: str = "pandas") -> Any:
        """Return ``table`` as a data frame.

        Args:
            library: ``"pandas"`` or ``"polars"``. Defaults to ``"pandas"``.
        """
        return as_frame(self.table, library)

    def __str__(self) -> str:
        return "\n".join([*aligned([self._heading(), *self._rows()], left=1), "", *self._notes()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table and the sentences for a notebook."""
        return html_table(self._heading(), self._rows(), self._notes())

    def _metrics(self) -> list[str]:
        return [
            name
            for name, values in self.table.items()
            if name != self._by and not (name == "mase" and np.isnan(values).all())
        ]

    def _heading(self) -> list[str]:
        return [self._by or "", *(HEADINGS.get(name, name) for name in self._metrics())]

    def _rows(self) -> list[list[str]]:
        metrics = self._metrics()
        keys = ["all"] if self._by is None else [str(key) for key in self.table[self._by]]
        return [
            [key, *(f"{float(self.table[name][place]):.4g}" for name in metrics)]
            for place, key in enumerate(keys)
        ]

    def _notes(self) -> list[str]:
        series, steps = (len(set(self._columns[name].tolist())) for name in ("series", "step"))
        of_series = f" for {series} series" if series > 1 else ""
        targets = ", ".join(self._targets)
        count = len(self._actual)
        notes = [f"Over {count} forecasts of {targets}{of_series}, {steps} steps ahead at most."]
        if self._outstanding:
            notes.append(f"{self._outstanding} forecasts have no row in actual yet.")
        if self._missing:
            notes.append(f"{self._missing} values that came are missing, and count nowhere.")
        if self._lacking:
            notes.append(f"{self._lacking} forecasts are missing, and count nowhere.")
        if self._period is not None and self._period > 1:
            notes.append(f"MASE is scaled by steps {self._period} rows apart.")
        return [*notes, *([self._sentence] if self._sentence else [])]

    def _judged(self) -> tuple[str | None, str]:
        """Return if the promise was kept, and a sentence on it."""
        promise = self._promise
        if promise is None:
            return None, ""
        name = HEADINGS[promise.by]
        if promise.by == "mase" and np.isnan(self._scales).all():
            return None, "The scorecard promises a MASE: pass train= to compare this one with it."
        if not promise.ok:
            return None, (
                "The weights of the model were trained further since they were judged, so its "
                "scorecard promises nothing."
            )
        if not self._whole:
            return None, (
                "The scorecard promises the error over the first steps of a forecast, and the "
                "table of forecasts lacks some of these."
            )
        if promise.origins < _FEWEST_ORIGINS:
            return None, (
                f"The model was judged at {promise.origins} origins only, and from "
                f"{_FEWEST_ORIGINS} on its scorecard promises how much errors vary."
            )
        errors, steps = self._by_origin(promise.by)
        if not len(errors):
            return None, "There is no error to compare with what the scorecard promised."
        longest = int(steps.max())
        # None becomes NaN.
        ranges = np.array([promise.low, promise.high], np.float64)
        if longest > ranges.shape[1] or np.isnan(ranges[:, steps - 1]).any():
            return None, f"The scorecard promises nothing for {longest} steps."
        error, (low, high) = errors.mean(), ranges[:, steps - 1].mean(axis=1)
        verdict = "better" if error < low else "worse" if error > high else "as promised"
        where = {"better": "is lower than", "worse": "is higher than", "as promised": "lies within"}
        several = f" of forecasts from {len(errors)} origins," if len(errors) > 1 else ""
        return verdict, (
            f"The {name}{several} over the first {longest} steps, {error:.4g}, "
            f"{where[verdict]} what the model's scorecard promised: {low:.4g} to {high:.4g} at "
            f"95 % of {promise.origins} held-out origins."
        )

    def _by_origin(self, by: str) -> tuple[Array, IntArray]:
        """Return the mean error of each origin that has one, and the steps that it is of."""
        levels = self._levels
        point = self._predicted if levels is None else self._predicted[..., levels.index(0.5)]
        errors = absolute_errors(self._actual, point)
        if by == "mase":
            errors = scaled_errors(self._actual, point, self._scales)
        counted = ~np.isnan(errors)
        group = self._columns["origin"]
        total = np.bincount(group, np.where(counted, errors, 0.0).sum(axis=1))
        count = np.bincount(group, counted.sum(axis=1))
        steps = np.zeros(len(count), np.int64)
        np.maximum.at(steps, group, np.where(counted.any(axis=1), self._columns["step"], 0))
        return total[count > 0] / count[count > 0], steps[count > 0]
