"""Turns categories into columns of 0 and 1, and names these columns.

A column ``type`` with the categories ``a`` and ``b`` becomes the columns ``type=a`` and ``type=b``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray

Categories = Mapping[str, Sequence[str]]


def made_columns(column: str, categories: Sequence[str]) -> list[str]:
    """Return the names of the columns that a column of text becomes."""
    return [f"{column}={category}" for category in categories]


def expanded(columns: Sequence[Any], categories: Categories | None) -> list[Any]:
    """Return columns with each column of text replaced by its columns of 0 and 1."""
    known = categories or {}
    return [
        name
        for column in columns
        for name in (made_columns(column, known[column]) if column in known else [column])
    ]


def collapsed(names: Sequence[Any], categories: Categories | None) -> list[Any]:
    """Return the columns of a table from which ``expanded`` makes these."""
    sources = {
        name: column
        for column, texts in (categories or {}).items()
        for name in made_columns(column, texts)
    }
    return list(dict.fromkeys(sources.get(name, name) for name in names))


def one_hot(codes: IntArray, count: int) -> Array:
    """Return a column for each category: 1 in the rows of the category, 0 in all others."""
    # A row without a category, whose code is -1, is NaN in every column. One whose category was
    # never seen, whose code is ``count``, is the mean of those seen.
    rows: Array = np.eye(count, dtype=bool)
    if (codes == count).any():
        rows = np.vstack([rows, np.full(count, 1 / count, np.float32)])
    if (codes < 0).any():
        # The code -1 selects the last row.
        rows = np.vstack([rows, np.full(count, np.nan, np.float32)])
    return rows[codes]
