"""Judges the folds of a backtest beside baselines, for one verdict over all of them."""

from collections.abc import Callable, Sequence
from typing import Any

from keras_ts._typing import Array
from keras_ts.evaluation.compare import metrics_of, period_note
from keras_ts.evaluation.entries import covariates_note
from keras_ts.evaluation.forecasters.forecaster import (
    baselines_of,
    left_out_note,
    name_of,
    of_array,
    of_baseline,
)
from keras_ts.evaluation.judged.reading import JudgedWindows
from keras_ts.evaluation.judging import (
    Judgement,
    NoVerdictError,
    checked_measure,
    judge,
    measure_of,
    refuse_points,
)
from keras_ts.evaluation.report import ComparisonReport, report_of

_MODEL = "model"


class FoldJudge:
    """Judges one fold after the other, by the arguments of ``compare``; ``report`` joins them."""

    def __init__(
        self,
        period: int | None,
        baselines: Sequence[Any] | None,
        metrics: Sequence[Callable[[Array, Array, Array], Array]] | None,
        by: str | None,
        sequence: bool,
    ) -> None:
        self._baselines = baselines_of(baselines, period, sequence)
        self._notes = left_out_note(baselines, sequence)
        self._names = [name_of(baseline) for baseline in self._baselines]
        if _MODEL in self._names:
            raise ValueError(f"baselines has one named {_MODEL!r}, as the backtested model is.")
        self._metrics, self._period = metrics_of(metrics), period
        self._by = checked_measure(by, self._metrics)
        self._judgements: list[Judgement] = []
        self._reason: NoVerdictError | None = None

    def add(
        self,
        train: JudgedWindows,
        judged: JudgedWindows,
        scales: Array,
        predictions: Array,
        levels: tuple[float, ...] | None,
    ) -> None:
        """Judge predictions ``(windows, steps, targets[, levels])`` of a fold and the baselines."""
        if self._reason is not None:
            return
        # A forecast that is NaN has failed; it is none that the model lacks.
        model = of_array(_MODEL, predictions, levels, judged)._replace(lacks="nothing")
        baselines = [
            of_baseline(baseline, train, judged, levels or ()) for baseline in self._baselines
        ]
        measure = measure_of(self._by, judged)
        refuse_points(measure, [model, *baselines])
        try:
            judgement = judge(
                [model, *baselines],
                judged,
                scales,
                measure,
                self._metrics,
            )
        except NoVerdictError as error:
            self._reason = error
            return
        self._judgements.append(judgement)

    def report(self) -> ComparisonReport | NoVerdictError:
        """Return the report on all folds, or the reason why there is no verdict."""
        if self._reason is not None:
            return self._reason
        judged = self._judgements[0].judged
        notes = covariates_note(judged.beyond_targets(), self._names) + self._notes
        notes += period_note(self._period)
        try:
            return report_of(
                self._judgements,
                [_MODEL],
                measure_of(self._by, judged),
                self._period,
                list(self._metrics),
                notes,
            )
        except NoVerdictError as error:
            return error
