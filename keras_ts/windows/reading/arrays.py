"""Reads arrays, memory maps and lists of arrays into a ``Panel``."""

import os
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from keras_ts.windows.reading.panel import Panel, static_parted
from keras_ts.windows.roles import Columns
from keras_ts.windows.spec import COLUMN_SETTINGS, WindowSpec


def read_arrays(series: Any, spec: WindowSpec) -> Panel:
    """Read one array, or a list of arrays with the same columns."""
    for argument in ("id_column", "time_column"):
        if getattr(spec, argument) is not None:
            raise ValueError(
                f"{argument}={getattr(spec, argument)!r} needs a pandas or polars frame, or a "
                f"keras_ts.scale.PanelStore. Received: {type(series).__name__}."
            )
    arrays, single = _open_arrays(series)
    if not single:
        shapes = {array.shape[1:] for array in arrays}
        if len(shapes) > 1:
            raise ValueError(
                "All series of a panel must have the same columns. Received shapes "
                f"{sorted({array.shape for array in arrays})[:5]}."
            )
    offsets = concatenated_offsets([len(array) for array in arrays])
    values = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    if values.ndim == 1:
        _check_one_column(spec)
        return Panel(values, offsets, single)
    names = range(values.shape[1])
    columns = Columns.of(spec, names)
    values, static = static_parted(values, names, columns, offsets)
    return Panel(values, offsets, single, columns, static)


def _open_arrays(series: Any) -> tuple[list[Array], bool]:
    """Return the arrays of a list and False, or the only array in a list and True."""
    if not _is_list_of_arrays(series):
        return [_one_array(series, "series")], True
    return [_one_array(item, f"series[{i}]") for i, item in enumerate(series)], False


def _is_list_of_arrays(series: Any) -> bool:
    if not isinstance(series, list | tuple):
        return False
    if not series:
        raise ValueError("series is an empty list; a panel needs at least one series.")
    return all(hasattr(item, "__array__") and np.ndim(item) > 0 for item in series)


def _one_array(values: Any, what: str) -> Array:
    if isinstance(values, str | os.PathLike):
        raise TypeError(
            f"{what} must hold numbers. Received the string {values!r}. Read a file first, for "
            "example with pandas.read_csv, or write it into a keras_ts.scale.PanelStore."
        )
    try:
        array = _checks.numeric(values, what)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
    except ValueError:
        raise ValueError(
            f"{what} is a list of rows of different lengths. For a panel pass a list of "
            "arrays: [np.asarray(row) for row in series]."
        ) from None
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise ValueError(
            f"{what} must be (time,) or (time, columns). Received shape {array.shape}. "
            "For several series pass a list of arrays."
        )
    return array


def _check_one_column(spec: WindowSpec) -> None:
    for argument in COLUMN_SETTINGS:
        if getattr(spec, argument) is not None:
            raise ValueError(
                f"{argument}={getattr(spec, argument)!r} needs a series of shape "
                "(time, columns). Received one of shape (time,): reshape it to (time, 1), "
                f"or leave {argument} out."
            )
