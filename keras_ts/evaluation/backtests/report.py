"""``BacktestReport``: the forecasts of a backtest beside the actual values, and the verdict."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import output_names
from keras_ts._typing import Array
from keras_ts.evaluation.judging import NoVerdictError
from keras_ts.evaluation.report import ComparisonReport
from keras_ts.plotting.errors import plot_backtest
from keras_ts.scores.metrics import heading
from keras_ts.scores.report import Page, Report, Rows


@dataclass(frozen=True, repr=False, eq=False)
class BacktestReport(Report):
    """Holds the forecasts of a backtest and the verdict; print it for the folds' scores and that.

    Returned by ``backtest``.

    Attributes:
        table: A dict of columns of equal length, one row for each fold, window and step: ``fold``
            (from 0), ``series`` (its id or number), ``origin`` and ``target`` (positions, or
            timestamps where the series has them), ``step`` (from 1), ``actual`` and
            ``prediction`` (with an axis for several target columns). If models forecast quantiles,
            ``prediction`` is the median, and ``prediction_0.1`` and so on are the others.
        scales: The scale of each value of ``actual``, for MASE: the mean absolute step, over one
            row or ``period`` rows, of its series and target before the fold's own test part. NaN
            where there is none.
        comparison: The ``ComparisonReport`` of the model and the baselines over all folds, as
            ``compare`` returns it; or None if there is no verdict, since a forecast is not finite
            or nothing can be judged. The printed report says why.
    """

    table: dict[str, Array]
    scales: Array
    comparison: ComparisonReport | None
    _reason: NoVerdictError | None  # why there is no verdict
    _levels: Sequence[float] | None
    _trained: Sequence[int]  # the folds on which a model was trained

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict over all folds by the name ``"model"``, as ``compare`` gives it."""
        return self._judged().verdicts

    @property
    def best(self) -> str:
        """The name of the best baseline over all folds."""
        return self._judged().best

    def scorecards(self) -> list[dict[str, Any]]:
        """Return what ``save_model(model, filepath, report=report)`` keeps of the verdict."""
        return self._judged().scorecards()

    def _judged(self) -> ComparisonReport:
        if self.comparison is None:
            raise ValueError(f"There is no verdict: {self._reason}")
        return self.comparison

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
        rows = Rows(self.table, self.table["actual"], predicted, self.scales, self._levels)
        return rows.scores(by)

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the error by step; see ``plot_backtest``."""
        return plot_backtest(self, ax=ax, filepath=filepath)

    def pages(self) -> Iterator[Page]:
        """Yield the scores of each fold and of all, and then the verdict."""
        scores, overall = self.scores("fold"), self.scores()
        columns: dict[str, Sequence[Any]] = {"fold": [*map(str, scores["fold"]), "all"]}
        columns |= {heading(m): [*scores[m], *values] for m, values in overall.items()}
        trained = "Trained on every fold."
        if len(self._trained) < len(scores["fold"]):
            folds = ", ".join(map(str, self._trained))
            trained = (
                f"Trained on fold{'s' * (len(self._trained) > 1)} {folds}. The other folds are "
                "judged with the latest model before them."
            )
        sentences = [trained]
        if self.comparison is None:
            actual = self.table["actual"]
            missing = int(np.sum(~np.isfinite(actual)))
            if missing:
                sentences.append(
                    f"{missing} of {actual.size} targets are missing, and count nowhere."
                )
            sentences.append(f"There is no verdict: {self._reason}")
        yield Page(columns, sentences, left=0)
        if self.comparison is not None:
            yield from self.comparison.pages()


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
    comparison, reason = (None, outcome) if isinstance(outcome, NoVerdictError) else (outcome, None)
    return BacktestReport(columns, scales, comparison, reason, levels, trained)
