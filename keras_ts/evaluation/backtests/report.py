"""``BacktestReport``: the forecasts of a backtest beside the actual values, and the verdict."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import output_names
from keras_ts._typing import Array
from keras_ts.evaluation.backtests.fold_store import Fold
from keras_ts.evaluation.judgement import NoVerdictError
from keras_ts.evaluation.report import ComparisonReport
from keras_ts.plotting.errors import plot_backtest
from keras_ts.scores.metrics import heading
from keras_ts.scores.report import Page, Report, Rows, printed


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
    _scales: Array  # of absolute and squared steps
    _reason: NoVerdictError | None  # why there is no verdict
    _levels: Sequence[float] | None
    _totals: Rows | None  # None for a report of single steps
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
            by: ``"fold"``, ``"series"``, ``"step"`` (not of totals) or, of several seeds,
                ``"seed"``. Defaults to None: all rows.

        Returns:
            A dict of columns of equal length: the one named by ``by``, ``mae``, ``rmse``, ``mase``
            (scaled by the mean absolute step before each fold's own test part), ``smape`` (in per
            cent) and the further columns of ``ComparisonReport.table``.
        """
        if by is not None:
            known = {"fold": True, "step": self._totals is None, "series": True}
            known["seed"] = "seed" in self.table
            _checks.choice("by", by, tuple(name for name, has in known.items() if has))
        if self._totals is not None:
            return self._totals.scores(by)
        predicted = self.table["prediction"]
        if self._levels is not None:
            names = output_names("prediction", self._levels)
            predicted = np.stack([self.table[name] for name in names], axis=-1)
        rows = Rows(self.table, self.table["actual"], predicted, self._scales, self._levels)
        return rows.scores(by)

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the error by step, as ``plot_backtest`` does; of totals the verdict."""
        if self._totals is not None:
            return self._judged().plot(ax=ax, filepath=filepath)
        return plot_backtest(self, ax=ax, filepath=filepath)

    def pages(self) -> Iterator[Page]:
        """Yield the scores of each fold and of all, and then the verdict."""
        scores, overall = self.scores("fold"), self.scores()
        columns: dict[str, Sequence[Any]] = {"fold": [*map(str, scores["fold"]), "all"]}
        columns |= {heading(m): [*scores[m], *overall[m]] for m in printed(overall)}
        times = ""
        if "seed" in self.table:
            times = f" with each of {self.table['seed'].max() + 1} seeds"
        trained = f"Trained on every fold{times}."
        if len(self._trained) < len(scores["fold"]):
            folds = ", ".join(map(str, self._trained))
            trained = (
                f"Trained on fold{'s' * (len(self._trained) > 1)} {folds}{times}. The other folds "
                "are judged with the latest model before them."
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


class Part(NamedTuple):
    """The table of a fold, of one seed, what its model forecasts, and the scale of each value."""

    table: dict[str, Array]
    done: Fold
    scales: Array


def joined(
    parts: Sequence[Part],
    outcome: ComparisonReport | NoVerdictError,
    trained: Sequence[int],
    total: bool = False,
) -> BacktestReport:
    """Return the report of all folds."""
    levels = parts[0].done.levels
    for table, done, _ in parts:
        for place, name in enumerate(output_names("prediction", levels) if levels else []):
            table[name] = done.predictions[..., place].reshape(table["prediction"].shape)
    columns = {
        name: np.concatenate([part.table[name] for part in parts]) for name in parts[0].table
    }
    scales = np.concatenate([part.scales for part in parts])
    comparison, reason = (None, outcome) if isinstance(outcome, NoVerdictError) else (outcome, None)
    totals = None
    if total:
        # Of each window's steps, with quantiles where models have them.
        rows = Rows(columns, columns["actual"], columns["prediction"], scales, None)
        by = [name for name in ("fold", "seed", "series", "origin") if name in columns]
        totals = rows.totals(by)
        made = [part.done.totals for part in parts if part.done.totals is not None]
        if made and levels is not None:
            predicted = np.concatenate(made).reshape(*totals.actual.shape, len(levels))
            totals = totals._replace(predicted=predicted, levels=levels)
    return BacktestReport(
        columns, scales[..., 0], comparison, scales, reason, levels, totals, trained
    )
