"""Settles what a forecast goes by: what a model carries, what a call gives, what the data say."""

from dataclasses import replace
from typing import Any

import keras

from keras_ts import _checks
from keras_ts.saving.metadata import carried
from keras_ts.windows.arithmetic.steps import same_steps
from keras_ts.windows.carried import Carried
from keras_ts.windows.reading.panel import Panel
from keras_ts.windows.windowed_input import levels_given_by
from keras_ts.windows.windowed_series import WindowedSeries


def resolve(model: keras.Model, windows: Any) -> Carried:
    """Return the windows of a forecast, with the columns, frequency and levels that are known.

    Args:
        model: The model.
        windows: The windows that a call gives, or None for those that the model carries.
    """
    told = carried(model)
    if windows is None:
        if told is None:
            raise ValueError(
                "The model carries no windows: pass windows=dataset.windows. A model whose input "
                "goes through WindowedInput.of(dataset), as preset.build(dataset) makes it, or "
                "that was saved by save_model(model, path, windows=dataset), carries them."
            )
    elif not isinstance(windows, WindowedSeries):
        hint = " Pass its windows: dataset.windows." if hasattr(windows, "windows") else ""
        raise TypeError(
            f"windows must be a WindowedSeries. Received: {type(windows).__name__}.{hint}"
        )
    elif told is None:
        told = Carried(windows)
    else:
        clause = Carried(windows).disagreement(told)
        if clause is not None:
            raise ValueError(
                f"The windows given differ from those that the model carries: {clause}. Leave "
                "windows out, to forecast with those that it was trained on."
            )
        told = replace(told, windows=windows)
    return told.with_levels(levels_given_by(model) or told.levels)


def check_frequency(told: Carried, panel: Panel) -> None:
    """Refuse data whose timestamps go by other steps than those that the model was trained on."""
    if told.frequency is None or panel.clock is None:
        return
    own = panel.clock.frequencies
    for frequency in set(own):
        if frequency is not None and not same_steps(str(frequency), told.frequency):
            number = own.index(frequency)
            raise ValueError(
                f"The model was trained on steps of {_checks.shown(told.frequency)}, and the steps "
                f"of {panel.series(number)} are {str(frequency)!r} by "
                f"time_column={told.windows.time_column!r}. Forecast from data of the frequency "
                "that the model was trained on."
            )
