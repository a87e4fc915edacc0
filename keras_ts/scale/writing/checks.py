"""Checks that the files of a source have the same columns, and that no row lacks its id or time."""

from typing import Any

from keras_ts import _checks
from keras_ts.windows.reading.stored import opened_polars
from keras_ts.windows.spec import WindowSpec


def check_columns(like: Any, other: Any, name: str, spec: WindowSpec) -> None:
    """Refuse rows whose columns are not those of earlier ones."""
    if set(other.columns) != set(like.columns):
        raise ValueError(
            f"{name} has the columns {_checks.shown(other.columns)}, and the rows before "
            f"it have {_checks.shown(like.columns)}. All rows of a source must have the same."
        )
    for argument in ("id_column", "time_column"):
        column = getattr(spec, argument)
        if column is not None and column not in like.columns:
            raise ValueError(f"{argument}={column!r} is not in {name}: {like.columns}.")
    polars = opened_polars()
    for column, kind in other.schema.items():
        before = like.schema[column]
        alike = len({_family(kind), _family(before)} - {""}) < 2
        if column == spec.id_column and kind != before:
            # Other types would make one id of two, or two of one.
            alike = (
                kind.is_integer() and before.is_integer() and polars.UInt64 not in (kind, before)
            )
        if not alike:
            raise TypeError(
                f"column {column!r} must be alike in all rows. Received {before}, and in {name} "
                f"{kind}. Convert one of the two."
            )


def _family(kind: Any) -> str:
    """Name the types that have a common one which holds the values of all."""
    if kind == opened_polars().Null:
        return ""
    return "numbers" if kind.is_numeric() or kind == opened_polars().Boolean else str(kind)


def refuse_missing(column: Any, argument: str, name: str) -> None:
    """Refuse rows that lack an id or a timestamp."""
    count = column.null_count()
    if column.dtype.is_float():
        count += int(column.is_nan().sum())
    if count:
        raise ValueError(
            f"{argument}={column.name!r} has {count} missing value{'s' * (count > 1)} in {name}. "
            "Fill them in, or drop such rows."
        )
