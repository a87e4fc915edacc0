"""``importance``: by how much a model's error grows when a column is shuffled among windows.

This is the permutation importance of Breiman, *Random forests*, Machine Learning 45 (2001). The
errors with and without shuffling are compared as ``compare`` compares two forecasters.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._progress import progress_bar
from keras_ts._quantiles import points_of
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.arithmetic.verdict import skill
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.evaluation.judgement import measure_of, where_present
from keras_ts.evaluation.judging import single_time_note
from keras_ts.interface import Interface
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.labels import collapsed, expanded, label_column
from keras_ts.panel.roles import CALENDAR, ROLES, as_x, parts_of
from keras_ts.plotting.errors import draw_intervals
from keras_ts.scores.metrics import heading
from keras_ts.scores.report import Page, Report, number
from keras_ts.windows.blocks import Block, finite
from keras_ts.windows.dataset import WindowDataset

# The verdicts if shuffling changes no input, and if it changes no forecast.
_UNCHANGED = ("never changes in validation", "no forecast depends on it")
_SAYS = {1: "matters", -1: "misleads", 0: "cannot be told from noise"}


@dataclass(frozen=True, repr=False, eq=False)
class ImportanceReport(Report):
    """How much a model's error grows where a column is shuffled; print it for the verdicts.

    Attributes:
        table: A dict of columns of equal length, one row for each column that was shuffled, the
            largest increase first: ``column``, ``part`` (``"future"``, ``"past"``, ``"target"`` for
            a target's own past, ``"calendar"`` or ``"static"``), ``increase`` (the share by which
            the error grows if the column is shuffled: 0.1 for a tenth), ``low`` and ``high`` (the
            ends of its 95 % interval) and ``verdict``. NaN where there is no figure.
        by: The measure of the error, ``"mae"`` or ``"mase"``.
        error: The model's error without shuffling.
        windows: The number of windows that were judged.
    """

    table: dict[str, Array]
    by: str
    error: float
    windows: int
    _notes: list[str]

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the increases as points with their intervals, the largest on top."""
        own = [" (its own past)" if part == "target" else "" for part in self.table["part"]]
        return draw_intervals(
            [f"{name}{past}" for name, past in zip(self.table["column"], own, strict=True)],
            self.table["increase"],
            self.table["low"],
            self.table["high"],
            [verdict if verdict in _UNCHANGED else "" for verdict in self.table["verdict"]],
            f"increase of the {heading(self.by)} when shuffled",
            _SAYS,
            ax=ax,
            filepath=filepath,
        )

    def pages(self) -> Iterator[Page]:
        """Yield the increases with their verdicts."""
        text = (
            f"The model's {heading(self.by)} is {number(self.error)} over {self.windows} windows. "
            "The increase is the share by which it grows when a column is shuffled."
        )
        columns: dict[str, Any] = {**self.table, "column": list(map(str, self.table["column"]))}
        yield Page(columns, [*self._notes, text], left=2)


