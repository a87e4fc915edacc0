"""``Unmask``: removes the mask after the recurrent layers.

Recurrent layers skip masked steps. Stock layers after them, such as ``Reshape``, warn of a mask
that they cannot pass on, and a loss would not count the masked steps.
"""

from typing import Any

import keras
from keras import ops

from keras_ts._registration import registered


@registered
class Unmask(keras.layers.Layer):
    """Passes its input on without the mask.

    Example:

    >>> import keras
    >>> from keras_ts.layers import MaskMissing, Unmask
    >>> windows = keras.Input((6, 1))
    >>> states = keras.layers.GRU(4, return_sequences=True)(MaskMissing()(windows))
    >>> forecasts = keras.layers.Reshape((6, 2, 2))(Unmask()(states))
    >>> forecasts.shape
    (None, 6, 2, 2)

    It takes only the arguments of ``keras.layers.Layer``, such as ``name``.

    Input shape:
        Any.

    Output shape:
        The shape of the input, without a mask.
    """

    def call(self, inputs: Any) -> Any:
        """Return the input."""
        # The input itself would bring its mask along.
        return ops.copy(inputs)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask."""
