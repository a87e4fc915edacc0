"""``FlatSeries``: the one shape into which arrays, memory maps, lists and data frames are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.panel.clock import Clock
from keras_ts.panel.columns import PLAIN, Columns
from keras_ts.panel.cycles import Holidays
from keras_ts.panel.labels import Categories, SeriesId, collapsed
from keras_ts.panel.rows import run_positions
from keras_ts.panel.settings import Handling


@dataclass(frozen=True)
class FlatSeries:
    """Series laid end to end."""

    values: Array  # ``(positions,)`` or ``(positions, columns)``, static columns left out.
    offsets: IntArray  # Flat start of each series, and the end of the last.
    single: bool  # True for one series, False for a list or a long frame.
    columns: Columns = PLAIN  # The roles of the columns. Defaults to those of a plain series.
    static: Array | None = None  # The values of the static columns, ``(series, columns)``, or None.
    clock: Clock | None = None  # The timestamps, or None.
    # Flat positions that must not share a window with the position before.
    gaps: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    labels: tuple[Any, ...] | None = None  # The ids of the series, or None for their numbers.
    # The row of the frame of each row that was given; None if the order is the same.
    row_order: IntArray | None = None
    # Flat positions of the rows that were given; None if no gap was filled with missing rows.
    given: IntArray | None = None
    # The categories of each column of text, or None without any.
    categories: Categories | None = None
    holidays: Holidays | None = None  # The holidays of a calendar's places, or None.
    checked: bool = False  # True if all values are known to be finite.

    @property
    def lengths(self) -> IntArray:
        """Length of each series."""
        return np.diff(self.offsets)

    @property
    def given_lengths(self) -> IntArray:
        """Number of rows of each series that were given."""
        if self.given is None:
            return self.lengths
        return np.diff(np.searchsorted(self.given, self.offsets))

    @property
    def frequency(self) -> str | None:
        """The step between timestamps by its name; None without one."""
        frequency = None if self.clock is None else self.clock.frequency
        return None if frequency is None else str(frequency)

    def times_at(self, flat: IntArray, series: IntArray) -> Array:
        """Return the times at flat positions of series; a position may lie before its series."""
        # Only the origin of a window without an input lies there, one step before the first row.
        assert self.clock is not None
        first = self.offsets[series]
        times = self.clock.times[np.maximum(flat, first)]
        early = flat < first
        if early.any() and self.clock.frequency is not None:
            back = np.full(int(early.sum()), -1)
            times[early] = self.clock.after(first[early], back)[0]
        return times

    @property
    def by_series(self) -> dict[str, Array]:
        """The parts of a model's inputs that have one row per series."""
        return {} if self.static is None else {"static": self.static}

    def per_series(self, names: Sequence[Any]) -> Array:
        """Return the values of some static columns, ``(series, columns)``."""
        assert self.static is not None
        return self.static[:, [self.columns.static.index(name) for name in names]]

    @property
    def num_columns(self) -> int:
        """Number of columns that vary: 1 for a plain series."""
        return 1 if self.values.ndim == 1 else int(self.values.shape[1])

    def rows(self, begin: IntArray, stop: IntArray) -> Array:
        """Return the values of runs of flat positions, one run after another."""
        # A run belongs to the series of its last position. Positions before that series hold NaN.
        offset = self.offsets[np.searchsorted(self.offsets, stop - 1, side="right") - 1]
        if len(begin) == 1 and begin[0] >= offset[0]:
            return self.values[begin[0] : stop[0]]
        flat = run_positions(begin, stop - begin)
        first = np.repeat(offset, stop - begin)
        values = self.values[np.maximum(flat, first)]
        early = flat < first
        if early.any():
            values = values.astype(np.result_type(values, np.float32))
            values[early] = np.nan
        return values

    @property
    def on_disk(self) -> bool:
        """True for a memory map, whose values are read only when needed."""
        return isinstance(self.values, np.memmap)

    def place(self, position: int) -> str:
        """Name a flat position for an error message."""
        series = int(np.searchsorted(self.offsets, position, side="right")) - 1
        inside = f"position {position - int(self.offsets[series])}"
        if self.clock is not None:
            inside += f" ({self.clock.written(position)})"
        return inside if self.single else f"{inside} of {self.series(series)}"

    def series(self, number: int) -> str:
        """Name a series for an error message."""
        if self.single:
            return "the series"
        label = self.labels[number] if self.labels else number
        return f"series {label}" if isinstance(label, SeriesId) else f"series {label!r}"


