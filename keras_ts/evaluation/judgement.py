"""``judge``: sums losses of forecasters on the targets, or totals, that all of them forecast."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._progress import ProgressBar
from keras_ts._quantiles import crossing, points_of
from keras_ts._typing import Array, BoolArray
from keras_ts.evaluation.arithmetic.tally import Tally
from keras_ts.evaluation.arithmetic.verdict import ENDS
from keras_ts.evaluation.forecasters.forecaster import NAMES, Forecaster, common_levels
from keras_ts.evaluation.judged import JudgedWindows, NoVerdictError, common_steps
from keras_ts.scores.metrics import (
    METRICS,
    POINT,
    QUANTILE,
    heading,
    is_rooted,
    point_losses,
    quantile_losses,
)
from keras_ts.windows.blocks import Block, finite, totals
from keras_ts.windows.gather import class_of
from keras_ts.windows.scale import known_steps

# A user's metric: from actual values, forecasts and scales to one loss for each target.
Metric = Callable[[Array, Array, Array], Array]
# The measures that a verdict may use, apart from users' metrics.
MEASURES = [name for name, metric in METRICS.items() if metric.measure]
# Names that no user's metric may have: the columns of scores and their headings.
_OTHERS = (*ENDS, "name", "step", "series", "target", "verdict", "best")
_TAKEN = {*METRICS, *map(heading, METRICS), *_OTHERS}


def measure_of(by: str | None, judged: JudgedWindows) -> str:
    """Return ``by``; if None, MASE for several series or targets, else MAE."""
    return by or ("mase" if len(judged.labels) * len(judged.columns) > 1 else "mae")


def refuse_points(by: str, forecasters: Sequence[Forecaster]) -> None:
    """Refuse a measure of quantiles if a forecaster has none, or all share fewer than two."""
    # Baselines of keras_ts are not named: they forecast points only because a model does.
    points = [each.name for each in forecasters if each.levels is None and each.name not in NAMES]
    shared = common_levels(forecaster.levels for forecaster in forecasters)
    if by in QUANTILE and (points or len(shared) < 2):
        verb = "forecasts" if len(points) == 1 else "forecast"
        why = f"{' and '.join(points)} {verb} points" if points else "they share only one"
        raise ValueError(
            f'by="{by}" judges quantiles at levels that all forecasters have, and {why}. Give '
            "models quantiles, or calibrate them (for totals, with joint=True); or pass another "
            'measure, such as by="mase".'
        )


def check_errors(
    name: str, losses: Array, present: BoolArray, before: BoolArray | None
) -> BoolArray:
    """Return where a user's metric is NaN; refuse wrong errors, and NaN not as in ``before``."""
    # ``before`` is where the metric is NaN for the forecaster before this one, if there is one.
    values = losses[present]
    wrong = values[~(np.isnan(values) | np.isfinite(values) & (values >= 0))]
    if len(wrong):
        raise ValueError(
            f"by={name!r} needs a finite error of 0 or more for each value, or NaN to leave it "
            f"out. Received: {wrong[0]:g} from {name}; {len(wrong)} of its {len(values)} errors "
            "are wrong."
        )
    left_out = np.isnan(losses) & present
    if before is not None and (left_out != before).any():
        raise ValueError(
            f"by={name!r} needs NaN at the same targets for every forecaster, and at "
            f"{int((left_out != before).sum())} targets {name} is NaN for one and a number for "
            "another. Let actual and scale decide where it is NaN, and not the prediction."
        )
    return left_out


def own_losses(
    metrics: Mapping[str, Metric], actual: Array, point: Array, scale: Array
) -> dict[str, Array]:
    """Return the losses of users' metrics."""
    # A metric that writes to its arguments would change what all others are judged on.
    arguments = [np.array(values) for values in (actual, point, scale)]
    for values in arguments:
        values.setflags(write=False)
    losses = {}
    for name, metric in metrics.items():
        loss = _checks.numeric(np.asarray(metric(*arguments)), f"what {name} returns")
        if loss.shape != actual.shape:
            raise ValueError(
                f"The metric {name} must return one loss for each target, an array of shape "
                f"{actual.shape}. Received shape {loss.shape}."
            )
        losses[name] = loss.astype(np.float64)
    return losses


def metrics_of(metrics: Any) -> dict[str, Metric]:
    """Return users' metrics by name, or raise an error."""
    if metrics is None:
        return {}
    if not isinstance(metrics, list | tuple):
        raise TypeError(f"metrics must be a list of functions. Received: {_checks.shown(metrics)}.")
    named: dict[str, Metric] = {}
    for metric in metrics:
        name = getattr(metric, "__name__", None)
        if not callable(metric) or not isinstance(name, str):
            raise TypeError(
                "metrics must hold functions of (actual, prediction, scale). Received: "
                f"{_checks.shown(metric)}."
            )
        if name == "<lambda>" or name in (*named, *_TAKEN):
            raise ValueError(
                "A metric names its column, so it needs a name that no other column has. Received: "
                f"{name!r}. Define it as a function of another name."
            )
        named[name] = metric
    return named


