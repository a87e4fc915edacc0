"""``LastSteps``: the end of a window, for the parts of a net that need not read all of it.

A recurrent layer takes longer with every step that it reads, and after some dozens it has forgotten
the first. A linear map costs next to nothing, and can use a value of a year ago.
"""

from typing import Any

import keras

from keras_ts import _checks
from keras_ts._registration import registered


@registered
class LastSteps(keras.layers.Layer):
    """Keeps the last steps of each window, and their mask.

    Example:

    >>> import numpy as np
    >>> from keras_ts.layers import LastSteps
    >>> np.asarray(LastSteps(2)(np.array([[[1], [2], [3]]]))).tolist()
    [[[2], [3]]]

    Args:
        steps: Steps to keep. Windows that are shorter stay as they are.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        ``(batch, time, ...)``.

    Output shape:
        ``(batch, min(steps, time), ...)``, in the dtype of the input.

    Raises:
        TypeError: ``steps`` is not an integer.
        ValueError: ``steps`` is below 1, or the input has no axis of time.
    """

    def __init__(self, steps: int, **kwargs: Any) -> None:
        # Keras would cast the input to half precision first, which loses the level of a series.
        super().__init__(autocast=False, **kwargs)
        self.steps = _checks.integer("steps", steps, 1)

    def build(self, input_shape: Any) -> None:
        """Check that there is an axis of time."""
        if len(input_shape) < 2:
            raise ValueError(
                f"LastSteps takes (batch, time, ...). Received shape {tuple(input_shape)}."
            )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the last steps."""
        return inputs[:, -self.steps :]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the last steps."""
        return None if previous_mask is None else previous_mask[:, -self.steps :]

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape of the last steps, in the dtype of the input."""
        batch, length, *rest = inputs.shape
        kept = None if length is None else min(self.steps, length)
        return keras.KerasTensor((batch, kept, *rest), dtype=inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the layer's settings."""
        return {**super().get_config(), "steps": self.steps}
