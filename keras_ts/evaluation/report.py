"""``ComparisonReport``: the scores of forecasters in a table, with a verdict on each model."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.arithmetic.coverage import Coverage, coverage_of
from keras_ts.evaluation.arithmetic.metrics import POINT, QUANTILE
from keras_ts.evaluation.arithmetic.tally import Tally
from keras_ts.evaluation.arithmetic.verdict import (
    FEWEST,
    Origins,
    Skill,
    Skills,
    skill,
    skills_by_series,
)
from keras_ts.evaluation.judging import (
    Judgement,
    NoVerdictError,
    single_time_note,
    windows_of_origins,
)
from keras_ts.evaluation.reports.scorecards import ByOrigin, Evidence, judged_on, scorecard_of
from keras_ts.evaluation.reports.tables import (
    aligned,
    as_frame,
    html_table,
    number,
    percent,
    unscaled_note,
    whole_percent,
)
from keras_ts.saving.card import HEADINGS
from keras_ts.saving.weights import Weights
from keras_ts.windows.align import label_column


class ComparisonReport:
    """The scores of models and baselines; print it for a table that ends in a verdict.

    Returned by ``compare``.

    Attributes:
        table: A dict of columns of equal length, one row for each forecaster, models first:
            ``name``, ``mae``, ``rmse``, ``mase``, ``smape`` (in per cent), a column for each metric
            of one's own, ``skill``, ``skill_low`` and ``skill_high``; if a model forecasts
            quantiles also ``pinball``, ``coverage`` and ``width``. The skill is one minus the error
            over that of the best baseline, in the measure ``by``, with the ends of its 95 %
            interval; NaN if there are too few windows or series for an interval.
        by: The measure of the skill, ``"mae"`` or ``"mase"``.
        best: The name of the best baseline, the one with the lowest error in that measure.
        verdicts: A dict from the name of each model to ``"beats"``, ``"loses to"`` or
            ``"cannot be told from"``, all said of the best baseline.
        coverages: A dict from the name of each model that forecasts quantiles to a tuple of
            ``asked``, the share of values that its outer quantiles shall hold, ``share``, the one
            that they held, its 95 % interval ``low`` to ``high``, and ``independent``: as many
            independent values vary as much as these, which windows share.
        windows: The number of windows that were judged.
        judged_on: A dict of what was judged on: the number of ``windows``, ``series`` and
            ``origins``, the position or timestamp of the ``first`` and ``last`` target as text, a
            ``fingerprint`` of the targets, the settings ``horizon``, ``window``, ``gap``,
            ``sampling_rate`` and ``id_column`` of the windows, and their ``columns`` by role.
    """

    def __init__(
        self,
        tallies: dict[str, Tally],
        models: list[str],
        labels: Sequence[Any],
        origins: Origins,
        series_of_origins: IntArray,
        windows: int,
        by: str,
        metrics: Sequence[str],
        first_step: int,
        notes: list[str],
        evidence: Evidence,
    ) -> None:
        self._tallies, self._models, self._labels = tallies, models, labels
        self._origins = origins
        self._series_of_origins = series_of_origins
        self._metrics, self._first_step, self._notes = [*POINT, *metrics], first_step, notes
        self._evidence, self.judged_on = evidence, evidence.judged_on
        self.coverages: dict[str, Coverage] = {}
        for name, by_origin in evidence.coverage.items():
            levels = evidence.levels[name] or (0.0, 0.0)
            self.coverages[name] = coverage_of(
                round(levels[-1] - levels[0], 12),
                by_origin.totals(),
                tallies[name].totals("coverage"),
                origins.overlap,
            )
        # A panel of very many series takes seconds, so these are computed once they are asked for.
        self._skills_of_series: dict[str, Skills] = {}
        self.by = by
        baselines = [name for name in tallies if name not in models]
        self.best = min(baselines, key=lambda name: float(tallies[name].metric(by)))
        judged = np.isfinite(tallies[self.best].errors)
        errors = {name: tally.errors[judged] for name, tally in tallies.items()}
        best = errors[self.best]
        self._skills = {name: skill(errors[name], best, origins) for name in baselines}
        # The best baseline may only be the luckiest of several equally good ones.
        as_good = sum(rival.verdict == "cannot be told from" for rival in self._skills.values())
        for name in models:
            self._skills[name] = skill(errors[name], best, origins, as_good)
        self.verdicts = {name: self._skills[name].verdict for name in models}
        self.table: dict[str, Array] = {"name": np.array(list(tallies))}
        for metric in self._metrics:
            self.table[metric] = np.array([float(t.metric(metric)) for t in tallies.values()])
        for column, end in (("skill", "value"), ("skill_low", "low"), ("skill_high", "high")):
            self.table[column] = np.array([getattr(self._skills[name], end) for name in tallies])
        for metric in self._quantile_metrics():
            self.table[metric] = np.array([float(t.metric(metric)) for t in tallies.values()])
        self.windows = windows

    def scores(self, by: str) -> dict[str, Array]:
        """Return the scores of every forecaster for each step, or for each series.

        Example:

        >>> from keras_ts import WindowedSeries, compare, course_series
        >>> train, validation = WindowedSeries(20, 3).split(course_series(), at=1000)
        >>> scores = compare(None, train, validation).scores(by="step")
        >>> scores["name"][:4].tolist(), scores["step"][:4].tolist()
        (['naive', 'naive', 'naive', 'drift'], [1, 2, 3, 1])
        >>> scores["mae"][:3].round(2).tolist()
        [5.88, 5.86, 5.86]

        Args:
            by: ``"step"`` or ``"series"``.

        Returns:
            A dict of columns of equal length: ``name``, ``step`` (from 1) or ``series`` (its id or
            number), and the metrics of ``table``. For series also ``skill``, ``skill_low``,
            ``skill_high`` and ``verdict``, which judge each series by its own windows, beside the
            best baseline of the table; the verdict is ``"too few windows"`` where there is none.
        """
        _checks.choice("by", by, ("step", "series"))
        metrics = [*self._metrics, *self._quantile_metrics()]
        tallies = list(self._tallies.values())
        places = tallies[0].series() if by == "series" else np.arange(tallies[0].steps)
        if by == "series":
            keys = label_column(tuple(self._labels))[places]
        else:
            keys = places + self._first_step
        return {
            "name": np.repeat(self.table["name"], len(places)),
            by: np.tile(keys, len(tallies)),
            **{
                metric: np.concatenate([tally.metric(metric, by)[places] for tally in tallies])
                for metric in metrics
            },
            **(self._verdicts_of(places) if by == "series" else {}),
        }

    def _verdicts_of(self, series: IntArray) -> dict[str, Array]:
        """Return the skills and verdicts of every forecaster on some series, one after another."""
        known = np.searchsorted(self._series_of_origins, series)
        known = np.minimum(known, len(self._series_of_origins) - 1)
        judged = self._series_of_origins[known] == series
        columns: dict[str, list[Array]] = {}
        for name in self._tallies:
            skills = self._skills_by_series(name)
            for column, end in (("skill", "value"), ("skill_low", "low"), ("skill_high", "high")):
                values = np.where(judged, getattr(skills, end)[known], np.nan)
                columns.setdefault(column, []).append(values)
            few = ~judged | np.isnan(skills.low[known])
            verdicts = np.where(few, "too few windows", skills.verdict[known])
            columns.setdefault("verdict", []).append(verdicts)
        return {column: np.concatenate(parts) for column, parts in columns.items()}

    def _skills_by_series(self, name: str) -> Skills:
        """Return the skills of a forecaster on each series that the verdict counts."""
        if name not in self._skills_of_series:
            errors, best = (self._tallies[rival].errors for rival in (name, self.best))
            judged = np.isfinite(best)
            skills = skills_by_series(errors[judged], best[judged], self._origins)
            self._skills_of_series[name] = skills
        return self._skills_of_series[name]

    def scorecards(self) -> list[dict[str, Any]]:
        """Return what ``save_model(model, filepath, report=report)`` keeps of each model."""
        return [
            scorecard_of(self, self._evidence, name, self._sentence(name), self._notes)
            for name in self._evidence.errors
        ]

    def to_frame(self, library: str = "pandas") -> Any:
        """Return ``table`` as a data frame.

        Args:
            library: ``"pandas"`` or ``"polars"``. Defaults to ``"pandas"``.
        """
        return as_frame(self.table, library)

    def __str__(self) -> str:
        lines = aligned([self._heading(), *self._rows()], left=1)
        return "\n".join([*lines, "", *self._notes, *self._sentences()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table and the sentences for a notebook."""
        return html_table(self._heading(), self._rows(), [*self._notes, *self._sentences()])

    def _heading(self) -> list[str]:
        metrics = [HEADINGS.get(name, name) for name in self._metrics]
        return ["", *metrics, *self._quantile_metrics(), "skill", "95 % interval"]

    def _rows(self) -> Iterator[list[str]]:
        metrics = [*self._metrics, *self._quantile_metrics()]
        for place, name in enumerate(self.table["name"].tolist()):
            numbers = [number(self.table[metric][place]) for metric in metrics]
            skill = self._skills[name]
            interval = f"{percent(skill.low)} to {percent(skill.high)}"
            if name == self.best:
                interval = ""
            elif np.isnan(skill.low):
                interval = f"too few {skill.few}"
            yield [name, *numbers, percent(skill.value), interval]

    def _sentences(self) -> Iterator[str]:
        if not self._models:
            error = number(self._tallies[self.best].metric(self.by))
            article = "an" if self.by == "mae" else "a"
            yield (
                f"The best baseline is {self.best}, with {article} {HEADINGS[self.by]} of {error} "
                f"over {self.windows} windows{self._panel()}."
            )
        for name in self._models:
            yield self._sentence(name)
            if self._origins.num_series > 1:
                yield from self._by_series(name)
            if name in self.coverages:
                yield _held(name, self.coverages[name])

    def _sentence(self, name: str) -> str:
        """Return the verdict on a model in a sentence."""
        skill = self._skills[name]
        interval = (
            f"95 % interval {percent(skill.low)} to {percent(skill.high)}"
            if not np.isnan(skill.low)
            else _too_few(skill)
        )
        return (
            f"{name} {skill.verdict} the best baseline, {self.best}: skill "
            f"{percent(skill.value)} by {HEADINGS[self.by]}{_times(skill.value)}, {interval}, over "
            f"{len(self._origins.series)} windows{self._panel()}."
        )

    def _by_series(self, name: str) -> Iterator[str]:
        """Yield a sentence on the number of series that a model wins and loses, if it can."""
        skills = self._skills_by_series(name)
        if np.isnan(skills.low).all():
            return
        won, lost = (int((skills.verdict == verdict).sum()) for verdict in ("beats", "loses to"))
        rest = len(skills.verdict) - won - lost
        yield (
            f"Of single series, it beats that baseline on {won}, loses to it on {lost}, and cannot "
            f"be told from it on {rest}."
        )

    def _panel(self) -> str:
        count = self._origins.num_series
        return f" of {count} series" if count > 1 else ""

    def _quantile_metrics(self) -> tuple[str, ...]:
        losses = [t.metric("pinball") for t in self._tallies.values()]
        return () if np.isnan(losses).all() else QUANTILE


