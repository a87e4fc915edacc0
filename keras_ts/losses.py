"""Losses that check shapes and leave out missing targets.

Keras's own losses broadcast or crash where the outputs have one more axis, that of the quantiles,
and a single target that is NaN makes them NaN. Here each window's loss is the mean over its targets
that are present, so that sample weights weigh windows and nothing else.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import keras
import numpy as np
from keras import ops

from keras_ts import _checks
from keras_ts._keras_private import serialized_loss
from keras_ts._per_window import (
    mean_over_present,
    per_window,
    point_pairs,
    quantile_errors,
    window_weights,
)
from keras_ts._registration import registered
from keras_ts._typing import Array

__all__ = ["MaskedLoss", "QuantileLoss", "StandardizedMSE"]
# ``dir`` shows only the public names.
__dir__ = __all__.copy


class _Reduce(keras.losses.Loss):
    """Weighs and reduces given losses as Keras does, also under a distribution strategy."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return y_pred


class _WindowLoss(keras.losses.Loss):
    """The mean over windows of each window's mean over its targets that are present."""

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the losses of the windows, weighed and reduced."""
        # Keras's own method would broadcast losses ``(batch,)`` with weights ``(batch, 1, 1)`` or a
        # mask ``(batch, time)``, to a wrong loss.
        losses, present, unreduced = self._losses(y_true, y_pred)
        weights = mean_over_present(self, present)
        given = window_weights(self, sample_weight, losses)
        weights = weights if given is None else given * weights
        losses, weights = _repeated(losses, unreduced), _repeated(weights, unreduced)
        reduce = _Reduce(name="reduce", reduction=self.reduction, dtype=self.dtype)
        return reduce(losses, losses, weights)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each window; for points, repeated along the axes before the last."""
        losses, _, unreduced = self._losses(y_true, y_pred)
        return _repeated(losses, unreduced)

    def get_config(self) -> dict[str, Any]:
        """Return name and reduction, and the dtype, which Keras's own losses leave out."""
        return {**super().get_config(), "dtype": self.dtype}

    def _losses(self, y_true: Any, y_pred: Any) -> tuple[Any, Any, Any]:
        """Return each window's loss; 1 if it counts, else 0; zeros of the shape of ``call``."""
        raise NotImplementedError


@registered
class QuantileLoss(_WindowLoss):
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
        time)``, masked steps are left out, and so are windows whose steps are all masked.

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

    def get_config(self) -> dict[str, Any]:
        """Return the loss's settings."""
        return {**super().get_config(), "quantiles": list(self.quantiles)}

    def _losses(self, y_true: Any, y_pred: Any) -> tuple[Any, Any, Any]:
        errors, counted, axes = quantile_errors(self, y_true, y_pred)
        levels = ops.convert_to_tensor(self.quantiles, dtype=errors.dtype)
        pinball = ops.maximum(levels * errors, (levels - 1.0) * errors)
        losses, present = per_window(pinball, counted, axes)
        return losses, present, ops.zeros_like(losses)


