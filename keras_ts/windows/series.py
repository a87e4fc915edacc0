"""What a series is: everything that can be windowed, read into one shape.

Arrays, memmaps, lists of arrays and data frames all become a ``Panel``: the series laid
end to end, with the bounds between them. Nothing behind this file asks where data came
from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from keras_ts.windows.clock import Zone

if TYPE_CHECKING:
    from keras_ts.windows.spec import WindowSpec

_NO_BREAKS = np.empty(0, np.int64)


@dataclass(frozen=True)
class Panel:
    """Series laid end to end.

    Attributes:
        values: ``(positions,)`` or ``(positions, columns)``, static columns left out.
        bounds: Flat start of each series, and the end of the last.
        targets: None for all columns, an int for one without its axis, or a tuple.
        future: Indices of the columns known ahead.
        static: ``(series, columns)``, or None.
        times: Timestamp of every position, in UTC where they have a time zone, or None.
        labels: What each series is called, or None for their numbers.
        breaks: Flat positions that must not share a window with the one before.
        single: Whether one series was given, rather than a list or a long frame.
        order: The rows of a frame in which the series were interleaved, or None.
        wall: The same timestamps by the clock of their time zone, where they have one.
        zones: That zone: one for all series or each series' own; none without time zones.
    """

    values: Array
    bounds: IntArray
    targets: int | tuple[int, ...] | None
    future: tuple[int, ...]
    static: Array | None
    times: Array | None
    labels: tuple[Any, ...] | None
    breaks: IntArray
    single: bool
    order: Any = None
    wall: Array | None = None
    zones: tuple[Zone, ...] = ()

    @property
    def lengths(self) -> IntArray:
        """Length of each series."""
        return np.diff(self.bounds)

    @property
    def on_disk(self) -> bool:
        """Whether the values are a memory map, to be read only where they are needed."""
        return isinstance(self.values, np.memmap)

    def stamps(self, flat: IntArray) -> Array:
        """The timestamps at flat positions, with their time zone where they have one."""
        assert self.times is not None
        if not self.zones:
            return self.times[flat]
        # A forecast position is asked for once per step, and objects are dear.
        asked = np.zeros(len(self.times), dtype=bool)
        asked[flat] = True
        found = np.empty(len(self.times), dtype=object)
        for zone, series in self.by_zone():
            rows = asked & np.repeat(series, self.lengths)
            found[rows] = zone.stamps(self.times[rows])
        return found[flat]

    def by_zone(self) -> list[tuple[Zone, BoolArray]]:
        """The time zones, each with the series that have it."""
        own = np.array([self.zones.index(zone) for zone in self.zones])
        return [
            (self.zones[number], (own == number) | np.zeros(len(self.lengths), dtype=bool))
            for number in np.unique(own)
        ]

    def place(self, position: int) -> str:
        """Name a flat position for an error message."""
        series = int(np.searchsorted(self.bounds, position, side="right")) - 1
        inside = f"position {position - int(self.bounds[series])}"
        if self.times is not None:
            inside += f" ({self.stamps(np.array([position]))[0]})"
        if self.single:
            return inside
        return f"{inside} of series {self.labels[series] if self.labels else series!r}"


def read_panel(series: Any, windows: "WindowSpec") -> Panel:
    """Read anything that may be windowed, or raise an error that says why it may not be."""
    if _is_frame(series):
        from keras_ts.windows.frames import read_frame

        panel = read_frame(series, windows)
    else:
        panel = _read_arrays(series, windows)
    if windows.missing == "raise" and not panel.on_disk:
        refuse_missing(panel)
    return panel


def refuse_missing(panel: Panel, block: int = 1 << 22) -> None:
    """Raise where a value is not finite, saying how many there are and where the first is."""
    total, first = 0, None
    for begin in range(0, len(panel.values), block):
        bad = missing_rows(panel.values[begin : begin + block])
        if bad.any():
            total += int(bad.sum())
            first = begin + int(bad.argmax()) if first is None else first
    if first is not None:
        raise ValueError(
            f"series has {total} position{'s' * (total > 1)} with a missing or infinite value, "
            f'the first at {panel.place(first)}. Fill them, or pass missing="drop" to leave '
            f'out the windows that touch one, or missing="keep" to let them through.'
        )


def missing_rows(values: Array, columns: int | tuple[int, ...] | None = None) -> BoolArray:
    """Whether each position holds a non-finite value in any of ``columns``."""
    if values.dtype.kind != "f":
        return np.zeros(len(values), dtype=bool)
    if columns is not None and values.ndim == 2:
        values = values[:, np.atleast_1d(np.asarray(columns, dtype=np.intp))]
    bad: BoolArray = ~np.isfinite(values)
    return bad if bad.ndim == 1 else np.logical_or.reduce(bad, axis=1)


def resolve_columns(
    windows: "WindowSpec", names: Sequence[Any]
) -> tuple[list[int], list[int], int | tuple[int, ...] | None, tuple[int, ...]]:
    """Find the columns of a table that each argument names.

    Args:
        windows: The description that names them.
        names: The table's columns: their names, or 0, 1, ... for an array.

    Returns:
        Indices into the table of the columns that vary and of the static ones; and, as
        indices into the varying ones, the targets and the future columns.
    """
    if not names:
        raise ValueError("series has no column to window beside id_column and time_column.")
    static = _find("static_columns", _tuple(windows.static_columns), names)
    varying = [column for column in range(len(names)) if column not in static]
    if not varying:
        raise ValueError(f"static_columns leaves no column to window. Received: {list(names)}.")
    future = tuple(
        _among(varying, column, "future_columns", names)
        for column in _find("future_columns", _tuple(windows.future_columns), names)
    )
    if windows.target_columns is None:
        rest = tuple(i for i in range(len(varying)) if i not in future)
        if not rest:
            raise ValueError("future_columns leaves no column to forecast; name fewer of them.")
        return varying, static, None if len(rest) == len(varying) else rest, future
    found = tuple(
        _among(varying, column, "target_columns", names)
        for column in _find("target_columns", _tuple(windows.target_columns), names)
    )
    one = not isinstance(windows.target_columns, tuple)
    if len({*found, *future}) < len(found) + len(future):
        raise ValueError(
            "target_columns and future_columns name a column twice. Received: "
            f"target_columns={windows.target_columns}, future_columns={windows.future_columns}."
        )
    return varying, static, found[0] if one else found, future


def _tuple(columns: Any) -> tuple[Any, ...]:
    if columns is None:
        return ()
    return columns if isinstance(columns, tuple) else (columns,)


def _find(argument: str, wanted: Sequence[Any], names: Sequence[Any]) -> list[int]:
    numbered = all(isinstance(name, int) for name in names)
    found = []
    for column in wanted:
        if numbered and isinstance(column, int) and -len(names) <= column < len(names):
            found.append(column % len(names))
        elif not numbered and column in names:
            found.append(list(names).index(column))
        else:
            known = f"columns 0..{len(names) - 1}" if numbered else f"columns {list(names)}"
            raise ValueError(f"{argument}={column!r} is not in the series, which has {known}.")
    return found


def _among(varying: list[int], column: int, argument: str, names: Sequence[Any]) -> int:
    if column not in varying:
        raise ValueError(
            f"{argument} and static_columns both name {names[column]!r}; "
            "a column that never changes can be neither a target nor known ahead."
        )
    return varying.index(column)


def constant_rows(table: Array, bounds: IntArray, static: list[int], names: Sequence[Any]) -> Array:
    """The static columns' one value per series, or an error where it changes."""
    first = table[np.minimum(bounds[:-1], len(table) - 1)][:, static]
    if missing_rows(first).any():
        raise ValueError(
            f"static_columns={[names[column] for column in static]} holds missing values. "
            "Fill them, or leave the column out."
        )
    moved = table[:, static] != np.repeat(first, np.diff(bounds), axis=0)
    if moved.any():
        row, column = np.argwhere(moved)[0]
        raise ValueError(
            f"static_columns={names[static[column]]!r} changes within a series, first at row "
            f"{row}. A static column has one value per series; leave it out of static_columns."
        )
    return first


