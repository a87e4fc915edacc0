"""The parts that columns play: targets, known ahead, static."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.reading.panel import missing_rows
from keras_ts.windows.spec import WindowSpec


def resolve_columns(
    spec: WindowSpec, names: Sequence[Any]
) -> tuple[list[int], list[int], int | tuple[int, ...] | None, tuple[int, ...]]:
    """Find the columns of a table that each argument names.

    Args:
        spec: The settings that name them.
        names: The table's columns: their names, or 0, 1, ... for an array.

    Returns:
        Indices into the table of the columns that vary and of the static ones; and, as
        indices into the varying ones, the targets and the future columns.
    """
    if not names:
        raise ValueError("series has no column to window beside id_column and time_column.")
    static = _find("static_columns", _tuple(spec.static_columns), names)
    varying = [column for column in range(len(names)) if column not in static]
    if not varying:
        raise ValueError(f"static_columns leaves no column to window. Received: {list(names)}.")
    future = tuple(
        sorted(
            _among(varying, column, "future_columns", names)
            for column in _find("future_columns", _tuple(spec.future_columns), names)
        )
    )
    if spec.target_columns is None:
        rest = tuple(i for i in range(len(varying)) if i not in future)
        if not rest:
            raise ValueError("future_columns leaves no column to forecast; name fewer of them.")
        return varying, static, None if len(rest) == len(varying) else rest, future
    targets = tuple(
        _among(varying, column, "target_columns", names)
        for column in _find("target_columns", _tuple(spec.target_columns), names)
    )
    single = not isinstance(spec.target_columns, tuple)
    if len({*targets, *future}) < len(targets) + len(future):
        raise ValueError(
            "target_columns and future_columns name a column twice. Received: "
            f"target_columns={spec.target_columns}, future_columns={spec.future_columns}."
        )
    return varying, static, targets[0] if single else targets, future


def fed_columns(
    names: Sequence[Any],
    varying: list[int],
    static: list[int],
    targets: int | tuple[int, ...] | None,
    future: tuple[int, ...],
) -> dict[str, list[Any]]:
    """Return the names of the columns by the parts they play, in the order of the arrays."""
    past = [names[column] for column in varying]
    chosen = range(len(past)) if targets is None else np.atleast_1d(targets).tolist()
    return {
        "past": past,
        "future": [past[column] for column in future],
        "static": [names[column] for column in static],
        "target": [past[column] for column in chosen],
    }


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


def constant_rows(
    table: Array, offsets: IntArray, static: list[int], names: Sequence[Any]
) -> Array:
    """Return the static columns' values, one row per series, or raise where a value changes."""
    first = table[np.minimum(offsets[:-1], len(table) - 1)][:, static]
    if missing_rows(first).any():
        raise ValueError(
            f"static_columns={[names[column] for column in static]} holds missing values. "
            "Fill them, or leave the column out."
        )
    moved = table[:, static] != np.repeat(first, np.diff(offsets), axis=0)
    if moved.any():
        row, column = np.argwhere(moved)[0]
        raise ValueError(
            f"static_columns={names[static[column]]!r} changes within a series, first at row "
            f"{row}. A static column has one value per series; leave it out of static_columns."
        )
    return first