@registered
class MaskedLoss(_WindowLoss):
    """A loss of Keras's, or your own, that leaves out missing targets.

    With ``missing="mask_targets"`` targets may be NaN, such as the sales of a day on which a shop
    was closed. The loss of a window is the mean over its targets that are present. Where one is
    missing, target and output both become 0 before ``loss`` sees them, so neither gives a gradient.

    Example:

    >>> import numpy as np
    >>> from keras_ts.losses import MaskedLoss
    >>> loss = MaskedLoss("mae")
    >>> targets = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, 4.0]])
    >>> float(loss(targets, np.zeros((2, 3))))  # the mean of 2 and 4
    3.0

    Args:
        loss: A loss by its Keras name, a Keras loss, or a function of targets and outputs. It must
            be a mean over the last axis, of terms that depend on one target each, and 0 where
            targets equal outputs, as ``"mae"``, ``"mse"``, ``"huber"`` and ``"log_cosh"`` are.
        reduction: As for every Keras loss. Defaults to ``"sum_over_batch_size"``, the mean.
            ``loss`` itself must keep its default reduction.
        name: Name of the loss.
        dtype: As for every Keras loss. Defaults to None, Keras's ``floatx``.

    Input shape:
        Targets and outputs of one shape, ``(batch, ...)``; either may lack a last axis of length 1.
        Weights ``(batch,)``, or with further axes of length 1. A mask of the outputs leaves out
        the steps that it masks. A window without any target left is not counted. With
        ``reduction="none"`` the loss lacks the last axis, if it is not the batch's, and is the same
        all along a window.

    Raises:
        ValueError: ``loss`` is no loss that Keras knows; already leaves out missing targets, is no
            mean over the last axis, is not 0 where targets equal outputs, or has a reduction of its
            own; or the shapes of targets, outputs, weights and mask do not fit each other.
    """

    def __init__(
        self,
        loss: Any,
        reduction: str | None = "sum_over_batch_size",
        name: str = "masked_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.loss = keras.losses.get(loss) if isinstance(loss, dict) else loss
        self._inner = _function_of(self.loss)
        _check_maskable(self._inner, loss)

    def get_config(self) -> dict[str, Any]:
        """Return the loss's settings."""
        loss = self.loss if isinstance(self.loss, str) else serialized_loss(self.loss)
        return {**super().get_config(), "loss": loss}

    def _losses(self, y_true: Any, y_pred: Any) -> tuple[Any, Any, Any]:
        y_true, y_pred, counted = point_pairs(self, y_true, y_pred)
        values = self._inner(y_true, y_pred)
        return *per_window(values, counted), ops.zeros_like(values)


@registered
class StandardizedMSE(_WindowLoss):
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
        As for ``MaskedLoss``, with weights and masks. Targets that are NaN are missing.

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

    def _losses(self, y_true: Any, y_pred: Any) -> tuple[Any, Any, Any]:
        y_true, y_pred, counted = point_pairs(self, y_true, y_pred)
        if isinstance(self.unit, list) and y_pred.shape[-1] != len(self.unit):
            raise ValueError(
                "unit must have one number for each entry of the last axis. Received: "
                f"{len(self.unit)} numbers for outputs {tuple(y_pred.shape)}."
            )
        # Targets divided by a small unit would lose digits, so errors are divided.
        errors = (y_true - y_pred) / ops.convert_to_tensor(self.unit, dtype=y_pred.dtype)
        values = ops.mean(ops.square(errors), axis=-1)
        return *per_window(values, counted), ops.zeros_like(values)

    def get_config(self) -> dict[str, Any]:
        """Return the loss's settings."""
        return {**super().get_config(), "unit": self.unit}


def _unit(name: str, value: Any) -> float:
    return _checks.fits(name, _checks.positive(name, value), "float32")


def _function_of(loss: Any) -> Callable[[Any, Any], Any]:
    """Return a function of targets and outputs that gives losses before they are reduced."""
    known = keras.losses.get(loss) if isinstance(loss, str) else loss
    if isinstance(known, MaskedLoss | QuantileLoss | StandardizedMSE):
        raise ValueError(
            f"{type(known).__name__} already leaves out missing targets: use it without MaskedLoss."
        )
    if isinstance(known, keras.losses.Loss):
        if known.reduction not in ("sum_over_batch_size", "mean"):
            raise ValueError(
                "loss must keep its default reduction: pass reduction= to MaskedLoss. Received: "
                f"{type(known).__name__} with reduction={known.reduction!r}."
            )
        return known.call
    return cast(Callable[[Any, Any], Any], known)


def _check_maskable(function: Callable[[Any, Any], Any], loss: Any) -> None:
    """Refuse a loss that is no mean of terms of one target each, or is not 0 without errors."""
    targets = np.array([[[0.3, 1.1, 0.7]], [[0.9, 0.2, 2.5]]], "float32")
    outputs = np.array([[[0.8, 0.4, 1.6]], [[1.3, 0.6, 0.1]]], "float32")

    def losses(targets: Array, outputs: Array) -> Array:
        tensors = ops.convert_to_tensor(targets), ops.convert_to_tensor(outputs)
        return np.asarray(ops.convert_to_numpy(function(*tensors)))

    what = f"Received: loss={_checks.shown(loss)}"
    try:
        by_step = losses(targets, outputs)
        single = [
            losses(np.full((1, 1, 1), y, "float32"), np.full((1, 1, 1), p, "float32"))
            for y, p in zip(targets.flat, outputs.flat, strict=True)
        ]
        equal = [losses(values, values) for values in (targets, np.zeros_like(targets))]
    except Exception as error:
        raise ValueError(
            f"loss must take targets and outputs of one shape. {what}, which fails for the shape "
            f"{targets.shape}: {error}"
        ) from error
    means = np.array(single, np.float64).reshape(-1, targets.shape[-1]).mean(axis=1)
    if by_step.shape != targets.shape[:-1] or not np.allclose(by_step.ravel(), means, 1e-4, 1e-6):
        raise ValueError(
            "loss must be a mean over the last axis, of terms that depend on one target each, so "
            f"that some can be left out. {what}."
        )
    if not np.allclose(equal, 0.0, atol=1e-6):
        raise ValueError(
            "loss must be 0 where targets equal outputs, since missing targets and their outputs "
            f"are replaced by 0. {what}."
        )


def _repeated(values: Any, unreduced: Any) -> Any:
    """Return one value for each window, repeated along the further axes of ``unreduced``."""
    return ops.reshape(values, (-1, *[1] * (len(unreduced.shape) - 1))) + unreduced
