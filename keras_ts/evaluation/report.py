"""``ComparisonReport``: the scores of forecasters in a table, with a verdict on each model."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._backends import versions
from keras_ts._quantiles import outer_coverage
from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.arithmetic.coverage import Coverage
from keras_ts.evaluation.arithmetic.skills import Skills, skills_on_targets, skills_over
from keras_ts.evaluation.arithmetic.tally import Tally, class_coverages
from keras_ts.evaluation.arithmetic.verdict import ENDS, Origins, Skill, skills_by_series
from keras_ts.panel.labels import by_id_column, label_column
from keras_ts.plotting.errors import draw_verdict
from keras_ts.saving.scorecard import Weights
from keras_ts.scores.metrics import METRICS, heading, is_rooted
from keras_ts.scores.report import (
    Page,
    Report,
    Table,
    interval,
    number,
    one_decimal,
    percent,
    printed,
)
from keras_ts.scores.schema import FORMAT, LONGEST_TEXT, plain

# Of the targets on which a model does not beat the best baseline, this many get a sentence each.
_MOST_LOST = 10
# Two forecasts are the same if the errors of each window differ by at most this share of the mean
# error. Rounding to float32 makes errors of 1 differ by 6e-5 if values are about 1000.
_SAME = 1e-4


@dataclass(frozen=True, repr=False, eq=False)
class ComparisonReport(Report):
    """The scores that ``compare`` returns; print them for a table that ends in a verdict.

    Attributes:
        table: A dict of columns of equal length, one row for each forecaster, models first:
            ``name``, ``mae``, ``rmse``, ``mase``, ``smape`` (in per cent), ``wape`` (the sum of
            absolute errors over the sum of absolute values), ``rmsse`` (the root of the mean
            squared error over the mean squared change in train), ``bias`` (forecast less value),
            the ``metrics`` passed, ``skill``, ``skill_low`` and ``skill_high``; if any forecaster
            gives quantiles, also ``pinball``, ``coverage``, ``width``, ``sql`` (the pinball loss
            over the scale of MASE) and ``interval_score``. Pinball, SQL and interval score
            use only the levels that all forecasters with quantiles have. Baselines get quantiles
            from their errors on the last third of the training part, the climatology from past
            values. The skill is 1 - error / error of the best baseline, by the measure ``by``. The
            ends of its 95 % interval are NaN if windows are too few for one.
        by: The measure of the skill: ``"mae"``, ``"mase"``, ``"rmsse"``, ``"sql"``, or the name of
            one of ``metrics``.
        best: The name of the best baseline, the one with the lowest error by that measure.
        verdicts: A dict from the name of each model to its verdict against the best baseline:
            ``"beats"``, ``"loses to"``, ``"cannot be told from"`` or, if windows are too few for an
            interval, ``"is not judged beside"``.
        coverages: A dict from each model, or table of forecasts, that has quantiles to a tuple:
            ``asked`` (the share of values that should lie within its outer quantiles), ``share``
            (the share that did), ``low`` and ``high`` (the 95 % interval of ``share``), and
            ``independent`` (the number of independent values that would give as wide an interval).
        windows: The number of windows that were judged.
        judged_on: A dict of what was judged on: the number of ``windows``, ``series`` and
            ``origins``, the position or timestamp of the ``first`` and ``last`` target as text, a
            ``fingerprint`` of the targets and of ``period``, the settings ``horizon``, ``window``,
            ``gap``, ``sampling_rate`` and ``id_column`` of the windows, and their ``columns`` by
            role.
        total: True if the totals of windows are judged, not their steps.
    """

    table: dict[str, Array]
    by: str
    best: str
    verdicts: dict[str, str]
    coverages: dict[str, Coverage]
    windows: int
    judged_on: dict[str, Any]
    total: bool
    _tallies: dict[str, Tally]
    _joint: Skills  # on all targets
    _origins: Origins  # of all windows that were judged
    _levels: Mapping[str, tuple[float, ...] | None]  # of each model; None for a point
    _weights: Mapping[str, Weights]  # of each model; empty for a backtest
    _labels: Sequence[Any]
    _targets: Sequence[Any]  # the columns of the targets
    _inputs: Sequence[int]  # the least number of inputs of each class of windows
    _series: IntArray  # the numbers of the series that have origins, in order
    _first_step: int
    _period: int | None
    _folds: int | None
    _runs: dict[str, Any]  # how level and step vary in train
    _notes: list[str]
    _found: dict[str, Skill] = field(default_factory=dict)  # on single series, once asked for

    @property
    def model_verdicts(self) -> dict[str, str]:
        """A dict from the name of each model but the best to its verdict against the best model."""
        skills = self._models.of if len(self.verdicts) > 1 else {}
        return {name: skill.verdict for name, skill in skills.items() if name != self._models.best}

    def scores(self, by: str) -> Table:
        """Return the scores of every forecaster for each step, series, target or number of inputs.

        Example:

        >>> from keras_ts import WindowedSeries, compare, course_series
        >>> train, validation = WindowedSeries(20, 3).split(course_series(), at=1000)
        >>> scores = compare(None, train, validation).scores(by="step")
        >>> scores["name"][:4].tolist(), scores["step"][:4].tolist()
        (['naive', 'naive', 'naive', 'drift'], [1, 2, 3, 1])
        >>> scores["mae"][:3].round(2).tolist()
        [5.88, 5.86, 5.86]

        Args:
            by: ``"step"`` (not of totals), ``"series"``, ``"target"``, or ``"inputs"``: classes of
                windows by how many known inputs they have, from ``min_inputs`` up to all.

        Returns:
            A dict of columns of equal length, which has ``to_frame``: ``name``, ``step`` (from 1),
            ``series`` (its id or number), ``target`` (the name or number of its column) or
            ``inputs`` (the least number in the class: 8 for 8 to 11) with ``windows`` (counted once
            for each target); and the metrics of ``table``. By inputs also ``coverage_low`` and
            ``coverage_high``, the coverage's 95 % interval; by series and target ``skill``,
            ``skill_low``, ``skill_high`` and ``verdict`` (or ``"too few windows"``). The skill
            is over the best baseline of the table; on a target over the best one there, in the
            column ``best``, by MAE if the target is constant in train.
        """
        _checks.choice("by", by, ("step", "series", "target", "inputs")[self.total :])
        tallies = list(self._tallies.values())
        if by == "series":
            places = tallies[0].series()
            keys = {by: label_column(tuple(self._labels))[places]}
        elif by == "step":
            places = np.arange(tallies[0].steps)
            keys = {by: places + self._first_step}
        elif by == "inputs":
            places, windows = tallies[0].classes()
            keys = {by: np.array(self._inputs)[places], "windows": windows}
        else:
            places = np.arange(tallies[0].columns)
            keys = {by: label_column(tuple(self._targets))}
        columns = {
            "name": np.repeat(self.table["name"], len(places)),
            **{name: np.tile(values, len(tallies)) for name, values in keys.items()},
            **{
                metric: np.concatenate([tally.metric(metric, by)[places] for tally in tallies])
                for metric in self._metrics()
            },
            **(class_coverages(tallies, places, self._origins) if by == "inputs" else {}),
            **(self._verdicts_on(places) if by == "series" else {}),
            **(self._verdicts_on_targets() if by == "target" else {}),
        }
        return Table(by_id_column(columns))

    def _metrics(self) -> list[str]:
        """Return the columns of the table that are metrics."""
        return [column for column in self.table if column not in ("name", *ENDS)]

    def scorecards(self) -> list[dict[str, Any]]:
        """Return what ``save_model(model, filepath, report=report)`` keeps of each model."""
        if self.total:
            raise ValueError(
                "report judges totals, but a scorecard is about steps: compare without total=True."
            )
        if self._first_step > 1:
            raise ValueError(
                f"report begins at step {self._first_step}, the first that all models forecast, "
                "and a scorecard promises errors from step 1 on. Pass a report on this model alone."
            )
        return [self._scorecard(name, levels) for name, levels in self._levels.items()]

    def _scorecard(self, name: str, levels: tuple[float, ...] | None) -> dict[str, Any]:
        names = self.table["name"].tolist()
        tally, row, weights = self._tallies[name], names.index(name), self._weights.get(name)
        # The rows of this model and of the baselines, which have no verdict.
        rows = [n for n, other in enumerate(names) if other == name or other not in self.verdicts]
        coverage = None
        if levels and len(levels) > 1:
            share, width = (self.table[column][row] for column in ("coverage", "width"))
            coverage = {"asked": outer_coverage(levels), "share": share, "width": width}
        held_out, spreads = tally.spreads(self._runs["length"])
        return {
            "format": FORMAT,
            "model": name,
            "by": self.by,
            "period": self._period,
            "folds": self._folds,
            "best": self.best,
            "verdict": self.verdicts[name],
            "sentence": self._sentence(name)[:LONGEST_TEXT],
            "targets": [lost[:LONGEST_TEXT] for lost in self._targets_lost(name)],
            "notes": [note[:LONGEST_TEXT] for note in self._notes],
            "table": {
                column: [names[n] for n in rows] if column == "name" else plain(values[rows])
                for column, values in self.table.items()
            },
            "steps": {
                "model": plain(tally.metric(self.by, "step")),
                "baseline": plain(self._tallies[self.best].metric(self.by, "step")),
                "coverage": coverage and plain(tally.metric("coverage", "step")),
                "bias": plain(tally.metric("signed", "step")),
            },
            "coverage": coverage and plain(coverage),
            "promised": {
                "origins": tally.origins(self.by),
                "errors": plain(tally.promise(self.by)),
                "coverage": coverage and plain(tally.promise("coverage")),
                "runs": {**self._runs, "held_out": held_out, **plain(spreads)},
            },
            "judged_on": self.judged_on,
            "versions": versions(),
            **({"weights": None, "intervals": None} if weights is None else weights.plain()),
        }

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the skill of each forecaster over the best baseline, with its 95 % interval.

        Two further pictures show the models and the best baseline: their errors at each step and,
        if they forecast quantiles, the share of values below each quantile against its level. If
        values repeat, as zeros do, this share is a range that should include the level.

        Args:
            ax: Axes for the skills alone. Defaults to None: a new figure with all pictures.
            filepath: File to save the picture in. Defaults to None: no file.

        Returns:
            The axes of the skills.
        """
        shown = [*self.verdicts, self.best]
        return draw_verdict(
            {name: skill for name, skill in self._joint.of.items() if name != self.best},
            {name: self._tallies[name].metric(self.by, "step") for name in shown},
            {name: tally.below() for name in shown if (tally := self._tallies[name]).levels},
            heading(self.by),
            ax=ax,
            filepath=filepath,
        )

    def pages(self) -> Iterator[Page]:
        """Yield the table, the notes, and a verdict for each model."""
        tally = self._tallies[self.best]
        left_out = np.isnan(tally.metric("mase", "series")[tally.series()]).any()
        metrics = printed(self._metrics(), [self.by, *["wape"] * bool(left_out)])
        columns = {
            "": self.table["name"].tolist(),
            **{heading(metric): self.table[metric] for metric in metrics},
            "skill": [percent(share) for share in self.table["skill"]],
            "95 % interval": [
                "" if name == self.best else interval(of.low, of.high)
                for name, of in self._joint.of.items()
            ],
        }
        yield Page(columns, [*self._notes, *self._sentences()])

    def _sentences(self) -> Iterator[str]:
        if not self.verdicts:
            error = number(self._tallies[self.best].metric(self.by))
            article = METRICS[self.by].article if self.by in METRICS else "a"
            yield (
                f"The best baseline is {self.best}, with {article} {heading(self.by)} of {error} "
                f"over {self.windows} windows{_panel(self._joint.origins)}."
            )
        skills, others = self._joint.of, (self.best, *self.verdicts)
        if rivals := [name for name in skills if skills[name].few and name not in others]:
            why = self._joint.origins.too_few(skills[rivals[0]])
            yield f"{', '.join(rivals)} cannot be judged: {why}."
        # ``_levels`` leaves out tables of forecasts, whose number of seeds is unknown.
        for name in [*self._levels][:1]:
            yield from self._seeds(name)
        for name in self.verdicts:
            yield self._sentence(name)
            if self._joint.origins.num_series > 1:
                yield from self._on_series(name)
            yield from self._targets_lost(name)
            if name in self.coverages:
                yield self.coverages[name].sentence(name)
        for name in self.model_verdicts:
            yield self._verdict(name, f"the best model, {self._models.best}", self._models)

    def _seeds(self, name: str) -> Iterator[str]:
        """Yield a sentence on the range of a model's skill over its seeds; for one seed, a hint."""
        best = self._tallies[self.best].errors
        judged = np.isfinite(best)
        sums = self._tallies[name].by_seed[:, judged].sum(axis=1)
        if len(sums) > 1:
            ratios = sums / best[judged].sum()
            skills = 1 - (np.sqrt(ratios) if is_rooted(self.by) else ratios)
            low, high = percent(skills.min()), percent(skills.max())
            yield f"Over {len(skills)} seeds, the skill is {low} to {high}."
        elif not np.isnan(self._joint.of[name].low):
            yield "Intervals leave out the luck of a seed: backtest(..., seeds=3) adds it."

    def _sentence(self, name: str) -> str:
        """Return the verdict on a model in a sentence."""
        return self._verdict(name, f"the best baseline, {self.best}", self._joint)

    def _verdict(self, name: str, rival: str, on: Skills) -> str:
        """Return in a sentence how a model does beside a rival, or why it is not judged."""
        skill, by, origins, errors = on.of[name], on.by, on.origins, self._tallies[on.best].errors
        over = f"over {len(origins.series)} windows{_panel(origins)}"
        figure = f"skill {percent(skill.value)} by {heading(by)}"
        if np.nanmax(np.abs(self._tallies[name].by_seed - errors)) <= _SAME * np.nanmean(errors):
            cure = " For a verdict, leave it out of baselines=." * (on.best not in self.verdicts)
            return f"{name} {skill.verdict} {rival}: both forecast the same, {over}.{cure}"
        if skill.value == -np.inf:
            rival += f", whose {heading(by)} is 0"
        elif skill.value < -1:
            figure += f" (its error is {one_decimal(1 - skill.value)} times as large)"
        if skill.few:
            few = origins.too_few(skill)
            seen = f" As seen, {figure}, {over}." if np.isfinite(skill.value) else ""
            return f"{name} {skill.verdict} {rival}: {few}.{seen}"
        if skill.value == -np.inf:
            return f"{name} {skill.verdict} {rival}, {over}."
        ends = f"95 % interval {percent(skill.low)} to {percent(skill.high)}"
        ends += " for these series alone" * (origins.few_series and origins.num_series > 1)
        return f"{name} {skill.verdict} {rival}: {figure}, {ends}, {over}."

    def _on_series(self, name: str) -> Iterator[str]:
        """Yield a sentence on how many series a model wins and loses, if any has an interval."""
        skills = self._by_series(name)
        few = int(np.isnan(skills.low).sum())
        if few == len(skills.low):
            return
        won, lost = (int((skills.verdict == verdict).sum()) for verdict in ("beats", "loses to"))
        rest = len(skills.low) - won - lost - few
        yield (
            f"Of single series, it beats that baseline on {won}, loses to it on {lost}, and cannot "
            f"be told from it on {rest}{f'; {few} cannot be judged' * (few > 0)}."
        )

    def _targets_lost(self, name: str) -> Iterator[str]:
        """Yield sentences on the targets, of several, whose best baseline a model does not beat."""
        if len(self._targets) < 2:
            return
        lost = [
            (target, on)
            for target, on in zip(self._targets, self._on_targets, strict=True)
            if on.best and on.of[name].verdict != "beats"
        ]
        for target, on in lost[:_MOST_LOST]:
            yield f"On {target}, {self._verdict(name, f'the best baseline there, {on.best}', on)}"
        if more := len(lost[_MOST_LOST:]):
            yield (
                f"On {more} further targets {name} does not beat the best baseline there, either: "
                'scores(by="target") has each.'
            )

    def _verdicts_on(self, series: IntArray) -> dict[str, Array]:
        """Return the skills and verdicts on ``series``, one forecaster after another."""
        places = np.minimum(np.searchsorted(self._series, series), len(self._series) - 1)
        judged = self._series[places] == series
        skills = [self._by_series(name) for name in self._tallies]
        ends = {
            key: np.where(judged, [getattr(skill, end)[places] for skill in skills], np.nan).ravel()
            for key, end in ENDS.items()
        }
        verdicts = np.concatenate([skill.verdict[places] for skill in skills])
        few = np.isnan(ends["skill_low"])
        return {**ends, "verdict": np.where(few, "too few windows", verdicts)}

    @cached_property
    def _models(self) -> Skills:
        """The skills of models over the best of them."""
        errors = {name: self._tallies[name].by_seed for name in self.verdicts}
        best = min(errors, key=lambda name: float(self._tallies[name].metric(self.by)))
        return skills_over(best, errors, [*errors], self.by, self._joint.origins)

    @cached_property
    def _on_targets(self) -> list[Skills]:
        return skills_on_targets(self._tallies, [*self.verdicts], self._joint)

    def _verdicts_on_targets(self) -> dict[str, Array]:
        """Return the skills and verdicts of every forecaster on each target."""
        skills = [on.of[name] for name in self._tallies for on in self._on_targets]
        verdicts = ["too few windows" if skill.few else skill.verdict for skill in skills]
        return {
            **{key: np.array([getattr(of, end) for of in skills]) for key, end in ENDS.items()},
            "verdict": np.array(verdicts),
            "best": np.tile([on.best for on in self._on_targets], len(self._tallies)),
        }

    def _by_series(self, name: str) -> Skill:
        """Return a forecaster's skill over the best baseline on each series."""
        if name not in self._found:
            errors, others = self._tallies[name].by_seed, self._tallies[self.best].errors
            judged = np.isfinite(others)
            found = skills_by_series(errors[:, judged], others[judged], self._joint.origins)
            self._found[name] = found.rooted() if is_rooted(self.by) else found
        return self._found[name]


def _panel(origins: Origins) -> str:
    return f" of {origins.num_series} series" if origins.num_series > 1 else ""
