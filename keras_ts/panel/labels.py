"""Finds series and categories by their labels, and rows by series and time, among millions.

A column ``type`` with the categories ``a`` and ``b`` becomes the columns ``type=a`` and ``type=b``
of 0 and 1.
"""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, Self

import numpy as np

from keras_ts._typing import Array, IntArray

Categories = Mapping[str, Sequence[str]]


class SeriesId(tuple[Any, ...]):
    """The ids of a series in several columns: a tuple that is written ``shop=3, product=oats``."""

    names: tuple[str, ...]

    def __new__(cls, names: Sequence[str], ids: Sequence[Any]) -> Self:
        """Return the ids in columns of these names."""
        made = super().__new__(cls, ids)
        made.names = tuple(names)
        return made

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in zip(self.names, self, strict=True))

    def __repr__(self) -> str:
        # Texts in quotes, which tell the text "3" from the number 3.
        parts = zip(self.names, self, strict=True)
        return f"({', '.join(f'{name}={value!r}' for name, value in parts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return SeriesId, (self.names, tuple(self))


def places_of(asked: Sequence[Any], labels: Sequence[Any]) -> IntArray:
    """Return the place of each label asked for among distinct labels; -1 if it is not there."""
    if isinstance(asked, tuple | range) and asked == labels:
        return np.arange(len(labels))
    places = {label: place for place, label in enumerate(labels)}
    return np.fromiter(map(places.get, asked, repeat(-1)), np.int64, len(asked))


def distinct_rows(columns: Sequence[Array]) -> tuple[IntArray, IntArray]:
    """Number the distinct combinations; return the first row of each, and each row's number."""
    numbers = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        if (column != column[:1]).any():
            distinct, codes = np.unique(column, return_inverse=True)
            numbers = np.unique(numbers * len(distinct) + codes, return_inverse=True)[1]
    first = np.unique(numbers, return_index=True)[1]
    order = np.argsort(first)
    return first[order], np.argsort(order)[numbers]


class Rows:
    """Finds rows, in any order, by the numbers of their series and their times; NaT never."""

    # It matches a plan with the steps that follow a series, and a forecast with actual rows.

    def __init__(self, series: IntArray, times: Array) -> None:
        self._times = np.unique(times)
        keys = series * len(self._times) + np.searchsorted(self._times, times)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    @property
    def twice(self) -> tuple[int, int] | None:
        """The first two rows with one series and time; None if there are none."""
        same = np.flatnonzero(np.diff(self._keys) == 0)
        return (int(self._order[same[0]]), int(self._order[same[0] + 1])) if len(same) else None

    def locate(self, series: IntArray, times: Array) -> IntArray:
        """Return the row of each series and time; -1 if there is none, or for a series below 0."""
        if not len(self._keys):
            return np.full(len(series), -1)
        rank = np.minimum(np.searchsorted(self._times, times), len(self._times) - 1)
        keys = series * len(self._times) + rank
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        same = (self._times[rank] == times) & (self._keys[place] == keys) & (series >= 0)
        return np.where(same, self._order[place], -1)


def label_column(labels: tuple[Any, ...]) -> Array:
    """Return labels as a one-dimensional array that keeps their values and types."""
    kinds = {*map(type, labels)}
    if len(kinds) == 1 and isinstance(labels[0], str | int | float):
        array = np.asarray(labels)
        back = array.tolist()
        if back == list(labels) and {*map(type, back)} == kinds:
            return array
    return np.fromiter(labels, object, len(labels))


def by_id_column(table: Mapping[str, Array]) -> dict[str, Array]:
    """Return a table whose column ``series`` is parted into the columns that name a series."""
    parted: dict[str, Array] = {}
    for name, values in table.items():
        first = values[0] if name == "series" and len(values) else None
        if isinstance(first, SeriesId):
            if twice := [column for column in first.names if column in table]:
                raise ValueError(
                    f"id_column names {twice[0]!r}, and the table has a column of that name. "
                    "Rename it in the series."
                )
            columns = zip(first.names, zip(*values, strict=True), strict=True)
            parted |= {column: label_column(ids) for column, ids in columns}
        else:
            parted[name] = values
    return parted


def made_columns(column: str, categories: Sequence[str]) -> list[str]:
    """Return the names of the columns that a column of text becomes."""
    return [f"{column}={category}" for category in categories]


def expanded(columns: Sequence[Any], categories: Categories | None) -> list[Any]:
    """Return names of columns, with a column of text replaced by its columns of 0 and 1."""
    texts, names = categories or {}, list[Any]()
    for column in columns:
        names += made_columns(column, texts[column]) if column in texts else [column]
    return names


def collapsed(names: Sequence[Any], categories: Categories | None) -> list[Any]:
    """Return the names of columns from which ``expanded`` makes these."""
    sources = {
        name: column
        for column, texts in (categories or {}).items()
        for name in made_columns(column, texts)
    }
    return list(dict.fromkeys(sources.get(name, name) for name in names))


def one_hot(codes: IntArray, count: int) -> Array:
    """Return a column for each of ``count`` categories: 1 in the rows of the category, else 0."""
    # A row of code -1 has no category: NaN in every column. A row of code ``count`` has one that is
    # not among the categories: their mean.
    rows: Array = np.eye(count, dtype=bool)
    if (codes == count).any():
        rows = np.vstack([rows, np.full(count, 1 / count, np.float32)])
    if (codes < 0).any():  # -1 selects the last row.
        rows = np.vstack([rows, np.full(count, np.nan, np.float32)])
    return rows[codes]
