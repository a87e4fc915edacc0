"""``LinearForecast``: a linear map from a window to its forecast.

A linear autoregression is hard to beat on a long series, and a recurrent net is slow to learn one.
A net whose forecasts are added to those of this layer learns only what is not linear.
"""

from typing import Any

from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.layers.base import SeriesLayer
from keras_ts.layers.normalize_window import present_steps, zero_unless


@registered
class LinearForecast(SeriesLayer):
    """Forecasts each feature by a linear map of its window, whose weights begin at 0.

    ``RecurrentPreset(smoothing="linear")`` sets the weights of a model for a dataset by ridge
    regression, and freezes them.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> from keras_ts.layers import LinearForecast
    >>> layer = LinearForecast(steps=2)
    >>> layer.build((None, 3, 1))
    >>> layer.set_weights([np.array([[[0, 0], [0, 1], [1, 0]]])])  # (features, time, steps)
    >>> keras.ops.convert_to_numpy(layer(np.array([[[5.0], [6.0], [7.0]]])))[0, :, 0].tolist()
    [7.0, 6.0]

    Args:
        steps: Steps to forecast.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        Windows of a fixed length, ``(batch, time, features)``, each relative to its location,
        as ``NormalizeWindow`` returns them: masked steps count as 0.

    Output shape:
        ``(batch, steps, features)``, without a mask. Float32 under a half-precision policy.

    Raises:
        TypeError: ``steps`` is not an integer.
        ValueError: ``steps`` is below 1, or the input is not windows of a fixed length.
    """

    _settings = ("steps",)

    def __init__(self, steps: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps = _checks.integer("steps", steps, 1)

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        _, length, features = input_shape
        self.kernel = self._weight("kernel", (features, length, self.steps))
        super().build(input_shape)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the forecasts."""
        dtype = self._float_dtype
        windows = ops.cast(inputs, dtype)
        if mask is not None:
            windows = zero_unless(present_steps(mask, windows), windows)
        forecasts = ops.matmul(ops.transpose(windows, (2, 0, 1)), ops.cast(self.kernel, dtype))
        return ops.transpose(forecasts, (1, 2, 0))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask: every forecast counts."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the forecasts."""
        return (input_shape[0], self.steps, input_shape[2])
