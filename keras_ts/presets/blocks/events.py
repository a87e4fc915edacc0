"""Adds the effects of recurring events to the forecast, beside smoothing.

For a single series they are in units of the training part. In a panel, whose series differ in size,
they are relative to the root mean square of the window. That is the level of a shop, which is what
it loses on a day on which it is shut. The standard deviation of a window would not do: shops differ
in it by more than their levels, and Christmas multiplies that of the windows that see it, which
New Year's Day is forecast from.
"""

from typing import Any, NamedTuple

import keras

from keras_ts._dtypes import whole_precision
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.layers.plumbing import RootMeanSquare, SelectColumns
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.presets.requirements import Requirements


class WiredEvents(NamedTuple):
    """The layer of the events, and tensors."""

    layer: CalendarEvents
    effects: Any  # ``(batch, steps, outputs)``, in the units of the targets
    units: list[Any]  # ``(batch, 1, targets)`` of the layer's outputs; empty if constants


class Events:
    """Computes the effects of events from the calendar of the forecast's steps."""

    def __init__(self, needs: Requirements) -> None:
        self._needs = needs

    def __call__(self, inputs: dict[str, Any], window: Any) -> WiredEvents:
        """Return the effects; ``window`` is ``past`` in its units."""
        needs, known, future = self._needs, len(self._needs.ahead), inputs["future"]
        if needs.calendar < known:
            future = SelectColumns([*range(known - needs.calendar, known)])(future)
        steps = needs.steps if needs.events == "by_step" else None
        layer = CalendarEvents(needs.outputs_per_step, steps, moving=needs.moving)
        quantiles = needs.outputs_per_step // needs.targets_per_step
        if needs.units is not None:
            units = list(needs.units) * quantiles
            scale = ScaleOutput(units if len(units) > 1 else units[0])
            return WiredEvents(layer, scale(layer(future)), [])
        assert needs.own is not None
        assert needs.targets is not None
        targets = SelectColumns([needs.own[target] for target in needs.targets])(window)
        sizes = RootMeanSquare()(targets)
        by_output = sizes
        if quantiles > 1:
            by_output = keras.layers.Concatenate(dtype=whole_precision())([sizes] * quantiles)
        effects = keras.layers.Multiply(dtype=whole_precision())([layer(future), by_output])
        return WiredEvents(layer, effects, [sizes])
