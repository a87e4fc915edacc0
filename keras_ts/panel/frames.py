"""Opens pandas and polars frames through narwhals, and reads their columns as arrays."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.panel.labels import SeriesId, distinct_rows, made_columns, one_hot, places_of
from keras_ts.panel.settings import TableSettings
from keras_ts.panel.timestamps import is_period, received


class NotNumbersError(TypeError):
    """Refuses a column without numbers; ``role`` is the argument that might name the column."""

    def __init__(self, message: str, column: str, role: str) -> None:
        super().__init__(message)
        self.column, self.role = column, role


def is_frame(series: Any) -> bool:
    """Return True for a frame, False for arrays."""
    # The type is checked, since asking a lazy frame would compute its columns, and warn.
    return hasattr(type(series), "columns") and not isinstance(series, np.ndarray)


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
    table: Any, features: list[str], spec: TableSettings | None = None, what: str = "series"
) -> Array:
    """Return columns of a frame as one array; refuse a column that does not hold numbers."""
    blocks = blocks_of(table, features, spec, what, lambda name: Text.of(table[name]))
    return beside(blocks, np.result_type(*(block.dtype for block in blocks)))


def blocks_of(
    table: Any,
    features: Sequence[str],
    spec: TableSettings | None,
    what: str,
    text: Callable[[str], "Text"],
) -> list[Array]:
    """Return each column as numbers, ``(rows,)``, or ``(rows, categories)`` if it is text."""
    known, unseen = (spec.categories or {}, spec.unseen) if spec else ({}, "raise")
    return [
        one_hot(text(name).categories(known[name], what, unseen), len(known[name]))
        if name in known
        else _numbers(table[name], spec)
        for name in features
    ]


def beside(blocks: Sequence[Array], dtype: Any) -> Array:
    """Return blocks of columns beside each other, ``(rows, columns)``."""
    columns = [block[:, None] if block.ndim == 1 else block for block in blocks]
    return np.ascontiguousarray(np.concatenate(columns, axis=1, dtype=dtype))


def _numbers(column: Any, spec: TableSettings | None) -> Array:
    """Return a column of numbers as an array, or refuse another one."""
    import narwhals as nw

    column = _with_floats(column)
    if not (column.dtype.is_numeric() or column.dtype == nw.Boolean):
        temporal = column.dtype.is_temporal() or is_period(column)
        cure = "Drop it, encode it, or name it in time_column."
        targets = () if spec is None else spec.target_columns
        if not temporal and column.name in (targets if isinstance(targets, tuple) else [targets]):
            cure = "Convert its texts to numbers: see docs/data/frames.md."
        elif not temporal:
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
    return column.to_numpy()


def _with_floats(column: Any) -> Any:
    """Return a column of decimals as floats, and any other one as it is."""
    import narwhals as nw

    # narwhals has no name for the decimals of an object column, nor for those of 256 bits.
    unnamed = column.dtype in (nw.Object, nw.Unknown)
    first = column.drop_nulls().head(1).to_list() if unnamed else []
    decimals = column.dtype == nw.Decimal or (first and isinstance(first[0], Decimal))
    return column.cast(nw.Float64) if decimals else column


def numbered_ids(column: Any) -> tuple[list[Any], IntArray]:
    """Return the ids of a column in order of first occurrence, and the number of each row's id."""
    import narwhals as nw

    # ``distinct_values`` gives Python's values, which may match no row of these types.
    unmatched = column.dtype.is_temporal() or column.dtype in (nw.Object, nw.Decimal)
    if len(column) and not unmatched:
        labels, codes = distinct_values(column)
        if (codes >= 0).all():
            return labels, codes
    return numbered(ids_of(column), f"id_column={column.name!r}")


def numbered_series(table: Any, columns: Sequence[str]) -> tuple[list[Any], IntArray]:
    """Return the ids of series in order of first occurrence, and the number of each row's id."""
    read = [numbered_ids(table[name]) for name in columns]
    return read[0] if len(read) == 1 else combined_ids(columns, read)


def combined_ids(
    columns: Sequence[str], read: Sequence[tuple[list[Any], IntArray]]
) -> tuple[list[SeriesId], IntArray]:
    """Return the ids that several columns name together, and the number of each row's id."""
    first, numbers = distinct_rows([codes for _, codes in read])
    parts = ([labels[code] for code in codes[first]] for labels, codes in read)
    return [SeriesId(columns, ids) for ids in zip(*parts, strict=True)], numbers


def series_ids(table: Any, columns: Sequence[str]) -> list[Any]:
    """Return the id of the series of each row."""
    read = [ids_of(table[name]) for name in columns]
    return (
        read[0] if len(read) == 1 else [SeriesId(columns, ids) for ids in zip(*read, strict=True)]
    )


def ids_of(column: Any) -> list[Any]:
    """Return the ids of a column: Python's values, or NumPy's where Python has no nanoseconds."""
    native = column.implementation.is_pandas_like()  # pandas has nanoseconds.
    if not native and getattr(column.dtype, "time_unit", "") == "ns":
        return list(column.to_numpy())
    return list(column.to_list())


def numbered(values: list[Any], what: str) -> tuple[list[Any], IntArray]:
    """Return the distinct values in order of first occurrence, and the number of each value."""
    numbers: dict[Any, int] = {}
    try:
        codes = [numbers.setdefault(value, len(numbers)) for value in values]
    except TypeError as error:
        raise TypeError(f"{what} must hold ids that can be compared and hashed: {error}.") from None
    return list(numbers), np.array(codes, dtype=np.int64)