class Judgement(NamedTuple):
    """The losses of some forecasters, by name, on the same targets."""

    tallies: dict[str, Tally]
    judged: JudgedWindows
    scored: BoolArray  # (windows,), True for those that were judged
    first_step: int  # the first step that is judged, from 1 on
    missing: int  # how many targets of the scored windows have no value
    zeros: int  # how many targets of the scored windows are zero
    lacking: dict[str, int]  # by forecaster, how many targets have no forecast
    crossing: dict[str, int]  # by model, at how many targets its quantiles cross
    levels: dict[str, tuple[float, ...] | None]  # by model; None for a point
    summed: int  # the steps in a total; 0 if single steps are judged

    def averaged(self, models: Sequence[str]) -> "Judgement":
        """Return the judgement with one tally for each model, the mean over its seeds."""
        tallies, levels = dict(self.tallies), dict(self.levels)
        for name in models:
            prefix = seed_name(name, "")
            seeds = [key for key in self.levels if key.startswith(prefix) and key not in models]
            if seeds:
                tallies[name] = Tally.averaged([tallies[name], *map(tallies.pop, seeds)])
                for key in seeds:
                    del levels[key]
        return self._replace(tallies=tallies, levels=levels)


def seed_name(model: str, seed: Any) -> str:
    """Return the name of a model that was trained with a seed; seed 0 adds nothing to it."""
    return model if seed == 0 else f"{model}, seed {seed}"


def steps_of(
    forecasters: Sequence[Forecaster], judged: JudgedWindows
) -> dict[JudgedWindows, slice]:
    """Return, for each set of windows, the steps whose targets all sets forecast."""
    parts = list(dict.fromkeys([judged, *(forecaster.judged for forecaster in forecasters)]))
    names = ["validation", *(_name_of(part, forecasters) for part in parts[1:])]
    return dict(zip(parts, common_steps(names, parts), strict=True))


def judge(
    forecasters: Sequence[Forecaster],
    judged: JudgedWindows,
    steps: Mapping[JudgedWindows, slice],
    scales: Array,
    measure: str,
    metrics: Mapping[str, Metric],
    total: bool,
    period: int | None,
) -> Judgement:
    """Return the losses of the forecasters on the targets at ``steps``, or on their totals."""
    parts, span = list(steps), steps[judged].stop - steps[judged].start
    sizes = judged.count, len(judged.labels), 1 if total else span, len(judged.columns)
    models = {each.name: each.levels for each in forecasters if each.lacks == "nothing"}
    times = judged.rows_of_origins() if models else None
    common, bounds = common_levels(each.levels for each in forecasters), judged.classes(period)
    on_targets = [measure] * (len(judged.columns) > 1)
    if on_targets and measure in METRICS and METRICS[measure].scaled:
        # A target that is constant in train has no scale, so MAE decides on it.
        on_targets += ["mae"]
    tallies = {}
    for name, levels in ((each.name, each.levels) for each in forecasters):
        at = times if name in models else None
        tallies[name] = Tally(*sizes, measure, at, len(bounds), levels, on_targets)
    scored, missing, zeros = np.zeros(judged.count, bool), 0, 0
    without = {each.name: 0 for each in forecasters if each.lacks == "targets"}
    crossed = dict.fromkeys(models, 0)
    progress = ProgressBar(judged.count * len(forecasters), "forecast")
    size = min(part.block_size for part in parts)
    for blocks in zip(*(part.blocks(size) for part in parts), strict=True):
        by_part = dict(zip(parts, blocks, strict=True))
        block = by_part[judged]
        actual = block.actual[:, steps[judged]]
        for part in parts[1:]:
            other = by_part[part].actual[:, steps[part]]
            _check_same(_name_of(part, forecasters), actual, other)
        forecasts = {}
        for forecaster in forecasters:
            forecasts[forecaster.name] = forecaster.forecast(by_part[forecaster.judged])
            progress.add(len(actual))
        # The scale of a total's absolute (squared) errors is that of a step times the number of
        # steps (its square).
        num_steps = np.ones(actual[:, :1].shape)
        if total:
            known = np.isfinite(actual)
            num_steps, actual = known.sum(axis=1, keepdims=True), totals(actual, known)
        present, usable = _judgeable(actual, blocks, forecasters, forecasts, judged.partial)
        for name in without:
            without[name] += int((lacking(forecasts[name]) & np.isfinite(actual)).sum())
        numbers, series = block.begin + np.flatnonzero(usable), block.series[usable]
        classes = class_of(known_steps(block.past_as_read[usable]), bounds)
        actual, present = actual[usable], present[usable]
        missing += int((~np.isfinite(actual)).sum())
        zeros += int((actual == 0).sum())
        scored[numbers] = True
        if not len(numbers):
            continue
        scale = scales[series][:, None] * np.stack([num_steps, num_steps**2], axis=-1)[usable]
        scale, left_out = np.broadcast_to(scale, (*actual.shape, 2)), None
        for forecaster in forecasters:
            name, levels = forecaster.name, forecaster.levels
            forecast = forecasts.pop(name)
            quantiles, point = forecast, points_of(forecast, None if forecaster.around else levels)
            if forecaster.around:
                quantiles = forecaster.around(by_part[forecaster.judged], forecast)
            point = where_present(name, point[usable], present)
            losses = point_losses(actual, point, scale)
            if is_rooted(measure):
                _check_squares(name, measure, losses)
            if levels is not None:
                quantiles = where_present(name, quantiles[usable], present)
                losses |= quantile_losses(actual, quantiles, scale, levels, common)
                tallies[name].add_quantiles(actual, quantiles, present)
                if name in crossed:
                    crossed[name] += int(crossing(quantiles).sum())
            if name in models and measure in POINT:
                units = scale[..., 0] if POINT[measure].scaled else 1.0
                losses["signed"] = losses["bias"] / units
            if metrics:
                losses |= own_losses(metrics, actual, point, scale[..., 0])
            if measure in metrics:
                left_out = check_errors(measure, losses[measure], present, left_out)
            tallies[name].add(numbers, series, losses, present, classes)
    return Judgement(
        tallies,
        judged,
        scored,
        first_step=steps[judged].start + 1,
        missing=missing,
        zeros=zeros,
        lacking=without,
        crossing=crossed,
        levels=models,
        summed=span if total else 0,
    )


