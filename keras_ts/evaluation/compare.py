"""``compare``: models and baselines judged on exactly the same targets."""

import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._models import check_model
from keras_ts._typing import Array
from keras_ts.evaluation.baselines import default_baselines, finite
from keras_ts.evaluation.metrics import all_losses
from keras_ts.evaluation.reading import JudgedWindows
from keras_ts.evaluation.report import ComparisonReport
from keras_ts.evaluation.tally import Tally
from keras_ts.evaluation.verdict import skill
from keras_ts.interface import Interface
from keras_ts.windows.dataset import WindowDataset

# Datasets that are judged together agree in these.
_ALIKE = ("window", "horizon", "gap", "sampling_rate", "targets")


def compare(
    models: keras.Model | Mapping[str, keras.Model] | None,
    train: WindowDataset,
    validation: WindowDataset,
    *,
    period: int | None = None,
) -> ComparisonReport:
    """Score models beside baselines, and tell if they beat the best of these.

    The baselines cost next to nothing, and are judged on exactly the same targets:

    - ``"naive"``: the last value.
    - ``"drift"``: the last value, and the window's mean step carried on.
    - ``"moving average"``: the mean of the window.
    - ``"linear autoregression"``: a ridge regression of each step on the window, fitted on
      ``train``; for each target on its own past, shared by the series of a panel.
    - ``"seasonal naive"``, with ``period``: the latest known value a whole number of periods before
      the target, also from in front of the window.

    The verdict rests on errors in pairs, the model's and the best baseline's for the same targets.
    A block bootstrap gives the 95 % interval of the skill, one minus the model's MAE over that of
    the baseline. ``"beats"`` and ``"loses to"`` are said if the interval leaves out 0, else
    ``"cannot be told from"``. Blocks are of neighbouring origins, at least a horizon of them and as
    many as the differences of errors last; six are needed for an interval. Of a panel whole series
    are drawn, six or more, and shocks that they share at a time widen the interval. So does, at its
    upper end, the number of baselines that cannot be told from the best.

    The report names columns that a model is given and the baselines are not.

    A model that gives quantiles is scored by its median, and also has a pinball loss, and the
    coverage and width of the interval between its outer quantiles. Of sequences the last step is
    judged. Windows with a missing value among the targets or their past, which ``missing="keep"``
    lets through, are left out for all alike. With ``missing="mask"`` they are judged, and the
    baselines take the last known value for a missing one, or the first known one before it.

    Example:

    >>> import keras
    >>> from keras_ts import WindowedSeries, compare, course_series
    >>> train, validation = WindowedSeries(20).split(course_series(), at=1000)
    >>> model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)])
    >>> print(compare(model, train, validation).verdicts)
    {'model': 'loses to'}

    The baselines alone, before there is a model:

    >>> report = compare(None, train, validation)
    >>> for name, mae in zip(report.table["name"], report.table["mae"]):
    ...     print(name, round(float(mae), 2))
    naive 5.94
    drift 6.09
    moving average 6.03
    linear autoregression 4.95
    >>> report.best
    'linear autoregression'

    Args:
        models: A model, a dict of models by name, or None: the baselines alone.
        train: The training part, for the regression and for the scale of MASE.
        validation: The part to judge on, which no model has been trained on: every window, the
            whole horizon. In time order, whatever order the dataset has; without its weights.
        period: Positions in a season, such as 12 for months or 7 for days. It adds the seasonal
            naive forecast, and MASE is then scaled by steps ``period`` apart. Defaults to None.

    Returns:
        A ``ComparisonReport``.

    Raises:
        TypeError: ``models`` is not a Keras model or a dict of them, or a part is no
            ``WindowDataset``.
        ValueError: The parts differ in windows or columns, a model does not fit them, its
            predictions are not finite, or a period reaches back over the beginning of a series.
    """
    named = _named(models)
    baselines = default_baselines(period)
    trained, judged = JudgedWindows("train", train), JudgedWindows("validation", validation)
    _check_alike(trained, judged)
    interfaces = {name: Interface.of(model, validation, name) for name, model in named.items()}
    quantiles = {name: interface.quantiles for name, interface in interfaces.items()}
    _warn_calibrated_on(interfaces, judged)
    for baseline in baselines:
        baseline.fit(trained)
    scales = trained.scales_for(judged, period or 1)
    sizes = judged.count, len(judged.labels), judged.geometry.horizon
    tallies = {name: Tally(*sizes) for name in [*named, *(b.name for b in baselines)]}
    for block in judged.blocks():
        forecasts = {baseline.name: baseline.predict(judged, block) for baseline in baselines}
        needed = [block.past, block.actual, *forecasts.values()]
        whole = np.logical_and.reduce([finite(values) for values in needed])
        numbers = block.begin + np.flatnonzero(whole)
        actual, series = block.actual[whole], block.series[whole]
        scale = scales[series][:, None]
        for name, tally in tallies.items():
            if name in named:
                forecast = judged.predictions(name, named[name], quantiles[name], block)[whole]
                _check_finite(name, forecast)
            else:
                forecast = forecasts[name][whole]
            tally.add(numbers, series, all_losses(actual, forecast, scale, quantiles.get(name)))
    return _report(tallies, list(named), judged)


