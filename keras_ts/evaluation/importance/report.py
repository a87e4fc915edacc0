"""``ImportanceReport``, and the columns that ``importance`` shuffles."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.arithmetic.verdict import FEWEST, Skill
from keras_ts.plotting.errors import draw_intervals
from keras_ts.scores.metrics import heading
from keras_ts.scores.report import Page, Report, interval, number, percent
from keras_ts.windows.arithmetic.labels import collapsed, expanded, label_column
from keras_ts.windows.reading.flat_series import FlatSeries
from keras_ts.windows.roles import Columns, as_x, parts_of

MATTERS, MISLEADS = "matters", "misleads"
NOISE = "cannot be told from noise"
UNUSED, UNUSED_BY_MEDIAN = "the model does not use it", "the median does not use it"
NEVER_CHANGES = "never changes in validation"
TOO_FEW = "too few windows for an interval"

# The sentences on one column, and on several columns, by their verdict.
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
        "{} never changes in validation, so nothing can be said about it.",
        "{} never change in validation, so nothing can be said about them.",
    ),
    TOO_FEW: ("{}: too few windows for an interval.",) * 2,
}


@dataclass(frozen=True)
class ShuffledColumns:
    """Columns shuffled together: a window gets all their values from one other window."""

    name: Any  # as in the table; for several columns, their names joined
    label: str  # the name in a sentence
    part: str  # "future", "past", "target", "calendar", "static", or several: "past + future"
    places: dict[str, tuple[int, ...]]  # by part of the inputs, on its last axis

    @property
    def varies(self) -> bool:
        """True if a column varies over time: its values come from windows of the same series."""
        return "past" in self.places

    @classmethod
    def together(cls, columns: Sequence["ShuffledColumns"]) -> "ShuffledColumns":
        """Return several ``ShuffledColumns`` as one."""
        if len(columns) == 1:
            return columns[0]
        return cls(
            " + ".join(str(column.name) for column in columns),
            " with ".join(column.label for column in columns),
            " + ".join(dict.fromkeys(column.part for column in columns)),
            {
                part: tuple(place for column in columns for place in column.places.get(part, ()))
                for part in dict.fromkeys(part for column in columns for part in column.places)
            },
        )

    def put(self, inputs: Any, donors: dict[str, Array]) -> tuple[Any, BoolArray]:
        """Return inputs with these columns from ``donors``, and which windows changed."""
        parts = parts_of(inputs)
        changed = np.zeros(len(parts["past"]), dtype=bool)
        for part, chosen in self.places.items():
            places = list(chosen)
            parts[part] = values = parts[part].copy()
            # A plain series has no axis for columns.
            wide = values[..., None] if part == "past" and values.ndim == 2 else values
            before, other = wide[..., places], donors[part].reshape(wide.shape)[..., places]
            if part == "future":
                # A model needs a value known ahead at every step with a target, so the window's
                # value stays if the other window has none.
                other = np.where(np.isfinite(other), other, before)
            same = (before == other) | ((before != before) & (other != other))
            changed |= ~same.reshape(len(same), -1).all(axis=1)
            wide[..., places] = other
        return as_x(parts), changed


def shuffled_columns(panel: FlatSeries, names: Any = None) -> list[ShuffledColumns]:
    """Return what to shuffle: the items of ``names``, or else each column of the panel."""
    roles, by_part, columns = panel.columns, panel.columns.by_part(), []
    for name in collapsed(roles.read, panel.categories):
        places = [roles.past.index(column) for column in expanded([name], panel.categories)]
        within, is_target = _within(roles, places), places[0] in roles.targets
        part = "target" if is_target else list(within)[-1]
        label = f"{_label(name)} (its own past)" if is_target else _label(name)
        columns.append(ShuffledColumns(name, label, part, within))
    for part in panel.by_series:
        for name in collapsed(by_part[part], panel.categories):
            places = [by_part[part].index(item) for item in expanded([name], panel.categories)]
            columns.append(ShuffledColumns(name, _label(name), part, {part: tuple(places)}))
    if cycles := range(len(roles.read), len(roles.past)):
        within = _within(roles, cycles)
        columns.insert(0, ShuffledColumns("calendar", "calendar", "calendar", within))
    if names is None:
        return columns
    by_name = {column.name: column for column in columns}
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise TypeError(
            "columns must be a list of names, or of lists of names to shuffle together. Received: "
            f"{_checks.shown(names)}."
        )
    groups = [item if isinstance(item, list | tuple) else [item] for item in names]
    for group in groups:
        unknown = [name for name in group if name not in by_name]
        if unknown or not group:
            raise ValueError(
                f"columns must name some of {list(by_name)}. Received: "
                f"{_checks.shown(unknown[0] if unknown else group)}."
            )
    return [ShuffledColumns.together([by_name[name] for name in group]) for group in groups]


def _within(roles: Columns, places: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return where columns stand in ``past`` and, if they are known ahead, in ``future``."""
    ahead = tuple(roles.ahead.index(place) for place in places if place in roles.ahead)
    return {"past": tuple(places)} | ({"future": ahead} if ahead else {})


