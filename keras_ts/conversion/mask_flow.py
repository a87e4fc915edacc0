"""Finds the layers that a mask reaches, since their replacements may treat it differently.

Masks pass in and out of inner models only together with data, so zeros are sent through.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_ts.saving.config import entries

# Lengths to try if a model leaves the length of its input open; a convolution may need the longer.
LENGTHS = (4, 64)


def reached_layers(
    model: keras.Model, watched: Callable[[keras.layers.Layer], bool]
) -> list[keras.layers.Layer] | None:
    """Return the ``watched`` layers that a mask reaches, or None if no mask could be followed."""
    if not any(_makes_mask(entry) for _, entry in entries(model.get_config())):
        return []
    reached: list[keras.layers.Layer] = []

    def watching(layer: keras.layers.Layer) -> keras.layers.Layer:
        copy = copied(layer)
        if watched(layer):

            def compute_mask(inputs: Any, mask: Any) -> None:
                if any(part is not None for part in keras.tree.flatten(mask)):
                    reached.append(layer)

            copy.compute_mask = compute_mask
        return copy

    followed = keras.models.clone_model(model, clone_function=watching, recursive=True)
    return reached if any(_runs(followed, length) for length in LENGTHS) else None


def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Return a layer with the same settings, and weights of its own."""
    return type(layer).from_config(layer.get_config())


def _makes_mask(entry: dict[str, Any]) -> bool:
    settings = entry["config"]
    return entry["class_name"] == "Masking" or (
        isinstance(settings, dict) and bool(settings.get("mask_zero"))
    )


def _runs(model: keras.Model, length: int) -> bool:
    """Send zeros through, with ``length`` for open axes; return True if the model takes them."""
    # A Sequential that was never called on symbolic tensors has no ``input``.
    inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    try:
        model(
            keras.tree.map_structure(
                lambda x: np.zeros([length if n is None else n for n in x.shape], x.dtype), inputs
            )
        )
    except Exception:
        return False
    return True
