"""``ScoreReport``: the scores of forecasts whose rows have come, and what the model promised."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.evaluation.arithmetic.metrics import absolute_errors, scaled_errors
from keras_ts.evaluation.reports.frames import as_frame
from keras_ts.evaluation.reports.rows import scores_of_rows
from keras_ts.evaluation.reports.text import aligned, html_table
from keras_ts.saving.card import HEADINGS
from keras_ts.saving.scorecard import scorecard


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
            ``"better"`` below it, and ``"worse"`` above it; None without a scorecard, or if it
            promises a MASE and there is no ``train``.
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
        judged = np.isfinite(self._actual).any(axis=1)
        if not judged.any():
            return None, "There is no error to compare with what the scorecard promised."
        steps = int(self._columns["step"][judged].max())
        if steps > len(promise.low):
            return None, f"The scorecard promises nothing for {steps} steps."
        low, high = promise.low[steps - 1], promise.high[steps - 1]
        if low is None or high is None:
            return None, f"The scorecard promises nothing for {steps} steps."
        error = self._mean_by_origin(promise.by)
        verdict = "better" if error < low else "worse" if error > high else "as promised"
        where = {"better": "is lower than", "worse": "is higher than", "as promised": "lies within"}
        return verdict, (
            f"The {name} over the first {steps} steps, {error:.4g}, {where[verdict]} what the "
            f"model's scorecard promised: {low:.4g} to {high:.4g} at 95 % of {promise.origins} "
            "held-out origins."
        )

    def _mean_by_origin(self, by: str) -> float:
        """Return the mean over origins of the mean error of each."""
        levels = self._levels
        point = self._predicted if levels is None else self._predicted[..., levels.index(0.5)]
        errors = absolute_errors(self._actual, point)
        if by == "mase":
            errors = scaled_errors(self._actual, point, self._scales)
        counted = ~np.isnan(errors)
        group = self._columns["origin"]
        total = np.bincount(group, np.where(counted, errors, 0.0).sum(axis=1))
        count = np.bincount(group, counted.sum(axis=1))
        return float(np.mean(total[count > 0] / count[count > 0]))
