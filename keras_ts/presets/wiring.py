"""Wires the model of a preset, from its inputs to outputs in the units of the series.

The docstring of ``RecurrentPreset`` says what the model does. The reasons:

- Columns known ahead and static columns are standardized by constants of the training part: a
  window's own statistics would hide that a promotion runs all week. A missing value of a column
  known ahead becomes the column's last value, since NaN would reach other steps and gradients.
- The net reads static columns at every step, which works for every cell; initial states differ by
  cell. In a window without a value the net has read nothing, so with ``min_inputs=0`` the head,
  which is the dense layer behind the net, gets the static columns.
- All steps share the net of columns known ahead: a promotion does on the fifth day what it does on
  the first. For a single series, the unit of this effect is the training part's standard deviation:
  a window without a promotion has a small scale, which would shrink the promotion that follows.
- With smoothing, the weights of the head begin at 0, so that the untrained model forecasts as
  smoothing does. The linear map of the window is frozen (``initial_fit.parts``): trained beside
  the net, it would fit noise. Cycles longer than the window are read at the last step to forecast:
  the sines and cosines at the other steps are linear in these, so that a linear map gives each step
  its season. Shorter cycles are left to the map of the window, which follows them better.
- In a panel, events are in units of the window's root mean square. For a shop this is about its
  level, which a closed day loses. The standard deviation differs more between shops, and
  is many times larger in windows that contain a shut Christmas.
- Outputs are in the order steps, quantiles, targets, since the layers that restore units take
  targets on the last axis. Quantiles are sorted last, in the units of the targets. Layers in these
  units use float32: half precision would lose the level of a series.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_ts._dtypes import whole_precision
from keras_ts.layers.bounded import Bounded
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.layers.expand_series import ExpandSeries
from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.layers.plumbing import (
    CarryForward,
    KnownAhead,
    LastSteps,
    LevelByStatic,
    MaskLike,
    RootMeanSquare,
    SelectColumns,
)
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.layers.smoothed_forecast import SmoothedForecast
from keras_ts.layers.sorted_quantiles import SortedQuantiles
from keras_ts.panel.roles import as_x
from keras_ts.presets.blocks.core import custom, recurrent
from keras_ts.presets.blocks.normalization import normalized, restored_feature, standardization
from keras_ts.presets.requirements import Requirements


@dataclass(frozen=True)
class Wired:
    """A model, and the parts of it that are fitted before any training."""

    model: keras.Model
    linear: LinearForecast | None = None  # of the window
    # From the inputs to the targets' windows and scales, the outputs before clipping and, in a
    # panel with events, the events' units. None without a dataset, or without a part to fit.
    probe: keras.Model | None = None
    season: keras.layers.Dense | None = None  # map of cycles longer than the window
    events: CalendarEvents | None = None
    level: LevelByStatic | None = None  # of windows without a value
    head: keras.layers.Dense | None = None  # gets the initial spread of quantiles


def wire(needs: Requirements, core: Any = None) -> Wired:
    """Return the model of a preset for the inputs and outputs that are needed."""
    settings = needs.settings
    inputs, window = entrance(needs)
    rows = [inputs[part] for part in needs.series_constants]
    normal, _, scale, restore, level = normalized(needs, window, rows)
    columns, ahead, static = joined(needs, inputs, window, normal)
    memory = settings.memory
    if memory is not None and (needs.window is None or memory < needs.window):
        columns = LastSteps(memory)(columns)
    state = recurrent(needs, columns) if core is None else custom(needs, core, columns)
    if needs.unseen and static:  # The net has read nothing in a window without a value.
        state = keras.layers.Concatenate()([state, *static])
    smoothed, linear = None, None
    fitted_on: tuple[Any, ...] = ()
    if settings.smoothing:
        smoothed, state, linear, fitted_on = smooth(needs, normal, scale, state)
    effect, season = effect_of(needs, inputs, ahead, state)
    layer, effects, units = (
        (None, None, []) if needs.events is None else events_of(needs, inputs, window)
    )
    outputs, spread = headed(needs, state, smoothed, effect, restore, effects)
    model = keras.Model(as_x(inputs), within_bounds(settings, outputs))
    spread = spread if settings.smoothing and settings.quantiles else None
    if needs.carrier is None or (linear is None and layer is None and spread is None):
        return Wired(model, level=level)
    probe = keras.Model(model.input, [*fitted_on, outputs, *units])
    return Wired(model, linear, probe, season, layer, level, spread)


def entrance(needs: Requirements) -> tuple[dict[str, Any], Any]:
    """Return the inputs of a model by part, and its windows with an axis of columns."""
    shapes: dict[str, tuple[int | None, ...]] = {
        "past": (needs.window,) if needs.features is None else (needs.window, needs.features)
    }
    if needs.ahead:
        shapes["future"] = (needs.steps, len(needs.ahead))
    shapes |= {part: (len(of_part.mean),) for part, of_part in needs.series_constants.items()}
    # Without a dataset there is one input, which Keras names.
    inputs = {
        part: keras.Input(shape, name=None if needs.carrier is None else part)
        for part, shape in shapes.items()
    }
    window = inputs["past"] if needs.carrier is None else needs.carrier(inputs["past"])
    if needs.features is None:
        # Levels are subtracted before half precision may lose them.
        precision = whole_precision() if needs.settings.window_norm else None
        window = ExpandSeries(dtype=precision)(window)
    return inputs, window


def joined(
    needs: Requirements, inputs: dict[str, Any], window: Any, normal: Any
) -> tuple[Any, Any, list[Any]]:
    """Return the columns that the net reads, those of the steps ahead (or None), and the static."""
    parts, ahead, static = [normal], None, []
    if needs.ahead and needs.ahead_constants is not None:
        standardize = standardization(needs.ahead_constants)
        within = standardize(SelectColumns(needs.ahead)(window))
        # Filled once standardized, so that 0, before the first value, is the column's mean. A
        # calendar lacks values only before its series.
        fills = len(needs.ahead) > needs.calendar
        if needs.masked and (fills or needs.early):
            within = CarryForward()(within)
        ahead = standardize(inputs["future"])
        if needs.ahead_masked and fills:
            ahead = CarryForward()(ahead)
        parts.append(within)
        if needs.settings.kind == "sequence_to_sequence":
            ahead = KnownAhead()([within, ahead])
    for part, constants in needs.series_constants.items():
        static.append(standardization(constants)(inputs[part]))
        parts.append(keras.layers.RepeatVector(needs.window)(static[-1]))
    if len(parts) == 1:
        return normal, None, static
    columns = keras.layers.Concatenate()(parts)
    return MaskLike()([columns, normal]) if needs.masked else columns, ahead, static


def smooth(
    needs: Requirements, windows: Any, scale: Any, state: Any
) -> tuple[Any, Any, LinearForecast | None, tuple[Any, Any]]:
    """Return smoothed forecasts, what the head reads, the linear map, windows, and scales."""
    settings, feature = needs.settings, restored_feature(needs)
    columns = [feature] if isinstance(feature, int) else feature
    if columns != [*range(needs.features or 1)]:
        windows, scale = SelectColumns(columns)(windows), SelectColumns(columns)(scale)
    unit: float | list[float] | None = None
    if needs.target_constants is not None:
        stds = needs.target_constants.std
        unit = stds[0] if len(stds) == 1 else list(stds)
    # A backtest is as long as the forecast, but at most a period, or 3 steps if that is longer.
    spanned = -(-needs.steps // needs.sampling_rate)
    tested = min(spanned, max(settings.period or 1, 3))
    layer = SmoothedForecast(
        needs.steps,
        needs.gap,
        unit,
        masked=needs.masked,
        backtest_steps=tested if settings.smoothing == "mixed" else None,
        sampling_rate=needs.sampling_rate,
    )
    forecasts, state = layer([windows, state] if unit is None else [windows, state, scale])
    if settings.smoothing != "linear" or needs.window is None:
        return forecasts, state, None, (windows, scale)
    linear = LinearForecast(needs.steps)
    forecasts = keras.layers.Add(dtype=whole_precision())([forecasts, linear(windows)])
    return forecasts, state, linear, (windows, scale)


def effect_of(
    needs: Requirements, inputs: dict[str, Any], ahead: Any, state: Any
) -> tuple[Any, keras.layers.Dense | None]:
    """Return the effect of columns known ahead, and the map of long cycles; each may be None."""
    if ahead is None:
        return None, None
    settings, outputs = needs.settings, needs.outputs_per_step
    repeat: keras.layers.Layer = keras.layers.RepeatVector(ahead.shape[-2])
    if len(ahead.shape) == 4:
        repeat = keras.layers.TimeDistributed(repeat)
    columns = keras.layers.Concatenate()([repeat(state), ahead])
    hidden = keras.layers.Dense(settings.units[-1], activation="relu")(columns)
    # With smoothing, all that the net adds begins at 0.
    initial = "zeros" if settings.smoothing else "glorot_uniform"
    effect = keras.layers.Dense(outputs, use_bias=False, kernel_initializer=initial)(hidden)
    if settings.smoothing != "linear" or needs.units is None or not needs.seasons:
        return effect, None
    dtype = whole_precision()
    season = keras.layers.Dense(needs.steps * outputs, kernel_initializer="zeros", dtype=dtype)
    last = LastSteps(1)(SelectColumns(needs.seasons)(inputs["future"]))
    of_steps = season(keras.layers.Flatten(dtype=dtype)(last))
    of_steps = keras.layers.Reshape((needs.steps, outputs), dtype=dtype)(of_steps)
    return keras.layers.Add(dtype=dtype)([effect, of_steps]), season


def events_of(
    needs: Requirements, inputs: dict[str, Any], window: Any
) -> tuple[CalendarEvents, Any, list[Any]]:
    """Return the layer of events, its effects in the targets' units, and in a panel their units."""
    known, future = len(needs.ahead), inputs["future"]
    if needs.calendar < known:
        future = SelectColumns([*range(known - needs.calendar, known)])(future)
    steps = needs.steps if needs.events == "by_step" else None
    layer = CalendarEvents(needs.outputs_per_step, steps, moving=needs.moving)
    quantiles = needs.outputs_per_step // needs.targets_per_step
    if needs.units is not None:
        units = list(needs.units) * quantiles
        scale = ScaleOutput(units if len(units) > 1 else units[0])
        return layer, scale(layer(future)), []
    assert needs.own is not None
    assert needs.targets is not None
    targets = SelectColumns([needs.own[target] for target in needs.targets])(window)
    by_output = sizes = RootMeanSquare()(targets)
    if quantiles > 1:
        by_output = keras.layers.Concatenate(dtype=whole_precision())([sizes] * quantiles)
    effects = keras.layers.Multiply(dtype=whole_precision())([layer(future), by_output])
    return layer, effects, [sizes]


