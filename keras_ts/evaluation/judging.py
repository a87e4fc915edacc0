"""Judges forecasters on the same targets, a block of windows at a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import points_of
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.arithmetic.metrics import all_losses
from keras_ts.evaluation.arithmetic.tally import Tally
from keras_ts.evaluation.arithmetic.verdict import Origins
from keras_ts.evaluation.forecasters.forecaster import Forecaster
from keras_ts.evaluation.judged.common_windows import common_steps
from keras_ts.evaluation.judged.reading import JudgedWindows
from keras_ts.evaluation.reports.scorecards import ByOrigin
from keras_ts.windows.blocks import Block, finite

# A function of actual values, forecasts and scales that returns one loss for each target.
Metric = Callable[[Array, Array, Array], Array]


class NoVerdictError(ValueError):
    """There is no verdict, since forecasts are not finite or nothing can be judged."""


class Judgement(NamedTuple):
    """The losses of some forecasters, by name, on the same targets."""

    tallies: dict[str, Tally]
    judged: JudgedWindows
    scored: BoolArray  # (windows,), True for those that were judged
    first_step: int
    missing: int  # how many of their targets have no value
    lacking: dict[str, int]  # how many targets a forecaster has no forecast of
    levels: dict[str, tuple[float, ...] | None]  # of each model; None for a point
    errors: dict[str, ByOrigin]
    coverage: dict[str, ByOrigin]  # of the outer interval


def judge(
    forecasters: Sequence[Forecaster],
    judged: JudgedWindows,
    scales: Array,
    measure: str,
    metrics: Mapping[str, Metric] | None = None,
) -> Judgement:
    """Return the losses of forecasters on the targets that all of them forecast."""
    parts = list(dict.fromkeys([judged, *(forecaster.judged for forecaster in forecasters)]))
    names = ["validation", *(_name_of(part, forecasters) for part in parts[1:])]
    steps = dict(zip(parts, common_steps(names, parts), strict=True))
    count = steps[judged].stop - steps[judged].start
    sizes = judged.count, len(judged.labels), count, len(judged.columns)
    tallies = {forecaster.name: Tally(*sizes, measure) for forecaster in forecasters}
    models = [forecaster for forecaster in forecasters if forecaster.lacks == "nothing"]
    times = judged.origins_of(np.arange(judged.count)).times if models else np.zeros(1, np.int64)
    result = Judgement(
        tallies,
        judged,
        np.zeros(judged.count, bool),
        steps[judged].start + 1,
        0,
        {forecaster.name: 0 for forecaster in forecasters if forecaster.lacks == "targets"},
        {model.name: model.levels for model in models},
        {model.name: ByOrigin(times, count) for model in models},
        {model.name: ByOrigin(times, count) for model in models if model.levels is not None},
    )
    missing = 0
    size = min(part.block_size for part in parts)
    for blocks in zip(*(part.blocks(size) for part in parts), strict=True):
        by_part = dict(zip(parts, blocks, strict=True))
        actual = by_part[judged].actual[:, steps[judged]]
        for name, part in zip(names[1:], parts[1:], strict=True):
            _check_same(name, actual, by_part[part].actual[:, steps[part]])
        forecasts = {
            own.name: own.forecast(by_part[own.judged])[:, steps[own.judged]] for own in forecasters
        }
        present, usable = _judgeable(actual, blocks, forecasters, forecasts, judged.partial)
        for name in result.lacking:
            lacks = lacking(forecasts[name])
            result.lacking[name] += int((lacks & np.isfinite(actual)).sum())
        numbers = by_part[judged].begin + np.flatnonzero(usable)
        series = by_part[judged].series[usable]
        actual, present = actual[usable], present[usable]
        missing += int((~np.isfinite(actual)).sum())
        result.scored[numbers] = True
        if not len(numbers):
            continue
        scale = np.broadcast_to(scales[series][:, None], actual.shape)
        for forecaster in forecasters:
            forecast = forecasts.pop(forecaster.name)[usable]
            forecast = where_present(forecaster.name, forecast, present)
            losses = all_losses(actual, forecast, scale, forecaster.levels)
            if metrics:
                losses |= _own(metrics, actual, forecast, scale, forecaster.levels)
            tallies[forecaster.name].add(numbers, series, losses, present)
            for by_origin, loss in ((result.errors, measure), (result.coverage, "coverage")):
                if forecaster.name in by_origin:
                    by_origin[forecaster.name].add(numbers, losses[loss], present)
    return result._replace(missing=missing)


def _name_of(part: JudgedWindows, forecasters: Sequence[Forecaster]) -> str:
    return next(forecaster.name for forecaster in forecasters if forecaster.judged is part)


def _judgeable(
    actual: Array,
    blocks: Sequence[Block],
    forecasters: Sequence[Forecaster],
    forecasts: Mapping[str, Array],
    partial: bool,
) -> tuple[BoolArray, BoolArray]:
    """Return which targets are judged, and which windows."""
    present = np.isfinite(actual)
    usable = present.any(axis=(1, 2)) if partial else finite(actual)
    for forecaster in forecasters:
        forecast = forecasts[forecaster.name]
        if forecaster.lacks == "targets":
            present &= ~lacking(forecast)
        elif forecaster.lacks == "windows":
            usable &= finite(forecast)
    usable &= present.any(axis=(1, 2))
    return present, np.logical_and.reduce([usable, *(finite(block.past) for block in blocks)])


def lacking(forecast: Array) -> BoolArray:
    """Return True for each target of which a forecast, or one of its quantiles, is not finite."""
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


def measure_of(by: str | None, judged: JudgedWindows) -> str:
    """Return the measure that is asked for; by default all series of a panel count alike."""
    return by or ("mase" if len(judged.labels) > 1 else "mae")


def single_time_note(origins: Origins) -> list[str]:
    """Return a sentence on what intervals do not hold for, if most targets of a panel overlap."""
    if origins.num_series == 1 or not origins.at_one_time:
        return []
    judged = "Each series is judged at a single time"
    if origins.num_times > 1:
        judged = (
            f"The series are judged at {origins.num_times} origins, fewer than twice the "
            f"{origins.overlap} in a row whose targets overlap"
        )
    return [f"{judged}, so intervals hold for other series, not for other times."]


def where_present(name: str, forecast: Array, present: BoolArray) -> Array:
    """Return a forecast with 0 where the target is missing; refuse one that is not finite."""
    wide = present.reshape(present.shape + (1,) * (forecast.ndim - present.ndim))
    forecast = np.where(wide, forecast, 0.0)
    bad = ~finite(forecast)
    if bad.any():
        raise NoVerdictError(
            f"{name} gives predictions that are not finite, for {int(bad.sum())} of {len(bad)} "
            "windows. Its training has diverged, or its inputs hold missing values."
        )
    return forecast


def _own(
    metrics: Mapping[str, Metric],
    actual: Array,
    forecast: Array,
    scale: Array,
    levels: tuple[float, ...] | None,
) -> dict[str, Array]:
    """Return the losses of people's own metrics, of the point or the median."""
    point = points_of(forecast, levels)
    # A metric that writes to its arguments would change what all others are judged on.
    arguments = [np.array(values) for values in (actual, point, scale)]
    for values in arguments:
        values.setflags(write=False)
    losses = {}
    for name, metric in metrics.items():
        loss = _checks.numeric(np.asarray(metric(*arguments)), f"what {name} returns")
        if loss.shape != actual.shape:
            raise ValueError(
                f"The metric {name} must return one loss for each target, {actual.shape}, whose "
                f"means are then taken over all targets, a step or a series. Received shape "
                f"{loss.shape}."
            )
        losses[name] = loss.astype(np.float64)
    return losses


def windows_of_origins(judgement: Judgement) -> tuple[IntArray, IntArray]:
    """Return the series of each judged window and the flat position of its origin."""
    windows = np.flatnonzero(judgement.scored)
    judged = judgement.judged
    return judged.ranges.series_of(windows), judged.origins()[windows]
