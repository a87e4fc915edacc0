"""Reads pandas and polars frames, both through narwhals, into a ``FlatSeries``."""

from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.categories import Categories, expanded, one_hot
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from keras_ts.windows.arithmetic.labels import alike
from keras_ts.windows.reading.clock import Clock
from keras_ts.windows.reading.flat_series import FlatSeries, static_parted
from keras_ts.windows.reading.irregular import refuse_disorder, refuse_gaps
from keras_ts.windows.reading.regular import on_common_grid, with_missing_rows
from keras_ts.windows.reading.texts import codes_of, with_categories
from keras_ts.windows.reading.timestamps import is_period, read_clock, received
from keras_ts.windows.roles import Columns
from keras_ts.windows.spec import WindowSpec


class NotNumbersError(TypeError):
    """Says that a column of a frame does not hold numbers.

    Attributes:
        column: The name of the column.
        role: The argument that may name it, ``"time_column"`` or ``"id_column"``.
    """

    def __init__(self, message: str, column: str, role: str) -> None:
        super().__init__(message)
        self.column, self.role = column, role


def read_frame(frames: Any, spec: WindowSpec) -> FlatSeries:
    """Read one frame, or a list of frames with the same columns."""
    listed = isinstance(frames, list | tuple)
    if listed and spec.id_column is not None:
        raise ValueError(
            f"id_column={spec.id_column!r} needs one long frame. Received a list of "
            f"{len(frames)} frames: leave out id_column, or concatenate them."
        )
    tables = [open_frame(frame) for frame in (frames if listed else [frames])]
    names = _column_names(tables, spec)
    features = [name for name in names if name not in (spec.id_column, spec.time_column)]
    spec = with_categories(tables, features, spec)
    made = expanded(features, spec.categories)
    columns = Columns.of(spec, made)
    values = np.concatenate(
        [
            matrix(table, features, spec.categories, f"series[{number}]" if listed else "series")
            for number, table in enumerate(tables)
        ]
    )
    offsets = concatenated_offsets([len(table) for table in tables])
    clock = None if spec.time_column is None else read_clock(tables, spec.time_column, offsets)
    labels, row_order = None, None
    if spec.id_column is not None:
        row_order, offsets, labels = _groups(tables[0], spec.id_column)
        if row_order is not None:
            values = values[row_order]
        if clock is not None:
            clock = _reordered(clock, row_order, offsets)
    values, static = static_parted(values, made, columns, offsets, spec.categories)
    panel = FlatSeries(
        values,
        offsets,
        single=not listed and labels is None,
        columns=columns,
        static=static,
        clock=clock,
        labels=labels,
        row_order=row_order,
        categories=spec.categories,
    )
    return panel if clock is None else _with_gaps(panel, clock, spec)


def _column_names(tables: list[Any], spec: WindowSpec) -> list[str]:
    """Return the names of the columns that all tables share, or raise an error."""
    names = list(tables[0].columns)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"Columns of a frame must have names that are strings. Received: {names}. "
            "Rename them, frame.columns = map(str, frame.columns), or pass frame.to_numpy()."
        )
    for number, table in enumerate(tables):
        if table.columns != names:
            raise ValueError(
                "All frames of a panel must have the same columns. Received "
                f"{names} and, in series[{number}], {list(table.columns)}."
            )
    for argument in ("id_column", "time_column"):
        wanted = getattr(spec, argument)
        if wanted is not None and wanted not in names:
            index = getattr(getattr(tables[0].to_native(), "index", None), "names", ())
            hint = " It is the index: pass frame.reset_index()." if wanted in index else ""
            raise ValueError(f"{argument}={wanted!r} is not in the frame: {names}.{hint}")
    return names


def _reordered(clock: Clock, rows: IntArray | None, offsets: IntArray) -> Clock:
    """Return the clock of a long frame, whose rows were sorted by series."""
    clock = replace(clock, offsets=offsets)
    if rows is None:
        return clock
    local = None if clock.local_times is None else clock.local_times[rows]
    return replace(clock, times=clock.times[rows], local_times=local)


def _with_gaps(panel: FlatSeries, clock: Clock, spec: WindowSpec) -> FlatSeries:
    """Return the panel with its gaps in time, or these filled; refuse times out of order."""
    refuse_disorder(panel, spec)
    if spec.handling.gaps == "ignore":
        return panel
    gaps = clock.inferred[0]
    if spec.handling.gaps == "refuse":
        refuse_gaps(panel, gaps, spec)
    panel = replace(panel, gaps=gaps)
    if spec.handling.gaps == "fill":
        return with_missing_rows(on_common_grid(panel), spec)
    return panel


