"""``Arrays``: an array, a memory map, or a list of them, as series."""

import os
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from keras_ts.windows.reading.flat_series import FlatSeries, static_parted
from keras_ts.windows.roles import Columns
from keras_ts.windows.spec import COLUMN_SETTINGS, WindowSpec


class Arrays:
    """One array, or a list of arrays with the same columns.

    Attributes:
        given: What was passed.
        single: True for one series.
        offsets: Flat start of each series, and the end of the last.
        values: The values of all series, one after the other.
    """

    def __init__(self, arrays: Any, spec: WindowSpec) -> None:
        """Read the arrays; the settings cannot name columns of ids or timestamps."""
        for argument in ("id_column", "time_column"):
            if getattr(spec, argument) is not None:
                raise ValueError(
                    f"{argument}={getattr(spec, argument)!r} needs a pandas or polars frame, or a "
                    f"keras_ts.scale.PanelStore. Received: {type(arrays).__name__}."
                )
        self.given = arrays
        opened, self.single = _open_arrays(arrays)
        if not self.single:
            shapes = {array.shape[1:] for array in opened}
            if len(shapes) > 1:
                raise ValueError(
                    "All series of a panel must have the same columns. Received shapes "
                    f"{sorted({array.shape for array in opened})[:5]}."
                )
        self.offsets = concatenated_offsets([len(array) for array in opened])
        self.values = opened[0] if len(opened) == 1 else np.concatenate(opened)

    def read(self, spec: WindowSpec) -> FlatSeries:
        """Return the series, with the roles of columns that ``spec`` gives them."""
        if self.values.ndim == 1:
            _check_one_column(spec)
            return FlatSeries(self.values, self.offsets, self.single)
        names = range(self.values.shape[1])
        columns = Columns.of(spec, names)
        values, static = static_parted(self.values, names, columns, self.offsets)
        return FlatSeries(values, self.offsets, self.single, columns, static)


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
