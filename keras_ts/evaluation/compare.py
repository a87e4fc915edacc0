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
    - ``"median"``: the window's median. With ``period``, the median of the target's phase, if that
      has the smaller error on ``train`` and in the window. Always 0, if most targets of ``train``
      are 0 and 0 has the smallest error there.
    - ``"theta"``: the optimised theta method, fitted to each window; not for sequences.
    - ``"linear regression"``: a ridge regression for each step, fitted on ``train``. It reads what
      models read: the window of every column, the columns known ahead, the calendar and the static
      columns. The series of a panel share it, each scaled by its own window.
    - ``"seasonal naive"``, with ``period``: the latest known value a whole number of periods before
      the target, also from in front of the window.
    - ``"climatology"``, with ``total=True`` or ``by="sql"``: the quantiles of each series' values
      before the first border; with ``total=True``, of totals over as many rows as the horizon has.

    The verdict compares the errors of the model and of the best baseline on the same targets. The
    skill is one minus the model's error over that of the baseline, and a block bootstrap gives its
    95 % interval. The verdict is ``"beats"`` or ``"loses to"`` if the interval leaves out 0, else
    ``"cannot be told from"``. A block is a run of neighbouring origins, at least a horizon long and
    long enough to cover the correlation of the error differences; an interval takes six blocks. In
    a panel of six or more series, the bootstrap draws whole series, and shocks that several series
    share at one time widen the interval. If several baselines are about equally good, the best one
    may have been lucky, and the model's skill is then too low. So each baseline that cannot be told
    from the best raises the upper end of the interval.

    If there are too few windows for an interval, the verdict is ``"is not judged beside"``, and the
    report says how many an interval takes. The interval of two to five series is about these series
    alone. With several models, the report also compares each with the best model.

    If windows differ, or forecasts come as tables, all are judged only on the targets that each of
    them forecasts, and the report says how many there are. The baselines then read ``train`` and
    ``validation``; if these are left out, the windows with the most columns, and of several such
    windows the longest. The report names the inputs beside the past of the targets; of the
    baselines, only the linear regression reads them.

    A model that forecasts quantiles is scored by its median, and also by the pinball loss and by
    the coverage and width of the interval between its outer quantiles. With ``targets="sequence"``
    only the targets of the last input are judged. ``missing="keep"`` lets windows through that lack
    a value among the targets or their past: they are left out for all forecasters. With
    ``missing="mask"``, windows that lack inputs are judged. The median leaves a missing value out.
    Theta and seasonal naive take the value a period before. Without one, and in the other
    baselines, the last known value replaces it, or the first if none came before. With
    ``missing="mask_targets"``, windows are judged on the targets that are present, the same for all
    forecasters.

    Example:

    >>> import keras
    >>> from keras_ts import WindowedSeries, compare, course_series
    >>> train, validation = WindowedSeries(20).split(course_series(), at=1000)
    >>> model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)])
    >>> print(compare(model, train, validation).verdicts)
    {'model': 'loses to'}

    Only the baselines, before there is a model:

    >>> report = compare(None, train, validation)
    >>> for name, mae in zip(report.table["name"], report.table["mae"]):
    ...     print(name, round(float(mae), 2))
    naive 5.94
    drift 6.09
    moving average 6.03
    median 6.1
    theta 4.93
    linear regression 4.95
    >>> report.best
    'theta'

    Args:
        models: A model, a dict by name, or None to score only the baselines. Each value of the dict
            is a model; ``(model, train, validation)`` for a model with windows of its own; or a
            table of forecasts: a frame such as ``forecast`` returns or a dict such as
            ``WindowDataset.align`` does. A table has a column for the id of the series (named as in
            the series, ``series`` or ``unique_id``), for the time of the target (as in the series,
            ``target`` or ``ds``), for the origin (``origin`` or ``cutoff``) or the ``step``, and
            for the forecasts: a column named like the target or ``prediction``, or the one column
            that is left. Quantiles are columns such as ``units_0.1``, or ``name-lo-80``. With a
            column ``sample`` it holds sample paths, such as ``forecast(..., num_samples=...)``
            returns, and is judged by their quantiles at the levels of the other models.
        train: The training part, for the baselines and for the scale of MASE: the mean absolute
            difference between consecutive rows of each series, all before the first border. May be
            left out if all models have parts of their own.
        validation: The part to judge on, which no model was trained on. All its windows and steps
            count alike, whatever the weights of the dataset.
        period: Rows in a seasonal cycle, such as 12 for months or 7 for days. It adds baselines
            with a season, and MASE is then scaled by differences between rows ``period`` apart,
            counting missing rows; 1 for no season. Defaults to None: the period that the models
            carry, such as that of a preset with a ``period``.
        baselines: A list of names from above; of objects with a ``name``, ``fit(train)`` and
            ``predict(validation)``, such as those of ``keras_ts.baselines``; and of functions
            ``(train, validation) -> forecasts``. Forecasts are an array with a row for each window
            in time order, in the shape of the targets, or a table as in ``models``. Targets with a
            NaN forecast are left out for every forecaster. Defaults to None: the baselines above.
        metrics: A list of functions ``(actual, prediction, scale) -> losses`` of arrays
            ``(windows, steps, targets)``. They return an array of the same shape, one loss for each
            value. The mean loss is a column of the table; NaN is left out. Quantiles are judged by
            their median. ``scale`` is that of MASE, NaN for series missing or constant in train.
        by: The measure of skill and verdict: ``"mae"``; ``"mase"``, in which large and small series
            and targets count alike; ``"rmsse"``, which punishes large errors more;
            ``"sql"``, the quantile loss in units of MASE, which judges the distribution, at the
            levels 0.1, 0.5 and 0.9 if there are baselines alone; or the name of one of ``metrics``
            whose errors are 0 or more. It may be NaN at some targets, for instance in all but one
            target column, but at the same ones for every forecaster. Defaults to None: ``"mase"``
            for a panel or several targets, else ``"mae"``.
        total: True to judge the total of each window's steps, such as a week's sales, in place of
            single steps. A missing step counts 0, also with ``missing="keep"``, unless all are
            missing. For MASE, a total's error is divided by scale times steps with a value. A
            model of ``calibrate(..., joint=True)`` is judged by quantiles of totals, from 500
            sample paths, and their median; so is a table of sample paths. Others are judged by the
            sums of their points. Baselines get quantiles from the errors of their totals, and the
            climatology joins them. Defaults to False.

    Returns:
        A ``ComparisonReport``.

    Raises:
        TypeError: ``models`` is no model, table or dict of these, or a part no ``WindowDataset``;
            ``baselines`` or ``metrics`` hold an entry of another kind.
        ValueError: The parts differ in windows or columns, a model does not fit them, its
            predictions are not finite, models carry different periods, a period reaches back beyond
            the start of a series, two forecasters have one name or no target in common, or the
            columns of a table are unclear.
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
