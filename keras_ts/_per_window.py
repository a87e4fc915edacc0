"""Reduces the errors of quantiles to one value for each window; losses and metrics share it."""

from typing import Any

from keras import ops

from keras_ts import _checks
from keras_ts._keras_private import mask_of


def quantile_errors(owner: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return targets minus quantiles, ``(batch, ..., quantiles)``, and the mask ``(batch, ...)``.

    The errors of masked steps are 0, so that neither their gradients nor their NaNs count.
    """
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
    if mask is None:
        return errors, None
    kept = tuple(mask.shape)
    if len(kept) >= len(outputs) or not _equal(kept, outputs[: len(kept)]):
        raise ValueError(
            f"{type(owner).__name__} takes a mask that has the first axes of the outputs. Received "
            f"a mask {kept} of outputs {outputs}."
        )
    mask = ops.cast(mask, "bool")
    wide = ops.reshape(mask, (*ops.shape(mask), *[1] * (len(outputs) - len(kept))))
    return ops.where(wide, errors, ops.zeros_like(errors)), mask


def per_window(values: Any, mask: Any) -> tuple[Any, Any]:
    """Return the mean of each window over its unmasked steps, and 1 if it has any, else 0.

    Without a mask, the second value is None.
    """
    first = 1 if mask is None else len(mask.shape)
    if len(values.shape) > first:
        values = ops.mean(values, axis=tuple(range(first, len(values.shape))))
    if mask is None:
        return values, None
    steps = tuple(range(1, first))
    kept = ops.cast(mask, values.dtype)
    values = values * kept
    if steps:
        values, kept = ops.sum(values, axis=steps), ops.sum(kept, axis=steps)
    return values / ops.maximum(kept, 1.0), ops.cast(kept > 0, values.dtype)


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


def _equal(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    """Return True if two shapes are equal; an axis of unknown length, None, equals any."""
    return len(first) == len(second) and all(
        None in (a, b) or a == b for a, b in zip(first, second, strict=True)
    )
