"""Opens pandas and polars frames, both through narwhals, and reads their columns as arrays."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.labels import one_hot
from keras_ts.windows.reading.texts import Text, distinct_values
from keras_ts.windows.reading.timestamps import is_period, received
from keras_ts.windows.spec import WindowSpec


class NotNumbersError(TypeError):
    """Says that a column holds no numbers, and which argument, ``role``, could name it instead."""

    def __init__(self, message: str, column: str, role: str) -> None:
        super().__init__(message)
        self.column, self.role = column, role


def is_frame(series: Any) -> bool:
    """Return True for a frame or a list of frames, False for arrays."""
    items = series if isinstance(series, list | tuple) and series else (series,)
    # The type is checked, since asking a lazy frame would compute its columns, and warn.
    return all(
        hasattr(type(item), "columns") and not isinstance(item, np.ndarray) for item in items
    )


def open_frame(frame: Any) -> Any:
    """Return a frame as a narwhals frame, or raise an error."""
    nw = _checks.needed("narwhals", "Windowing a data frame")
    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise TypeError(
            "series must be an array, a list of arrays, or an eager pandas or polars frame "
            "(collect a lazy one first, or write it into a keras_ts.scale.PanelStore). Received: "
            f"{type(frame).__name__}."
        ) from error


def matrix(
    table: Any, features: list[str], spec: WindowSpec | None = None, what: str = "series"
) -> Array:
    """Return columns of a frame as one array; refuse a column that does not hold numbers."""
    blocks = blocks_of(table, features, spec, what, lambda name: Text.of(table[name]))
    return beside(blocks, np.result_type(*(block.dtype for block in blocks)))


def blocks_of(
    table: Any,
    features: Sequence[str],
    spec: WindowSpec | None,
    what: str,
    text: Callable[[str], Text],
) -> list[Array]:
    """Return each column as numbers: ``(rows,)``, or ``(rows, categories)`` for one of text."""
    known, unseen = (spec.categories or {}, spec.unseen) if spec else ({}, "raise")
    return [
        one_hot(text(name).categories(known[name], what, unseen), len(known[name]))
        if name in known
        else _numbers(table[name])
        for name in features
    ]


def beside(blocks: Sequence[Array], dtype: Any) -> Array:
    """Return blocks of columns beside each other, ``(rows, columns)``."""
    columns = [block[:, None] if block.ndim == 1 else block for block in blocks]
    return np.ascontiguousarray(np.concatenate(columns, axis=1, dtype=dtype))


def _numbers(column: Any) -> Array:
    """Return a column of numbers as an array, or refuse another one."""
    import narwhals as nw

    if column.dtype == nw.Decimal:
        column = column.cast(nw.Float64)
    if not (column.dtype.is_numeric() or column.dtype == nw.Boolean):
        temporal = column.dtype.is_temporal() or is_period(column)
        cure = "Drop it, encode it, or name it in time_column."
        if not temporal:
            cure = (
                "Drop it; name it in id_column if it tells series apart; or name it in "
                "future_columns if its texts are known ahead, in static_columns if they never "
                "change."
            )
        raise NotNumbersError(
            f"column {column.name!r} must hold numbers. Received {received(column)}. {cure}",
            column.name,
            "time_column" if temporal else "id_column",
        )
    if column.null_count():
        column = column.cast(nw.Float64)
    made: Array = column.to_numpy()
    return made


def numbered_ids(column: Any) -> tuple[list[Any], IntArray]:
    """Return the ids of a column in order of first occurrence, and the number of each row's id."""
    import narwhals as nw

    # Python's timestamps have another unit than the column, which finds no row by them.
    others = column.dtype.is_temporal() or column.dtype in (nw.Object, nw.Decimal)
    if len(column) and not others:
        labels, codes = distinct_values(column)
        if (codes >= 0).all():
            return labels, codes
    return numbered(ids_of(column), f"id_column={column.name!r}")


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
