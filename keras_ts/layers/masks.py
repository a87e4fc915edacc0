"""The layers of presets that move masks: registered for the files that name them, not public.

Keras calls a step of concatenated windows present if it is present in any of them, and drops a mask
before layers that support none, with a warning.
"""

from typing import Any

import keras
from keras import ops

from keras_ts._registration import registered
from keras_ts.layers.base import SeriesLayer


# Windows without a mask, such as a calendar's, are present at every step. After ``Concatenate``,
# recurrent layers would also read the steps at which the series itself is missing.
@registered
class MaskLike(SeriesLayer):
    """Passes its first input on under the mask of its second, both ``(batch, time, ...)``."""

    def call(self, inputs: Any) -> Any:
        """Return the first input."""
        # The input itself would bring its own mask along.
        return ops.copy(inputs[0])

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the second input."""
        return previous_mask[1] if isinstance(previous_mask, list | tuple) else None

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape and dtype of the first input."""
        return keras.KerasTensor(inputs[0].shape, dtype=inputs[0].dtype)


# A convolution reads every step. A 0 in the place of a missing value would pass for a value.
@registered
class MaskAsColumn(SeriesLayer):
    """Adds a column of 1 at steps with values, and sets all columns to 0 at masked steps."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the columns, 0 at masked steps, and the column of the mask."""
        present = ops.ones_like(inputs[..., :1])
        if mask is not None:
            steps = ops.cast(ops.convert_to_tensor(mask), "bool")[..., None]
            inputs = ops.where(steps, inputs, ops.zeros_like(inputs))
            present = ops.cast(steps, inputs.dtype)
        return ops.concatenate([inputs, present], axis=-1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask."""

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        """Return the shape with one more column, in the dtype of the input."""
        *lead, columns = inputs.shape
        wider = None if columns is None else columns + 1
        return keras.KerasTensor((*lead, wider), dtype=inputs.dtype)


# Stock layers after recurrent ones, such as ``Reshape``, warn of a mask that they cannot pass on,
# and a loss would not count the masked steps.
@registered
class Unmask(keras.layers.Layer):
    """Passes its input on without the mask."""

    def call(self, inputs: Any) -> Any:
        """Return the input."""
        # The input itself would bring its mask along.
        return ops.copy(inputs)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask."""
