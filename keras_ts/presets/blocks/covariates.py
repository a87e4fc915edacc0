"""Gives the net the covariates to read, and adds the effects of those known ahead to the forecast.

Columns known ahead and static columns are standardized by constants of the training part, since a
window's own statistics would hide that a promotion runs all week. A column that is constant there
becomes 0, and the sines and cosines of a calendar stay as they are.

Columns known ahead may lack values in a window, and at steps without a target. There they hold
their last value, so that no NaN reaches another step or a gradient.

The net reads the columns known ahead beside the others, and the static columns at every step. That
works for every cell, bidirectional ones too; an initial state would need a form for each. It has
read nothing in a window without a value, so with ``min_inputs=0`` they go past it, too.

Each step of the forecast gets an effect of the columns known ahead at that step alone. A small net,
the same for all steps, computes it, since a promotion does on the fifth day what it does on the
first. For a single series the effect is in units of the training part: a window without a promotion
has a small scale, and would shrink the promotion that follows it. In a panel, whose series differ
in size, it is in units of the window.

With ``smoothing="linear"``, a single series also gets a linear map of those cycles of the calendar
that are longer than the window, at the last step to forecast. The sines and cosines of all other
steps are linear in these, so that the map gives each step its season. It is solved for together
with the map of the window, which cannot know such a season. A shorter one it knows better than a
sine does.
"""

from typing import Any

import keras

from keras_ts._dtypes import whole_precision
from keras_ts.layers.plumbing import CarryForward, KnownAhead, LastSteps, MaskLike, SelectColumns
from keras_ts.presets.blocks.normalization import standardization
from keras_ts.presets.requirements import Requirements


def inputs_of(needs: Requirements) -> dict[str, Any]:
    """Return the inputs of a model by the parts of a dataset."""
    shapes: dict[str, tuple[int | None, ...]] = {
        "past": (needs.window,) if needs.features is None else (needs.window, needs.features)
    }
    if needs.ahead:
        shapes["future"] = (needs.steps, len(needs.ahead))
    shapes |= {part: (len(of_part.mean),) for part, of_part in needs.series_constants.items()}
    # Without a dataset there is one input, which Keras names.
    return {
        part: keras.Input(shape, name=None if needs.carrier is None else part)
        for part, shape in shapes.items()
    }


def joined(
    needs: Requirements, inputs: dict[str, Any], window: Any, normal: Any
) -> tuple[Any, Any, list[Any]]:
    """Return all columns that the net reads, those of the forecast's steps or None, and static."""
    parts, ahead, static = [normal], None, []
    if needs.ahead and needs.ahead_constants is not None:
        standardize = standardization(needs.ahead_constants)
        within = standardize(SelectColumns(needs.ahead)(window))
        # Standardized before it is filled, so that the 0 before a first value is the column's
        # mean. A calendar lacks values only before its series.
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


def effect_of(
    needs: Requirements, inputs: dict[str, Any], ahead: Any, state: Any
) -> tuple[Any, keras.layers.Dense | None]:
    """Return the effect of columns known ahead, and its linear map of the calendar; or None."""
    if ahead is None:
        return None, None
    settings, outputs = needs.settings, needs.outputs_per_step
    repeat: keras.layers.Layer = keras.layers.RepeatVector(ahead.shape[-2])
    if len(ahead.shape) == 4:
        repeat = keras.layers.TimeDistributed(repeat)
    columns = keras.layers.Concatenate()([repeat(state), ahead])
    hidden = keras.layers.Dense(settings.units[-1], activation="relu")(columns)
    # Beside smoothing, all that the net adds begins at 0.
    initial = "zeros" if settings.smoothing else "glorot_uniform"
    layer = keras.layers.Dense(outputs, use_bias=False, kernel_initializer=initial)
    effect = layer(hidden)
    if settings.smoothing != "linear" or needs.units is None or not needs.seasons:
        return effect, None
    season = keras.layers.Dense(
        needs.steps * outputs, kernel_initializer="zeros", dtype=whole_precision()
    )
    last = LastSteps(1)(SelectColumns(needs.seasons)(inputs["future"]))
    of_steps = season(keras.layers.Flatten(dtype=whole_precision())(last))
    shape = (needs.steps, outputs)
    of_steps = keras.layers.Reshape(shape, dtype=whole_precision())(of_steps)
    return keras.layers.Add(dtype=whole_precision())([effect, of_steps]), season
