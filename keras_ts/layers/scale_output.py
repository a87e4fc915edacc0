"""``ScaleOutput``: the serializable, invertible form of ``Lambda(lambda x: x * 100.0)``."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts._typing import Array
from keras_ts.layers.base import SeriesLayer


@registered
class ScaleOutput(SeriesLayer):
    """Brings a network's output to the units of the series: ``y = x * scale + offset``.

    A recurrent layer's ``tanh`` stays between -1 and 1, however large the values of a series are.

    Example:

    >>> import numpy as np
    >>> from keras_ts import ScaleOutput
    >>> layer = ScaleOutput(100.0)
    >>> np.asarray(layer(np.array([[0.25], [-1.0]]))).tolist()
    [[25.0], [-100.0]]
    >>> np.asarray(layer.invert(np.array([[25.0]]))).tolist()
    [[0.25]]

    ``from_series`` reads scale and offset from training data:

    >>> layer = ScaleOutput.from_series(np.array([10.0, 30.0]), method="min_max")
    >>> layer.scale, layer.offset
    (20.0, 10.0)

    Args:
        scale: Factor of the input: a finite number other than 0, or a list with one for each
            feature of the last axis.
        offset: Number added to the product, in units of the series: finite, or a list with one for
            each feature. Defaults to 0.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        Any; if ``scale`` or ``offset`` is a list, with as many features on the last axis.

    Output shape:
        The shape of the input. Integers become floats. A half-precision policy gives float32.

    Raises:
        TypeError: ``scale`` or ``offset`` is not a number or a flat list of numbers.
        ValueError: A number is not finite or does not fit the output's dtype, a scale is 0, or
            ``scale``, ``offset`` and the last axis differ in length.
    """

    _settings = ("scale", "offset")

    def __init__(
        self, scale: float | Sequence[float], offset: float | Sequence[float] = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.scale = _checks.per_feature("scale", scale, self._factor)
        self.offset = _checks.per_feature("offset", offset, self._summand)
        lengths = {len(v) for v in (self.scale, self.offset) if isinstance(v, list)}
        if len(lengths) > 1:
            raise ValueError(
                "scale and offset must have the same length. Received: "
                f"scale={self.scale}, offset={self.offset}."
            )
        self._features = lengths.pop() if lengths else None
        self.supports_masking = True

    @classmethod
    def from_series(
        cls,
        series: Any,
        method: Literal["standard", "max_abs", "min_max"] = "standard",
        **kwargs: Any,
    ) -> "ScaleOutput":
        """Return a layer with the scale and offset of a series; pass the training part alone.

        Args:
            series: ``(time,)``, ``(time, columns)`` for one scale per column, or a list of
                such arrays.
            method: What ``scale`` and ``offset`` are. ``"standard"``: standard deviation and mean;
                ``"max_abs"``: largest absolute value and 0; ``"min_max"``: range and minimum.
            **kwargs: Arguments of the layer.

        Raises:
            ValueError: The series is empty, or a column is constant (for ``"max_abs"``: all 0), or
                a value is missing or infinite.
        """
        _checks.choice("method", method, ("standard", "max_abs", "min_max"))
        values = _stacked(series)
        if method == "standard":
            scale, offset = values.std(axis=0), values.mean(axis=0)
        elif method == "max_abs":
            scale, offset = np.abs(values).max(axis=0), np.zeros(values.shape[1:])
        else:
            scale, offset = np.ptp(values, axis=0), values.min(axis=0)
        # By rounding, equal values may have a standard deviation above 0.
        constant = np.ptp(values, axis=0) == 0 if method == "standard" else scale == 0
        if np.any(constant):
            column = "" if values.ndim == 1 else f"column {np.argmax(constant)} of "
            raise ValueError(
                f"{column}series is constant, so method={method!r} finds no scale. Give one: "
                "ScaleOutput(scale=1.0, offset=...)."
            )
        return cls(scale.tolist(), offset.tolist(), **kwargs)

    def build(self, input_shape: Any) -> None:
        """Check that there is one scale for each feature."""
        if self._features is not None and (not input_shape or input_shape[-1] != self._features):
            raise ValueError(
                f"ScaleOutput has {self._features} scales or offsets, one per feature of the "
                f"last axis. Received shape {tuple(input_shape)}."
            )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Scale and shift."""
        scale, offset = self._tensors()
        return ops.cast(inputs, self._float_dtype) * scale + offset

    def invert(self, outputs: Any) -> Any:
        """Return the input that gives ``outputs``: ``(outputs - offset) / scale``."""
        scale, offset = self._tensors()
        return (ops.cast(ops.convert_to_tensor(outputs), self._float_dtype) - offset) / scale

    def _tensors(self) -> tuple[Any, Any]:
        dtype = self._float_dtype
        return ops.convert_to_tensor(self.scale, dtype), ops.convert_to_tensor(self.offset, dtype)

    def _factor(self, name: str, value: Any) -> float:
        scale = _checks.real(name, value)
        if scale == 0:
            raise ValueError(f"scale must not be 0. Received: {name}={scale!r}.")
        return _checks.fits(name, scale, self._float_dtype)

    def _summand(self, name: str, value: Any) -> float:
        return _checks.fits(name, _checks.real(name, value), self._float_dtype, may_vanish=True)


def _stacked(series: Any) -> Array:
    """Return the series, or those of a list joined along time, as one float64 array."""
    listed = isinstance(series, list | tuple) and series and np.ndim(series[0]) > 0
    arrays = [_checks.numeric(item, "series") for item in (series if listed else [series])]
    values = np.concatenate([np.atleast_1d(array) for array in arrays]).astype(np.float64)
    if not values.size or values.ndim > 2:
        raise ValueError(
            f"series must be (time,) or (time, columns), and not empty. Received {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError(
            "series has missing or infinite values; fill them or leave them out first."
        )
    return values
