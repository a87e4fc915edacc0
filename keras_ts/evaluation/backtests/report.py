"""``BacktestReport``: the forecasts of a backtest beside the actual values, and the verdict."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import output_names
from keras_ts._typing import Array
from keras_ts.evaluation.judging import NoVerdictError
from keras_ts.evaluation.report import ComparisonReport
from keras_ts.evaluation.reports.tables import aligned, as_frame, html_table, scores_of_rows
from keras_ts.plotting.errors import plot_backtest
from keras_ts.saving.card import HEADINGS


class BacktestReport:
    """Holds the forecasts of a backtest and the verdict; print it for the folds' scores and that.

    Returned by ``backtest``.

    Attributes:
        table: A dict of columns of equal length, one row for each fold, window and step: ``fold``
            (from 0), ``series`` (its id or number), ``origin`` and ``target`` (positions, or
            timestamps where the series has them), ``step`` (from 1), ``actual`` and
            ``prediction`` (with an axis for several target columns). If models forecast quantiles,
            ``prediction`` is the median, and ``prediction_0.1`` and so on are the others.
        comparison: The ``ComparisonReport`` of the model and the baselines over all folds, as
            ``compare`` returns it; or None if there is no verdict, since a forecast is not finite
            or nothing can be judged. The printed report says why.
        scales: The scale of each value of ``actual``, for MASE: the mean absolute step, over one
            row or ``period`` rows, of its series and target before the fold's own test part. NaN
            where there is none.
    """

    def __init__(
        self,
        table: dict[str, Array],
        scales: Array,
        levels: Sequence[float] | None,
        outcome: ComparisonReport | NoVerdictError,
        trained: Sequence[int],
    ) -> None:
        self.table, self.scales, self._levels = table, scales, levels
        self._outcome, self._trained = outcome, trained
        self.comparison = outcome if isinstance(outcome, ComparisonReport) else None

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict over all folds by the name ``"model"``, as ``compare`` gives it."""
        return self._judged().verdicts

    @property
    def best(self) -> str:
        """The name of the best baseline over all folds."""
        return self._judged().best

    def _judged(self) -> ComparisonReport:
        if isinstance(self._outcome, NoVerdictError):
            raise ValueError(f"There is no verdict: {self._outcome}")
        return self._outcome

    def scores(self, by: str | None = None) -> dict[str, Array]:
        """Return the scores of each fold, step or series, or of all rows.

        Args:
            by: ``"fold"``, ``"step"`` or ``"series"``. Defaults to None: all rows.

        Returns:
            A dict of columns of equal length: the one named by ``by``, ``mae``, ``rmse``, ``mase``
            (scaled by the mean absolute step before each fold's own test part) and ``smape`` (in
            per cent); with quantiles also ``pinball``, ``coverage`` and ``width``.
        """
        if by is not None:
            _checks.choice("by", by, ("fold", "step", "series"))
        predicted = self.table["prediction"]
        if self._levels is not None:
            names = output_names("prediction", self._levels)
            predicted = np.stack([self.table[name] for name in names], axis=-1)
        column = None if by is None else self.table[by]
        return scores_of_rows(
            self.table["actual"], predicted, self.scales, self._levels, by, column
        )

    def scorecards(self) -> list[dict[str, Any]]:
        """Return what ``save_model(model, filepath, report=report)`` keeps of the verdict."""
        return self._judged().scorecards()

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the error by step; see ``plot_backtest``."""
        return plot_backtest(self, ax=ax, filepath=filepath)

    def to_frame(self, library: str = "pandas") -> Any:
        """Return ``table`` as a data frame.

        Several target columns become columns of their own: ``actual_0``, ``actual_1``, ...

        Args:
            library: ``"pandas"`` or ``"polars"``. Defaults to ``"pandas"``.
        """
        columns = {}
        for name, values in self.table.items():
            if values.ndim == 1:
                columns[name] = values
            else:
                columns.update({f"{name}_{i}": part for i, part in enumerate(values.T)})
        return as_frame(columns, library)

    def __str__(self) -> str:
        lines = [*aligned([*self._rows()]), "", self._training()]
        if self.comparison is None:
            return "\n".join([*lines, *self._no_verdict()])
        return "\n".join([*lines, "", str(self.comparison)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the tables and the sentences for a notebook."""
        heading, *rows = self._rows()
        lines = [self._training()]
        if self.comparison is None:
            return html_table(heading, rows, [*lines, *self._no_verdict()])
        return html_table(heading, rows, lines) + self.comparison._repr_html_()

    def _rows(self) -> Iterator[list[str]]:
        """Return the heading, the scores of each fold, and those of all."""
        scores, overall = self.scores("fold"), self.scores()
        yield ["fold", *(HEADINGS.get(metric, metric) for metric in overall)]
        for place, fold in enumerate(scores["fold"].tolist()):
            yield [str(fold), *(f"{float(scores[metric][place]):.4g}" for metric in overall)]
        yield ["all", *(f"{float(values[0]):.4g}" for values in overall.values())]

    def _training(self) -> str:
        """Return on which folds a model was trained, in a sentence."""
        if len(self._trained) == len(np.unique(self.table["fold"])):
            return "Trained on every fold."
        folds = ", ".join(map(str, self._trained))
        return (
            f"Trained on fold{'s' * (len(self._trained) > 1)} {folds}. The other folds are judged "
            "with the latest model before them."
        )

    def _no_verdict(self) -> Iterator[str]:
        """Return why there is no verdict, in sentences."""
        actual = self.table["actual"]
        missing = int(np.sum(~np.isfinite(actual)))
        if missing:
            yield f"{missing} of {actual.size} targets are missing, and count nowhere."
        yield f"There is no verdict: {self._outcome}"


def joined(
    folds: Sequence[tuple[dict[str, Array], Array, Array]],
    levels: Sequence[float] | None,
    outcome: ComparisonReport | NoVerdictError,
    trained: Sequence[int],
) -> BacktestReport:
    """Return the report of all folds, each a table, predictions and the scale of each value."""
    tables = []
    for number, (table, predictions, _) in enumerate(folds):
        table = {"fold": np.full(len(table["step"]), number), **table}
        for place, name in enumerate(output_names("prediction", levels) if levels else []):
            table[name] = predictions[..., place].reshape(table["prediction"].shape)
        tables.append(table)
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    scales = np.concatenate([scales for *_, scales in folds])
    return BacktestReport(columns, scales, levels, outcome, trained)
