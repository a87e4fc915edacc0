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


def headed(
    needs: Requirements,
    state: Any,
    smoothed: Any,
    effect: Any,
    restore: Callable[[Any], Any] | None,
    events: Any = None,
) -> tuple[Any, keras.layers.Dense | None]:
    """Return outputs in the units of the series, and the layer of a net that corrects smoothing."""
    # Without a state, ``smoothed`` are the outputs, flat.
    settings, targets = needs.settings, needs.targets_per_step
    values = steps, quantiles, _ = needs.steps, len(settings.quantiles or (0.5,)), targets
    # The axis of a sequence's window, if there is one.
    lead = () if settings.kind == "sequence_to_vector" else (needs.window or -1,)
    flat = by_target = (*lead, steps * quantiles * targets)
    if targets > 1:
        by_target = (*lead, steps * quantiles, targets)
    if settings.period is not None and quantiles * targets > 1:
        by_target = values  # The phase of the season differs by step.
    layer = None
    if state is None:
        outputs = smoothed
    elif smoothed is None:
        outputs = keras.layers.Dense(flat[-1])(state)
    else:
        # The net's own part begins at 0, so that smoothing alone leads at first.
        layer = keras.layers.Dense(flat[-1], kernel_initializer="zeros")
        both = [_shaped(layer(state), *values), _shaped(smoothed, steps, 1, targets)]
        outputs = _shaped(keras.layers.Add(dtype=whole_precision())(both), *flat)
    effect = None if effect is None else _shaped(effect, *flat)
    units = None if settings.window_norm is None else needs.units
    if effect is not None and units is None:
        outputs = keras.layers.Add()([outputs, effect])
    if settings.output_scale is not None:
        outputs = ScaleOutput(_scales(settings.output_scale, values))(outputs)
    if restore is not None:
        outputs = restore(_shaped(outputs, *by_target))
    if effect is not None and units is not None:
        scale = ScaleOutput(units if targets > 1 else units[0])
        both = [outputs, scale(_shaped(effect, *by_target))]
        outputs = keras.layers.Add(dtype=whole_precision())(both)
    if events is not None:
        both = [outputs, _shaped(events, *by_target)]
        outputs = keras.layers.Add(dtype=whole_precision())(both)
    if settings.quantiles is None:
        return _shaped(outputs, *lead, *needs.shape), layer
    if targets > 1:  # Quantiles go last.
        outputs = _shaped(outputs, *lead, *values)
        order = [*range(1, len(lead) + 2), len(lead) + 3, len(lead) + 2]
        outputs = keras.layers.Permute(order, dtype=whole_precision())(outputs)
    outputs = _shaped(outputs, *lead, *needs.shape, quantiles)
    return SortedQuantiles(settings.quantiles)(outputs), layer


def _scales(scale: Any, values: tuple[int, int, int]) -> Any:
    """Return the scale of each value, from a number or one for each target or output."""
    steps, _, targets = values
    if not isinstance(scale, tuple):
        return scale
    if len(scale) not in (targets, steps * targets):
        return list(scale)  # ScaleOutput says how many there must be.
    return np.broadcast_to(np.reshape(scale, (-1, 1, targets)), values).ravel().tolist()


def _shaped(outputs: Any, *shape: int) -> Any:
    """Reshape outputs to ``shape``, which leaves out the batch and may hold one -1."""
    if tuple(size or -1 for size in outputs.shape[1:]) == shape:
        return outputs
    return keras.layers.Reshape(shape, dtype=whole_precision())(outputs)
