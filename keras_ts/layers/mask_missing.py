"""``MaskMissing``: masks steps with missing values.

Values may be missing within a series, or before it begins: in a panel, missing steps in front of a
short series let it share the windows of longer ones.
"""

from typing import Any, Literal

from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.layers.base import SeriesLayer
from keras_ts.windows.scale import parted


@registered
class MaskMissing(SeriesLayer):
    """Masks each step at which values are missing, and replaces missing values by 0.

    Example:

    >>> import numpy as np
    >>> from keras_ts.layers import MaskMissing
    >>> layer = MaskMissing()
    >>> windows = np.array([[[np.nan], [2.0], [3.0]]])
    >>> np.asarray(layer(windows)).ravel().tolist()
    [0.0, 2.0, 3.0]
    >>> np.asarray(layer.compute_mask(windows)).tolist()
    [[False, True, True]]

    Args:
        features: ``"any"`` to mask a step if any feature lacks a value, or ``"all"`` to mask it
            only if all do, which suits several targets of one series. Defaults to ``"any"``.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        ``(batch, time, features)``, with NaN or an infinite number for a missing value.

    Output shape:
        The shape of the input, with a mask ``(batch, time)``: False at masked steps, those that a
        mask of the input excludes among them. Float32 under a half-precision policy.

    Raises:
        ValueError: ``features`` is neither ``"any"`` nor ``"all"``, or the input has no three axes.
    """

    _settings = ("features",)

    def __init__(self, features: Literal["any", "all"] = "any", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = _checks.choice("features", features, ("any", "all"))
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Refuse inputs without an axis of features, whose steps would pass for features."""
        if len(input_shape) != 3:
            raise ValueError(
                "MaskMissing takes windows (batch, time, features). Received: shape "
                f"{tuple(input_shape)}. Put ExpandSeries in front of it for plain series."
            )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the windows with 0 for missing values."""
        return parted(ops.cast(inputs, self._float_dtype), ops)[0]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return True for each step that is not masked."""
        _, missing = parted(ops.cast(inputs, self._float_dtype), ops)
        lacking = ops.any if self.features == "any" else ops.all
        present = ops.logical_not(lacking(missing, axis=-1))
        return present if previous_mask is None else ops.logical_and(present, previous_mask)
