"""``Evidence``: what the scores and verdicts of a comparison are worked out from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.arithmetic.tally import Tally
from keras_ts.evaluation.arithmetic.verdict import Origins, Skill, skill, skills_by_series
from keras_ts.saving.scorecard import Weights
from keras_ts.scores.metrics import is_rooted

# The columns of a skill in a table, and what a ``Skill`` calls them.
ENDS = {"skill": "value", "skill_low": "low", "skill_high": "high"}


@dataclass(frozen=True)
class Evidence:
    """What the scores and verdicts of a report are worked out from."""

    by: str
    best: str  # the name of the best baseline
    tallies: dict[str, Tally]
    skills: dict[str, Skill]
    levels: Mapping[str, tuple[float, ...] | None]  # of each model; None for a point
    # Of each forecaster with levels, these and the shares of targets below and up to its quantiles.
    below: Mapping[str, tuple[Any, Array, Array]]
    weights: Mapping[str, Weights]  # empty for a backtest, which judges others
    labels: Sequence[Any]
    targets: Sequence[Any]  # their columns
    inputs: Sequence[int]  # the least number of inputs of each class of windows
    origins: Origins
    series: IntArray  # the numbers of the series that have origins, in order
    first_step: int
    period: int | None
    folds: int | None
    total: bool  # of a window's steps
    notes: list[str]
    # A panel of very many series takes seconds, so skills are computed once they are asked for.
    _found: dict[tuple[str, str], Skill] = field(default_factory=dict)

    def verdicts_on(self, series: IntArray) -> dict[str, Array]:
        """Return the skills and verdicts of every forecaster on some series, one after another."""
        known = np.minimum(np.searchsorted(self.series, series), len(self.series) - 1)
        judged = self.series[known] == series
        columns: dict[str, list[Array]] = {column: [] for column in (*ENDS, "verdict")}
        for name in self.tallies:
            skills = self.skills_of(name)
            for column, end in ENDS.items():
                columns[column].append(np.where(judged, getattr(skills, end)[known], np.nan))
            few = ~judged | np.isnan(skills.low[known])
            columns["verdict"].append(np.where(few, "too few windows", skills.verdict[known]))
        return {column: np.concatenate(parts) for column, parts in columns.items()}

    def skills_of(self, name: str) -> Skill:
        """Return the skills of a forecaster on each series that the verdict counts."""
        return self._beside(name, self.best, skills_by_series)

    def skill_on_targets(self) -> Array:
        """Return the skill of every forecaster on each target, one forecaster after another."""
        errors = np.stack([tally.metric(self.by, "target") for tally in self.tallies.values()])
        best = self.tallies[self.best].metric(self.by, "target")
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(errors == best, 0.0, 1 - errors / best).ravel()

    def among(self, models: Sequence[str]) -> tuple[str, dict[str, Skill]]:
        """Return the model with the lowest error, and the skill of each other one over it."""
        best = min(models, key=lambda name: float(self.tallies[name].metric(self.by)))
        # The best one may have been lucky, as the best baseline may.
        others, rivals = [name for name in models if name != best], len(models) - 1
        return best, {name: self._beside(name, best, skill, rivals) for name in others}

    def _beside(self, name: str, rival: str, judge: Callable[..., Skill], rivals: int = 1) -> Skill:
        """Return the skill of a forecaster over a model, or on each series over a baseline."""
        if (name, rival) not in self._found:
            errors, others = self.tallies[name].by_seed, self.tallies[rival].errors
            judged = np.isfinite(others)
            found = judge(errors[:, judged], others[judged], self.origins, rivals)
            self._found[name, rival] = found.rooted() if is_rooted(self.by) else found
        return self._found[name, rival]
