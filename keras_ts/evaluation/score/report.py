"""``ScoreReport``: the scores of forecasts whose rows have come, and what the model promised."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import points_of
from keras_ts._typing import Array, BoolArray
from keras_ts.evaluation.arithmetic.metrics import absolute_errors, scaled_errors
from keras_ts.evaluation.reports.tables import (
    aligned,
    as_frame,
    html_table,
    scores_of_rows,
    unscaled_note,
)
from keras_ts.evaluation.score.promise import Promise, judged
from keras_ts.saving.card import HEADINGS


class ScoreReport:
    """The scores of forecasts whose rows have come; print it for a table that ends in a sentence.

    Returned by ``score``.

    Attributes:
        table: A dict of columns of equal length: the one that ``by`` names, ``mae``, ``rmse``,
            ``mase`` (NaN without ``train``) and ``smape`` (in per cent); with quantiles also
            ``pinball``, ``coverage`` and ``width``. If no row has come yet, the scores of all rows
            are NaN, and there is none by step or series.
        promised: ``"as promised"`` if the error lies within what the model's scorecard promised,
            ``"better"`` below it, and ``"worse"`` above it. None if there is no scorecard or
            nothing to compare with it; the last sentence of the printed report says why.
    """

    def __init__(
        self,
        columns: dict[str, Array],
        come: BoolArray,
        actual: Array,
        predicted: Array,
        scales: Array,
        levels: Sequence[float] | None,
        by: str | None,
        promise: Promise | None,
        period: int | None,
        targets: Sequence[str],
    ) -> None:
        self._levels, self._by, self._promise = levels, by, promise
        self._period, self._targets, self._outstanding = period, targets, int((~come).sum())
        # A step without a forecast, such as a closed day, counts nowhere.
        lacks = np.isnan(predicted).reshape(*actual.shape, -1).any(axis=-1)
        self._lacking = int((lacks & np.isfinite(actual))[come].sum())
        self._missing = int((~np.isfinite(actual))[come].sum())
        actual = np.where(lacks, np.nan, actual)
        self.promised, self._sentence = _judged(promise, columns, actual, predicted, scales, levels)
        self._columns = {name: values[come] for name, values in columns.items()}
        self._actual, self._predicted, self._scales = actual[come], predicted[come], scales[come]
        self.table = self.scores(by)

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
        if not count:
            all_of = f"{self._outstanding} forecasts of {targets}"
            notes = [f"None of the {all_of} has its row in actual."]
        elif self._outstanding:
            notes.append(f"{self._outstanding} forecasts have no row in actual yet.")
        if self._missing:
            notes.append(f"{self._missing} values that came are missing, and count nowhere.")
        if self._lacking:
            notes.append(f"{self._lacking} forecasts are missing, and count nowhere.")
        if self._period is not None and self._period > 1:
            notes.append(f"MASE is scaled by steps {self._period} rows apart.")
        if self._period is not None:
            unscaled = np.isfinite(self._actual).any(axis=1) & np.isnan(self._scales).all(axis=1)
            notes += unscaled_note(list(dict.fromkeys(self._columns["series"][unscaled].tolist())))
        return [*notes, *([self._sentence] if self._sentence else [])]


def _judged(
    promise: Promise | None,
    columns: dict[str, Array],
    actual: Array,
    predicted: Array,
    scales: Array,
    levels: Sequence[float] | None,
) -> tuple[str | None, str]:
    """Return if a promise was kept, and a sentence on it."""
    if promise is None:
        return None, ""
    if promise.by == "mase" and np.isnan(scales).all():
        return None, "The scorecard promises a MASE: pass train= to compare this one with it."
    point = points_of(predicted, levels)
    errors, expected = absolute_errors(actual, point), np.isfinite(point)
    if promise.by == "mase":
        errors, expected = scaled_errors(actual, point, scales), expected & np.isfinite(scales)
    return judged(promise, columns, errors, np.asarray(expected.any(axis=1)))
