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
    """One array, or a list of arrays with the same columns, laid end to end."""

    def __init__(self, arrays: Any, spec: WindowSpec) -> None:
        """Read the arrays; the settings cannot name columns of ids or timestamps."""
        for argument in ("id_column", "time_column"):
            if getattr(spec, argument) is not None:
                raise ValueError(
                    f"{argument}={getattr(spec, argument)!r} needs a pandas or polars frame, or a "
                    f"keras_ts.scale.PanelStore. Received: {type(arrays).__name__}."
                )
        self.given = arrays
        self.single = not isinstance(arrays, list | tuple) or not all(
            hasattr(item, "__array__") and np.ndim(item) > 0 for item in arrays
        )
        if self.single:
            opened = [_one_array(arrays, "series")]
        else:
            opened = [_one_array(item, f"series[{i}]") for i, item in enumerate(arrays)]
        if not opened:
            raise ValueError("series is an empty list; a panel needs at least one series.")
        if len({array.shape[1:] for array in opened}) > 1:
            raise ValueError(
                "All series of a panel must have the same columns. Received shapes "
                f"{sorted({array.shape for array in opened})[:5]}."
            )
        self.offsets = concatenated_offsets([len(array) for array in opened])
        self.values = opened[0] if len(opened) == 1 else np.concatenate(opened)

    def read(self, spec: WindowSpec) -> FlatSeries:
        """Return the series, with the roles of columns that ``spec`` gives them."""
        if self.values.ndim == 1:
            for argument in COLUMN_SETTINGS:
                if getattr(spec, argument) is not None:
                    raise ValueError(
                        f"{argument}={getattr(spec, argument)!r} needs a series of shape "
                        "(time, columns). Received one of shape (time,): reshape it to (time, 1), "
                        f"or leave {argument} out."
                    )
            return FlatSeries(self.values, self.offsets, self.single)
        names = range(self.values.shape[1])
        columns = Columns.of(spec, names)
        values, static = static_parted(self.values, names, columns, self.offsets)
        return FlatSeries(values, self.offsets, self.single, columns, static)


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
