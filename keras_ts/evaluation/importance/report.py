"""``ImportanceReport``: by how much a model errs more where a column is shuffled."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_ts._typing import Array
from keras_ts.evaluation.arithmetic.verdict import FEWEST, Skill
from keras_ts.evaluation.importance.shuffled_columns import ShuffledColumns
from keras_ts.evaluation.reports.tables import aligned, as_frame, html_table, number, percent
from keras_ts.plotting.errors import draw_importance
from keras_ts.windows.align import label_column

MATTERS, MISLEADS = "matters", "misleads"
NOISE = "cannot be told from noise"
UNUSED, UNUSED_BY_MEDIAN = "the model does not use it", "the median does not use it"
NEVER_CHANGES = "never changes in validation"
TOO_FEW = "too few {} for an interval"

# What the report says of the columns with each verdict, of one and of several.
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
        self.columns, self.few, self.stretch = columns, skill.few, skill.stretch
        # The skill is one minus the ratio of the errors, so its upper end is the lower one here.
        self.increase, self.low, self.high = 0 - skill.value, 0 - skill.high, 0 - skill.low
        if verdict is None:
            verdict = MATTERS if self.low > 0 else MISLEADS if self.high < 0 else NOISE
            verdict = TOO_FEW.format(skill.few) if skill.few else verdict
        self.verdict = verdict

    @property
    def interval(self) -> str:
        """The interval in words; empty if there is nothing to estimate."""
        if self.verdict in (UNUSED, UNUSED_BY_MEDIAN, NEVER_CHANGES):
            return ""
        if self.few:
            return f"too few {self.few}"
        return f"{percent(self.low)} to {percent(self.high)}"


class ImportanceReport:
    """By how much a model errs more where a column is shuffled; print it for the verdicts.

    Returned by ``importance``.

    Attributes:
        table: A dict of columns of equal length, one row for each column that was shuffled, the
            largest increase first: ``column`` (its name; of several, all names), ``part``
            (``"future"``, ``"past"``, ``"target"`` for a target's own past, ``"calendar"`` or
            ``"static"``), ``increase`` (the error with the column shuffled over that without, minus
            one: 0.1 for a tenth more), ``low`` and ``high`` (the ends of its 95 % interval) and
            ``verdict``. NaN where there is no figure.
        by: ``"mae"`` or ``"mase"``, the error.
        error: The model's error without shuffling.
        windows: The number of windows that were judged.
    """

    def __init__(
        self, rows: list[Row], by: str, error: float, windows: int, series: int, notes: list[str]
    ) -> None:
        # NaN comes last.
        order = np.argsort([-row.increase for row in rows], kind="stable")
        self._rows = [rows[place] for place in order]
        self.by, self.error, self.windows = by, error, windows
        self._series, self._notes = series, notes
        columns = [row.columns for row in self._rows]
        self.table: dict[str, Array] = {
            "column": label_column(tuple(column.name for column in columns)),
            "part": np.array([column.part for column in columns]),
            "increase": np.array([row.increase for row in self._rows]),
            "low": np.array([row.low for row in self._rows]),
            "high": np.array([row.high for row in self._rows]),
            "verdict": np.array([row.verdict for row in self._rows]),
        }

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the increases as points with their intervals, the largest on top.

        Args:
            ax: Axes to draw on. Defaults to a new figure's.
            filepath: File to save the picture in. Defaults to None: no file.

        Returns:
            The axes.
        """
        return draw_importance(
            [row.columns.label for row in self._rows],
            self.table["increase"],
            self.table["low"],
            self.table["high"],
            ["" if row.interval else row.verdict for row in self._rows],
            self.by.upper(),
            ax=ax,
            filepath=filepath,
        )

    def to_frame(self, library: str = "pandas") -> Any:
        """Return ``table`` as a data frame.

        Args:
            library: ``"pandas"`` or ``"polars"``. Defaults to ``"pandas"``.
        """
        return as_frame(self.table, library)

    def __str__(self) -> str:
        lines = aligned([self._heading(), *self._cells()], left=2)
        return "\n".join([*lines, "", *self._notes, *self._sentences()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table and the sentences for a notebook."""
        return html_table(self._heading(), self._cells(), [*self._notes, *self._sentences()])

    def _heading(self) -> list[str]:
        return ["", "part", "increase", "95 % interval"]

    def _cells(self) -> Iterator[list[str]]:
        for row in self._rows:
            name = str(row.columns.name)
            yield [name, row.columns.part, percent(row.increase), row.interval]

    def _sentences(self) -> Iterator[str]:
        panel = f" of {self._series} series" if self._series > 1 else ""
        yield (
            f"The model's {self.by.upper()} is {number(self.error)} over {self.windows} windows"
            f"{panel}, and grows by the increase where a column is shuffled."
        )
        for verdict, (singular, plural) in _SENTENCES.items():
            labels = [row.columns.label for row in self._rows if row.verdict == verdict]
            if labels:
                yield (singular if len(labels) == 1 else plural).format(_listed(labels))
        yield from self._cures()

    def _cures(self) -> Iterator[str]:
        """Return what it takes to get an interval, in sentences, where there is none."""
        stretch = max((row.stretch for row in self._rows if row.few == "windows"), default=0)
        if stretch:
            needed = "windows"
            if stretch > 1:
                needed = f"stretches of {stretch} windows, since errors last that long"
            yield f"An interval needs {FEWEST} {needed}: hold out more rows."
        if any(row.few == "series" for row in self._rows):
            yield (
                f"An interval needs {FEWEST} series, or a single one: add series, not held-out "
                "rows, or judge each series by itself."
            )


def _listed(labels: list[str]) -> str:
    return " and ".join([", ".join(labels[:-1])] * (len(labels) > 1) + labels[-1:])
