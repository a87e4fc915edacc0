"""``Judge``: judges forecasters on the same targets, a block of windows at a time, for a report."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import points_of
from keras_ts._typing import Array, BoolArray
from keras_ts.evaluation.arithmetic.coverage import coverage_of
from keras_ts.evaluation.arithmetic.tally import Tally
from keras_ts.evaluation.arithmetic.verdict import Origins, Skill, skill
from keras_ts.evaluation.forecasters.forecaster import (
    Forecaster,
    baselines_of,
    common_levels,
    left_out_note,
    name_of,
    of_baseline,
)
from keras_ts.evaluation.forecasters.levels import SignedErrors
from keras_ts.evaluation.judged.common_windows import common_steps
from keras_ts.evaluation.judged.reading import JudgedWindows, described
from keras_ts.evaluation.measures import (
    Metric,
    check_errors,
    checked_measure,
    measure_of,
    metrics_of,
    own_losses,
    refuse_points,
)
from keras_ts.evaluation.report import ENDS, ComparisonReport, Evidence
from keras_ts.saving.scorecard import Weights
from keras_ts.scores.metrics import POINT, QUANTILE, is_rooted, point_losses, quantile_losses
from keras_ts.scores.report import percent, unscaled_note
from keras_ts.windows.blocks import Block, finite

# A reader should know of so many zeros: where most are, a forecast of 0 is hard to beat.
_MANY_ZEROS = 1 / 3


class NoVerdictError(ValueError):
    """There is no verdict, since forecasts are not finite or nothing can be judged."""


class Judgement(NamedTuple):
    """The losses of some forecasters, by name, on the same targets."""

    tallies: dict[str, Tally]
    judged: JudgedWindows
    scored: BoolArray  # (windows,), True for those that were judged
    first_step: int
    missing: int  # how many of their targets have no value
    zeros: int  # how many are zero
    lacking: dict[str, int]  # how many targets a forecaster has no forecast of
    levels: dict[str, tuple[float, ...] | None]  # of each model; None for a point
    beyond: dict[str, list[float]]  # the levels of a forecaster that another one lacks


class Judge:
    """Judges some parts, such as folds, by the arguments of ``compare``; ``report`` joins them."""

    def __init__(
        self,
        models: Sequence[str],
        period: int | None,
        baselines: Sequence[Any] | None,
        metrics: Sequence[Metric] | None,
        by: str | None,
        sequence: bool,
    ) -> None:
        self._models, self._metrics, self._period = models, metrics_of(metrics), period
        self._by = checked_measure(by, self._metrics)
        self._baselines = baselines_of(baselines, period, sequence)
        self._left_out = left_out_note(baselines, sequence)
        self.baselines = [name_of(baseline) for baseline in self._baselines]
        for name in set(models).intersection(self.baselines):
            raise ValueError(
                f"models and baselines both have a {name!r}: give one of them another name."
            )
        self._judgements: list[Judgement] = []
        self._reason: NoVerdictError | None = None

    def add(
        self, models: Sequence[Forecaster], train: JudgedWindows, judged: JudgedWindows,
        scales: Array,
    ) -> None:  # fmt: skip
        """Judge models and baselines, unless a part before had no verdict."""
        if self._reason is None:
            levels = common_levels(model.levels for model in models)
            errors = SignedErrors(train, judged, levels) if levels else None
            baselines = [
                of_baseline(baseline, train, judged, errors) for baseline in self._baselines
            ]
            by = measure_of(self._by, judged)
            refuse_points(by, [*models, *baselines])
            try:
                judgement = judge([*models, *baselines], judged, scales, by, self._metrics)
                self._judgements.append(judgement)
            except NoVerdictError as error:
                self._reason = error

    def report(
        self, notes: Sequence[str], weights: Mapping[str, Weights] | None = None
    ) -> ComparisonReport:
        """Return the report on all parts; ``weights`` are those of the models, None for folds."""
        if self._reason is not None:
            raise self._reason
        judgements = self._judgements
        first = judgements[0]
        judged, period = first.judged, self._period
        by = measure_of(self._by, judged)
        scored = np.concatenate([part.scored for part in judgements])
        if not scored.any():
            raise NoVerdictError(
                "validation must have a window without a missing value to judge on. It has none."
            )
        tallies = {
            name: Tally.joined([part.tallies[name] for part in judgements])
            for name in first.tallies
        }
        counted = np.isfinite(next(iter(tallies.values())).errors[scored])
        if not counted.any():
            steps, cure = (
                ("", "") if period is None else (f" in {period} rows", "a shorter period=, or ")
            )
            raise NoVerdictError(
                f'by="{by}" needs a series that changes{steps} in train. All are missing there, '
                f'shorter or constant: pass {cure}by="mae".'
            )
        places = [np.flatnonzero(part.scored) for part in judgements]
        pairs = list(zip(judgements, places, strict=True))
        series = np.concatenate([part.judged.ranges.series_of(own) for part, own in pairs])
        flat = np.concatenate([part.judged.origins()[own] for part, own in pairs])
        fingerprint = hashlib.blake2b(digest_size=16)
        for part in judgements:
            fingerprint.update(part.judged.mark().encode())
        origins = judged.origins_at(series, flat)
        on = described(judged, series, flat, origins, fingerprint.hexdigest())
        if not counted.all():
            series = series[counted]
            origins = judged.origins_at(series, flat[counted])
        best, skills = _skills(tallies, self._models, by, origins)
        evidence = Evidence(
            tallies,
            skills,
            first.levels,
            weights or {},
            judged.labels,
            [judged.panel.columns.past[place] for place in judged.columns.tolist()],
            origins,
            np.unique(series),
            first.first_step,
            period,
            None if weights is not None else len(judgements),
            [
                *notes,
                *self._left_out,
                *_notes(judgements, scored, tallies, period),
                *single_time_note(origins),
            ],
        )
        return ComparisonReport(
            table=_table(tallies, skills, self._metrics),
            by=by,
            best=best,
            verdicts={name: skills[name].verdict for name in self._models},
            coverages={
                name: coverage_of(
                    round(levels[-1] - levels[0], 12),
                    tallies[name].totals("coverage", "origin"),
                    tallies[name].totals("coverage", "series"),
                    origins.overlap,
                )
                for name, levels in first.levels.items()
                if levels is not None
            },
            windows=int(scored.sum()),
            judged_on=on,
            _evidence=evidence,
        )


def _table(
    tallies: dict[str, Tally], skills: dict[str, Skill], metrics: Iterable[str]
) -> dict[str, Array]:
    """Return the scores of all forecasters, those of quantiles if a model has them."""
    table: dict[str, Array] = {"name": np.array(list(tallies))}
    quantile = () if all(np.isnan(t.metric("pinball")) for t in tallies.values()) else QUANTILE
    for column in (*POINT, *metrics, *ENDS, *quantile):
        table[column] = np.array([
            getattr(skills[name], ENDS[column]) if column in ENDS else float(tally.metric(column))
            for name, tally in tallies.items()
        ])  # fmt: skip
    return table


def _skills(
    tallies: dict[str, Tally], models: Sequence[str], by: str, origins: Origins
) -> tuple[str, dict[str, Skill]]:
    """Return the best baseline, and the skill of each forecaster over it."""
    baselines = [name for name in tallies if name not in models]
    best = min(baselines, key=lambda name: float(tallies[name].metric(by)))
    judged = np.isfinite(tallies[best].errors)
    errors = {name: tally.errors[judged] for name, tally in tallies.items()}
    skills = {name: skill(errors[name], errors[best], origins) for name in baselines}
    # The best baseline may only be the luckiest of several equally good ones.
    as_good = sum(rival.verdict == "cannot be told from" for rival in skills.values())
    for name in models:
        skills[name] = skill(errors[name], errors[best], origins, as_good)
    rooted = is_rooted(by)
    return best, {name: skills[name].rooted() if rooted else skills[name] for name in tallies}


def _notes(
    judgements: Sequence[Judgement], scored: Array, tallies: dict[str, Tally], period: int | None
) -> Iterator[str]:
    """Yield sentences on the steps of MASE, if they span a period, and on what is left out."""
    if period is not None:
        yield f"MASE is scaled by steps {period} rows apart."
    first, any_tally = judgements[0], next(iter(tallies.values()))
    missing, total = sum(part.missing for part in judgements), int(scored.sum()) * any_tally.targets
    zeros = sum(part.zeros for part in judgements) / max(total - missing, 1)
    if zeros > _MANY_ZEROS:
        yield f"{percent(zeros)} of the targets are zero."
    if not scored.all():
        yield f"{int((~scored).sum())} windows with a missing value are left out."
    if missing:
        yield f"{missing} of {total} targets are missing, and count nowhere."
    for name in first.lacking:
        lacking = sum(part.lacking[name] for part in judgements)
        if lacking:
            yield f"{name} has no forecast of {lacking} targets, which count nowhere."
    for name, levels in first.beyond.items():
        if levels:
            others = ", ".join(f"{level:g}" for level in levels)
            yield (
                f"Pinball loss and interval score leave out the levels {others} of {name}, which "
                "others lack."
            )
    numbers = any_tally.series()
    unscaled = numbers[np.isnan(any_tally.metric("mase", "series")[numbers])]
    yield from unscaled_note([first.judged.labels[number] for number in unscaled.tolist()])


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
    models = [forecaster for forecaster in forecasters if forecaster.lacks == "nothing"]
    times = judged.origins_of(np.arange(judged.count)).times if models else None
    common = common_levels(own.levels for own in forecasters)
    result = Judgement(
        {
            own.name: Tally(*sizes, measure, times if own.lacks == "nothing" else None)
            for own in forecasters
        },
        judged,
        np.zeros(judged.count, bool),
        steps[judged].start + 1,
        0,
        0,
        {forecaster.name: 0 for forecaster in forecasters if forecaster.lacks == "targets"},
        {model.name: model.levels for model in models},
        {
            own.name: [level for level in own.levels or () if level not in common]
            for own in forecasters
        },
    )
    missing = zeros = 0
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
        zeros += int((actual == 0).sum())
        result.scored[numbers] = True
        if not len(numbers):
            continue
        scale = np.broadcast_to(scales[series][:, None], (*actual.shape, 2))
        for forecaster in forecasters:
            name, levels = forecaster.name, forecaster.levels
            forecast = forecasts.pop(name)
            quantiles, point = forecast, points_of(forecast, None if forecaster.around else levels)
            if forecaster.around:
                quantiles = forecaster.around(by_part[forecaster.judged], forecast)
            point = where_present(name, point[usable], present)
            losses = point_losses(actual, point, scale)
            if levels is not None:
                quantiles = where_present(name, quantiles[usable], present)
                losses |= quantile_losses(actual, quantiles, scale, levels, common)
            if metrics:
                losses |= own_losses(metrics, actual, point, scale[..., 0])
            if measure in (metrics or {}):
                check_errors(measure, losses[measure], present)
            result.tallies[name].add(numbers, series, losses, present)
    return result._replace(missing=missing, zeros=zeros)


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


def season_of(period: Any, told: int | None) -> int | None:
    """Return the rows in a season: the argument's, else the model's; None for 1."""
    rows = told if period is None else _checks.integer("period", period, 1)
    return None if rows == 1 else rows
