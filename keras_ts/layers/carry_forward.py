"""``CarryForward``: fills the steps at which a covariate is missing with its last value.

A monthly column among daily ones has a value on one day a month. Masking every step without a value
would leave a net a single day of each month, and 0 is a value that the column never had.
"""

from typing import Any

import keras
from keras import ops

from keras_ts import _checks
from keras_ts._dtypes import at_least_float32
from keras_ts._registration import registered
from keras_ts.windows.arithmetic.scale import parted


@registered
class CarryForward(keras.layers.Layer):
    """Fills each missing value with the last known one before it, in the same column and window.

    No value depends on a later one, so the layer may stand in a sequence-to-sequence model.

    Example:

    >>> import numpy as np
    >>> from keras_ts.layers import CarryForward
    >>> windows = np.array([[[np.nan], [2.0], [np.nan], [5.0]]])
    >>> np.asarray(CarryForward()(windows)).ravel().tolist()
    [0.0, 2.0, 2.0, 5.0]

    Args:
        start: Value of the steps before a column's first known value. Defaults to 0, the mean of a
            standardized column. None leaves them NaN, for ``NormalizeWindow(masked=True)``, which
            keeps them out of the column's statistics.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        ``(batch, time, features)`` of a fixed time, with NaN or an infinite number for a missing
        value.

    Output shape:
        The shape of the input, and its mask. Float32 under a half-precision policy.

    Raises:
        TypeError: ``start`` is not a number.
        ValueError: ``start`` is not finite, or the input has another number of axes or an open
            length.
    """

    def __init__(self, start: float | None = 0.0, **kwargs: Any) -> None:
        # Keras would cast the input to half precision first, which makes large values infinite.
        super().__init__(autocast=False, **kwargs)
        self.start = None if start is None else _checks.real("start", start)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Check that there is a fixed number of steps, and features."""
        if len(input_shape) != 3 or input_shape[1] is None:
            raise ValueError(
                "CarryForward takes windows (batch, time, features) of a fixed time. Received: "
                f"shape {tuple(input_shape)}."
            )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the windows with missing values filled."""
        values, missing = parted(ops.cast(inputs, at_least_float32(self)), ops)
        present = ops.cast(ops.logical_not(missing), values.dtype)
        # Each step holds the last known value of the latest ``reach`` steps, and reads on from the
        # step that lies as far back: the logarithm of the window's length in rounds.
        reach = 1
        while reach < inputs.shape[1]:
            values = values + (1.0 - present) * _earlier(values, reach)
            present = ops.maximum(present, _earlier(present, reach))
            reach *= 2
        if self.start is None:
            # 0 / 0 is NaN. tf2onnx would let NaN through ``where`` at the steps that have a value.
            return values / present
        return values + (1.0 - present) * self.start

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape of the input."""
        return keras.KerasTensor(inputs.shape, dtype=at_least_float32(self))

    def get_config(self) -> dict[str, Any]:
        """Return the layer's settings."""
        return {**super().get_config(), "start": self.start}


def _earlier(values: Any, steps: int) -> Any:
    """Return at each step the value ``steps`` before it, 0 before the window."""
    return ops.concatenate([ops.zeros_like(values[:, :steps]), values[:, :-steps]], axis=1)
