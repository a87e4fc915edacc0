"""Wires the model of a preset from its blocks; keeps the parts that are fitted before training."""

from dataclasses import dataclass
from typing import Any

import keras

from keras_ts._dtypes import whole_precision
from keras_ts.layers.bounded import Bounded
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.layers.expand_series import ExpandSeries
from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.layers.plumbing import LastSteps, LevelByStatic
from keras_ts.presets.blocks.core import custom, recurrent
from keras_ts.presets.blocks.covariates import effect_of, inputs_of, joined
from keras_ts.presets.blocks.head import headed
from keras_ts.presets.blocks.normalization import normalized
from keras_ts.presets.blocks.smoothing import events, smooth
from keras_ts.presets.requirements import Requirements
from keras_ts.presets.settings import PresetSettings
from keras_ts.windows.roles import as_x


@dataclass(frozen=True)
class Wired:
    """A model, and the parts of it that are fitted before any training."""

    model: keras.Model
    linear: LinearForecast | None = None  # of the window
    # From the inputs to the windows of the targets, their scales, the outputs before any clipping,
    # and in a panel the units of the events. None without a dataset, ``linear`` and ``events``.
    probe: keras.Model | None = None
    season: keras.layers.Dense | None = None  # of a calendar's long cycles; goes with ``linear``
    events: CalendarEvents | None = None
    level: LevelByStatic | None = None  # of windows without a value
    head: keras.layers.Dense | None = None  # of quantiles that begin with what smoothing forecasts


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
        (None, None, []) if needs.events is None else events(needs, inputs, window)
    )
    outputs, spread = headed(needs, state, smoothed, effect, restore, effects)
    model = keras.Model(as_x(inputs), within_bounds(settings, outputs))
    spread = spread if settings.smoothing == "mixed" and settings.quantiles else None
    if needs.carrier is None or (linear is None and layer is None and spread is None):
        return Wired(model, level=level)
    probe = keras.Model(model.input, [*fitted_on, outputs, *units])
    return Wired(model, linear, probe, season, layer, level, spread)


def entrance(needs: Requirements) -> tuple[dict[str, Any], Any]:
    """Return the inputs of a model, and its windows with an axis of columns."""
    inputs = inputs_of(needs)
    window = inputs["past"] if needs.carrier is None else needs.carrier(inputs["past"])
    if needs.features is None:
        # Levels are subtracted before half precision may lose them.
        precision = whole_precision() if needs.settings.window_norm else None
        window = ExpandSeries(dtype=precision)(window)
    return inputs, window


def within_bounds(settings: PresetSettings, outputs: Any) -> Any:
    """Return the outputs, clipped outside of training if there are bounds."""
    if (settings.minimum, settings.maximum) == (None, None):
        return outputs
    return Bounded(settings.minimum, settings.maximum)(outputs)
