"""``ImportanceReport``: by how much a model errs more where a column is shuffled."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts._typing import Array
from keras_ts.evaluation.arithmetic.verdict import FEWEST, Skill
from keras_ts.evaluation.importance.shuffled_columns import ShuffledColumns
from keras_ts.plotting.errors import draw_intervals
from keras_ts.scores.metrics import heading
from keras_ts.scores.report import Page, Report, interval, number, percent
from keras_ts.windows.align import label_column

MATTERS, MISLEADS = "matters", "misleads"
NOISE = "cannot be told from noise"
UNUSED, UNUSED_BY_MEDIAN = "the model does not use it", "the median does not use it"
NEVER_CHANGES = "never changes in validation"
TOO_FEW = "too few {} for an interval"

# By verdict, the sentence on one column that has it, and that on several.
_SENTENCES = {
    MATTERS: ("{} matters.", "{} matter."),
    MISLEADS: (
        "{} misleads the model: it errs less where the values are shuffled.",
        "{} mislead the model: it errs less where the values of one are shuffled.",
    ),
    NOISE: ("{} by itself cannot be told from noise.", "{} cannot be told from noise one by one."),
    UNUSED: ("The model does not use {}.",) * 2,
    UNUSED_BY_MEDIAN: ("The median does not use {}, but other quantiles do.",) * 2,
    NEVER_CHANGES: (
        "{} never changes in validation, so nothing can be said of it.",
        "{} never change in validation, so nothing can be said of them.",
    ),
    TOO_FEW.format("windows"): ("{}: too few windows for an interval.",) * 2,
    TOO_FEW.format("series"): ("{}: too few series for an interval.",) * 2,
}


class Row:
    """The importance of some columns: the increase of the error, its interval and a verdict."""

    def __init__(self, columns: ShuffledColumns, skill: Skill, verdict: str | None = None) -> None:
        self.columns, self.skill = columns, skill
        # The skill is one minus the ratio of the errors, so its upper end is the lower one here.
        self.increase, self.low, self.high = 0 - skill.value, 0 - skill.high, 0 - skill.low
        self.verdict, self.interval = verdict or "", ""  # Empty if there is nothing to estimate.
        if verdict is None:
            verdict = MATTERS if self.low > 0 else MISLEADS if self.high < 0 else NOISE
            self.verdict = TOO_FEW.format(skill.few) if skill.few else verdict
            self.interval = interval(self.low, self.high, f"too few {skill.few}")


@dataclass(frozen=True, repr=False, eq=False)
class ImportanceReport(Report):
    """By how much a model errs more where a column is shuffled; print it for the verdicts.

    Returned by ``importance``.

    Attributes:
        table: A dict of columns of equal length, one row for each column that was shuffled, the
            largest increase first: ``column`` (its name; of several, all names), ``part``
            (``"future"``, ``"past"``, ``"target"`` for a target's own past, ``"calendar"`` or
            ``"static"``), ``increase`` (the share by which the error grows if the column is
            shuffled: 0.1 for a tenth), ``low`` and ``high`` (the ends of its 95 % interval) and
            ``verdict``. NaN where there is no figure.
        by: ``"mae"`` or ``"mase"``, the error.
        error: The model's error without shuffling.
        windows: The number of windows that were judged.
    """

    table: dict[str, Array]
    by: str
    error: float
    windows: int
    _rows: list[Row]
    _series: int
    _notes: list[str]

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the increases as points with their intervals, the largest on top.

        Args:
            ax: Axes to draw on. Defaults to a new figure's.
            filepath: File to save the picture in. Defaults to None: no file.

        Returns:
            The axes.
        """
        return draw_intervals(
            [row.columns.label for row in self._rows],
            self.table["increase"],
            self.table["low"],
            self.table["high"],
            ["" if row.interval else row.verdict for row in self._rows],
            f"increase of the {heading(self.by)} when shuffled",
            {1: "matters", -1: "misleads", 0: "cannot be told from noise"},
            ax=ax,
            filepath=filepath,
        )

    def pages(self) -> Iterator[Page]:
        """Yield the increases, and a sentence for each verdict."""
        columns: dict[str, Sequence[Any]] = {
            "": [str(row.columns.name) for row in self._rows],
            "part": self.table["part"].tolist(),
            "increase": [percent(row.increase) for row in self._rows],
            "95 % interval": [row.interval for row in self._rows],
        }
        yield Page(columns, [*self._notes, *self._sentences()], left=2)

    def _sentences(self) -> Iterator[str]:
        panel = f" of {self._series} series" if self._series > 1 else ""
        yield (
            f"The model's {heading(self.by)} is {number(self.error)} over {self.windows} windows"
            f"{panel}, and grows by the increase where a column is shuffled."
        )
        for verdict, (singular, plural) in _SENTENCES.items():
            labels = [row.columns.label for row in self._rows if row.verdict == verdict]
            if labels:
                listed = " and ".join([", ".join(labels[:-1])] * (len(labels) > 1) + labels[-1:])
                yield (singular if len(labels) == 1 else plural).format(listed)
        # What it takes to get an interval, where there is none.
        skills = [row.skill for row in self._rows]
        stretch = max((few.stretch for few in skills if few.few == "windows"), default=0)
        if stretch:
            needed = "windows"
            if stretch > 1:
                needed = f"stretches of {stretch} windows, since errors last that long"
            yield f"An interval needs {FEWEST} {needed}: hold out more rows."
        if any(few.few == "series" for few in skills):
            yield (
                f"An interval needs {FEWEST} series, or a single one: add series, not held-out "
                "rows, or judge each series by itself."
            )


def report_of(
    rows: Sequence[Row], by: str, error: float, windows: int, series: int, notes: list[str]
) -> ImportanceReport:
    """Return the report on some columns, the largest increase first; NaN comes last."""
    rows = [rows[place] for place in np.argsort([-row.increase for row in rows], kind="stable")]
    table = {
        "column": label_column(tuple(row.columns.name for row in rows)),
        "part": np.array([row.columns.part for row in rows]),
        **{
            column: np.array([getattr(row, column) for row in rows])
            for column in ("increase", "low", "high", "verdict")
        },
    }
    return ImportanceReport(table, by, error, windows, rows, series, notes)
