"""``RootMeanSquare``: the size of a window's values, in which series of a panel can be compared."""

from typing import Any

import keras
from keras import ops

from keras_ts._dtypes import at_least_float32
from keras_ts._registration import registered


@registered
class RootMeanSquare(keras.layers.Layer):
    """Gives the root mean square of each column of a window; values that are missing do not count.

    It is the level of a series that lies well above 0, such as sales, and the spread of one about
    0. A few days on which a shop is shut hardly change it, where they multiply the spread of the
    window.

    Example:

    >>> import numpy as np
    >>> from keras_ts.layers import RootMeanSquare
    >>> np.asarray(RootMeanSquare()(np.array([[[3.0], [np.nan], [-3.0]]]))).tolist()
    [[[3.0]]]

    Args:
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        ``(batch, time, features)``. NaN and infinity count as missing.

    Output shape:
        ``(batch, 1, features)``, 0 for a column without values. Float32 under a half-precision
        policy.
    """

    def __init__(self, **kwargs: Any) -> None:
        # Keras would cast the windows to half precision first.
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs: Any) -> Any:
        """Return the root mean squares."""
        windows = ops.cast(inputs, at_least_float32(self))
        present = ops.isfinite(windows)
        sizes = ops.where(present, ops.abs(windows), ops.zeros_like(windows))
        # Relative to the largest, since the square of a large float32 is infinite.
        largest = ops.max(sizes, axis=1, keepdims=True)
        shares = sizes / ops.where(largest > 0, largest, ops.ones_like(largest))
        count = ops.sum(ops.cast(present, windows.dtype), axis=1, keepdims=True)
        total = ops.sum(ops.square(shares), axis=1, keepdims=True)
        return largest * ops.sqrt(total / ops.maximum(count, 1.0))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape of the root mean squares."""
        batch, _, features = inputs.shape
        return keras.KerasTensor((batch, 1, features), dtype=at_least_float32(self))
