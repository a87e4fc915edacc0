"""Refuses losses that missing targets would make NaN, before a model is trained on them."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ts import _checks, _keras_private


def refuse_nan_losses(model: keras.Model) -> None:
    """Refuse a model compiled with a loss that is NaN if one of several targets is.

    A model with a training step of its own may treat such targets as it likes.

    Raises:
        ValueError: The model was compiled with such a loss.
    """
    if _keras_private.has_own_step(model):
        return
    for loss in keras.tree.flatten(getattr(model, "loss", None)):
        if loss is not None and _is_nan_of_missing(loss):
            raise ValueError(
                'The windows have missing="mask_targets", so some targets may be NaN, and so would '
                f"be the loss that the model was compiled with, {_named(loss)}. Compile it with "
                "keras_ts.losses.MaskedLoss(loss), which leaves missing targets out, or by "
                "recipe.compile(model)."
            )


def _is_nan_of_missing(loss: Any) -> bool:
    """Return True if the mean of a loss over two targets, one of them missing, is NaN."""
    targets = ops.convert_to_tensor(np.array([[0.5, np.nan]], "float32"))
    outputs = ops.convert_to_tensor(np.array([[0.25, 0.75]], "float32"))
    try:
        value = keras.losses.get(loss)(targets, outputs)
        return bool(np.isnan(ops.convert_to_numpy(value)).any())
    except Exception:
        # A loss of other shapes, such as that of quantiles, cannot be tried.
        return False


def _named(loss: Any) -> str:
    if isinstance(loss, str):
        return repr(loss)
    name = getattr(loss, "__name__", None) or type(loss).__name__
    return _checks.shown(name)