def importance(
    model: keras.Model,
    validation: WindowDataset,
    *,
    by: Literal["mae", "mase"] | None = None,
    repeats: int = 5,
    seed: int = 0,
    verbose: int = 1,
) -> ImportanceReport:
    """Measure by how much a model's error grows when one column is shuffled among windows.

    Each window gets the column's values from another window, drawn at random, while all its other
    inputs and its targets stay. The increase is the mean absolute error with the shuffled column
    over the error without shuffling, minus one. It says what this model reads, not what causes the
    target. A column known ahead is shuffled in ``past`` and ``future`` alike, the calendar and the
    categories of a text each as one column; in a panel, within each series.

    A block bootstrap, as in ``compare``, gives a 95 % interval. The verdict is "matters" if it lies
    above 0, "misleads" below, else "cannot be told from noise".

    Example:

    >>> import keras, numpy as np
    >>> from keras_ts import WindowedSeries, importance
    >>> table = np.random.default_rng(0).normal(size=(400, 2)).astype("float32")
    >>> table[:, 0] += 10 * table[:, 1]
    >>> windows = WindowedSeries(7, target_columns=0, future_columns=1)
    >>> train, validation = windows.split(table, at=200)
    >>> past, future = keras.Input((7, 2), name="past"), keras.Input((1, 1), name="future")
    >>> output = 10 * future[:, 0] + 0 * past[:, -1, :1]
    >>> model = keras.Model({"past": past, "future": future}, output)
    >>> report = importance(model, validation, verbose=0)
    >>> for name, verdict in zip(report.table["column"], report.table["verdict"]):
    ...     print(name, verdict)
    1 matters
    0 no forecast depends on it

    Args:
        model: The model.
        validation: A part that the model was not trained on.
        by: ``"mae"``, or ``"mase"`` to divide each error by the scale of its series and target, as
            in ``compare``. Defaults to None: ``"mase"`` for a panel or several targets.
        repeats: Number of permutations of each column. Defaults to 5.
        seed: Seed of the permutations. Defaults to 0.
        verbose: 1 to show progress, 0 to show nothing. Defaults to 1.

    Returns:
        An ``ImportanceReport``.

    Raises:
        ValueError: The model does not fit the windows, or no window can be judged.
    """
    judged = JudgedWindows("validation", validation)
    cure = "Build validation with the model's own windows."
    interface = Interface.of(model, validation, "model", built=True, cure=cure)
    measure = _checks.choice("by", measure_of(by, judged), ("mae", "mase"))
    scales = np.ones((len(judged.labels), judged.shape[2]))
    if measure == "mase":
        scales = judged.scales(interface.period or 1)[..., 0]

    def present(block: Block) -> BoolArray:
        """Return True for each target that has a value and a scale."""
        return np.isfinite(block.actual / scales[block.series][:, None])

    def judge(name: str, block: Block) -> tuple[Array, Array]:
        """Return forecasts, 0 for a missing target, and each window's mean error."""
        forecasts = judged.predictions(name, interface.model, interface.quantiles, block)
        forecasts = points_of(where_present(name, forecasts, present(block)), interface.quantiles)
        errors = np.abs(block.actual - forecasts) / scales[block.series][:, None]
        return forecasts, np.where(present(block), errors, 0.0).mean(axis=(1, 2))

    usable, targets = np.zeros(judged.count, bool), 0
    for block in judged.blocks():
        whole = present(block).any(axis=(1, 2)) & finite(block.past)
        whole = whole if judged.partial else whole & finite(block.actual)
        usable[block.begin : block.begin + len(whole)] = whole
        targets += int(present(block)[whole].sum())
    if not targets:
        where = ", in a series that is not constant" if measure == "mase" else ""
        raise ValueError(f"validation must have {judged.judgeable}{where}. It has none.")
    judged = judged.only(np.flatnonzero(usable))
    columns, of_series = shuffled_columns(judged.panel), judged.panel.by_series
    repeats, generator = _checks.integer("repeats", repeats, 1), np.random.default_rng(seed)
    # All columns share a repeat's permutation, so that its donors are read once per block.
    series, groups = judged.ranges.series, np.unique(judged.ranges.series)
    windows = [donors(series, generator) for _ in range(repeats)]
    others = [groups[donors(np.zeros_like(groups), generator)] for _ in range(repeats)]
    errors, increases = np.zeros(judged.count), np.zeros((len(columns), judged.count))
    changed = np.zeros(len(columns), np.int64)  # 0 nothing, 1 an input, 2 a forecast.
    bar = progress_bar(judged.count * len(columns) * repeats, "window", bool(verbose))
    for block in judged.blocks():
        rows = slice(block.begin, block.begin + len(block.series))
        forecasts, errors[rows] = judge("model", block)
        for chosen, other in zip(windows, others, strict=True):
            sources = parts_of(next(judged.only(chosen[rows]).blocks()).inputs)
            places = other[np.searchsorted(groups, block.series)]
            sources |= {part: values[places] for part, values in of_series.items()}
            for place, column in enumerate(columns):
                bar.add(len(block.series))
                if (inputs := column.put(block.inputs, sources)) is not None:
                    name = f"model, with {column.name} shuffled,"
                    moved, new = judge(name, replace(block, inputs=inputs))
                    increases[place, rows] += (new - errors[rows]) / repeats
                    changed[place] = max(changed[place], 1 + int((moved != forecasts).any()))
    found = [
        (column.name, column.part, *_verdict(judged, column, errors, increase, count))
        for column, increase, count in zip(columns, increases, changed.tolist(), strict=True)
    ]
    found = [found[place] for place in np.argsort([-row[2] for row in found], kind="stable")]
    names, *values = zip(*found, strict=True)
    titles = ("part", "increase", "low", "high", "verdict")
    table = {"column": label_column(names), **dict(zip(titles, map(np.array, values), strict=True))}
    notes = single_time_note(judged.origins_of(np.arange(judged.count)))
    if not usable.all():
        notes.append(f"{(~usable).sum()} windows are left out: they lack a value or a scale.")
    error = float(errors.sum() * np.prod(judged.shape[1:]) / targets)
    return ImportanceReport(table, measure, error, judged.count, notes)


