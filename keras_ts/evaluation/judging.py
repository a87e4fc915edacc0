"""``Judge``: judges forecasters on the same targets, and makes the report."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import outer_coverage
from keras_ts._typing import Array
from keras_ts.evaluation.arithmetic import drift
from keras_ts.evaluation.arithmetic.coverage import coverage_of
from keras_ts.evaluation.arithmetic.skills import skills_over
from keras_ts.evaluation.arithmetic.tally import Tally
from keras_ts.evaluation.arithmetic.verdict import ENDS, Origins, Skill
from keras_ts.evaluation.forecasters.forecaster import (
    USUAL_LEVELS,
    Forecaster,
    SignedErrors,
    baselines_of,
    common_levels,
    name_of,
    of_baseline,
)
from keras_ts.evaluation.judged import JudgedWindows, NoVerdictError, described, rows_of
from keras_ts.evaluation.judgement import (
    MEASURES,
    Judgement,
    Metric,
    judge,
    measure_of,
    metrics_of,
    refuse_points,
    steps_of,
)
from keras_ts.evaluation.report import ComparisonReport
from keras_ts.presets.catalog import season_by_frequency
from keras_ts.saving.scorecard import Weights
from keras_ts.scores.metrics import POINT, QUANTILE
from keras_ts.scores.report import percent, unscaled_note
from keras_ts.scores.schema import plain
from keras_ts.windows.split import Part

# If a larger share of targets is zero, the report says so: a forecast of 0 is hard to beat.
_MANY_ZEROS = 1 / 3
_UNSCALED = (
    "No series here has a change before the border to scale MASE by, so MASE does not exist, and "
    "MAE is judged. Where a window has no value, baselines read the median over series of their "
    "means before the border."
)


class Judge:
    """Judges validation parts, such as folds, one by one; ``report`` joins their scores."""

    def __init__(
        self,
        models: Sequence[str],
        period: int | None,
        baselines: Sequence[Any] | None,
        metrics: Sequence[Metric] | None,
        by: str | None,
        sequence: bool,
        total: bool = False,
    ) -> None:
        self._total = _checks.boolean("total", total)
        self._models, self._metrics, self._period = models, metrics_of(metrics), period
        allowed = (*MEASURES, *self._metrics)
        self._by = by if by is None else _checks.choice("by", by, allowed)
        # On pure noise, the climatology beats nets in measures of quantiles and totals.
        distribution = total or by in QUANTILE
        self._baselines, self._left_out = baselines_of(baselines, period, sequence, distribution)
        self.baselines = [name_of(baseline) for baseline in self._baselines]
        for name in set(models).intersection(self.baselines):
            raise ValueError(
                f"models and baselines both have a {name!r}: give one of them another name."
            )
        self._judgements: list[Judgement] = []
        self._lost_levels: list[str] = []  # models with quantiles of steps, but not of totals
        self._points: list[str] = []  # baselines without training errors to make quantiles of
        self._reason: NoVerdictError | None = None  # why a part has no verdict
        self._train: JudgedWindows | None = None  # of the last part
        self._unscaled = False  # True if no series that is judged has a scale

    def add(
        self, models: Sequence[Forecaster], train: JudgedWindows, judged: JudgedWindows,
        scales: Array,
    ) -> None:  # fmt: skip
        """Judge models and baselines on a part, unless an earlier part has no verdict."""
        # Models that differ by their seed, as ``seed_name`` says, are judged as their mean.
        if self._reason is not None:
            return
        steps, total, self._train = steps_of(models, judged), self._total, train
        if not self._judgements and self._by is None and judged.unseen:
            series = np.unique(judged.ranges.series)
            self._unscaled = not np.isfinite(scales[series]).any()
            self._by = "mae" if self._unscaled else None
        scored = [model.on(steps[model.judged], total) for model in models]
        pairs = zip(models, scored, strict=True)
        lost = [model.name for model, made in pairs if model.levels and not made.levels]
        self._lost_levels = [name for name in self._models if name in lost]
        by = measure_of(self._by, judged)
        levels = common_levels(model.levels for model in scored)
        levels = levels if len(levels) > 1 else ()  # A single one bounds no interval.
        if not scored and by in QUANTILE:
            levels = USUAL_LEVELS
        errors = SignedErrors(train, judged, levels, steps[judged], total) if levels else None
        try:
            baselines = [
                of_baseline(baseline, train, judged, errors).on(steps[judged], total)
                for baseline in self._baselines
            ]
            if errors is not None and errors.points:
                self._points += [name for name in errors.points if name not in self._points]
                if by in QUANTILE:
                    raise NoVerdictError(
                        f'by="{by}" judges quantiles. {_points_note(self._points)}'
                    )
            forecasters = [*scored, *baselines]
            refuse_points(by, forecasters)
            judgement = judge(
                forecasters, judged, steps, scales, by, self._metrics, total, self._period
            )
            self._judgements.append(judgement.averaged(self._models))
        except NoVerdictError as error:
            self._reason = error

    def report(
        self, notes: Sequence[str], weights: Mapping[str, Weights] | None = None
    ) -> ComparisonReport:
        """Return the report on all parts; ``weights`` is None for folds."""
        if self._reason is not None:
            raise self._reason
        judgements, period, first = self._judgements, self._period, self._judgements[0]
        judged = first.judged
        by = measure_of(self._by, judged)
        scored = np.concatenate([part.scored for part in judgements])
        if not scored.any():
            raise NoVerdictError(_nothing_judged(judgements))
        tallies = {
            name: Tally.joined([part.tallies[name] for part in judgements])
            for name in first.tallies
        }
        counted = np.isfinite(next(iter(tallies.values())).errors[scored])
        if not counted.any() and by in self._metrics:
            raise NoVerdictError(f"by={by!r} is NaN at every target: there is nothing to judge.")
        if not counted.any():
            over, cure = "", 'by="mae"'
            if period is not None:
                over, cure = f" over {period} rows", f"a shorter period=, or {cure}"
            raise NoVerdictError(
                f'by="{by}" needs a series that changes in train{over}. There, every series is '
                f"missing, too short or constant: pass {cure}."
            )
        parts = [part.judged for part in judgements]
        series = np.concatenate([p.ranges.series_of(np.arange(p.count)) for p in parts])[scored]
        flat = np.concatenate([part.origins() for part in parts])[scored]
        # The period scales MASE, so it changes what is judged.
        fingerprint = hashlib.blake2b(str(period or "").encode(), digest_size=16)
        for part in parts:
            fingerprint.update(part.mark().encode())
        all_origins = judged.origins_at(series, flat)
        origins = judged.origins_at(series[counted], flat[counted])
        best = min(self.baselines, key=lambda name: float(tallies[name].metric(by)))
        errors = {name: tally.by_seed for name, tally in tallies.items()}
        skills = skills_over(best, errors, self._models, by, origins)
        return ComparisonReport(
            table=_table(tallies, skills.of, self._metrics),
            by=by,
            best=best,
            verdicts={name: skills.of[name].verdict for name in self._models},
            coverages={
                name: coverage_of(
                    outer_coverage(levels),
                    tallies[name].covered[:, scored].sum(axis=2),
                    all_origins,
                )
                for name in self._models
                if (levels := tallies[name].levels) and len(levels) > 1
            },
            windows=int(scored.sum()),
            judged_on=described(judged, series, flat, all_origins, fingerprint.hexdigest()),
            total=self._total,
            _tallies=tallies,
            _joint=skills,
            _origins=all_origins,
            _levels=first.levels,
            _weights=weights or {},
            _labels=judged.labels,
            _targets=[judged.panel.columns.past[place] for place in judged.columns.tolist()],
            _inputs=judged.classes(period),
            _series=np.unique(series[counted]),
            _first_step=first.first_step,
            _period=period,
            _folds=None if weights is not None else len(judgements),
            _runs=_runs_of(self._train, period) if first.levels and self._train else {},
            _notes=[
                *notes,
                *self._left_out,
                *([_UNSCALED] if self._unscaled else []),
                *_notes(judgements, scored, tallies, period),
                *_unscaled(tallies, first),
                *_lost_levels_note(self._lost_levels),
                *([_points_note(self._points)] if self._points else []),
                *single_time_note(origins),
            ],
        )


def _runs_of(train: JudgedWindows, period: int | None) -> dict[str, Any]:
    """Return how level and step of the rows before the border vary, as in a scorecard."""
    chosen = drift.some(len(train.panel.lengths))
    series, times, values = rows_of(train.panel, Part(*train.rows), chosen)
    values = values.astype(np.float64)
    norms = drift.norms_of(series, values, len(chosen))[series]
    level, step = drift.level_and_step(series, times, values, norms)
    lengths = drift.run_lengths(level.shape[-1], period)
    found = {"level": drift.spreads(level, lengths), "step": drift.spreads(step, lengths)}
    return {"length": lengths, "train": level.shape[-1], **plain(found)}


def _lost_levels_note(models: Sequence[str]) -> Iterator[str]:
    if models:
        yield (
            f"{' and '.join(models)} {'have' if len(models) > 1 else 'has'} levels of single "
            "steps, not of their total: calibrate(..., joint=True) makes those."
        )


def _points_note(baselines: Sequence[str]) -> str:
    """Return why baselines have no quantiles, and what to do."""
    return (
        f"No quantiles of {', '.join(baselines)}: they need an error at every step on the last "
        "third of some series' training windows. One series with three windows or more is enough: "
        "pass a smaller min_inputs= or window=, or a later border."
    )


def _nothing_judged(judgements: Sequence[Judgement]) -> str:
    """Return in sentences why no window is judged."""
    first = judgements[0]
    lacking = [name for name in first.lacking if any(part.lacking[name] for part in judgements)]
    if not lacking:
        return (
            f"validation must have {first.judged.judgeable}, which every baseline forecasts. "
            "It has none."
        )
    what = f"totals of {first.summed} steps" if first.summed else "targets"
    return (
        f"There are no {what} with a forecast by all: forecasts are missing in "
        f"{' and '.join(lacking)}. Judge on windows of the same origins and horizon."
    )


def _table(
    tallies: dict[str, Tally], skills: dict[str, Skill], metrics: Iterable[str]
) -> dict[str, Array]:
    """Return the columns of the report, with metrics of quantiles if a forecaster has any."""
    table: dict[str, Array] = {"name": np.array(list(tallies))}
    shared = len(common_levels(t.levels for t in tallies.values())) > 1
    quantile = [name for name, metric in QUANTILE.items() if shared or not metric.common]
    intervals = any(len(t.levels or ()) > 1 for t in tallies.values())
    for column in (*POINT, *metrics, *ENDS, *(quantile if intervals else ())):
        table[column] = np.array([
            getattr(skills[name], ENDS[column]) if column in ENDS else float(tally.metric(column))
            for name, tally in tallies.items()
        ])  # fmt: skip
    return table


def _notes(
    judgements: Sequence[Judgement], scored: Array, tallies: dict[str, Tally], period: int | None
) -> Iterator[str]:
    """Yield sentences on what the scores are of, and on what they leave out."""
    first, any_tally = judgements[0], next(iter(tallies.values()))
    if first.summed:
        yield (
            f"The scores are of the total of each window's {first.summed} steps; MASE divides its "
            "error by the scale times the steps that have a value."
        )
    if any_tally.columns > 1:
        yield (
            f"MAE and other errors without a scale are means over {any_tally.columns} targets, "
            'whatever their units: scores(by="target") has each.'
        )
    if period is not None:
        yield f"MASE is scaled by changes over {period} rows."
    what = "totals" if first.summed else "targets"
    missing, total = sum(part.missing for part in judgements), int(scored.sum()) * any_tally.targets
    zeros = sum(part.zeros for part in judgements) / max(total - missing, 1)
    if zeros > _MANY_ZEROS:
        yield f"{percent(zeros)} of the {what} are zero."
    if not scored.all():
        yield (
            f"Of {len(scored)} windows {int((~scored).sum())} are left out: a value or a forecast "
            "is missing in them."
        )
    if missing:
        yield f"{missing} of {total} {what} are missing, and count nowhere."
    for name in first.lacking:
        if lacking := sum(part.lacking[name] for part in judgements):
            yield f"{name} has no forecast of {lacking} {what}, which count nowhere."
    for name in first.crossing:
        if crossed := sum(part.crossing[name] for part in judgements):
            yield (
                f"The quantiles of {name} cross at {crossed} of {total - missing} {what}, so its "
                "intervals are wrong: end it in SortedQuantiles, and train it again."
            )
    common = common_levels(tally.levels for tally in tallies.values())
    columns = ", ".join(metric.heading for metric in QUANTILE.values() if metric.common)
    for name, tally in tallies.items():
        if others := ", ".join(f"{p:g}" for p in tally.levels or () if p not in common):
            leave = f"The columns {columns} leave out" if len(common) > 1 else f"No {columns} for"
            yield f"{leave} the levels {others} of {name}, which others lack."


def _unscaled(tallies: dict[str, Tally], first: Judgement) -> Iterator[str]:
    """Yield sentences on the series and values that MASE leaves out."""
    any_tally = next(iter(tallies.values()))
    numbers = any_tally.series()
    unscaled = numbers[np.isnan(any_tally.metric("mase", "series")[numbers])]
    yield from unscaled_note([first.judged.labels[number] for number in unscaled.tolist()])
    judged, scaled = (any_tally.totals(name)[1] for name in ("mae", "mase"))
    if more := int(np.delete(judged - scaled, unscaled).sum()):
        yield (
            f"MASE leaves out {more} of {int(judged.sum())} values, and WAPE none: their targets "
            "are constant in train, unlike other targets or folds of their series."
        )


def single_time_note(origins: Origins) -> list[str]:
    """Return a sentence if a panel has too few origins for intervals to hold for other times."""
    if origins.few_series or not origins.at_one_time:
        return []
    judged = "Each series is judged at a single time"
    if origins.num_times > 1:
        few = f", too few where the targets of {origins.overlap} in a row overlap"
        judged = (
            f"The series are judged at {origins.num_times} origins{few * (origins.overlap > 1)}"
        )
    return [f"{judged}, so intervals hold for other series, not for other times."]


def season_of(period: Any, carried: int | None) -> int | None:
    """Return the rows in a season: ``period`` or, if None, the model's; None for 1."""
    rows = carried if period is None else _checks.integer("period", period, 1)
    return None if rows == 1 else rows


def season_note(
    period: Any, carried: int | None, baselines: Sequence[Any] | None, judged: JudgedWindows
) -> Iterator[str]:
    """Yield a sentence on the season that timestamps suggest, unless user or model chose one."""
    if period is None and carried is None and not baselines:
        rows = season_by_frequency(judged.panel, judged.geometry.horizon)[0]
        if rows > 1:
            yield (
                f"No baseline here has a season. The timestamps suggest one of {rows} rows: judge "
                f"with period={rows}, or period=1 if there is none."
            )