def _is_frame(series: Any) -> bool:
    items = series if isinstance(series, list | tuple) and series else (series,)
    # Asked of its type: a lazy frame works out its columns to answer, and warns.
    return all(
        hasattr(type(item), "columns") and not isinstance(item, np.ndarray) for item in items
    )


def _read_arrays(series: Any, windows: "WindowSpec") -> Panel:
    for argument in ("id_column", "time_column"):
        if getattr(windows, argument) is not None:
            raise ValueError(
                f"{argument}={getattr(windows, argument)!r} needs a pandas or polars frame. "
                f"Received: {type(series).__name__}."
            )
    single = not _is_list_of_arrays(series)
    if single:
        arrays = [_one_array(series, "series")]
    else:
        arrays = [_one_array(item, f"series[{i}]") for i, item in enumerate(series)]
        shapes = {array.shape[1:] for array in arrays}
        if len(shapes) > 1:
            raise ValueError(
                "All series of a panel must have the same columns. Received shapes "
                f"{sorted({array.shape for array in arrays})[:5]}."
            )
    bounds = concatenated_offsets([len(array) for array in arrays])
    values = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    if values.ndim == 1:
        _check_one_column(windows)
        return Panel(values, bounds, None, (), None, None, None, _NO_BREAKS, single)
    names = range(values.shape[1])
    varying, fixed, targets, future = resolve_columns(windows, names)
    static = constant_rows(values, bounds, fixed, names) if fixed else None
    values = values[:, varying] if fixed else values
    return Panel(values, bounds, targets, future, static, None, None, _NO_BREAKS, single)


def _is_list_of_arrays(series: Any) -> bool:
    if not isinstance(series, list | tuple):
        return False
    if not series:
        raise ValueError("series is an empty list; a panel needs at least one series.")
    return all(hasattr(item, "__array__") and np.ndim(item) > 0 for item in series)


def _one_array(values: Any, what: str) -> Array:
    try:
        array = _checks.numeric(values, what)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
    except ValueError:
        raise ValueError(
            f"{what} is a list of rows of different lengths. For a panel pass a list of "
            "arrays: [np.asarray(row) for row in series]."
        ) from None
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise ValueError(
            f"{what} must be (time,) or (time, columns). Received shape {array.shape}. "
            "For several series pass a list of arrays."
        )
    return array


def _check_one_column(windows: "WindowSpec") -> None:
    for argument in ("target_columns", "future_columns", "static_columns"):
        if getattr(windows, argument) is not None:
            raise ValueError(
                f"{argument}={getattr(windows, argument)!r} needs a series of shape "
                "(time, columns). Received one of shape (time,): reshape it to (time, 1), "
                f"or leave {argument} out."
            )
