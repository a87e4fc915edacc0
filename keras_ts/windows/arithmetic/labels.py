"""Finds series and categories by their labels."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_ts._typing import IntArray


def places_of(wanted: Iterable[Any], labels: Iterable[Any]) -> IntArray:
    """Return the place of each wanted label among distinct labels, -1 for one that is not there.

    Args:
        wanted: Labels, any of them several times.
        labels: The labels to find them among.
    """
    places = {label: place for place, label in enumerate(labels)}
    return np.array([places.get(label, -1) for label in wanted], dtype=np.int64)