def _label(name: Any) -> str:
    return str(name) if isinstance(name, str) else f"column {name}"


def donors(groups: IntArray, generator: np.random.Generator) -> IntArray:
    """Return for each item the place of another item of its group, drawn at random."""
    # Each item of a group gets the next one in a random circle. So no item is drawn twice, and an
    # item gets itself only if it is alone in its group.
    order = np.lexsort([generator.random(len(groups)), groups])
    ordered = groups[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    first = np.flatnonzero(begins)
    after = np.roll(np.arange(len(groups)), -1)
    after[np.roll(first, -1) - 1] = first
    drawn = np.empty_like(order)
    drawn[order] = order[after]
    return drawn


class Row:
    """The importance of some columns: the increase of the error, its interval and a verdict."""

    def __init__(self, columns: ShuffledColumns, skill: Skill, verdict: str | None = None) -> None:
        self.columns, self.skill = columns, skill
        # An increase is minus a skill, so its lower end is minus the skill's upper end.
        self.increase, self.low, self.high = 0 - skill.value, 0 - skill.high, 0 - skill.low
        self.verdict, self.interval = verdict or "", ""
        if verdict is None:
            verdict = MATTERS if self.low > 0 else MISLEADS if self.high < 0 else NOISE
            self.verdict = TOO_FEW if skill.few else verdict
            self.interval = interval(self.low, self.high)


@dataclass(frozen=True, repr=False, eq=False)
class ImportanceReport(Report):
    """How much a model's error grows where a column is shuffled; print it for the verdicts.

    Returned by ``importance``.

    Attributes:
        table: A dict of columns of equal length, one row for each column that was shuffled, the
            largest increase first: ``column`` (its name; for several, all names), ``part``
            (``"future"``, ``"past"``, ``"target"`` for a target's own past, ``"calendar"`` or
            ``"static"``; of several columns, such as ``"past + future"``), ``increase`` (the share
            by which the error grows if the column is shuffled: 0.1 for a tenth), ``low`` and
            ``high`` (the ends of its 95 % interval) and ``verdict``. NaN where there is no figure.
        by: The measure of the error, ``"mae"`` or ``"mase"``.
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
        """Draw the increases as points with their intervals, the largest on top."""
        return draw_intervals(
            [row.columns.label for row in self._rows],
            self.table["increase"],
            self.table["low"],
            self.table["high"],
            ["" if row.interval else row.verdict for row in self._rows],
            f"increase of the {heading(self.by)} when shuffled",
            {1: MATTERS, -1: MISLEADS, 0: NOISE},
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
            f"{panel}. The increase is how much it grows when a column is shuffled."
        )
        for verdict, (singular, plural) in _SENTENCES.items():
            labels = [row.columns.label for row in self._rows if row.verdict == verdict]
            if labels:
                listed = " and ".join([", ".join(labels[:-1])] * (len(labels) > 1) + labels[-1:])
                yield (singular if len(labels) == 1 else plural).format(listed)
        lengths = [row.skill.stretch for row in self._rows if row.verdict == TOO_FEW]
        stretch = max(lengths, default=0)
        if stretch:
            needed = "origins"
            if stretch > 1:
                needed = f"stretches of {stretch} origins, since errors last that long"
            yield f"An interval needs {FEWEST} {needed}: hold out more rows."


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
