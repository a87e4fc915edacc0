"""Reduces the errors of quantiles to one value for each window, for losses and metrics."""

from typing import Any

from keras import ops

from keras_ts import _checks
from keras_ts._keras_private import mask_of


def quantile_errors(owner: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return targets minus quantiles, ``(batch, ..., quantiles)``, and the mask ``(batch, ...)``.

    Masked steps have errors of 0, so that they give neither a gradient nor NaN.
    """
    mask = mask_of(y_pred)
    y_pred = ops.convert_to_tensor(y_pred, dtype=owner.dtype)
    y_true = ops.convert_to_tensor(y_true, dtype=owner.dtype)
    targets, outputs = tuple(y_true.shape), tuple(y_pred.shape)
    count, places = len(owner.quantiles), outputs[:-1]
    fits = _equal(places, targets) or _equal(places, (*targets, 1)) or _equal((*places, 1), targets)
    if not targets or not places or outputs[-1] != count or not fits:
        raise ValueError(
            f"{type(owner).__name__} takes outputs of the targets' shape with an axis of {count} "
            f"quantiles behind it, as many as quantiles={_checks.shown(list(owner.quantiles))}. "
            f"Received targets {targets} and outputs {outputs}: end the model in "
            "SortedQuantiles(quantiles)."
        )
    errors = ops.reshape(y_true, (*ops.shape(y_pred)[:-1], 1)) - y_pred
    if mask is None:
        return errors, None
    kept = tuple(mask.shape)
    if len(kept) >= len(outputs) or not _equal(kept, outputs[: len(kept)]):
        raise ValueError(
            f"{type(owner).__name__} takes a mask of the outputs' leading axes. Received a mask "
            f"{kept} of outputs {outputs}."
        )
    mask = ops.cast(mask, "bool")
    wide = ops.reshape(mask, (*ops.shape(mask), *[1] * (len(outputs) - len(kept))))
    return ops.where(wide, errors, ops.zeros_like(errors)), mask


def per_window(values: Any, mask: Any) -> tuple[Any, Any]:
    """Return each window's mean over unmasked steps, and 1 if it has any such step, else 0.

    The second is None without a mask.
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
            f"{type(owner).__name__} takes one weight for each window, (batch,), maybe with axes "
            f"of length 1 behind it. Received weights {shape} for {values.shape[0]} windows."
        )
    return ops.reshape(weights, ops.shape(values))


def _equal(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    """Return True if two shapes are equal, as far as they are known."""
    return len(first) == len(second) and all(
        None in (a, b) or a == b for a, b in zip(first, second, strict=True)
    )
