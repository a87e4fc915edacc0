"""``MaskLike``: puts one mask on all columns that a net reads.

Keras calls a step of concatenated windows present if it is present in any of them, and windows
without a mask, such as a calendar's, are present at every step. Behind ``Concatenate`` recurrent
layers would then read the steps that lack the series itself.
"""

from typing import Any

import keras
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered


@registered
class MaskLike(keras.layers.Layer):
    """Passes its first input on, under the mask of its second.

    Example:

    >>> import keras
    >>> from keras_ts.layers import MaskLike, MaskMissing
    >>> sales, calendar = keras.Input((14, 1)), keras.Input((14, 2))
    >>> sold = MaskMissing()(sales)
    >>> both = keras.layers.Concatenate()([sold, calendar])
    >>> state = keras.layers.GRU(4)(MaskLike()([both, sold]))

    It takes only the arguments of ``keras.layers.Layer``, such as ``name``.

    Input shape:
        A list of two: windows ``(batch, time, ...)``, and windows of the same batch and time whose
        mask is used.

    Output shape:
        The first input, with the mask of the second, or without one if that has none.

    Raises:
        ValueError: The inputs are not two, or they differ in time.
    """

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