def lacking_rows(
    panel: FlatSeries, block: int = 1 << 22, infinite: bool = False
) -> Iterator[tuple[int, BoolArray]]:
    """Yield the flat start of each block of rows, and ``missing_rows`` of the block."""
    for begin in range(0, len(panel.values), block):
        yield begin, missing_rows(panel.values[begin : begin + block], infinite=infinite)


def check_values(panel: FlatSeries, handling: Handling, block: int = 1 << 22) -> None:
    """Refuse infinite values, and missing ones too if no value may be missing."""
    # With missing="drop", windows that touch such values are left out instead.
    infinite = handling.series
    if panel.checked or handling.drops:
        return
    total, first = 0, None
    for begin, bad in lacking_rows(panel, block, infinite):
        if bad.any():
            total += int(bad.sum())
            first = begin + int(bad.argmax()) if first is None else first
    if first is not None:
        what, cure = "a missing or infinite", "Fill them, or"
        others = (
            ', missing="mask" for a model that masks missing inputs, or missing="keep" to let '
            "missing values through"
        )
        if infinite:
            what, cure, others = "an infinite", "Correct it, write NaN if it is missing, or", ""
        raise ValueError(
            f"series has {total} position{'s' * (total > 1)} with {what} value, the first at "
            f"{panel.place(first)}{column_at(panel, first, infinite)}. {cure} pass "
            f'missing="drop" to leave out the windows that touch one{others}.'
        )


def column_at(panel: FlatSeries, position: int, infinite: bool = False) -> str:
    """Name the first column without a finite value, or with an infinite one, at a position."""
    if panel.values.ndim == 1:
        return ""
    place = missing_rows(panel.values[position], infinite=infinite).argmax()
    return f" in column {collapsed([panel.columns.past[place]], panel.categories)[0]!r}"


def static_parted(
    table: Array,
    names: Sequence[Any],
    columns: Columns,
    offsets: IntArray,
    categories: Categories | None = None,
) -> tuple[Array, Array | None]:
    """Separate the static columns, with one row per series, from those that vary."""
    if not columns.static:
        return table, None
    static = [list(names).index(name) for name in columns.static]
    first = table[np.minimum(offsets[:-1], len(table) - 1)][:, static]
    if missing_rows(first).any():
        raise ValueError(
            f"static_columns={collapsed(columns.static, categories)} holds missing values. "
            "Fill them, or leave the column out."
        )
    moved = table[:, static] != np.repeat(first, np.diff(offsets), axis=0)
    if moved.any():
        row, column = np.argwhere(moved)[0]
        (name,) = collapsed([columns.static[column]], categories)
        raise ValueError(
            f"static_columns={name!r} changes within a series, first at row "
            f"{row}. A static column has one value per series; leave it out of static_columns."
        )
    return table[:, [place for place in range(len(names)) if place not in static]], first


def missing_rows(
    values: Array, columns: Sequence[int] | None = None, infinite: bool = False
) -> BoolArray:
    """Return True for each row with a missing or infinite value; with ``infinite``, infinite."""
    if values.dtype.kind != "f":
        return np.zeros(len(values), dtype=bool)
    if columns is not None and values.ndim == 2:
        values = values[:, list(columns)]
    bad: BoolArray = np.isinf(values) if infinite else ~np.isfinite(values)
    return bad if bad.ndim == 1 else np.logical_or.reduce(bad, axis=1)
