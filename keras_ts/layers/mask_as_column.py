"""``MaskAsColumn``: turns a mask into a column, for layers that do not know masks.

A convolution reads every step, masked or not, and Keras drops the mask there with a warning. A 0 in
the place of a missing value would then pass for a value. A column of ones and zeros beside the
others says which steps have one.
"""

from typing import Any

import keras
from keras import ops

from keras_ts._registration import registered


@registered
class MaskAsColumn(keras.layers.Layer):
    """Adds a column that is 1 at steps with values and 0 at masked steps, and removes the mask.

    Example:

    >>> import keras, numpy as np
    >>> from keras_ts.layers import MaskAsColumn, MaskMissing
    >>> windows = keras.Input((3, 1))
    >>> model = keras.Model(windows, MaskAsColumn()(MaskMissing()(windows)))
    >>> np.asarray(model(np.array([[[np.nan], [2.0], [3.0]]]))).tolist()
    [[[0.0, 0.0], [2.0, 1.0], [3.0, 1.0]]]

    It takes only the arguments of ``keras.layers.Layer``, such as ``name``.

    Input shape:
        ``(batch, time, columns)`` of a float dtype. Without a mask every step counts as one with
        values.

    Output shape:
        ``(batch, time, columns + 1)``, in the dtype of the input and without a mask. All columns
        are 0 at masked steps.

    Raises:
        ValueError: The input has another number of axes.
    """

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