def _check_squares(name: str, measure: str, losses: Mapping[str, Array]) -> None:
    """Refuse a measure that is not finite, as of squares of huge errors."""
    if (np.isfinite(losses["mase"]) & ~np.isfinite(losses[measure])).any():
        raise NoVerdictError(
            f'by="{measure}" is not finite for {name}, whose errors reach '
            f'{np.nanmax(losses["mae"]):.4g}. Rescale the series, or pass by="mase".'
        )


def _name_of(part: JudgedWindows, forecasters: Sequence[Forecaster]) -> str:
    return next(forecaster.name for forecaster in forecasters if forecaster.judged is part)


def _judgeable(
    actual: Array,
    blocks: Sequence[Block],
    forecasters: Sequence[Forecaster],
    forecasts: Mapping[str, Array],
    partial: bool,
) -> tuple[BoolArray, BoolArray]:
    """Return which targets are judged, ``(windows, steps, targets)``, and which windows."""
    known = present = np.isfinite(actual)
    usable = known.any(axis=(1, 2)) if partial else known.all(axis=(1, 2))
    for forecaster in forecasters:
        forecast = forecasts[forecaster.name]
        if forecaster.lacks == "targets":
            present = present & ~lacking(forecast)
        elif forecaster.lacks == "windows":
            usable &= ~(known & lacking(forecast)).any(axis=(1, 2))
    usable &= present.any(axis=(1, 2))
    return present, np.logical_and.reduce([usable, *(finite(block.past) for block in blocks)])


def lacking(forecast: Array) -> BoolArray:
    """Return True for each target whose forecast, or one of its quantiles, is not finite."""
    missing = ~np.isfinite(forecast)
    return missing if missing.ndim == 3 else np.logical_or.reduce(missing, axis=3)


def _check_same(name: str, actual: Array, other: Array) -> None:
    """Refuse windows of the same series and origins whose targets have other values."""
    both = np.isfinite(actual) & np.isfinite(other)
    if not np.allclose(actual[both], other[both], rtol=1e-4, atol=0):
        raise ValueError(
            f"{name} has other values than validation at the same series, origins and steps, so "
            "the two come from different tables. Window the same table for both."
        )


def where_present(name: str, forecast: Array, present: BoolArray) -> Array:
    """Return a forecast with 0 where ``present`` is False; refuse one that is not finite."""
    wide = present.reshape(present.shape + (1,) * (forecast.ndim - present.ndim))
    forecast = np.where(wide, forecast, 0.0)
    bad = ~finite(forecast)
    if bad.any():
        raise NoVerdictError(
            f"{name} gives predictions that are not finite, for {int(bad.sum())} of {len(bad)} "
            "windows. Its training has diverged, or its inputs hold missing values."
        )
    return forecast
