"""Finds the events of a series' calendar before any training, and sets them in its model."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_ts._typing import Array
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.layers.levels import levels_of
from keras_ts.presets.linear_path import blocks
from keras_ts.windows.arithmetic.events import returning
from keras_ts.windows.dataset import WindowDataset

# Rows closer than this angle are one point to a sine in float32.
_SMALLEST = 2e-6


def set_calendar_events(model: keras.Model, dataset: WindowDataset, units: Sequence[float]) -> None:
    """Set the events of the model's ``CalendarEvents``: errors that return with a cycle's phase.

    The errors are those of the first step that the model forecasts as it begins: later steps miss
    much that a net learns. The cycle with the fewest phases is searched first, and each of the
    others without the events that are found by then.

    Args:
        model: The model, as built for the dataset.
        dataset: The training part, a single series.
        units: Of each target, the unit that the layer's outputs are in.
    """
    layer = next(layer for layer in model.layers if isinstance(layer, CalendarEvents))
    cycles, _, outputs = layer.effects.shape
    points, left, turns = _points_and_errors(model, dataset, cycles)
    for cycle in np.argsort(-turns):
        if turns[cycle] < _SMALLEST:
            continue  # It stands still, as the time of day does in a series of days.
        count = max(1, round(2 * np.pi / turns[cycle]))
        at = points[:, cycle]
        phases = np.rint(np.arctan2(at[:, 0], at[:, 1]) / (2 * np.pi) * count)
        phases = phases.astype("int64") % count
        found, effects = returning(phases, left)
        where = [at[phases == phase].mean(axis=0) for phase in found]
        for phase, effect in zip(found, effects, strict=True):
            left[phases == phase] -= effect
        # All quantiles of a target move alike.
        effects = np.tile(effects / units, outputs // len(units))
        layer.set_events(int(cycle), np.reshape(where, (-1, 2)), 2 * np.pi / count, effects)


def _points_and_errors(
    model: keras.Model, dataset: WindowDataset, cycles: int
) -> tuple[Array, Array, Array]:
    """Return points and errors of the first step, and by what angle each cycle turns in a row.

    The shapes are ``(windows, cycles, 2)``, ``(windows, targets)`` and ``(cycles,)``.
    """
    points, errors, turns = [], [], []
    for x, y, weights in blocks(dataset):
        forecasts = np.asarray(model.predict_on_batch(x))
        # All quantiles are alike at the beginning.
        forecasts = forecasts if levels_of(model) is None else forecasts[..., 0]
        steps = x["future"].shape[1]
        left = (y.astype("float64") - forecasts.reshape(y.shape)).reshape(len(y), steps, -1)[:, 0]
        known = np.isfinite(left).all(axis=1) & (weights > 0)
        errors.append(left[known])
        points.append(_pairs(x["future"][:, 0], cycles)[known])
        within = _pairs(x["past"], cycles)
        angles = np.unwrap(np.arctan2(within[..., 0], within[..., 1]), axis=1)
        turns.append(np.abs(np.diff(angles, axis=1)).reshape(-1, cycles))
    turned = np.concatenate(turns)
    return np.concatenate(points), np.concatenate(errors), np.median(turned, axis=0)


def _pairs(columns: Any, cycles: int) -> Array:
    calendar = np.asarray(columns, "float64")[..., -2 * cycles :]
    return calendar.reshape(*calendar.shape[:-1], cycles, 2)
