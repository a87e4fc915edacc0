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
from keras_ts.evaluation.scorecards import ByOrigin, Evidence, judged_on
from keras_ts.evaluation.tally import Tally
from keras_ts.evaluation.verdict import skill
from keras_ts.interface import Interface
from keras_ts.saving.weights import Weights
from keras_ts.windows.dataset import WindowDataset

# The settings that train and validation must share.
_ALIKE = ("window", "horizon", "gap", "sampling_rate", "targets")


def compare(
    models: keras.Model | Mapping[str, keras.Model] | None,
    train: WindowDataset,
    validation: WindowDataset,
    *,
    period: int | None = None,
) -> ComparisonReport:
    """Score models and baselines, and test if each model beats the best baseline.

    The baselines cost next to nothing, and are judged on exactly the same targets:

    - ``"naive"``: the last value.
    - ``"drift"``: the last value, and the window's mean step carried on.
    - ``"moving average"``: the mean of the window.
    - ``"linear autoregression"``: a ridge regression of each step on the window, fitted on
      ``train``; for each target on its own past, shared by the series of a panel.
    - ``"seasonal naive"``, with ``period``: the latest known value a whole number of periods before
      the target, also from in front of the window.

    The verdict compares the errors of the model and of the best baseline on the same targets. The
    skill is one minus the model's MAE over that of the baseline, and a block bootstrap gives its
    95 % interval. The verdict is ``"beats"`` or ``"loses to"`` if the interval leaves out 0, else
    ``"cannot be told from"``. A block is a run of neighbouring origins, at least a horizon long, or
    as long as the differences of errors last; an interval takes six blocks. In a panel the
    bootstrap draws whole series, six or more, and shocks that several series share at one time
    widen the interval. Each baseline that cannot be told from the best one raises its upper end.

    The report names the inputs that models read and the baselines do not.

    A model that forecasts quantiles is scored by its median, and also by the pinball loss and by
    the coverage and width of the interval between its outer quantiles. With ``targets="sequence"``
    only the last step of a window is judged. Windows with a missing value among the targets or
    their past, which ``missing="keep"`` lets through, are left out for all forecasters. With
    ``missing="mask"`` they are judged, and the baselines replace a missing value by the last known
    one, or by the first known one if none came before. With ``missing="mask_targets"`` windows are
    judged on those of their targets that are present, the same ones for all forecasters, whatever a
    model predicts at the others.

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
    linear autoregression 4.95
    >>> report.best
    'linear autoregression'

    Args:
        models: A model, a dict of models by name, or None to score only the baselines.
        train: The training part, for the regression and for the scale of MASE.
        validation: The part to judge on, which no model was trained on. Every window and the whole
            horizon count, whatever the order and the weights of the dataset.
        period: Rows in a seasonal cycle, such as 12 for months or 7 for days. It adds the seasonal
            naive forecast, and MASE is then scaled by steps ``period`` apart. Defaults to None.

    Returns:
        A ``ComparisonReport``.

    Raises:
        TypeError: ``models`` is not a Keras model or a dict of them, or a part is not a
            ``WindowDataset``.
        ValueError: The parts differ in windows or columns, a model does not fit them, its
            predictions are not finite, or a period reaches back beyond the start of a series.
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
    sizes = judged.count, len(judged.labels), *judged.shape[1:]
    tallies = {name: Tally(*sizes) for name in [*named, *(b.name for b in baselines)]}
    times = judged.origins_of(np.arange(judged.count)).times
    errors = {name: ByOrigin(times, judged.geometry.horizon) for name in named}
    coverage = {name: ByOrigin(times, judged.geometry.horizon) for name in named if quantiles[name]}
    missing = 0
    for block in judged.blocks():
        forecasts = {baseline.name: baseline.predict(judged, block) for baseline in baselines}
        needed = [block.past, *forecasts.values()]
        present = np.isfinite(block.actual)
        judgeable = present.any(axis=(1, 2)) if judged.partial else finite(block.actual)
        whole = np.logical_and.reduce([judgeable, *(finite(values) for values in needed)])
        numbers = block.begin + np.flatnonzero(whole)
        actual, series = block.actual[whole], block.series[whole]
        present = present[whole]
        missing += int((~present).sum())
        scale = scales[series][:, None]
        for name, tally in tallies.items():
            if name in named:
                forecast = judged.predictions(name, named[name], quantiles[name], block)[whole]
                wide = present.reshape(present.shape + (1,) * (forecast.ndim - present.ndim))
                forecast = np.where(wide, forecast, 0.0)
                _check_finite(name, forecast)
            else:
                forecast = forecasts[name][whole]
            losses = all_losses(actual, forecast, scale, quantiles.get(name))
            tally.add(numbers, series, losses, present)
            if name in errors:
                errors[name].add(numbers, losses["mae"], present)
            if name in coverage:
                coverage[name].add(numbers, losses["coverage"], present)
    weights = {name: Weights.of(model) for name, model in named.items()}
    scored = np.flatnonzero(np.isfinite(next(iter(tallies.values())).errors))
    if not len(scored):
        raise ValueError(
            "validation must have a window without a missing value to judge on. It has none."
        )
    evidence = Evidence(
        judged_on(judged, scored), "mae", period, weights, quantiles, errors, coverage
    )
    return _report(tallies, list(named), judged, missing, evidence)


def _named(models: Any) -> dict[str, keras.Model]:
    """Return the models by name, or raise an error for anything that is not a model."""
    if models is None:
        return {}
    named = dict(models) if isinstance(models, Mapping) else {"model": models}
    if not named:
        raise ValueError("models is an empty dict: put a model into it, or pass None for none.")
    reserved = [baseline.name for baseline in default_baselines(period=2)]
    for name, model in named.items():
        if not isinstance(name, str) or name in reserved:
            raise ValueError(
                f"models must have strings for keys, other than {', '.join(reserved)}. "
                f"Received: {_checks.shown(name)}."
            )
        check_model(model, built=True)
    return named


def _warn_calibrated_on(interfaces: dict[str, Interface], judged: JudgedWindows) -> None:
    """Warn of models whose prediction intervals were calibrated on these very targets."""
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
                f"{name} was calibrated on the windows of validation, so its coverage there is the "
                "one asked for, by construction. Judge it on later windows.",
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
                f"train and validation must have the same {name}, from one WindowedSeries. "
                f"Received: {name}={_checks.shown(ours)} and {name}={_checks.shown(theirs)}."
            )
    if None in (train.panel.labels, validation.panel.labels):
        counts = len(train.labels), len(validation.labels)
        if counts[0] != counts[1]:
            raise ValueError(
                "train and validation must hold the same series. Received "
                f"{counts[0]} and {counts[1]} series."
            )


def _check_finite(name: str, forecast: Array) -> None:
    bad = ~finite(forecast)
    if bad.any():
        raise ValueError(
            f"{name} gives predictions that are not finite, for {int(bad.sum())} of {len(bad)} "
            "windows. Its training has diverged, or its inputs hold missing values."
        )


def _report(
    tallies: dict[str, Tally],
    models: list[str],
    judged: JudgedWindows,
    missing: int,
    evidence: Evidence,
) -> ComparisonReport:
    first = next(iter(tallies.values()))
    scored = np.isfinite(first.errors)
    notes = []
    if not scored.all():
        notes.append(f"{int((~scored).sum())} windows with a missing value are left out.")
    if missing:
        total = int(scored.sum()) * first.targets
        notes.append(f"{missing} of {total} targets are missing, and count nowhere.")
    unscaled = int(np.isnan(first.metric("mase", "series")[first.series()]).sum())
    if unscaled:
        notes.append(f"MASE leaves out {unscaled} series, missing or constant in train.")
    covariates = judged.beyond_targets()
    if models and covariates:
        notes.append(
            "The baselines read only the past of the targets. Models may also read: "
            f"{'; '.join(covariates)}."
        )
    origins = judged.origins_of(np.flatnonzero(scored))
    if origins.num_series > 1 and origins.at_one_time:
        notes.append(
            "Each series is judged at a single time, so intervals hold for other series, not for "
            "other times."
        )
    baselines = [name for name in tallies if name not in models]
    best = min(baselines, key=lambda name: tallies[name].metric("mae"))
    errors = {name: tally.errors[scored] for name, tally in tallies.items()}
    skills = {name: skill(errors[name], errors[best], origins) for name in baselines}
    # The best baseline may only be the luckiest of several equally good ones.
    as_good = sum(rival.verdict == "cannot be told from" for rival in skills.values())
    for name in models:
        skills[name] = skill(errors[name], errors[best], origins, as_good)
    return ComparisonReport(tallies, skills, best, models, judged.labels, notes, evidence)
