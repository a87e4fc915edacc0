"""Makes windows with missing values, to run models and exported files on that mask them.

A converter may misread the test for a missing value. The exported file then agrees with the model
only on complete windows, and gives other outputs, or NaN, where a value is missing.
"""

import math
from collections.abc import Iterator

import keras
import numpy as np

from keras_ts._typing import Array, BoolArray
from keras_ts.interface import Interface


def with_holes(model: keras.Model, inputs: list[Array]) -> Iterator[list[Array]]:
    """Yield inputs with values missing at different places; nothing if the model masks none."""
    if not Interface.of(model).takes_missing:
        return
    names = [tensor.name for tensor in model.inputs]
    for place, array in enumerate(inputs):
        named = "past" not in names or names[place] == "past"
        if named and array.ndim > 1 and np.issubdtype(array.dtype, np.floating):
            for missing in _places(array.shape[1:]):
                holed = array.copy()
                holed[:, missing] = np.nan
                yield [*inputs[:place], holed, *inputs[place + 1 :]]


def _places(shape: tuple[int, ...]) -> list[BoolArray]:
    """Return masks of a window, ``(time, ...)``, True where a value is missing."""
    # In the first half, as in series shorter than a window; in the middle; at the end; at every
    # third step; and, if there are several columns, in only one of them.
    time, columns = shape[0], math.prod(shape[1:])
    steps, column = np.arange(time)[:, None], np.arange(columns)
    every = np.ones((1, columns), bool)
    masks = [
        (steps < time // 2) & every,
        (steps == time // 2) & every,
        (steps == time - 1) & every,
        (steps % 3 == 1) & every,
        (steps == 0) & (column == 0),
    ]
    return [mask.reshape(shape) for mask in masks if mask.any() and not mask.all()]
