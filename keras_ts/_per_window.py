"""Reduces errors to one value for each window, for losses and metrics.

Targets that are NaN are missing and are left out. A missing or masked value becomes 0 before
anything is computed from it: dropped later, it could still make the gradient NaN.
"""

from typing import Any

import keras
from keras import ops

from keras_ts import _checks
from keras_ts._keras_private import mask_of


def quantile_errors(owner: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any, int]:
    """Return errors ``(batch, ..., quantiles)``, which targets count, and the mask's axes."""
    # Errors are targets minus quantiles. A missing or masked target does not count, and its errors
    # are 0. The third value is 1 without a mask.
    mask = mask_of(y_pred)
    y_pred = ops.convert_to_tensor(y_pred, dtype=owner.dtype)
    y_true = ops.convert_to_tensor(y_true, dtype=owner.dtype)
    targets, outputs = tuple(y_true.shape), tuple(y_pred.shape)
    count, places = len(owner.quantiles), outputs[:-1]
    fits = _equal(places, targets) or _equal(places, (*targets, 1)) or _equal((*places, 1), targets)
    if not targets or not places or outputs[-1] != count or not fits:
        raise ValueError(
            f"{type(owner).__name__} takes outputs of the targets' shape and one more axis, of "
            f"{count} quantiles: {_checks.shown(list(owner.quantiles))}. Received targets "
            f"{targets} and outputs {outputs}. End the model in SortedQuantiles(quantiles)."
        )
    errors = ops.reshape(y_true, (*ops.shape(y_pred)[:-1], 1)) - y_pred
    counted = ops.reshape(ops.logical_not(ops.isnan(y_true)), ops.shape(y_pred)[:-1])
    counted = _unmasked(owner, counted, mask, places)
    errors = ops.where(ops.expand_dims(counted, -1), errors, ops.zeros_like(errors))
    return errors, counted, 1 if mask is None else len(mask.shape)


def point_pairs(owner: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any, Any]:
    """Return targets and outputs of one shape, 0 where they do not count, and which count."""
    mask = mask_of(y_pred)
    y_pred = ops.convert_to_tensor(y_pred, dtype=owner.dtype)
    y_true = ops.convert_to_tensor(y_true, dtype=owner.dtype)
    targets, outputs = tuple(y_true.shape), tuple(y_pred.shape)
    if _equal((*targets, 1), outputs):
        y_true = ops.expand_dims(y_true, -1)
    elif _equal(targets, (*outputs, 1)):
        y_pred = ops.expand_dims(y_pred, -1)
    elif not targets or not _equal(targets, outputs):
        raise ValueError(
            f"{type(owner).__name__} takes targets and outputs of one shape. Received: targets "
            f"{targets}, outputs {outputs}."
        )
    if len(y_true.shape) == 1:
        y_true, y_pred = ops.expand_dims(y_true, -1), ops.expand_dims(y_pred, -1)
    elif len(targets) != len(outputs) and len(y_true.shape) > 2:
        # As in Keras, the losses then have one axis less than the targets or the outputs.
        y_true, y_pred = ops.squeeze(y_true, -1), ops.squeeze(y_pred, -1)
    counted = ops.logical_not(ops.isnan(y_true))
    counted = _unmasked(owner, counted, mask, tuple(y_true.shape))
    none = ops.zeros_like(y_pred)
    return ops.where(counted, y_true, none), ops.where(counted, y_pred, none), counted


def per_window(values: Any, counted: Any, axes: int = 1) -> tuple[Any, Any]:
    """Return each window's mean over the values that count, and 1, or 0 if none counts."""
    # ``values`` are 0 where they do not count. Both are averaged over all axes but the first
    # ``axes``, those of a mask: ``counted`` may lack an axis of quantiles. Without missing values
    # the shares are 1, and a division by 1 changes no bit. Half precision holds no large counts.
    exact = keras.backend.result_type(values.dtype, "float32")
    shares = ops.cast(_mean_from(ops.cast(counted, exact), axes), values.dtype)
    values = _mean_from(values, axes)
    steps = tuple(range(1, axes))
    if steps:
        values, shares = ops.sum(values, axis=steps), ops.sum(shares, axis=steps)
    present = shares > 0
    values = values / ops.where(present, shares, ops.ones_like(shares))
    return values, ops.cast(present, values.dtype)


def mean_over_present(owner: Any, present: Any) -> Any:
    """Return weights such that the mean over all windows is that over the windows present."""
    # Keras divides a mean by the number of all windows.
    if owner.reduction not in ("sum_over_batch_size", "mean"):
        return present
    return present * (1.0 / ops.maximum(ops.mean(present), keras.config.epsilon()))


def window_weights(owner: Any, weights: Any, values: Any) -> Any:
    """Return weights as ``(batch,)``, or None."""
    if weights is None:
        return None
    weights = ops.convert_to_tensor(weights, dtype=values.dtype)
    shape = tuple(weights.shape)
    if not _equal(shape, (values.shape[0], *[1] * (len(shape) - 1))):
        raise ValueError(
            f"{type(owner).__name__} takes one weight for each window: the shape (batch,), or "
            f"(batch, 1) and so on. Received: weights {shape} for {values.shape[0]} windows."
        )
    return ops.reshape(weights, ops.shape(values))


def _unmasked(owner: Any, counted: Any, mask: Any, outputs: tuple[Any, ...]) -> Any:
    """Return ``counted``, False also where ``mask`` is, which has the first axes of the outputs."""
    if mask is None:
        return counted
    shape = tuple(mask.shape)
    if len(shape) > len(outputs) or not _equal(shape, outputs[: len(shape)]):
        raise ValueError(
            f"{type(owner).__name__} takes a mask that has the first axes of the outputs. Received "
            f"a mask {shape} of outputs {outputs}."
        )
    mask = ops.reshape(mask, (*ops.shape(mask), *[1] * (len(outputs) - len(shape))))
    return ops.logical_and(counted, ops.cast(mask, "bool"))


def _mean_from(values: Any, axes: int) -> Any:
    behind = tuple(range(axes, len(values.shape)))
    return ops.mean(values, axis=behind) if behind else values


def _equal(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    """Return True if two shapes are equal; an axis of unknown length, None, equals any."""
    return len(first) == len(second) and all(
        None in (a, b) or a == b for a, b in zip(first, second, strict=True)
    )
