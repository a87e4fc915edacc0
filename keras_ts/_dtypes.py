"""Keeps the values of a series exact: no half precision, and integers that the backend keeps.

Half precision suits the inside of a network, but many series exceed 65504, the end of float16.
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
    """Return True if the backend changes these integers; with ``unread``, some of their dtype."""
    kind = widest_integer(values.dtype)
    if kind is None:
        return False
    # If the other dtype is as wide, as int64 for uint64, Keras refuses the first one.
    refused = np.dtype(kind).itemsize == values.dtype.itemsize
    return unread or refused or not _fit(values, kind)


def with_exact_integers(batch: Any) -> Any:
    """Convert integers in a structure of arrays to a dtype that the backend keeps."""
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
