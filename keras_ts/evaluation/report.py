"""``ComparisonReport``: the scores of forecasters in a table, with a verdict on each model."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.evaluation.frames import as_frame
from keras_ts.evaluation.metrics import POINT, QUANTILE
from keras_ts.evaluation.tally import Tally
from keras_ts.evaluation.text import aligned, html_table, number, percent
from keras_ts.evaluation.verdict import FEWEST, Skill
from keras_ts.windows.align import label_column

_HEADINGS = {"mae": "MAE", "rmse": "RMSE", "mase": "MASE", "smape": "sMAPE"}


class ComparisonReport:
    """The scores of models and baselines; print it for a table that ends in a verdict.

    Returned by ``compare``.

    Attributes:
        table: A dict of columns of equal length, one row for each forecaster, models first:
            ``name``, ``mae``, ``rmse``, ``mase``, ``smape`` (in per cent), ``skill``,
            ``skill_low`` and ``skill_high``; if a model forecasts quantiles also ``pinball``,
            ``coverage`` and ``width``. The skill is one minus the MAE over that of the best
            baseline, with the ends of its 95 % interval; NaN if there are too few windows or series
            for an interval.
        best: The name of the best baseline, the one with the lowest MAE.
        verdicts: A dict from the name of each model to ``"beats"``, ``"loses to"`` or
            ``"cannot be told from"``, all said of the best baseline.
        windows: The number of windows that were judged.
    """

    def __init__(
        self,
        tallies: Mapping[str, Tally],
        skills: Mapping[str, Skill],
        best: str,
        models: list[str],
        labels: list[Any],
        notes: list[str],
    ) -> None:
        self._tallies, self._models, self._labels = dict(tallies), models, labels
        self._notes = notes
        self._skills = dict(skills)
        self.best = best
        self.verdicts = {name: skills[name].verdict for name in models}
        self.windows = int(np.isfinite(tallies[best].errors).sum())
        self.table: dict[str, Array] = {"name": np.array(list(tallies))}
        for metric in POINT:
            self.table[metric] = np.array([float(t.metric(metric)) for t in tallies.values()])
        for column, end in (("skill", "value"), ("skill_low", "low"), ("skill_high", "high")):
            self.table[column] = np.array([getattr(skills[name], end) for name in tallies])
        for metric in self._quantile_metrics():
            self.table[metric] = np.array([float(t.metric(metric)) for t in tallies.values()])

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
            number), and the metrics of ``table``.
        """
        _checks.choice("by", by, ("step", "series"))
        metrics = [*POINT, *self._quantile_metrics()]
        tallies = list(self._tallies.values())
        places = tallies[0].series() if by == "series" else np.arange(tallies[0].steps)
        keys = label_column(tuple(self._labels))[places] if by == "series" else places + 1
        return {
            "name": np.repeat(self.table["name"], len(places)),
            by: np.tile(keys, len(tallies)),
            **{
                metric: np.concatenate([tally.metric(metric, by)[places] for tally in tallies])
                for metric in metrics
            },
        }

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
        metrics = [*_HEADINGS.values(), *self._quantile_metrics()]
        return ["", *metrics, "skill", "95 % interval"]

    def _rows(self) -> Iterator[list[str]]:
        metrics = [*POINT, *self._quantile_metrics()]
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
            error = number(self._tallies[self.best].metric("mae"))
            yield (
                f"The best baseline is {self.best}, with an MAE of {error} over {self.windows} "
                f"windows{self._panel()}."
            )
        for name in self._models:
            skill = self._skills[name]
            interval = (
                f"95 % interval {percent(skill.low)} to {percent(skill.high)}"
                if not np.isnan(skill.low)
                else _too_few(skill)
            )
            yield (
                f"{name} {skill.verdict} the best baseline, {self.best}: skill "
                f"{percent(skill.value)}, {interval}, over {self.windows} "
                f"windows{self._panel()}."
            )

    def _panel(self) -> str:
        count = len(self._tallies[self.best].series())
        return f" of {count} series" if count > 1 else ""

    def _quantile_metrics(self) -> tuple[str, ...]:
        losses = [t.metric("pinball") for t in self._tallies.values()]
        return () if np.isnan(losses).all() else QUANTILE


def _too_few(skill: Skill) -> str:
    if skill.few == "series":
        return f"too few series for an interval ({FEWEST} are needed)"
    needed = f"stretches of {skill.stretch} windows" if skill.stretch > 1 else "windows"
    return f"too few windows for an interval ({FEWEST} {needed} are needed: errors last that long)"
