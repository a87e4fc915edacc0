"""The layers of presets that move masks: registered for the files that name them, not public.

Keras calls a step of concatenated windows present if it is present in any of them, and drops a mask
in front of layers that know none, with a warning.
"""

from typing import Any

import keras
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered


# Windows without a mask, such as a calendar's, are present at every step. Behind ``Concatenate``
# recurrent layers would read the steps that lack the series itself.
@registered
class MaskLike(keras.layers.Layer):
    """Passes its first input on under the mask of its second, both ``(batch, time, ...)``."""

    def __init__(self, **kwargs: Any) -> None:
        # Keras would cast the inputs to half precision first, which loses the level of a series.
        super().__init__(autocast=False, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Check that a mask of the second input has a value for each step of the first."""
        shapes = [tuple(shape) for shape in input_shape] if len(input_shape) == 2 else []
        if len(shapes) != 2 or min(map(len, shapes)) < 2 or shapes[0][1] != shapes[1][1]:
            raise ValueError(
                "MaskLike takes [windows, masked], both (batch, time, ...) of the same time. "
                f"Received shapes {_checks.shown(input_shape)}."
            )
        super().build(input_shape)

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
class MaskAsColumn(keras.layers.Layer):
    """Adds a column of 1 at steps with values, and sets all columns to 0 at masked steps."""

    def __init__(self, **kwargs: Any) -> None:
        # Keras would cast the input to half precision first, which loses the level of a series.
        super().__init__(autocast=False, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Check that there are columns, beside which one more may stand."""
        if len(input_shape) != 3:
            raise ValueError(
                "MaskAsColumn takes windows (batch, time, columns). Received: shape "
                f"{tuple(input_shape)}. Put ExpandSeries in front of it for plain series."
            )
        super().build(input_shape)

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


# Stock layers behind recurrent ones, such as ``Reshape``, warn of a mask that they cannot pass on,
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
