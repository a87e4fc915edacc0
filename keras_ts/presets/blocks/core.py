"""The core of the net: recurrent layers from the columns of a window to the state of the net.

They read all columns side by side, at the last ``memory`` steps of the window. Masked steps are
skipped. In sequence to sequence a masked step is forecast from what came before it, so ``Unmask``
stands behind the layers.
"""

from typing import Any

import keras

from keras_ts.layers.last_steps import LastSteps
from keras_ts.layers.unmask import Unmask
from keras_ts.presets.requirements import Requirements
from keras_ts.presets.settings import CELLS


class RecurrentCore:
    """A stack of recurrent layers."""

    def __init__(self, needs: Requirements) -> None:
        self._settings, self._needs = needs.settings, needs

    def __call__(self, columns: Any) -> Any:
        """Return the state ``(batch, units)``, or ``(batch, window, units)`` for a sequence."""
        settings, window = self._settings, self._needs.window
        sequence = settings.kind == "sequence_to_sequence"
        state = columns
        if settings.memory is not None and (window is None or settings.memory < window):
            state = LastSteps(settings.memory)(state)
        for position, units in enumerate(settings.units, start=1):
            layer = CELLS[settings.cell](
                units,
                return_sequences=sequence or position < len(settings.units),
                dropout=settings.dropout,
            )
            state = (keras.layers.Bidirectional(layer) if settings.bidirectional else layer)(state)
        return Unmask()(state) if self._needs.masked and sequence else state
