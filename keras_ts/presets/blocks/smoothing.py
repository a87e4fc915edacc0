"""Forecasts by exponential smoothing and a linear map of the window, for the net to correct.

The head's weights then begin at 0, so that the net forecasts at first as smoothing does, and learns
where to depart from it. The linear map is frozen once it is fitted (``initial_fit.parts``). Trained
beside the net, it would fit the noise of windows that the net has seen often.

Recurring events add to this forecast. For a single series they are in units of the training part.
In a panel, whose series differ in size, they are relative to the root mean square of the window.
That is the level of a shop, which is what it loses on a day on which it is shut. The standard
deviation of a window would not do: shops differ in it by more than their levels, and Christmas
multiplies that of the windows that see it, which New Year's Day is forecast from.
"""

from typing import Any

import keras

from keras_ts._dtypes import whole_precision
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.layers.plumbing import RootMeanSquare, SelectColumns
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.layers.smoothed_forecast import SmoothedForecast
from keras_ts.presets.blocks.normalization import restored_feature
from keras_ts.presets.requirements import Requirements


def smooth(
    needs: Requirements, windows: Any, scale: Any, state: Any
) -> tuple[Any, Any, LinearForecast | None, tuple[Any, Any]]:
    """Return the forecasts, what the net then knows, the linear map, and windows and scales."""
    settings, columns = needs.settings, _columns(needs)
    if columns is not None:
        windows, scale = SelectColumns(columns)(windows), SelectColumns(columns)(scale)
    unit: float | list[float] | None = None
    if needs.target_constants is not None:
        stds = needs.target_constants.std
        unit = stds[0] if len(stds) == 1 else list(stds)
    # A mixture is tried on the steps of a period, or on as many as are forecast.
    tried = max(1, min(needs.steps, max(settings.period or 1, 3)))
    layer = SmoothedForecast(
        needs.steps,
        needs.gap,
        unit,
        masked=needs.masked,
        backtest_steps=tried if settings.smoothing == "mixed" else None,
    )
    forecasts, state = layer([windows, state] if unit is None else [windows, state, scale])
    if settings.smoothing != "linear" or needs.window is None:
        return forecasts, state, None, (windows, scale)
    linear = LinearForecast(needs.steps)
    both = [forecasts, linear(windows)]
    forecasts = keras.layers.Add(dtype=whole_precision())(both)
    return forecasts, state, linear, (windows, scale)


def _columns(needs: Requirements) -> list[int] | None:
    """Return the columns to smooth, one for each target of a step; None for all columns."""
    feature = restored_feature(needs)
    columns = [feature] if isinstance(feature, int) else feature
    return None if columns == [*range(needs.features or 1)] else columns


def events(
    needs: Requirements, inputs: dict[str, Any], window: Any
) -> tuple[CalendarEvents, Any, list[Any]]:
    """Return the layer of events, its effects in the targets' units, and windows' units if any."""
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
    return (
        layer,
        keras.layers.Multiply(dtype=whole_precision())([layer(future), by_output]),
        [sizes],
    )