def _held(name: str, coverage: Coverage) -> str:
    """Return in a sentence what share of values the interval of a model held."""
    beside = f"which cannot be told from {whole_percent(coverage.asked)}"
    if not coverage.low <= coverage.asked <= coverage.high:
        beside = "fewer than asked" if coverage.share < coverage.asked else "more than asked"
    return (
        f"The {whole_percent(coverage.asked)} interval of {name} held {percent(coverage.share)} of "
        f"values, {beside}: 95 % interval {percent(coverage.low)} to {percent(coverage.high)}, as "
        f"of {coverage.independent:.0f} independent values."
    )


def _times(skill: float) -> str:
    """Return in words how large an error of a very low skill is."""
    return f" (its error is {1 - skill:.1f} times as large)" if -np.inf < skill < -1 else ""


def _too_few(skill: Skill) -> str:
    if skill.few == "series":
        return f"too few series for an interval ({FEWEST} are needed)"
    needed = f"stretches of {skill.stretch} origins" if skill.stretch > 1 else "origins"
    return (
        f"too few windows for an interval ({FEWEST} {needed} are needed: errors last that long, or "
        "series share them)"
    )


def report_of(
    judgements: Sequence[Judgement],
    models: list[str],
    by: str,
    period: int | None,
    metrics: Sequence[str] = (),
    notes: Sequence[str] = (),
    weights: Mapping[str, Weights] | None = None,
) -> ComparisonReport:
    """Return the report on some judgements, such as folds, of the same forecasters and panel."""
    first = judgements[0]
    judged = first.judged
    scored = np.concatenate([part.scored for part in judgements])
    if not scored.any():
        raise NoVerdictError(
            "validation must have a window without a missing value to judge on. It has none."
        )
    tallies = {
        name: Tally.joined([part.tallies[name] for part in judgements]) for name in first.tallies
    }
    any_tally = next(iter(tallies.values()))
    places = [windows_of_origins(part) for part in judgements]
    scaled = np.isfinite(any_tally.errors[scored])
    if not scaled.any():
        steps, cure = (
            ("", "") if period is None else (f" in {period} rows", "a shorter period=, or ")
        )
        raise NoVerdictError(
            f'by="mase" needs a series that changes{steps} in train. All are missing there, '
            f'shorter or constant: pass {cure}by="mae".'
        )
    series, flat = (np.concatenate(parts) for parts in zip(*places, strict=True))
    fingerprint = hashlib.blake2b(digest_size=16)
    for part in judgements:
        fingerprint.update(part.judged.mark().encode())
    origins = judged.origins_at(series, flat)
    evidence = Evidence(
        judged_on(judged, series, flat, origins, fingerprint.hexdigest()),
        by,
        period,
        weights or {},
        first.levels,
        {
            name: ByOrigin.joined([part.errors[name] for part in judgements])
            for name in first.errors
        },
        {
            name: ByOrigin.joined([part.coverage[name] for part in judgements])
            for name in first.coverage
        },
        None if weights is not None else len(judgements),
    )
    if not scaled.all():
        series = series[scaled]
        origins = judged.origins_at(series, flat[scaled])
    sentences = list(notes)
    if not scored.all():
        sentences.append(f"{int((~scored).sum())} windows with a missing value are left out.")
    missing, total = sum(part.missing for part in judgements), int(scored.sum()) * any_tally.targets
    if missing:
        sentences.append(f"{missing} of {total} targets are missing, and count nowhere.")
    for name in first.lacking:
        lacking = sum(part.lacking[name] for part in judgements)
        if lacking:
            sentences.append(f"{name} has no forecast of {lacking} targets, which count nowhere.")
    numbers = any_tally.series()
    unscaled = numbers[np.isnan(any_tally.metric("mase", "series")[numbers])]
    sentences += unscaled_note([judged.labels[number] for number in unscaled.tolist()])
    sentences += single_time_note(origins)
    return ComparisonReport(
        tallies,
        models,
        judged.labels,
        origins,
        np.unique(series),
        int(scored.sum()),
        by,
        metrics,
        first.first_step,
        sentences,
        evidence,
    )
