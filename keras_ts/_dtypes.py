"""Keeps the values of a series exact: floats out of half precision, integers as the backend can.

Half precision suits the inside of a network, but the values of many series overflow in it: float16
ends at 65504.
"""

from typing import Any

import keras
import numpy as np

from keras_ts._backends import widest_integer
from keras_ts._typing import Array


def at_least_float32(layer: Any) -> str:
    """Return the dtype that ``layer`` computes in, or float32 if that is half precision."""
    return "float32" if layer.compute_dtype in ("float16", "bfloat16") else str(layer.compute_dtype)


def whole_precision() -> str | None:
    """Return "float32" if the global dtype policy computes in half precision, else None."""
    half = keras.config.dtype_policy().compute_dtype in ("float16", "bfloat16")
    return "float32" if half else None


def changes_integers(values: Array, unread: bool = False) -> bool:
    """Return True if the backend changes these integers; with ``unread``, if it may by dtype."""
    kind = widest_integer(values.dtype)
    if kind is None:
        return False
    # A replacement of equal size means that Keras refuses the dtype.
    refused = np.dtype(kind).itemsize == values.dtype.itemsize
    return unread or refused or not _fit(values, kind)


def with_exact_integers(batch: Any) -> Any:
    """Convert integers in a structure of arrays to a dtype that the backend keeps as it is."""
    # Integers too large for the narrower dtype become floats, as layers would make them.
    return keras.tree.map_structure(_exact, batch)


def _exact(values: Array) -> Array:
    kind = widest_integer(values.dtype)
    if kind is None:
        return values
    return values.astype(kind if _fit(values, kind) else np.float64)


def _fit(values: Array, kind: Any) -> bool:
    limits = np.iinfo(kind)
    return bool(limits.min <= values.min(initial=0) and values.max(initial=0) <= limits.max)
