"""``KnownAhead``: for every step of a window, the known values of the steps that it forecasts."""

from typing import Any

import keras
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered


@registered
class KnownAhead(keras.layers.Layer):
    """Gives each step of a window the columns known ahead of the steps that follow it.

    A sequence-to-sequence net forecasts ``horizon`` steps at every step of its window. The values
    known ahead come from the window itself up to its end, and from ``future`` after it.

    Example:

    >>> import numpy as np
    >>> from keras_ts.layers import KnownAhead
    >>> past, future = np.array([[[1.0], [2.0], [3.0]]]), np.array([[[4.0], [5.0]]])
    >>> np.asarray(KnownAhead()([past, future]))[..., 0].tolist()
    [[[2.0, 3.0], [3.0, 4.0], [4.0, 5.0]]]

    It takes only the arguments of ``keras.layers.Layer``, such as ``name``.

    Input shape:
        A list: the columns known ahead within the window, ``(batch, window, columns)``, and
        behind it, ``(batch, horizon, columns)``. Window and horizon are fixed lengths.

    Output shape:
        ``(batch, window, horizon, columns)``, without a mask: the values ahead of a step are known,
        even if the step itself is masked.

    Raises:
        ValueError: The inputs are not two windows of the same columns, or a length is open.
    """

    def build(self, input_shape: Any) -> None:
        """Check that the two inputs continue each other."""
        shapes = [tuple(shape) for shape in input_shape] if len(input_shape) == 2 else []
        fits = len(shapes) == 2 and all(len(shape) == 3 for shape in shapes)
        if not fits or shapes[0][2] != shapes[1][2] or None in (shapes[0][1], shapes[1][1]):
            raise ValueError(
                "KnownAhead takes [past, future], (batch, window, columns) and (batch, horizon, "
                "columns), the same columns and fixed lengths. Received shapes "
                f"{_checks.shown(input_shape)}."
            )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Read the steps ahead of every step."""
        past, future = inputs
        window, horizon = past.shape[1], future.shape[1]
        timeline = ops.concatenate([past, future], axis=1)
        ahead = [timeline[:, step : step + window] for step in range(1, horizon + 1)]
        return ops.stack(ahead, axis=2)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return ``(batch, window, horizon, columns)``."""
        past, future = input_shape
        return (past[0], past[1], future[1], past[2])

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask."""
