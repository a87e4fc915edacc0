"""Finds series and categories by their labels, and numbers rows that are alike."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray


def places_of(wanted: Sequence[Any], labels: Sequence[Any]) -> IntArray:
    """Return the place of each wanted label among distinct labels, -1 for one that is not there."""
    if isinstance(wanted, tuple | range) and wanted == labels:
        return np.arange(len(labels))
    places = dict(zip(labels, range(len(labels)), strict=True))
    return np.fromiter(map(places.get, wanted, repeat(-1)), np.int64, len(wanted))


def alike(columns: Sequence[Array]) -> tuple[IntArray, IntArray]:
    """Return the first row of each different one, in order, and the number of every row's."""
    rows = len(columns[0])
    numbers = np.zeros(rows, np.int64)
    for column in columns:
        if (column != column[:1]).any():
            distinct, own = np.unique(column, return_inverse=True)
            numbers = np.unique(numbers * len(distinct) + own, return_inverse=True)[1]
    first = np.unique(numbers, return_index=True)[1]
    order = np.argsort(first)
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return first[order], places[numbers]
