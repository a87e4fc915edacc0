"""Reads columns of text: their categories, and the number of each row's category.

Both pandas and polars have several types of text. A column counts as one if all its values are
texts, whatever its type.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import IntArray
from keras_ts.windows.arithmetic.categories import made_columns
from keras_ts.windows.arithmetic.labels import places_of
from keras_ts.windows.spec import WindowSpec


def with_categories(tables: Sequence[Any], names: Sequence[str], spec: WindowSpec) -> WindowSpec:
    """Return settings with the categories of all columns of text that they name.

    Categories that the settings have already stay as they are. Others are read from the tables and
    sorted.

    Args:
        tables: The frames of a panel.
        names: The columns that hold values, neither ids nor timestamps.
        spec: The settings.

    Raises:
        ValueError: A static column lacks a text, a column has none at all, or a column would get
            the name of another one.
    """
    categories = {column: tuple(texts) for column, texts in (spec.categories or {}).items()}
    for name in named_ahead(spec, names):
        columns = [table[name] for table in tables]
        if name not in categories and _holds_texts(columns):
            labels = {label for column in columns for label in _numbered(column)[0]}
            categories[name] = tuple(sorted(labels))
        if name in categories and name in spec.per_series:
            _refuse_missing(columns, name)
    made = [name for column, texts in categories.items() for name in made_columns(column, texts)]
    others = [name for name in (*tables[0].columns, *made) if name not in categories]
    twice = next((name for name in made if others.count(name) > 1), None)
    if twice is not None:
        column = next(c for c, texts in categories.items() if twice in made_columns(c, texts))
        raise ValueError(
            f"The categories of column {column!r} make a column {twice!r}, and there is another "
            "one of that name. Rename one of the two."
        )
    return spec if not categories else replace(spec, categories=categories)


def named_ahead(spec: WindowSpec, names: Sequence[str]) -> list[str]:
    """Return the columns that may hold text: those known ahead, and the static ones."""
    ahead = {*spec.per_series, *spec.planned}
    return [name for name in names if name in ahead]


def is_text(column: Any) -> bool:
    """Return True if a column has a type of text, and all its values are texts."""
    import narwhals as nw

    if column.dtype not in (nw.String, nw.Categorical, nw.Enum):
        return False
    return all(isinstance(text, str) for text in column.drop_nulls().unique().to_list())


def codes_of(column: Any, texts: Sequence[str], what: str) -> IntArray:
    """Return the number of each row's category, or -1 for a missing text.

    Args:
        column: A column of text, or one without any value.
        texts: The categories.
        what: The frame's name in an error.

    Raises:
        TypeError: The column holds something else.
        ValueError: It has a category that is not among ``texts``.
    """
    if not _is_empty(column) and not is_text(column):
        raise TypeError(
            f"column {column.name!r} of {what} must hold text, since it has categories. Received "
            f"{column.dtype}. Pass texts, or leave the column out of categories."
        )
    labels, codes = _numbered(column)
    numbers = places_of(labels, texts)
    unseen = np.flatnonzero(numbers < 0)
    if len(unseen):
        first = int(np.isin(codes, unseen).argmax())
        label = labels[int(codes[first])]
        raise ValueError(
            f"column {column.name!r} of {what} has the category {_checks.shown(label)}, first in "
            f"row {first}, and its categories are {_checks.shown(list(texts))}. Replace it by one "
            "of these, or train with categories that include it."
        )
    return np.where(codes < 0, -1, numbers[codes]) if len(numbers) else codes


def _holds_texts(columns: list[Any]) -> bool:
    """Return True if at least one column is of text, and the others have no value."""
    texts = [is_text(column) for column in columns]
    if not any(texts) or not all(
        text or _is_empty(column) for text, column in zip(texts, columns, strict=True)
    ):
        return False
    if all(_is_empty(column) for column in columns):
        raise ValueError(
            f"column {columns[0].name!r} has no text in any row, so it has no categories. "
            "Fill it in, or leave the column out."
        )
    return True


def _is_empty(column: Any) -> bool:
    return bool(column.null_count() == len(column))


def _refuse_missing(columns: list[Any], name: str) -> None:
    for number, column in enumerate(columns):
        missing = column.is_null().to_numpy()
        if missing.any():
            where = f" of series[{number}]" if len(columns) > 1 else ""
            raise ValueError(
                f"static_columns={name!r} holds {int(missing.sum())} missing texts, the first in "
                f"row {int(missing.argmax())}{where}. Fill them, or leave the column out."
            )


def _numbered(column: Any) -> tuple[list[Any], IntArray]:
    """Return the distinct values of a column, and each row's number among them, or -1."""
    import narwhals as nw

    missing = column.is_null().to_numpy()
    codes = np.full(len(column), -1, np.int64)
    present = column.drop_nulls()
    labels = present.unique(maintain_order=True).to_list()
    if labels:
        numbers = present.replace_strict(labels, range(len(labels)), return_dtype=nw.Int64)
        codes[~missing] = numbers.to_numpy()
    return labels, codes
