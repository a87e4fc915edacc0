"""``Panel``: the one shape that everything which can be windowed is read into.

Arrays, memory maps, lists of arrays and data frames all become series laid end to end. Nothing
above this folder asks how the data came.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.reading.clock import Clock


@dataclass(frozen=True)
class Panel:
    """Series laid end to end.

    Attributes:
        values: ``(positions,)`` or ``(positions, columns)``, static columns left out.
        offsets: Flat start of each series, and the end of the last.
        single: True for one series, rather than a list or a long frame.
        targets: Index of the target column, whose axis is dropped; a tuple of them; None for all.
        future: Indices of the columns known ahead.
        static: ``(series, columns)``, or None.
        clock: The timestamps, or None.
        gaps: Flat positions that must not share a window with the one before.
        labels: The ids of the series, or None for their numbers.
        row_order: The rows of a frame in which the series were interleaved, or None.
        columns: The names (of an array: the numbers) of the columns under "past", "future",
            "static" and "target", in the order in which they are fed.
    """

    values: Array
    offsets: IntArray
    single: bool
    targets: int | tuple[int, ...] | None = None
    future: tuple[int, ...] = ()
    static: Array | None = None
    clock: Clock | None = None
    gaps: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    labels: tuple[Any, ...] | None = None
    row_order: IntArray | None = None
    columns: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def lengths(self) -> IntArray:
        """Length of each series."""
        return np.diff(self.offsets)

    @property
    def num_columns(self) -> int:
        """Number of columns that vary: 1 for a plain series."""
        return 1 if self.values.ndim == 1 else int(self.values.shape[1])

    @property
    def target_columns(self) -> IntArray:
        """The indices of the targets, one or several."""
        if self.targets is None:
            return np.arange(self.num_columns)
        return np.atleast_1d(self.targets)

    @property
    def on_disk(self) -> bool:
        """True for a memory map, whose values are read only as they are needed."""
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
        return f"series {self.labels[number] if self.labels else number!r}"


def refuse_missing(panel: Panel, block: int = 1 << 22) -> None:
    """Raise if a value is not finite; the error says how many are not, and names the first."""
    total, first = 0, None
    for begin in range(0, len(panel.values), block):
        bad = missing_rows(panel.values[begin : begin + block])
        if bad.any():
            total += int(bad.sum())
            first = begin + int(bad.argmax()) if first is None else first
    if first is not None:
        raise ValueError(
            f"series has {total} position{'s' * (total > 1)} with a missing or infinite value, "
            f'the first at {panel.place(first)}. Fill them, or pass missing="drop" to leave out '
            f'the windows that touch one, missing="mask" for a model that masks missing inputs, or '
            'missing="keep" to let them through.'
        )


def missing_rows(values: Array, columns: int | tuple[int, ...] | None = None) -> BoolArray:
    """Tell for each position if it holds a non-finite value in any of ``columns``."""
    if values.dtype.kind != "f":
        return np.zeros(len(values), dtype=bool)
    if columns is not None and values.ndim == 2:
        values = values[:, np.atleast_1d(np.asarray(columns, dtype=np.intp))]
    bad: BoolArray = ~np.isfinite(values)
    return bad if bad.ndim == 1 else np.logical_or.reduce(bad, axis=1)


def rows_in_front(panel: Panel, block: int = 1 << 16) -> IntArray:
    """Return how many rows of each series come before its first value; all, if it has none.

    Columns known ahead hold values in rows that were put in front, too, and do not count.
    """
    own = [column for column in range(panel.num_columns) if column not in panel.future]
    front = np.zeros(len(panel.lengths), np.int64)
    if panel.values.dtype.kind != "f" or not own:
        return front

    def known(rows: Any) -> BoolArray:
        values: BoolArray = np.isfinite(panel.values[rows])
        return values if values.ndim == 1 else np.logical_or.reduce(values[:, own], axis=1)

    filled = np.flatnonzero(panel.lengths)
    for number in filled[~known(panel.offsets[filled])].tolist():
        end = int(panel.offsets[number + 1])
        for row in range(int(panel.offsets[number]), end, block):
            values = known(slice(row, min(row + block, end)))
            front[number] += values.argmax() if values.any() else len(values)
            if values.any():
                break
    return front
