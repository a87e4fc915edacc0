"""The head: dense outputs from the state of the net, in the units of the series.

One dense layer forecasts all steps. Its outputs stand in the order steps, quantiles, targets, since
the layers that bring them to the units of the targets take these on the last axis. Quantiles are
sorted last, in these units. Half precision would lose the level of a series.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_ts._dtypes import whole_precision
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.layers.sorted_quantiles import SortedQuantiles
from keras_ts.presets.requirements import Requirements


class Head:
    """Forecasts from the state, and adds smoothing and the effect of columns known ahead."""

    def __init__(self, needs: Requirements) -> None:
        self._settings, self._needs = needs.settings, needs
        # The axis of a sequence's window, if there is one.
        self._lead = () if needs.settings.kind == "sequence_to_vector" else (needs.window or -1,)
        self._values = (
            needs.steps,
            len(needs.settings.quantiles or (0.5,)),
            needs.targets_per_step,
        )
        self.layer: keras.layers.Dense | None = None

    def __call__(
        self,
        state: Any,
        smoothed: Any,
        effect: Any,
        restore: Callable[[Any], Any] | None,
        events: Any = None,
    ) -> Any:
        """Return the outputs; ``restore`` brings them to the units of the series."""
        # Without a state, ``smoothed`` are the outputs, flat.
        steps, quantiles, targets = self._values
        flat = by_target = (*self._lead, steps * quantiles * targets)
        if targets > 1:
            by_target = (*self._lead, steps * quantiles, targets)
        if self._settings.period is not None and quantiles * targets > 1:
            by_target = self._values  # The phase of the season differs by step.
        if state is None:
            outputs = smoothed
        elif smoothed is None:
            outputs = keras.layers.Dense(flat[-1])(state)
        else:
            # The net's own part begins at 0, so that smoothing alone leads at first.
            self.layer = keras.layers.Dense(flat[-1], kernel_initializer="zeros")
            outputs = self.layer(state)
            both = [_shaped(outputs, *self._values), _shaped(smoothed, steps, 1, targets)]
            outputs = _shaped(keras.layers.Add(dtype=whole_precision())(both), *flat)
        effect = None if effect is None else _shaped(effect, *flat)
        units = None if self._settings.window_norm is None else self._needs.units
        if effect is not None and units is None:
            outputs = keras.layers.Add()([outputs, effect])
        if self._settings.output_scale is not None:
            outputs = ScaleOutput(self._scales(self._settings.output_scale))(outputs)
        if restore is not None:
            outputs = restore(_shaped(outputs, *by_target))
        if effect is not None and units is not None:
            scale = ScaleOutput(units if targets > 1 else units[0])
            both = [outputs, scale(_shaped(effect, *by_target))]
            outputs = keras.layers.Add(dtype=whole_precision())(both)
        if events is not None:
            both = [outputs, _shaped(events, *by_target)]
            outputs = keras.layers.Add(dtype=whole_precision())(both)
        return self._in_shape(outputs)

    def _in_shape(self, outputs: Any) -> Any:
        """Return outputs in the shape that is needed, quantiles last."""
        lead, shape, (_, quantiles, targets) = self._lead, self._needs.shape, self._values
        if self._settings.quantiles is None:
            return _shaped(outputs, *lead, *shape)
        if targets > 1:
            outputs = _shaped(outputs, *lead, *self._values)
            order = [*range(1, len(lead) + 2), len(lead) + 3, len(lead) + 2]
            outputs = keras.layers.Permute(order, dtype=whole_precision())(outputs)
        layer = SortedQuantiles(self._settings.quantiles)
        return layer(_shaped(outputs, *lead, *shape, quantiles))

    def _scales(self, scale: Any) -> Any:
        """Return the scale of each value, from a number or one for each target or output."""
        steps, _, targets = self._values
        if not isinstance(scale, tuple):
            return scale
        if len(scale) not in (targets, steps * targets):
            return list(scale)  # ScaleOutput says how many there must be.
        return np.broadcast_to(np.reshape(scale, (-1, 1, targets)), self._values).ravel().tolist()


def _shaped(outputs: Any, *shape: int) -> Any:
    """Reshape outputs to ``shape``, which leaves out the batch and may hold one -1."""
    if tuple(size or -1 for size in outputs.shape[1:]) == shape:
        return outputs
    return keras.layers.Reshape(shape, dtype=whole_precision())(outputs)