def _named(models: Any) -> dict[str, keras.Model]:
    """Return models by name, or raise an error for what is none."""
    if models is None:
        return {}
    named = dict(models) if isinstance(models, Mapping) else {"model": models}
    if not named:
        raise ValueError("models is an empty dict: name a model in it, or pass None for none.")
    reserved = [baseline.name for baseline in default_baselines(period=2)]
    for name, model in named.items():
        if not isinstance(name, str) or name in reserved:
            raise ValueError(
                f"models must name models by texts other than {', '.join(reserved)}. "
                f"Received: {_checks.shown(name)}."
            )
        check_model(model, built=True)
    return named


def _warn_calibrated_on(interfaces: dict[str, Interface], judged: JudgedWindows) -> None:
    """Warn of models whose intervals were calibrated on these very targets."""
    marks = {
        name: getattr(interface.last_layer, "calibrated_on", None)
        for name, interface in interfaces.items()
    }
    if not any(marks.values()):
        return
    here = judged.mark()
    for name, mark in marks.items():
        if mark == here:
            warnings.warn(
                f"{name} was calibrated on the windows of validation, so the coverage of its bands "
                "is that asked for by construction. Judge it on windows after those.",
                stacklevel=3,
            )


def _check_alike(train: JudgedWindows, validation: JudgedWindows) -> None:
    pairs = [
        (name, getattr(train.dataset.windows, name), getattr(validation.dataset.windows, name))
        for name in _ALIKE
    ]
    pairs.append(("columns", train.dataset.columns, validation.dataset.columns))
    for name, ours, theirs in pairs:
        if ours != theirs:
            raise ValueError(
                f"train and validation must be parts of the same windows. Received: {name}="
                f"{_checks.shown(ours)} and {name}={_checks.shown(theirs)}."
            )
    if None in (train.panel.labels, validation.panel.labels):
        counts = len(train.labels), len(validation.labels)
        if counts[0] != counts[1]:
            raise ValueError(
                f"train and validation must be parts of the same series. Received {counts[0]} and "
                f"{counts[1]} series."
            )


def _check_finite(name: str, forecast: Array) -> None:
    bad = ~finite(forecast)
    if bad.any():
        raise ValueError(
            f"{name} gives predictions that are not finite, for {int(bad.sum())} of {len(bad)} "
            "windows. Its training has diverged, or its inputs hold missing values."
        )


def _report(
    tallies: dict[str, Tally], models: list[str], judged: JudgedWindows
) -> ComparisonReport:
    first = next(iter(tallies.values()))
    known = np.isfinite(first.errors)
    if not known.any():
        raise ValueError(
            "validation has no window without a missing value, so there is nothing to judge on."
        )
    notes = []
    if not known.all():
        notes.append(f"{int((~known).sum())} windows with a missing value are left out.")
    unscaled = int(np.isnan(first.metric("mase", "series")[first.series()]).sum())
    if unscaled:
        notes.append(f"MASE leaves out {unscaled} series without a step in the training part.")
    covariates = judged.beyond_targets()
    if models and covariates:
        notes.append(
            "The baselines know only the past of the targets. What else a model is given: "
            f"{'; '.join(covariates)}."
        )
    origins = judged.origins_of(np.flatnonzero(known))
    if origins.num_series > 1 and origins.at_one_time:
        notes.append(
            "Each series is judged at one time, so intervals tell of other series, not of other "
            "times."
        )
    baselines = [name for name in tallies if name not in models]
    best = min(baselines, key=lambda name: tallies[name].metric("mae"))
    errors = {name: tally.errors[known] for name, tally in tallies.items()}
    skills = {name: skill(errors[name], errors[best], origins) for name in baselines}
    # The best baseline is the luckiest of all that are as good.
    as_good = sum(rival.verdict == "cannot be told from" for rival in skills.values())
    for name in models:
        skills[name] = skill(errors[name], errors[best], origins, as_good)
    return ComparisonReport(tallies, skills, best, models, judged.labels, notes)
