"""``Bounded``: forecasts within bounds that the series never leaves, such as sales above 0.

A clipped output has no gradient, so a net that once forecasts below 0 could not learn its way back.
The layer therefore clips outside of training only.
"""

from typing import Any

from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.layers.base import SeriesLayer


@registered
class Bounded(SeriesLayer):
    """Clips forecasts to bounds, except in training.

    Put the layer last in a model, as ``RecurrentPreset(minimum=0)`` does. ``calibrate`` moves it
    behind the ``ConformalInterval``, so that intervals lie within the bounds, too.

    Example:

    >>> import numpy as np
    >>> from keras_ts.layers import Bounded
    >>> sales = np.array([[-3.0, 0.5, 12.0]])
    >>> np.asarray(Bounded(minimum=0)(sales)).tolist()
    [[0.0, 0.5, 12.0]]
    >>> np.asarray(Bounded(minimum=0, maximum=10)(sales)).tolist()
    [[0.0, 0.5, 10.0]]
    >>> np.asarray(Bounded(minimum=0)(sales, training=True)).tolist()
    [[-3.0, 0.5, 12.0]]

    Args:
        minimum: The lower bound, in the units of the series. Defaults to None: no lower bound.
        maximum: The upper bound, in the same units. Defaults to None: no upper bound.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        Any.

    Output shape:
        The shape of the input, with its mask. Float32 under a half-precision policy. NaN stays NaN.

    Raises:
        TypeError: A bound is not a number.
        ValueError: A bound is not finite or does not fit the output's dtype, ``minimum`` is not
            below ``maximum``, or both are None.
    """

    _settings = ("minimum", "maximum")

    def __init__(
        self, minimum: float | None = None, maximum: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.minimum = self._bound("minimum", minimum)
        self.maximum = self._bound("maximum", maximum)
        if None not in (self.minimum, self.maximum) and not self.minimum < self.maximum:  # type: ignore[operator]
            raise ValueError(
                "minimum must be below maximum. Received: "
                f"minimum={self.minimum}, maximum={self.maximum}."
            )
        self.supports_masking = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Clip the forecasts, unless in training."""
        outputs = ops.cast(inputs, self._float_dtype)
        if training:
            return outputs
        if self.minimum is not None:
            outputs = ops.maximum(outputs, self.minimum)
        if self.maximum is not None:
            outputs = ops.minimum(outputs, self.maximum)
        return outputs

    def _bound(self, name: str, value: Any) -> float | None:
        if value is None:
            return None
        return _checks.fits(name, _checks.real(name, value), self._float_dtype, may_vanish=True)