def distinct_values(column: Any) -> tuple[list[Any], IntArray]:
    """Return the distinct values in order of their first rows, and each row's number or -1."""
    # Each library has another fastest way.
    import narwhals as nw

    native = column.to_native()
    if column.implementation.is_pandas():
        codes, labels = native.factorize()
        labels = labels.tolist()
        if native.dtype == object and column.dtype == nw.String:
            # pandas before 3 treats texts that differ only after a null character as equal.
            texts = native.to_numpy()
            other = np.flatnonzero(np.array([*labels, None], dtype=object)[codes] != texts)
            if (codes[other] >= 0).any():
                places: dict[Any, int] = {}
                rows = np.flatnonzero(codes >= 0)
                codes[rows] = [places.setdefault(text, len(places)) for text in texts[rows]]
                labels = list(places)
        return labels, codes.astype(np.int64, copy=False)
    labels = column.drop_nulls().unique(maintain_order=True).to_list()
    if column.implementation.is_polars() and column.dtype == nw.String:
        enum = nw.get_native_namespace(column).Enum(labels)
        numbers = nw.from_native(native.cast(enum).to_physical(), series_only=True)
        return labels, numbers.cast(nw.Int64).fill_null(-1).to_numpy()
    codes = np.full(len(column), -1, np.int64)
    if labels:
        present = column.drop_nulls()
        numbers = present.replace_strict(labels, range(len(labels)), return_dtype=nw.Int64)
        codes[~column.is_null().to_numpy()] = numbers.to_numpy()
    return labels, codes


class Text(NamedTuple):
    """A column that may hold text."""

    name: str
    dtype: Any  # Its type in narwhals.
    labels: list[Any]  # Its distinct values in the order of their first rows.
    codes: IntArray  # The number of each row's value, or -1 for a missing one.
    of_text: bool  # True if it has a type of text, and all its values are texts.

    @classmethod
    def of(cls, column: Any) -> "Text":
        """Read a narwhals column."""
        import narwhals as nw

        labels, codes = distinct_values(_with_floats(column))
        of_text = column.dtype in (nw.String, nw.Categorical, nw.Enum)
        of_text = of_text and all(isinstance(label, str) for label in labels)
        return cls(column.name, column.dtype, labels, codes, of_text)

    def categories(self, texts: Sequence[str], what: str, unseen: str) -> IntArray:
        """Return the number of each row's category: -1 if missing, ``len(texts)`` if unseen."""
        if self.labels and not self.of_text:
            raise TypeError(
                f"column {self.name!r} of {what} must hold text, since it has categories. Received "
                f"{self.dtype}. Pass texts, or leave the column out of categories."
            )
        numbers = places_of(self.labels, texts)
        others = np.flatnonzero(numbers < 0)
        if len(others) and unseen == "raise":
            first = int(np.isin(self.codes, others).argmax())
            label = self.labels[int(self.codes[first])]
            raise ValueError(
                f"column {self.name!r} of {what} has the category {_checks.shown(label)}, first in "
                f"row {first}, and the windows have {_checks.shown(list(texts))}. Replace it by "
                'one of these, train with categories that include it, or with unseen="mean".'
            )
        if len(others):
            names = _checks.shown([self.labels[number] for number in others])
            warnings.warn(  # Without ``what``: Python shows a warning of equal text once.
                f"column {self.name!r} has categories that the training part lacked: "
                f"{names}. Each is read as the mean of the {len(texts)} categories in training.",
                stacklevel=2,
            )
            numbers = np.where(numbers < 0, len(texts), numbers)
        # The code -1 selects the last number.
        return np.append(numbers, -1)[self.codes]


def with_categories(
    read: Callable[[str], Text], names: Sequence[str], others: Sequence[str], spec: Any
) -> Any:
    """Return ``spec`` with the sorted categories of each text column known ahead or static."""
    categories = {column: tuple(texts) for column, texts in (spec.categories or {}).items()}
    for name in named_ahead(spec, names):
        column = read(name)
        if name not in categories and column.of_text:
            if not column.labels:
                raise ValueError(
                    f"column {name!r} has no text in any row, so it has no categories. Fill it in, "
                    "or leave the column out."
                )
            categories[name] = tuple(sorted(column.labels))
        missing = column.codes < 0
        if name in categories and name in spec.per_series and missing.any():
            raise ValueError(
                f"static_columns={name!r} holds {int(missing.sum())} missing texts, the first in "
                f"row {int(missing.argmax())}. Fill them, or leave the column out."
            )
    made = [name for column, texts in categories.items() for name in made_columns(column, texts)]
    others = [name for name in (*others, *made) if name not in categories]
    twice = next((name for name in made if others.count(name) > 1), None)
    if twice is not None:
        raise ValueError(
            f"A column of text makes a column {twice!r}, and there is another one of that name. "
            "Rename one of the two."
        )
    return spec if not categories else replace(spec, categories=categories)


def named_ahead(spec: TableSettings, names: Sequence[str]) -> list[str]:
    """Return the columns that may hold text: those known ahead, and the static ones."""
    ahead = {*spec.per_series, *spec.planned}
    return [name for name in names if name in ahead]
