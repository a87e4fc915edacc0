"""``ComparisonReport``: the scores of forecasters in a table, with a verdict on each model."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._backends import versions
from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.arithmetic.coverage import Coverage
from keras_ts.evaluation.arithmetic.tally import Tally
from keras_ts.evaluation.arithmetic.verdict import (
    ENDS,
    FEWEST,
    Origins,
    Skill,
    skill,
    skills_by_series,
)
from keras_ts.evaluation.forecasters.baselines import Naive
from keras_ts.plotting.errors import draw_verdict
from keras_ts.saving.scorecard import Weights
from keras_ts.scores.metrics import heading, is_rooted
from keras_ts.scores.report import (
    Page,
    Report,
    interval,
    number,
    one_decimal,
    percent,
    printed,
    whole_percent,
)
from keras_ts.scores.schema import FORMAT, LONGEST_TEXT, plain
from keras_ts.windows.arithmetic.labels import label_column


@dataclass(frozen=True, repr=False, eq=False)
class ComparisonReport(Report):
    """The scores of models and baselines; print it for a table that ends in a verdict.

    Returned by ``compare``.

    Attributes:
        table: A dict of columns of equal length, one row for each forecaster, models first:
            ``name``, ``mae``, ``rmse``, ``mase``, ``smape`` (in per cent), ``wape`` (the sum of
            errors over that of sizes), ``rmsse`` (the root of the mean squared error over the mean
            squared step), ``bias`` (forecast less value), a column for each metric of one's own,
            ``skill``, ``skill_low`` and ``skill_high``; if a model forecasts quantiles also
            ``pinball``, ``coverage``, ``width``, ``sql`` (the pinball loss over the scale of MASE)
            and ``interval_score``. Pinball, SQL and interval score are of the levels that all
            forecasters with quantiles have. Baselines get levels from their errors on the last
            third of the training part. The skill is one minus the error over that of the best
            baseline, in the measure ``by``, with the ends of its 95 % interval; NaN if there are
            too few windows or series for an interval.
        by: The measure of the skill: ``"mae"``, ``"mase"``, ``"rmsse"``, ``"sql"``, or a metric of
            one's own.
        best: The name of the best baseline, the one with the lowest error in that measure.
        verdicts: A dict from the name of each model to ``"beats"``, ``"loses to"`` or
            ``"cannot be told from"``, always the best baseline; the last also stands for too few
            windows or series for an interval.
        coverages: A dict from the name of each model that forecasts quantiles to a tuple of
            ``asked``, the share of values that its outer quantiles shall hold, ``share``, the one
            that they held, its 95 % interval ``low`` to ``high``, and ``independent``: as many
            independent values vary as much as these, which windows share.
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
    _skills: dict[str, Skill]
    _levels: Mapping[str, tuple[float, ...] | None]  # of each model; None for a point
    _weights: Mapping[str, Weights]  # empty for a backtest, which judges others
    _labels: Sequence[Any]
    _targets: Sequence[Any]  # their columns
    _inputs: Sequence[int]  # the least number of inputs of each class of windows
    _origins: Origins
    _series: IntArray  # the numbers of the series that have origins, in order
    _first_step: int
    _period: int | None
    _folds: int | None
    _notes: list[str]
    # A panel of very many series takes seconds, so skills are computed once they are asked for.
    _found: dict[tuple[str, str], Skill] = field(default_factory=dict)

    def scores(self, by: str) -> dict[str, Array]:
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
                the number of inputs, from ``min_inputs`` of the windows up to full ones.

        Returns:
            A dict of columns of equal length: ``name``, ``step`` (from 1), ``series`` (its id or
            number), ``target`` (the name or number of its column) or ``inputs`` (the least number
            of the class: 8 for 8 to 11, with their number, ``windows``), and the metrics of
            ``table``. For targets also ``skill``, over the best baseline of the table. For series
            also ``skill``, ``skill_low``, ``skill_high`` and ``verdict``, which judge each series
            by its own windows, beside the best baseline of the table; the verdict is
            ``"too few windows"`` where there is none.
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
        return {
            "name": np.repeat(self.table["name"], len(places)),
            **{column: np.tile(values, len(tallies)) for column, values in keys.items()},
            **{
                metric: np.concatenate([tally.metric(metric, by)[places] for tally in tallies])
                for metric in self._metrics()
            },
            **(self._verdicts_on(places) if by == "series" else {}),
            **({"skill": self._skill_on_targets()} if by == "target" else {}),
        }

    def _metrics(self) -> list[str]:
        """Return the columns of the table that are metrics."""
        return [column for column in self.table if column not in ("name", *ENDS)]

    def scorecards(self) -> list[dict[str, Any]]:
        """Return what ``save_model(model, filepath, report=report)`` keeps of each model."""
        if self.total:
            raise ValueError(
                "report judges totals, and a scorecard promises the errors of single steps. Pass a "
                "report made without total=True."
            )
        return [self._scorecard(name, levels) for name, levels in self._levels.items()]

    def _scorecard(self, name: str, levels: tuple[float, ...] | None) -> dict[str, Any]:
        # Its size depends on the horizon and the number of forecasters, never on that of series.
        names = self.table["name"].tolist()
        tally, row, weights = self._tallies[name], names.index(name), self._weights.get(name)
        # Baselines are what no verdict is given of.
        rows = [n for n, other in enumerate(names) if other == name or other not in self.verdicts]
        coverage = None
        if levels is not None:
            share, width = (self.table[column][row] for column in ("coverage", "width"))
            coverage = {"asked": levels[-1] - levels[0], "share": share, "width": width}
        return {
            "format": FORMAT,
            "model": name,
            "by": self.by,
            "period": self._period,
            "folds": self._folds,
            "best": self.best,
            "verdict": self.verdicts[name],
            "sentence": self._sentence(name)[:LONGEST_TEXT],
            "notes": [note[:LONGEST_TEXT] for note in self._notes],
            "table": {
                column: [names[n] for n in rows] if column == "name" else plain(values[rows])
                for column, values in self.table.items()
            },
            "steps": {
                "model": plain(tally.metric(self.by, "step")),
                "baseline": plain(self._tallies[self.best].metric(self.by, "step")),
                "coverage": coverage and plain(tally.metric("coverage", "step")),
            },
            "coverage": coverage and plain(coverage),
            "promised": {
                "origins": tally.origins(self.by),
                "errors": plain(tally.promise(self.by)),
                "coverage": coverage and plain(tally.promise("coverage")),
            },
            "judged_on": self.judged_on,
            "versions": versions(),
            **({"weights": None, "intervals": None} if weights is None else weights.plain()),
        }

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the skill of each forecaster over the best baseline, with its 95 % interval.

        Below stand the errors at each step, of models and of the best baseline, and, where they
        have quantiles, how reliable these are: beside the level of each, the share of values below
        it. Where values repeat, as zeros do, that share is a range, which the level shall lie in.

        Args:
            ax: Axes to draw the skills on, alone. Defaults to a new figure's, with all pictures.
            filepath: File to save the picture in. Defaults to None: no file.

        Returns:
            The axes of the skills.
        """
        shown = [*self.verdicts, self.best]
        return draw_verdict(
            {name: skill for name, skill in self._skills.items() if name != self.best},
            {name: self._tallies[name].metric(self.by, "step") for name in shown},
            {name: tally.below() for name in shown if (tally := self._tallies[name]).levels},
            heading(self.by),
            ax=ax,
            filepath=filepath,
        )

    def pages(self) -> Iterator[Page]:
        """Yield the table, and a verdict for each model."""
        tally = self._tallies[self.best]
        left_out = np.isnan(tally.metric("mase", "series")[tally.series()]).any()
        metrics = printed(self._metrics(), [self.by, *["wape"] * bool(left_out)])
        columns = {
            "": self.table["name"].tolist(),
            **{heading(metric): self.table[metric] for metric in metrics},
            "skill": [percent(share) for share in self.table["skill"]],
            "95 % interval": [
                "" if name == self.best else interval(of.low, of.high, f"too few {of.few}")
                for name, of in self._skills.items()
            ],
        }
        yield Page(columns, [*self._notes, *self._sentences()])

    def _sentences(self) -> Iterator[str]:
        if not self.verdicts:
            error = number(self._tallies[self.best].metric(self.by))
            article = "an" if self.by == "mae" else "a"
            yield (
                f"The best baseline is {self.best}, with {article} {heading(self.by)} of {error} "
                f"over {self.windows} windows{self._panel()}."
            )
        skills = self._skills
        few = [name for name in skills if skills[name].few == "windows"]
        if rivals := [name for name in few if name not in self.verdicts]:
            yield f"{', '.join(rivals)} cannot be judged: {self._too_few(skills[rivals[0]])}."
        # Tables come of unknown seeds, so only models have levels or None here.
        for name in [*self._levels][:1]:
            yield from self._luck(name)
        for name in self.verdicts:
            yield self._sentence(name)
            if self._origins.num_series > 1:
                yield from self._singly(name)
            yield from self._targets_lost(name)
            if name in self.coverages:
                yield _held(name, self.coverages[name])
        if len(self.verdicts) > 1:
            best, skills = self._among([*self.verdicts])
            for name, skill in skills.items():
                yield self._said(name, skill, f"the best model, {best}")

    def _luck(self, name: str) -> Iterator[str]:
        """Yield a sentence on the luck of a seed, which is in the intervals or is not."""
        tallies = self._tallies
        judged = np.isfinite(tallies[self.best].errors)
        sums = tallies[name].by_seed[:, judged].sum(axis=1)
        if len(sums) == 1:
            if not np.isnan(self._skills[name].low):
                yield "Intervals leave out the luck of a seed: backtest(..., seeds=3) adds it."
            return
        ratios = sums / tallies[self.best].errors[judged].sum()
        own = 1 - np.sort(np.sqrt(ratios) if is_rooted(self.by) else ratios)[::-1]
        yield f"Over {len(own)} seeds, the skill is {percent(own[0])} to {percent(own[-1])}."

    def _sentence(self, name: str) -> str:
        """Return the verdict on a model in a sentence."""
        return self._said(name, self._skills[name], f"the best baseline, {self.best}")

    def _said(self, name: str, skill: Skill, rival: str) -> str:
        """Return in a sentence how a model does beside a rival, or why it is not judged."""
        over = f"over {len(self._origins.series)} windows{self._panel()}"
        figure = f"skill {percent(skill.value)} by {heading(self.by)}"
        if skill.value == -np.inf:
            rival += f", whose {heading(self.by)} is 0"
        elif skill.value < -1:
            figure += f" (its error is {one_decimal(1 - skill.value)} times as large)"
        if np.isnan(skill.low):
            few = self._too_few(skill)
            seen = f" As seen, {figure}, {over}." if np.isfinite(skill.value) else ""
            return f"{name} is not judged beside {rival}: {few}.{seen}"
        if skill.value == -np.inf:
            return f"{name} {skill.verdict} {rival}, {over}."
        ends = f"95 % interval {percent(skill.low)} to {percent(skill.high)}"
        return f"{name} {skill.verdict} {rival}: {figure}, {ends}, {over}."

    def _too_few(self, skill: Skill) -> str:
        """Return why a skill has no interval: how much there is, and how much it takes."""
        origins = self._origins
        if skill.few == "series":
            return f"there are {origins.num_series} series, and an interval takes {FEWEST}"
        there = f"there are {origins.num_times} origins"
        if skill.stretch > 1:
            whole = origins.num_times // skill.stretch
            there += f", {whole} stretch{'es' * (whole != 1)} of {skill.stretch}"
        share = "series share errors that last" if origins.num_series > 1 else "errors last"
        # The length is estimated, unless it is that of targets that overlap.
        more = "; more origins may show longer ones" * (skill.stretch > origins.overlap)
        return f"{there}, and an interval takes {FEWEST} ({share} that long{more})"

    def _singly(self, name: str) -> Iterator[str]:
        """Yield a sentence on the number of series that a model wins and loses, if it can."""
        skills = self._beside(name, self.best, skills_by_series)
        if np.isnan(skills.low).all():
            return
        won, lost = (int((skills.verdict == verdict).sum()) for verdict in ("beats", "loses to"))
        rest = len(skills.verdict) - won - lost
        yield (
            f"Of single series, it beats that baseline on {won}, loses to it on {lost}, and cannot "
            f"be told from it on {rest}."
        )

    def _targets_lost(self, name: str) -> Iterator[str]:
        """Yield a sentence for each of several targets whose own naive is no worse than a model."""
        if len(self._targets) < 2 or Naive.name not in self._tallies:
            return
        # A target without a scale has a MAE.
        scaled, unscaled = (
            [self._tallies[each].metric(by, "target") for each in (name, Naive.name)]
            for by in (self.by, "mae")
        )
        for target, *errors in zip(self._targets, *scaled, *unscaled, strict=True):
            by = "mae" if np.isnan(errors[1]) else self.by
            own, naive = errors[2:] if np.isnan(errors[1]) else errors[:2]
            if own >= naive:
                yield (
                    f"On {target}, {name} is no better than the last value: {heading(by)} "
                    f"{number(own)}, of naive {number(naive)}."
                )

    def _verdicts_on(self, series: IntArray) -> dict[str, Array]:
        """Return the skills and verdicts of every forecaster on some series, one after another."""
        known = np.minimum(np.searchsorted(self._series, series), len(self._series) - 1)
        judged = self._series[known] == series
        skills = [self._beside(name, self.best, skills_by_series) for name in self._tallies]
        ends = {
            column: np.where(judged, [getattr(own, end)[known] for own in skills], np.nan).ravel()
            for column, end in ENDS.items()
        }
        verdicts = np.concatenate([own.verdict[known] for own in skills])
        few = np.isnan(ends["skill_low"])
        return {**ends, "verdict": np.where(few, "too few windows", verdicts)}

    def _skill_on_targets(self) -> Array:
        """Return the skill of every forecaster on each target, one forecaster after another."""
        errors = np.stack([tally.metric(self.by, "target") for tally in self._tallies.values()])
        best = self._tallies[self.best].metric(self.by, "target")
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(errors == best, 0.0, 1 - errors / best).ravel()

    def _among(self, models: Sequence[str]) -> tuple[str, dict[str, Skill]]:
        """Return the model with the lowest error, and the skill of each other one over it."""
        best = min(models, key=lambda name: float(self._tallies[name].metric(self.by)))
        # The best one may have been lucky, as the best baseline may.
        others, rivals = [name for name in models if name != best], len(models) - 1
        return best, {name: self._beside(name, best, skill, rivals) for name in others}

    def _beside(self, name: str, rival: str, judge: Callable[..., Skill], rivals: int = 1) -> Skill:
        """Return the skill of a forecaster over a model, or on each series over a baseline."""
        if (name, rival) not in self._found:
            errors, others = self._tallies[name].by_seed, self._tallies[rival].errors
            judged = np.isfinite(others)
            found = judge(errors[:, judged], others[judged], self._origins, rivals)
            self._found[name, rival] = found.rooted() if is_rooted(self.by) else found
        return self._found[name, rival]

    def _panel(self) -> str:
        count = self._origins.num_series
        return f" of {count} series" if count > 1 else ""


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
