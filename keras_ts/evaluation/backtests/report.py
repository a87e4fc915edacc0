"""``BacktestReport``: a backtest's forecasts beside the actual values, its verdict and picture."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import output_names
from keras_ts._typing import Array
from keras_ts.evaluation.arithmetic.coverage import Coverage
from keras_ts.evaluation.backtests.training import Fold
from keras_ts.evaluation.judged import NoVerdictError
from keras_ts.evaluation.report import ComparisonReport
from keras_ts.panel.labels import by_id_column
from keras_ts.plotting.errors import plot_folds
from keras_ts.scores.metrics import METRICS, heading
from keras_ts.scores.report import Page, Report, Rows, Table, printed


@dataclass(frozen=True, repr=False, eq=False)
class BacktestReport(Report):
    """The forecasts of a backtest and the verdict; print it for the verdict and scores by fold.

    Returned by ``backtest``.

    Attributes:
        table: A dict of columns of equal length, one row for each fold, window and step: ``fold``
            (from 0), ``series`` (its id or number), ``origin`` and ``target`` (positions, or
            timestamps where the series has them), ``step`` (from 1), ``actual`` and
            ``prediction`` (with an axis for several target columns). If models forecast quantiles,
            ``prediction`` is the median, and ``prediction_0.1`` and so on are the others. With
            several seeds, there is one row for each of them, and a column ``seed`` (from 0).
        scales: The scale of each value of ``actual``, for MASE: the mean absolute difference
            between values one row (or ``period`` rows) apart, in its series and target, before the
            fold's test part. NaN without a change there.
        comparison: The ``ComparisonReport`` of the model and the baselines over all folds, as
            ``compare`` returns it; or None if there is no verdict, since a forecast is not finite
            or nothing can be judged. The printed report says why.
    """

    table: dict[str, Array]
    scales: Array
    comparison: ComparisonReport | None
    _rows: Rows  # the rows of ``table``, or their totals
    _total: bool
    _reason: NoVerdictError | None  # why there is no verdict
    _trained: Sequence[int]  # the folds on which a model was trained

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict over all folds under the key ``"model"``, as ``compare`` gives it."""
        return self._judged().verdicts

    @property
    def coverages(self) -> dict[str, Coverage]:
        """The coverage over all folds under the key ``"model"``, as ``compare`` gives it."""
        return self._judged().coverages

    @property
    def best(self) -> str:
        """The name of the best baseline over all folds."""
        return self._judged().best

    def scorecards(self) -> list[dict[str, Any]]:
        """Return the verdict as ``save_model(model, filepath, report=report)`` keeps it."""
        return self._judged().scorecards()

    def _judged(self) -> ComparisonReport:
        if self.comparison is None:
            raise ValueError(f"There is no verdict: {self._reason}")
        return self.comparison

    def scores(self, by: str | None = None) -> Table:
        """Return the scores of each fold, step or series, or of all rows.

        Args:
            by: ``"fold"``, ``"series"``, ``"step"`` (not of totals) or, if there are several seeds,
                ``"seed"``. Defaults to None: all rows.

        Returns:
            A dict of columns of equal length, which has ``to_frame``: the one named by ``by``,
            ``mae``, ``rmse``, ``mase`` (scaled by ``scales``), ``smape`` (in per cent) and the
            further metrics of ``ComparisonReport.table``.
        """
        if by is not None:
            known = ("fold", "step", "series", "seed")
            _checks.choice("by", by, tuple(name for name in known if name in self._rows.columns))
        return self._rows.scores(by)

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the error by step, as ``plot_backtest`` does; for totals, draw the verdict."""
        if self._total:
            return self._judged().plot(ax=ax, filepath=filepath)
        return plot_backtest(self, ax=ax, filepath=filepath)

    def pages(self) -> Iterator[Page]:
        """Yield the scores of each fold and of all, and then the verdict."""
        scores, overall = self.scores("fold"), self.scores()
        columns: dict[str, Sequence[Any]] = {"fold": [*map(str, scores["fold"]), "all"]}
        columns |= {heading(m): [*scores[m], *overall[m]] for m in printed(overall)}
        seeds = ""
        if "seed" in self.table:
            seeds = f" with each of {self.table['seed'].max() + 1} seeds"
        sentences = [f"Trained on every fold{seeds}."]
        if len(self._trained) < len(scores["fold"]):
            folds = ", ".join(map(str, self._trained))
            sentences = [
                f"Trained on fold{'s' * (len(self._trained) > 1)} {folds}{seeds}. The other folds "
                "are judged with the latest model before them."
            ]
        if self.comparison is None:
            actual = self.table["actual"]
            if missing := int(np.sum(~np.isfinite(actual))):
                sentences.append(
                    f"{missing} of {actual.size} targets are missing, and count nowhere."
                )
            sentences.append(f"There is no verdict: {self._reason}")
        yield Page(columns, sentences, left=0)
        if self.comparison is not None:
            yield from self.comparison.pages()


def plot_backtest(
    backtest: Any, *, ax: Any = None, filepath: str | os.PathLike[str] | None = None
) -> Any:
    """Draw the mean error at each step ahead, for every fold and for all folds together.

    The error is the measure of the report's verdict: MASE, MAE, RMSSE or SQL. It is MAE without a
    verdict, and for a verdict by your own metric or on totals. With a verdict on single steps, the
    error of the best baseline over all folds is drawn, too.

    Example:

    >>> import numpy as np
    >>> from keras_ts import plot_backtest
    >>> table = {"fold": [0, 0, 1, 1], "step": [1, 2, 1, 2], "actual": np.zeros(4)}
    >>> axes = plot_backtest({**table, "prediction": np.array([1.0, 2.0, 3.0, 6.0])})
    >>> axes.lines[-1].get_ydata().tolist()
    [2.0, 4.0]

    Args:
        backtest: The ``BacktestReport`` that ``backtest`` returned, or its ``table``.
        ax: Axes to draw on. Defaults to a new figure's.
        filepath: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.
    """
    table, comparison = getattr(backtest, "table", backtest), getattr(backtest, "comparison", None)
    names = ("fold", "step", "actual", "prediction")
    by, best = "mae", dict[str, Array]()
    if comparison is not None and not comparison.total:
        rows, by = backtest._rows, comparison.by if comparison.by in METRICS else by
        scores = comparison.scores(by="step")
        best = {comparison.best: scores[by][scores["name"] == comparison.best]}
    else:
        actual, points = (np.asarray(table[name], dtype=float) for name in names[2:])
        unscaled = np.full((*actual.shape, 2), np.nan)
        rows = Rows({n: np.asarray(table[n]) for n in names[:2]}, actual, points, unscaled, None)
    (folds, fold), (steps, step) = (
        np.unique(rows.columns[name], return_inverse=True) for name in names[:2]
    )
    errors = np.full((len(folds), len(steps)), np.nan)
    found = rows._replace(columns={"place": fold * len(steps) + step}).scores("place")
    errors.flat[found["place"]] = found[by]
    overall = rows.scores("step")[by]
    return plot_folds(steps, errors, overall, heading(by), best, ax=ax, filepath=filepath)


class Part(NamedTuple):
    """A fold of one seed, with the scale of each value of its table."""

    table: dict[str, Array]
    done: Fold
    scales: Array


def joined(
    parts: Sequence[Part],
    outcome: ComparisonReport | NoVerdictError,
    trained: Sequence[int],
    total: bool = False,
) -> BacktestReport:
    """Return the report of all folds and seeds."""
    levels = parts[0].done.levels
    columns = {
        name: np.concatenate([part.table[name] for part in parts]) for name in parts[0].table
    }
    points, scales = columns["prediction"], np.concatenate([part.scales for part in parts])
    rows = Rows(columns, columns["actual"], points, scales, None)
    predictions = [part.done.predictions for part in parts]
    if levels:
        quantiles = np.concatenate(predictions).reshape(*points.shape, len(levels))
        quantiles = np.moveaxis(quantiles, -1, 0)
        columns |= zip(output_names("prediction", levels), quantiles, strict=True)
    if total:
        rows = rows.totals([key for key in ("fold", "seed", "series", "origin") if key in columns])
        predictions = [part.done.totals for part in parts if part.done.totals is not None]
    if levels and predictions:
        predicted = np.concatenate(predictions).reshape(*rows.actual.shape, len(levels))
        rows = rows._replace(predicted=predicted, levels=levels)
    comparison, reason = (None, outcome) if isinstance(outcome, NoVerdictError) else (outcome, None)
    return BacktestReport(
        by_id_column(columns), scales[..., 0], comparison, rows, total, reason, trained
    )
