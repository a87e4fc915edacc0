"""``SelectColumns``: some columns of a window, for the parts of a net that do not take all."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import keras
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered


@registered
class SelectColumns(keras.layers.Layer):
    """Selects columns of the last axis, in the order given, and keeps their values bit for bit.

    Example:

    >>> import numpy as np
    >>> from keras_ts.layers import SelectColumns
    >>> np.asarray(SelectColumns([2, 0])(np.array([[[1, 2, 3], [4, 5, 6]]]))).tolist()
    [[[3, 1], [6, 4]]]

    Args:
        columns: Indices of the columns, from 0.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        ``(..., features)``.

    Output shape:
        ``(..., len(columns))``, in the dtype of the input.

    Raises:
        TypeError: ``columns`` is not a list of integers.
        ValueError: ``columns`` is empty, or names a column that is not there.
    """

    def __init__(self, columns: Sequence[int], **kwargs: Any) -> None:
        # Keras would cast the input to half precision first, which loses the level of a series.
        super().__init__(autocast=False, **kwargs)
        if isinstance(columns, str | bytes) or not isinstance(columns, Sequence):
            raise TypeError(
                f"columns must be a list of indices. Received: columns={_checks.shown(columns)}."
            )
        if not columns:
            raise ValueError("columns is empty; name at least one column to select.")
        self.columns = [_checks.integer(f"columns[{i}]", c, 0) for i, c in enumerate(columns)]
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Check that every column is there."""
        if input_shape[-1] is not None and max(self.columns) >= input_shape[-1]:
            raise ValueError(
                f"columns must lie in 0..{input_shape[-1] - 1}, the features of the last axis. "
                f"Received: columns={self.columns}, inputs of shape {tuple(input_shape)}."
            )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the columns."""
        return selected(inputs, self.columns)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape of the columns, in the dtype of the input."""
        return keras.KerasTensor((*inputs.shape[:-1], len(self.columns)), dtype=inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the layer's settings."""
        return {**super().get_config(), "columns": self.columns}


def selected(values: Any, columns: Sequence[int]) -> Any:
    """Return columns of the last axis, by one slice for each run of neighbours."""
    # Exporters know slices; Keras's ``take`` on PyTorch makes an operation that they do not.
    begins = [place for place, c in enumerate(columns) if not place or c != columns[place - 1] + 1]
    runs = [columns[begin:end] for begin, end in pairwise([*begins, len(columns)])]
    parts = [values[..., run[0] : run[-1] + 1] for run in runs]
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)
