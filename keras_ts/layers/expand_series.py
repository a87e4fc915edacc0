"""``ExpandSeries``: the serializable form of ``Lambda(lambda x: expand_dims(x, -1))``."""

from typing import Any

import keras
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered


@registered
class ExpandSeries(keras.layers.Layer):
    """Adds to a batch of plain series the feature axis that recurrent layers expect.

    Example:

    >>> import numpy as np
    >>> from keras_ts import ExpandSeries
    >>> ExpandSeries()(np.ones((32, 20))).shape == (32, 20, 1)
    True

    Args:
        axis: Position of the new axis of length 1 among those of the output. Defaults to -1.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        ``(batch, time)``, ``time`` of any length or None. Integers stay integers. On
        TensorFlow, ragged tensors are taken eagerly.

    Output shape:
        ``(batch, time, 1)`` for ``axis=-1``; in general the shape of the input with 1 inserted at
        ``axis``.

    Raises:
        TypeError: ``axis`` is not an integer.
        ValueError: ``axis`` is not between -3 and 2, or the input is not ``(batch, time)``.
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _checks.integer("axis", axis, -3)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Insert the axis."""
        self._check(inputs.shape)
        if keras.backend.is_float_dtype(inputs.dtype):
            inputs = ops.cast(inputs, self.compute_dtype)
        return ops.expand_dims(inputs, self.axis)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Pass the mask on, with the new axis too unless that is the last one."""
        if previous_mask is None or self.axis in (-1, 2):
            return previous_mask
        return ops.expand_dims(previous_mask, self.axis)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the input's shape with 1 inserted at ``axis``."""
        self._check(input_shape)
        shape = list(input_shape)
        shape.insert(self.axis % 3, 1)
        return tuple(shape)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Trace ``call``, as each backend has its own dtype for an integer series."""
        return keras.Operation.compute_output_spec(self, inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the layer's settings."""
        return {**super().get_config(), "axis": self.axis}

    def _check(self, shape: Any) -> None:
        if len(shape) != 2:
            raise ValueError(
                "ExpandSeries takes a batch of plain series, (batch, time). Received shape "
                f"{tuple(shape)}. A single series needs a batch axis, series[None]; a batch that "
                "has a feature axis needs no ExpandSeries."
            )