def _verdict(
    judged: JudgedWindows, column: "ShuffledColumn", errors: Array, increases: Array, changed: int
) -> tuple[float, float, float, str]:
    """Return the share by which the error grows, its interval and the verdict."""
    if changed < len(_UNCHANGED):
        value = 0.0 if changed else np.nan
        return value, value, value, _UNCHANGED[changed]
    # Windows without another window of their series were not shuffled, and do not count.
    alone = np.bincount(judged.ranges.series)[judged.ranges.series] == 1
    shuffled = np.flatnonzero(~(alone & ("past" in column.places)))
    errors, origins = errors[shuffled], judged.origins_of(shuffled)
    found = skill(errors + increases[shuffled], errors, origins)
    # An increase is minus a skill, so its lower end is minus the skill's upper end.
    low, high = 0 - found.high, 0 - found.low
    verdict = _SAYS[int(low > 0) - int(high < 0)]
    return 0 - found.value, low, high, "too few windows for an interval" if found.few else verdict


class ShuffledColumn(NamedTuple):
    """What is shuffled as one column."""

    name: Any
    part: str
    places: dict[str, tuple[int, ...]]  # By part of the inputs, on its last axis.

    def put(self, inputs: Any, donors: dict[str, Array]) -> Any:
        """Return inputs with this column from ``donors``; None if that changes nothing."""
        parts, changed = parts_of(inputs), False
        for part, chosen in self.places.items():
            places = list(chosen)
            parts[part] = values = parts[part].copy()
            # A plain series has no axis for columns.
            wide = values[..., None] if part == "past" and values.ndim == 2 else values
            before, other = wide[..., places], donors[part].reshape(wide.shape)[..., places]
            if part == "future":
                # A model needs a value known ahead at every step with a target.
                other = np.where(np.isfinite(other), other, before)
            changed |= not np.array_equal(before, other, equal_nan=True)
            wide[..., places] = other
        return as_x(parts) if changed else None


def shuffled_columns(panel: FlatSeries) -> list[ShuffledColumn]:
    """Return the columns of a panel, those of the calendar as one."""
    roles, texts, by_part = panel.columns, panel.categories, panel.columns.by_part()
    columns: dict[Any, dict[str, tuple[int, ...]]] = {}
    for part in ("past", "future", *panel.by_series):
        names = by_part[part]
        read = len(names) - (0 if part in panel.by_series else roles.calendar)
        made = {name: expanded([name], texts) for name in collapsed(names[:read], texts)}
        made |= {None: names[read:]} if read < len(names) else {}
        for name, parts in made.items():
            columns.setdefault(name, {})[part] = tuple(map(names.index, parts))
    calendar = columns.pop(None, {})
    named = {
        name: role.name
        for role in ROLES
        if role is not CALENDAR
        for name in collapsed(roles.of_role(role), texts)
    }
    found = [ShuffledColumn(name, named[name], places) for name, places in columns.items()]
    return found + [ShuffledColumn("calendar", "calendar", calendar)] * bool(calendar)


def donors(groups: IntArray, generator: np.random.Generator) -> IntArray:
    """Return for each item the place of another item of its group, drawn at random."""
    # Each item of a group gets the next one in a random circle. So no item is drawn twice, and an
    # item gets itself only if it is alone in its group.
    order = np.lexsort([generator.random(len(groups)), groups])
    first = np.flatnonzero(np.diff(groups[order], prepend=-1))
    after = np.roll(np.arange(len(groups)), -1)
    after[np.roll(first, -1) - 1] = first
    drawn = np.empty_like(order)
    drawn[order] = order[after]
    return drawn