def open_frame(frame: Any) -> Any:
    """Return a frame as a narwhals frame, or raise an error."""
    try:
        import narwhals as nw
    except ImportError as error:
        raise ImportError(
            "Windowing a data frame needs narwhals: pip install narwhals, or pass frame.to_numpy()."
        ) from error
    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise TypeError(
            "series must be an array, a list of arrays, or an eager pandas or polars frame "
            "(collect a lazy one first, or write it into a keras_ts.scale.PanelStore). Received: "
            f"{type(frame).__name__}."
        ) from error
    except nw.exceptions.DuplicateError:
        raise ValueError(
            "Columns of a frame must have different names. Received: "
            f"{_checks.shown(list(frame.columns))}. Rename or drop the repeated ones."
        ) from None


def matrix(
    table: Any, features: list[str], categories: Categories | None = None, what: str = "series"
) -> Array:
    """Return columns of a frame as one array; refuse a column that does not hold numbers.

    Args:
        table: The frame.
        features: The columns.
        categories: The categories of columns of text, each of which gives several columns.
        what: The frame's name in an error.
    """
    import narwhals as nw

    columns: list[Array] = []
    for name in features:
        column = table[name]
        if name in (categories or {}):
            texts = (categories or {})[name]
            columns += list(one_hot(codes_of(column, texts, what), len(texts)).T)
            continue
        if column.dtype == nw.Decimal:
            column = column.cast(nw.Float64)
        if not (column.dtype.is_numeric() or column.dtype == nw.Boolean):
            temporal = column.dtype.is_temporal() or is_period(column)
            cure = "Drop it, encode it, or name it in time_column."
            if not temporal:
                cure = (
                    "Drop it, name it in id_column if it tells series apart, or, if its texts are "
                    "known ahead or never change, in future_columns or static_columns."
                )
            raise NotNumbersError(
                f"column {name!r} must hold numbers. Received {received(column)}. {cure}",
                name,
                "time_column" if temporal else "id_column",
            )
        if column.null_count():
            column = column.cast(nw.Float64)
        columns.append(column.to_numpy())
    return np.stack(columns, axis=1)


def _groups(table: Any, name: str) -> tuple[IntArray | None, IntArray, tuple[Any, ...]]:
    """Return the order of rows that groups them by series, the series' offsets, and their ids."""
    import narwhals as nw

    column = table[name]
    missing = column.is_null().to_numpy()
    if column.dtype.is_float():
        missing = missing | np.isnan(column.to_numpy())
    if missing.any():
        count = int(missing.sum())
        raise ValueError(
            f"id_column={name!r} has {count} missing value{'s' * (count > 1)}, the first in row "
            f"{int(missing.argmax())}. Fill in the id of every row, or drop such rows."
        )
    plain = column.dtype in (nw.String, nw.Categorical, nw.Enum, nw.Boolean)
    if len(column) and (plain or column.dtype.is_numeric() or column.dtype.is_temporal()):
        begins = np.flatnonzero(np.append(True, (column[1:] != column[:-1]).to_numpy()))
        labels = ids_of(column[begins])
        if len(set(labels)) == len(labels):  # The rows of each series lie together.
            return None, np.append(begins, len(column)), tuple(labels)
    labels, codes = numbered_ids(column)
    lengths = np.bincount(codes, minlength=len(labels))
    rows = None if (np.diff(codes) >= 0).all() else np.argsort(codes, kind="stable")
    return rows, concatenated_offsets(lengths), tuple(labels)


def numbered_ids(column: Any) -> tuple[list[Any], IntArray]:
    """Return the ids of a column in order of first occurrence, and the number of each row's id."""
    import narwhals as nw

    present = len(column) and not column.null_count()
    # Libraries do not find their timestamps by Python's values, which have another unit.
    if present and column.dtype.is_temporal() and column.to_numpy().dtype.kind in "mM":
        first, codes = alike([column.to_numpy()])
        return ids_of(column[first]), codes
    if not present or column.dtype.is_temporal() or column.dtype in (nw.Object, nw.Decimal):
        return numbered(ids_of(column), f"id_column={column.name!r}")
    labels = column.unique(maintain_order=True).to_list()
    codes = column.replace_strict(labels, range(len(labels)), return_dtype=nw.Int64).to_numpy()
    return labels, codes


def ids_of(column: Any) -> list[Any]:
    """Return the ids of a column: Python's values, or NumPy's where Python has no nanoseconds."""
    native = column.implementation.is_pandas_like()  # pandas has nanoseconds.
    if not native and getattr(column.dtype, "time_unit", "") == "ns":
        return list(column.to_numpy())
    return list(column.to_list())


def numbered(values: list[Any], what: str) -> tuple[list[Any], IntArray]:
    """Return Python objects in order of first occurrence, and the number of each value's object."""
    numbers: dict[Any, int] = {}
    try:
        codes = [numbers.setdefault(value, len(numbers)) for value in values]
    except TypeError as error:
        raise TypeError(f"{what} must hold ids that can be compared and hashed: {error}.") from None
    return list(numbers), np.array(codes, dtype=np.int64)