def headed(
    needs: Requirements,
    state: Any,
    smoothed: Any,
    effect: Any,
    restore: Callable[[Any], Any] | None,
    events: Any = None,
) -> tuple[Any, keras.layers.Dense | None]:
    """Return outputs in the units of the series, and with smoothing the head."""
    # For a regression ``state`` is None, and ``smoothed`` is the regression's output, flat.
    settings, targets = needs.settings, needs.targets_per_step
    values = steps, quantiles, _ = needs.steps, len(settings.quantiles or (0.5,)), targets
    # In sequence to sequence, outputs have an axis for the steps of the window.
    lead = () if settings.kind == "sequence_to_vector" else (needs.window or -1,)
    flat = by_target = (*lead, steps * quantiles * targets)
    if targets > 1:
        by_target = (*lead, steps * quantiles, targets)
    if settings.period is not None and quantiles * targets > 1:
        by_target = values  # The phase of the season differs by step.
    head = None
    if state is None:
        outputs = smoothed
    elif smoothed is None:
        outputs = keras.layers.Dense(flat[-1])(state)
    else:
        head = keras.layers.Dense(flat[-1], kernel_initializer="zeros")
        both = [_shaped(head(state), *values), _shaped(smoothed, steps, 1, targets)]
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
        return _shaped(outputs, *lead, *needs.shape), head
    if targets > 1:  # Quantiles go last.
        outputs = _shaped(outputs, *lead, *values)
        order = [*range(1, len(lead) + 2), len(lead) + 3, len(lead) + 2]
        outputs = keras.layers.Permute(order, dtype=whole_precision())(outputs)
    outputs = _shaped(outputs, *lead, *needs.shape, quantiles)
    return SortedQuantiles(settings.quantiles)(outputs), head


def _scales(scale: Any, values: tuple[int, int, int]) -> Any:
    """Return a number as it is, or a scale for each of ``values`` from one by target or output."""
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


def within_bounds(bounds: Any, outputs: Any) -> Any:
    """Return the outputs, clipped outside of training if a preset or ``Bounded`` has bounds."""
    if bounds is None or (bounds.minimum, bounds.maximum) == (None, None):
        return outputs
    return Bounded(bounds.minimum, bounds.maximum)(outputs)
