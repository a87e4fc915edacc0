"""Wires a recurrent preset: from its inputs to outputs in the units of the series.

The docstring of ``RecurrentPreset`` has the reason for each choice, for those who use it.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.layers.carry_forward import CarryForward
from keras_ts.layers.expand_series import ExpandSeries
from keras_ts.layers.known_ahead import KnownAhead
from keras_ts.layers.last_steps import LastSteps
from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.layers.mask_like import MaskLike
from keras_ts.layers.mask_missing import MaskMissing
from keras_ts.layers.normalize_window import NormalizeWindow
from keras_ts.layers.restore_window import RestoreWindow
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.layers.select_columns import SelectColumns
from keras_ts.layers.smoothed_forecast import SmoothedForecast
from keras_ts.layers.sorted_quantiles import SortedQuantiles
from keras_ts.layers.unmask import Unmask
from keras_ts.layers.windowed_input import WindowedInput
from keras_ts.presets.requirements import Constants, Requirements
from keras_ts.presets.settings import CELLS, PresetSettings

# Brings outputs, whose last axis is the targets of a step, to the units of the series.
Restore = Callable[[Any], Any]


def wire(
    settings: PresetSettings, needs: Requirements, carrier: WindowedInput | None = None
) -> keras.Model:
    """Return the model that ``settings`` describe, for the inputs and outputs that are needed.

    Args:
        settings: The preset.
        needs: The inputs and outputs.
        carrier: The layer that keeps the windows' settings in the model's file, or None.
    """
    sequence = settings.kind == "sequence_to_sequence"
    inputs = _inputs(needs, named=carrier is not None)
    window = inputs["past"] if carrier is None else carrier(inputs["past"])
    if needs.features is None:
        # Levels are subtracted before half precision may lose them.
        window = ExpandSeries(dtype=_whole_precision() if settings.window_norm else None)(window)
    own = SelectColumns(needs.own)(window) if needs.known and needs.own else window
    normal, scale, restore = _normalized(settings, needs, own)
    parts, ahead = [normal], None
    if needs.known:
        assert needs.past_constants is not None
        standardize = _standardize(needs.past_constants[needs.known])
        within = standardize(SelectColumns(needs.known)(window))
        if needs.holes and len(needs.known) > 2 * needs.cycles:
            # Standardized first, so that it begins with the column's mean. A calendar has no holes.
            within = CarryForward()(within)
        ahead = standardize(inputs["future"])
        parts.append(within)
        if sequence:
            ahead = KnownAhead()([within, ahead])
    if needs.static:
        assert needs.static_constants is not None
        static = _standardize(needs.static_constants)(inputs["static"])
        parts.append(keras.layers.RepeatVector(needs.window)(static))
    x = normal if len(parts) == 1 else keras.layers.Concatenate()(parts)
    if needs.holes and len(parts) > 1:
        x = MaskLike()([x, normal])
    if settings.memory is not None and (needs.window is None or settings.memory < needs.window):
        x = LastSteps(settings.memory)(x)
    for position, units in enumerate(settings.units):
        last = position == len(settings.units) - 1
        x = _recurrent(settings, units, sequence or not last)(x)
    if needs.holes and sequence:
        x = Unmask()(x)
    smoothed = None
    if settings.smoothing:
        smoothed, x = _smoothed(settings, needs, normal, scale, x)
    effect = None if ahead is None else _effect(settings, needs, x, ahead)
    if has_events(settings, needs):
        effect = _with_events(effect, inputs["future"])
    outputs = _head(settings, needs, x, smoothed, effect, restore)
    return keras.Model(inputs if needs.bundled else inputs["past"], outputs)


def has_events(settings: PresetSettings, needs: Requirements) -> bool:
    """Return if the model has a ``CalendarEvents``: one series, and nothing but a calendar ahead.

    Another column known ahead may be what explains an event, and the net learns that by itself.
    """
    calendar_alone = needs.cycles > 0 and len(needs.known) == 2 * needs.cycles
    return settings.smoothing == "linear" and calendar_alone and needs.units is not None


def _inputs(needs: Requirements, named: bool) -> dict[str, Any]:
    shapes: dict[str, tuple[int | None, ...]] = {
        "past": (needs.window,) if needs.features is None else (needs.window, needs.features)
    }
    if needs.known:
        shapes["future"] = (needs.steps, len(needs.known))
    if needs.static:
        shapes["static"] = (needs.static,)
    return {
        part: keras.Input(shape, name=part if named else None) for part, shape in shapes.items()
    }


def _normalized(
    settings: PresetSettings, needs: Requirements, own: Any
) -> tuple[Any, Any, Restore | None]:
    """Return the columns that are not known ahead, normalized, their scale, and the way back."""
    if settings.window_norm is not None:
        # Until its first known value, a column has no level that its steps could be relative to.
        own = _masked(needs, own, own, start=None)
        causal = settings.kind == "sequence_to_sequence"
        period = settings.period
        layer = NormalizeWindow(
            settings.window_norm,
            period=period,
            causal=causal,
            epsilon=_epsilon(needs),
            masked=needs.holes,
        )
        x, location, scale = layer(own)
        gap = needs.gap if period is not None else 0
        back = RestoreWindow(_feature(settings, needs), period=period, gap=gap)
        return x, scale, lambda outputs: back([outputs, location, scale])
    constants, targets = needs.own_constants, needs.target_constants
    if constants is None or targets is None or settings.output_scale is not None:
        return _masked(needs, own, own), None, None
    scaled = ScaleOutput(list(targets.std), list(targets.mean))
    if len(targets.std) == 1:
        scaled = ScaleOutput(targets.std[0], targets.mean[0])
    return _masked(needs, own, _standardize(constants)(own)), None, scaled


def _masked(needs: Requirements, own: Any, values: Any, start: float | None = 0.0) -> Any:
    """Return the own columns under a mask of the steps at which no target is known.

    Args:
        needs: The inputs and outputs.
        own: The own columns as they came.
        values: The same, or the same standardized.
        start: Value of the steps before the first known one of a column; None to leave them NaN.
    """
    if not needs.holes:
        return values
    if values.shape[-1] == 1:
        return MaskMissing("all")(values)
    assert needs.targets is not None
    steps = MaskMissing("all")(SelectColumns(needs.targets)(own))
    return MaskLike()([CarryForward(start)(values), steps])


def _epsilon(needs: Requirements) -> float:
    """Return what is added to the variance of a window: less where a series has small units.

    Beside the steps of an exchange rate, or of a column in tons that moves by grams, 1e-6 is no
    small number. It would leave nothing of a window for the net to see, and what the net adds would
    be large beside the series.
    """
    smallest = 1.0 if needs.own_step is None else min(1.0, needs.own_step)
    return max(1e-6 * smallest**2, 1e-30)


def _feature(settings: PresetSettings, needs: Requirements) -> int | list[int] | None:
    """Return the feature that ``RestoreWindow`` brings the outputs back by."""
    if needs.targets is None:
        alone = needs.targets_per_step == 1 and settings.quantiles is not None
        return (settings.target or 0) if alone else settings.target
    if len(needs.targets) == 1:
        return needs.targets[0]
    every = needs.own is not None and needs.targets == tuple(range(len(needs.own)))
    return None if every else list(needs.targets)


def _smoothed(
    settings: PresetSettings, needs: Requirements, normal: Any, scale: Any, x: Any
) -> tuple[Any, Any]:
    """Return forecasts by smoothing and a linear map, and what the net then knows."""
    columns = _targets(settings, needs)
    if columns is not None:
        normal, scale = SelectColumns(columns)(normal), SelectColumns(columns)(scale)
    unit: float | list[float] | None = None
    if needs.target_constants is not None:
        stds = needs.target_constants.std
        unit = stds[0] if len(stds) == 1 else list(stds)
    layer = SmoothedForecast(needs.steps, needs.gap, unit, needs.holes)
    smoothed, known = layer([normal, x] if unit is None else [normal, x, scale])
    if settings.smoothing == "linear" and needs.window is not None:
        linear = LinearForecast(needs.steps)(normal)
        smoothed = keras.layers.Add(dtype=_whole_precision())([smoothed, linear])
    return smoothed, known


def _targets(settings: PresetSettings, needs: Requirements) -> list[int] | None:
    """Return the columns to smooth, one for each target of a step; None for all columns."""
    feature = _feature(settings, needs)
    if feature is None and needs.targets is None and needs.targets_per_step != needs.features:
        feature = 0
    columns = [feature] if isinstance(feature, int) else feature
    return None if columns == [*range(needs.features or 1)] else columns


def _standardize(constants: Constants) -> Callable[[Any], Any]:
    """Return the layer that standardizes by constants; columns of a calendar alone need none."""
    if constants.idle:
        return lambda columns: columns
    # ``keras.layers.Normalization`` keeps its constants outside of the graph, and an ONNX file from
    # TensorFlow then asks for them as inputs. Subtracted first, a level costs no precision.
    center = ScaleOutput(1.0, [-mean for mean in constants.mean])
    spread = ScaleOutput([1 / std for std in constants.std])
    return lambda columns: spread(center(columns))


def _recurrent(settings: PresetSettings, units: int, return_sequences: bool) -> keras.layers.Layer:
    layer = getattr(keras.layers, CELLS[settings.cell])(
        units, return_sequences=return_sequences, dropout=settings.dropout
    )
    return keras.layers.Bidirectional(layer) if settings.bidirectional else layer


def _head(
    settings: PresetSettings,
    needs: Requirements,
    x: Any,
    smoothed: Any,
    effect: Any,
    restore: Restore | None,
) -> Any:
    """Return the outputs, in units of the series.

    A dense layer's outputs stand in the order steps, quantiles, targets, so that the targets are
    the last axis, where the layers that bring them to their units have theirs.
    """
    levels = _levels(settings)
    targets, steps = needs.targets_per_step, needs.steps
    lead = () if settings.kind == "sequence_to_vector" else (needs.window or -1,)
    flat = (*lead, steps * levels * targets)
    if smoothed is None:
        outputs = keras.layers.Dense(flat[-1])(x)
    else:
        # The net's own part begins at 0, so that smoothing alone leads at first.
        outputs = keras.layers.Dense(flat[-1], kernel_initializer="zeros")(x)
        both = [_shaped(outputs, steps, levels, targets), _shaped(smoothed, steps, 1, targets)]
        outputs = _shaped(keras.layers.Add(dtype=_whole_precision())(both), *flat)
    if effect is not None:
        effect = _shaped(effect, *flat)
    own_units = needs.units is not None and settings.window_norm is not None
    if effect is not None and not own_units:
        outputs = keras.layers.Add()([outputs, effect])
    if settings.output_scale is not None:
        outputs = ScaleOutput(_scales(settings.output_scale, steps, levels, targets))(outputs)
    by_target = flat if targets == 1 else (*lead, steps * levels, targets)
    if settings.period is not None and (levels > 1 or targets > 1):
        by_target = (steps, levels, targets)  # A season is another at each step.
    if restore is not None:
        outputs = restore(_shaped(outputs, *by_target))
    if effect is not None and own_units:
        assert needs.units is not None
        units = needs.units if targets > 1 else needs.units[0]
        effect = ScaleOutput(units)(_shaped(effect, *by_target))
        outputs = keras.layers.Add(dtype=_whole_precision())([outputs, effect])
    if settings.quantiles is None:
        return _shaped(outputs, *lead, *needs.shape)
    if targets > 1:
        outputs = _shaped(outputs, *lead, steps, levels, targets)
        order = [*range(1, len(lead) + 2), len(lead) + 3, len(lead) + 2]
        outputs = keras.layers.Permute(order, dtype=_whole_precision())(outputs)
    return SortedQuantiles(settings.quantiles)(_shaped(outputs, *lead, *needs.shape, levels))


def _effect(settings: PresetSettings, needs: Requirements, x: Any, ahead: Any) -> Any:
    """Return the effect of the columns known ahead on the outputs of their own step."""
    values = _levels(settings) * needs.targets_per_step
    steps = ahead.shape[-2]
    repeat: keras.layers.Layer = keras.layers.RepeatVector(steps)
    if len(ahead.shape) == 4:
        repeat = keras.layers.TimeDistributed(repeat)
    both = keras.layers.Concatenate()([repeat(x), ahead])
    hidden = keras.layers.Dense(settings.units[-1], activation="relu")(both)
    # Beside smoothing, all that the net adds begins at 0.
    initial = "zeros" if settings.smoothing else "glorot_uniform"
    return keras.layers.Dense(values, use_bias=False, kernel_initializer=initial)(hidden)


def _with_events(effect: Any, calendar: Any) -> Any:
    """Return the effect of a calendar, with that of its events."""
    events = CalendarEvents(effect.shape[-1])(calendar)
    return keras.layers.Add(dtype=_whole_precision())([effect, events])


def _levels(settings: PresetSettings) -> int:
    return 1 if settings.quantiles is None else len(settings.quantiles)


def _scales(scale: Any, steps: int, levels: int, targets: int) -> Any:
    """Return the scales of a dense layer's outputs, from a number or one for each value."""
    if not isinstance(scale, tuple):
        return scale
    if len(scale) not in (targets, steps * targets):
        return list(scale)  # ScaleOutput says how many there must be.
    each = np.reshape(scale, (-1, 1, targets))
    return np.broadcast_to(each, (steps, levels, targets)).ravel().tolist()


def _shaped(outputs: Any, *shape: int) -> Any:
    if tuple(size or -1 for size in outputs.shape[1:]) == shape:
        return outputs
    # Outputs may be in the units of the series by now, which half precision would lose.
    return keras.layers.Reshape(shape, dtype=_whole_precision())(outputs)


def _whole_precision() -> str | None:
    """Return float32 where the global policy computes in half precision, else None."""
    half = keras.config.dtype_policy().compute_dtype in ("float16", "bfloat16")
    return "float32" if half else None
