"""The core of the net: recurrent layers from the columns of a window to the state of the net.

They read all columns side by side, at the last ``memory`` steps of the window. Masked steps are
skipped. In sequence to sequence a masked step is forecast from what came before it, so nothing
behind the layers sees the mask.
"""

import inspect
from typing import Any

import keras

from keras_ts._keras_private import mask_of
from keras_ts.layers.masks import Unmask
from keras_ts.presets.requirements import Requirements
from keras_ts.presets.settings import CELLS


class RecurrentCore:
    """A stack of recurrent layers."""

    def __init__(self, needs: Requirements) -> None:
        self._settings = needs.settings

    def __call__(self, columns: Any) -> Any:
        """Return the state ``(batch, units)``, or ``(batch, window, units)`` for a sequence."""
        settings = self._settings
        sequence = settings.kind == "sequence_to_sequence"
        state, mask = without_mask(columns)
        for position, units in enumerate(settings.units, start=1):
            layer = CELLS[settings.cell](
                units,
                return_sequences=sequence or position < len(settings.units),
                dropout=settings.dropout,
            )
            layer = keras.layers.Bidirectional(layer) if settings.bidirectional else layer
            state = called(layer, state, mask)
        return state


def without_mask(columns: Any) -> tuple[Any, Any]:
    """Return the columns without their mask, and the mask, or None if they have none."""
    mask = mask_of(columns)
    return (columns, None) if mask is None else (Unmask()(columns), mask)


def called(layer: keras.layers.Layer, columns: Any, mask: Any) -> Any:
    """Call a layer that takes a mask, by argument: from Keras 3.16 on a stack passes none along."""
    if mask is None:
        return layer(columns)
    if isinstance(layer, keras.layers.Bidirectional):
        # It passes the mask on by name (see below).
        layer.forward_layer.supports_masking = layer.backward_layer.supports_masking = True
    names = [
        name
        for name, parameter in inspect.signature(layer.call).parameters.items()
        if parameter.kind is not parameter.KEYWORD_ONLY
    ]
    # By name, Keras would warn that the mask ends there, of each layer that passes none on.
    for before in ([], ["initial_state"]):
        if names[1 : 2 + len(before)] == [*before, "mask"]:
            return layer(columns, *[None for _ in before], mask)
    return layer(columns, mask=mask)
