"""``compare``: judges models, tables and baselines on exactly the same targets."""

from collections.abc import Callable, Sequence
from typing import Any

from keras_ts._typing import Array
from keras_ts.evaluation.entries import Entries
from keras_ts.evaluation.judging import Judge, season_note, season_of
from keras_ts.evaluation.report import ComparisonReport
from keras_ts.saving.scorecard import Weights
from keras_ts.windows.dataset import WindowDataset


def compare(
    models: Any,
    train: WindowDataset | None = None,
    validation: WindowDataset | None = None,
    *,
    period: int | None = None,
    baselines: Sequence[Any] | None = None,
    metrics: Sequence[Callable[[Array, Array, Array], Array]] | None = None,
    by: str | None = None,
    total: bool = False,
) -> ComparisonReport:
    """Score models, forecasts and baselines, and test if each model beats the best baseline.

    The baselines are judged on exactly the same targets:

    - ``"naive"``: the last value.
    - ``"drift"``: the last value plus the mean step of the window for each row ahead.
    - ``"moving average"``: the mean of the window.
    - ``"median"``: the window's median; with ``period``, of the target's phase if that is better.
    - ``"theta"``: the optimised theta method, fitted to each window.
    - ``"linear regression"``: a ridge regression for each step, which reads what the models read.
    - ``"seasonal naive"``, with ``period``: the latest known value of the target's phase.
    - ``"climatology"``, with ``total=True`` or ``by="sql"``: quantiles of a series' earlier values.

    The skill of a model is one minus its error over that of the best baseline. A block bootstrap
    gives its 95 % interval: of runs of origins at least a horizon long, or of whole series in a
    panel of six or more. The verdict is ``"beats"`` or ``"loses to"`` if the interval leaves out 0,
    else ``"cannot be told from"``; ``"is not judged beside"`` if there are fewer than six blocks.

    Quantiles are judged by their median, the pinball loss, and the coverage and width of the outer
    interval; ``targets="sequence"`` by the targets of the last input. Where windows differ, only
    the targets that all forecast count. Missing targets are left out for every forecaster.

    Example:

    >>> import keras
    >>> from keras_ts import WindowedSeries, compare, course_series
    >>> train, validation = WindowedSeries(20).split(course_series(), at=1000)
    >>> model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)])
    >>> report = compare(model, train, validation)
    >>> report.best, report.verdicts
    ('theta', {'model': 'loses to'})

    Args:
        models: A model, a dict by name, or None to score only the baselines. A value of the dict is
            a model; ``(model, train, validation)`` for a model with windows of its own; or a table
            of forecasts, such as ``forecast`` or ``WindowDataset.align`` returns: with columns of
            ids, of the target's time, of the ``origin`` or ``step``, and of the forecasts, named
            like the target or ``prediction``. Quantiles are columns such as ``units_0.1``.
        train: The training part, for the baselines and for the scale of MASE: the mean absolute
            difference between consecutive rows of each series.
        validation: The part to judge on, which no model was trained on.
        period: Rows in a seasonal cycle, such as 7 for days. MASE is then scaled by differences
            between rows ``period`` apart; 1 for no season. Defaults to None: that of the models.
        baselines: A list of names from above; of objects with a ``name``, ``fit(train)`` and
            ``predict(validation)``; and of functions ``(train, validation) -> forecasts``, an array
            with a row for each window, or a table. Defaults to None: the baselines above.
        metrics: A list of functions ``(actual, prediction, scale) -> losses`` of arrays
            ``(windows, steps, targets)``. Each mean loss becomes a column of the table.
        by: The measure of skill and verdict: ``"mae"``, ``"mase"``, ``"rmsse"``, ``"sql"`` (the
            quantile loss in units of MASE), or one of ``metrics`` whose losses are 0 or more.
            Defaults to None: ``"mase"`` for a panel or several targets, else ``"mae"``.
        total: True to judge the total of each window's steps, such as a week's sales. A model of
            ``calibrate(..., joint=True)`` is judged by quantiles of totals. Defaults to False.

    Returns:
        A ``ComparisonReport``.

    Raises:
        ValueError: The parts differ in windows or columns, a model does not fit them, its
            predictions are not finite, or two forecasters have one name or no target in common.
    """
    entries = Entries(models, train, validation)
    carried = None if period else entries.period
    seasons = season_note(period, carried, baselines, entries.judged)
    period = season_of(period, carried)
    sequence = entries.judged.geometry.sequence
    judge = Judge(entries.names, period, baselines, metrics, by, sequence, total)
    trained, judged = entries.parts.train, entries.judged
    scales = trained.scales_for(judged, period or 1)
    judge.add(entries.forecasters, trained, judged, scales)
    weights = {name: Weights.of(model) for name, model in entries.models.items()}
    return judge.report([*entries.notes(judge.baselines), *seasons], weights)
