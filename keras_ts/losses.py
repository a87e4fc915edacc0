"""Losses: the pinball loss of quantiles, and the squared error in units of each target.

Keras's own losses expect outputs of the targets' shape. If the outputs have one more axis, that of
the quantiles, they broadcast to a wrong number or crash; the losses here check shapes.
``QuantileLoss`` gives one value for each window, so that ``sample_weight`` weighs whole windows.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ts import _checks
from keras_ts._per_window import per_window, quantile_errors, window_weights
from keras_ts._registration import registered, renamed

__all__ = ["QuantileLoss", "StandardizedMSE"]


@renamed(levels="quantiles")
@registered
class QuantileLoss(keras.losses.Loss):
    """The pinball loss of quantiles, for a model that ends in ``SortedQuantiles``.

    For a target ``y`` and the quantile ``q`` of level ``p`` it is ``max(p (y - q), (p - 1) (y -
    q))``. Its mean is lowest if a share ``p`` of the targets lies below ``q`` (Koenker and Bassett,
    Econometrica 1978). A window's loss is the mean over its steps, targets and levels; with the
    level 0.5 alone it is half the mean absolute error.

    Example:

    >>> import numpy as np
    >>> from keras_ts.losses import QuantileLoss
    >>> loss = QuantileLoss([0.1, 0.5, 0.9])
    >>> targets, quantiles = np.array([10.0]), np.array([[8.0, 9.0, 12.0]])
    >>> round(float(loss(targets, quantiles)), 3)  # (0.1 * 2 + 0.5 * 1 + 0.1 * 2) / 3
    0.3

    Args:
        quantiles: The levels of the quantiles on the last axis of the outputs, increasing between 0
            and 1, with 0.5 among them.
        reduction: How the losses of the windows become one, as for every Keras loss; None or
            ``"none"``: one loss for each window. Defaults to ``"sum_over_batch_size"``, the mean.
        name: Name of the loss.
        dtype: As for every Keras loss. Defaults to None, Keras's ``floatx``.

    Input shape:
        Targets of any shape ``(batch, ...)``; outputs of the targets' shape with one more axis, of
        length ``len(quantiles)``, at the end. Before it, targets or outputs may have an axis of
        length 1 that the others lack, as in ``(batch,)`` and ``(batch, 1, quantiles)``. Weights
        ``(batch,)``, or with further axes of length 1. If the outputs have a mask, ``(batch,
        time)``, masked steps are left out, and so are windows without any other step.

    Raises:
        TypeError: ``quantiles`` is not a list of numbers.
        ValueError: ``quantiles`` do not increase between 0 and 1, or lack 0.5; or the shapes of
            targets, outputs, weights and mask do not fit each other.
    """

    def __init__(
        self,
        quantiles: Sequence[float],
        reduction: str | None = "sum_over_batch_size",
        name: str = "quantile_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.quantiles = _checks.levels("quantiles", quantiles)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the losses of the windows, weighed and reduced.

        Keras's own method multiplies them, ``(batch,)``, by weights ``(batch, 1, 1)`` or a mask
        ``(batch, time)`` without a check of shapes; that broadcasts to a wrong loss.
        """
        errors, mask = quantile_errors(self, y_true, y_pred)
        losses, present = per_window(self._pinball(errors), mask)
        weights = window_weights(self, sample_weight, losses)
        if present is not None:
            if self.reduction in ("sum_over_batch_size", "mean"):
                # The reduction divides by all windows; this factor makes it divide by those
                # with an unmasked step, as Keras does it for its own losses.
                present *= 1.0 / ops.maximum(ops.mean(present), keras.config.epsilon())
            weights = present if weights is None else weights * present
        return _Reduce(reduction=self.reduction, dtype=self.dtype)(losses, losses, weights)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one loss for each window, ``(batch,)``."""
        errors, mask = quantile_errors(self, y_true, y_pred)
        return per_window(self._pinball(errors), mask)[0]

    def get_config(self) -> dict[str, Any]:
        """Return the loss's settings, with its dtype, which Keras's own losses leave out."""
        return {**super().get_config(), "quantiles": list(self.quantiles), "dtype": self.dtype}

    def _pinball(self, errors: Any) -> Any:
        levels = ops.convert_to_tensor(self.quantiles, dtype=errors.dtype)
        return ops.maximum(levels * errors, (levels - 1.0) * errors)


@registered
class StandardizedMSE(keras.losses.MeanSquaredError):
    """The mean squared error in units of each target.

    Each error is divided by ``unit`` before it is squared. Otherwise the squared error of
    populations may exceed float32, and that of exchange rates may be too small for an optimizer;
    and of two targets, the one with the larger values would alone decide the loss.

    Example:

    >>> import numpy as np
    >>> from keras_ts.losses import StandardizedMSE
    >>> loss = StandardizedMSE(unit=[100.0, 0.1])
    >>> round(float(loss(np.array([[500.0, 2.0]]), np.array([[600.0, 2.2]]))), 3)
    2.5

    Args:
        unit: Scale of the targets, such as their standard deviation: a number, or a list with one
            number for each entry of the last axis.
        reduction: As for every Keras loss. Defaults to ``"sum_over_batch_size"``, the mean.
        name: Name of the loss.
        dtype: As for every Keras loss. Defaults to None, Keras's ``floatx``.

    Input shape:
        Targets and outputs of one shape, with weights, as for Keras's ``MeanSquaredError``.

    Raises:
        TypeError: ``unit`` is not a number or a list of numbers.
        ValueError: A unit is not above 0, or float32 cannot hold it; targets and outputs differ in
            shape; or the length of their last axis differs from that of ``unit``.
    """

    def __init__(
        self,
        unit: float | Sequence[float],
        reduction: str | None = "sum_over_batch_size",
        name: str = "standardized_mse",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.unit = _checks.per_feature("unit", unit, _unit)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one loss for each window, or for each step of it."""
        if len(y_true.shape) + 1 == len(y_pred.shape) and y_pred.shape[-1] == 1:
            y_true = ops.expand_dims(y_true, -1)
        both = zip(y_true.shape, y_pred.shape, strict=False)
        if len(y_true.shape) != len(y_pred.shape) or any(
            None not in sizes and len(set(sizes)) > 1 for sizes in both
        ):
            raise ValueError(
                "StandardizedMSE takes targets and outputs of one shape. Received: targets "
                f"{tuple(y_true.shape)}, outputs {tuple(y_pred.shape)}."
            )
        units = len(self.unit) if isinstance(self.unit, list) else None
        if units is not None and (len(y_pred.shape) < 2 or y_pred.shape[-1] != units):
            raise ValueError(
                f"unit must have one number for each entry of the last axis. Received: {units} "
                f"numbers for outputs {tuple(y_pred.shape)}."
            )
        # Subtract in the targets' own units first: quotients of large values would lose digits.
        errors = ops.cast(y_true - y_pred, self.dtype)
        errors = errors / ops.convert_to_tensor(self.unit, dtype=errors.dtype)
        return super().call(ops.zeros_like(errors), errors)

    def get_config(self) -> dict[str, Any]:
        """Return the loss's settings, with its dtype, which Keras's own losses leave out."""
        return {**super().get_config(), "unit": self.unit, "dtype": self.dtype}


def _unit(name: str, value: Any) -> float:
    return _checks.fits(name, _checks.positive(name, value), "float32")


class _Reduce(keras.losses.Loss):
    """Weighs and reduces given losses as Keras does, also under a distribution strategy."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return y_pred
