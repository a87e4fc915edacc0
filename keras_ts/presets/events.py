"""Finds the events of a series' calendar before any training, and sets them in its model."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.interface import Interface
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.presets.linear_path import blocks, errors_of
from keras_ts.windows.arithmetic.cycles import Cycle, dates_of_2024, points_of_dates
from keras_ts.windows.arithmetic.events import medians, returning
from keras_ts.windows.dataset import WindowDataset, in_time_order


def set_calendar_events(
    model: keras.Model, probe: keras.Model, dataset: WindowDataset, units: Sequence[float]
) -> None:
    """Set the events of the model's ``CalendarEvents``: errors that return with a cycle's phase.

    The errors are those that the model makes as it begins, in the latest forecast of each row.

    Args:
        model: The model, as built for the dataset.
        probe: The model that ``fit_linear_path`` returned, which has run by now.
        dataset: The training part, a single series.
        units: Of each target, the unit that the layer's outputs are in.
    """
    layer = next(layer for layer in model.layers if isinstance(layer, CalendarEvents))
    calendar: Any = dataset.windows.calendar
    panel = in_time_order(dataset).panel
    near, far = _errors(probe, Interface.of(model).quantiles is not None, dataset)
    rows = np.flatnonzero(np.isfinite(near).all(axis=1))
    near, far = (errors[rows] - np.median(errors[rows], axis=0) for errors in (near, far))
    clock = None if panel.clock is None else panel.clock.shown[rows]
    columns = panel.values[rows][:, -2 * len(calendar) :].astype("float64")
    numbered = [
        _numbered(cycle, columns[:, 2 * i : 2 * i + 2], clock) for i, cycle in enumerate(calendar)
    ]
    for i in sorted(range(len(calendar)), key=lambda i: len(numbered[i][0])):
        places, numbers = numbered[i]
        effects = np.stack(
            [_lasting(numbers, *both) for both in zip(near.T, far.T, strict=True)], 1
        )
        near, far = near - effects[numbers], far - effects[numbers]
        found = np.flatnonzero(effects.any(axis=1))
        # All quantiles of a target move alike.
        effects = np.tile(effects[found] / units, layer.outputs // len(units))
        if calendar[i] == "year":
            points, index = points_of_dates(places[found])
            layer.set_events(i, points, effects[index])
        else:
            angles = 2 * np.pi * places[found]
            points = np.stack([np.sin(angles), np.cos(angles)], axis=1)
            count = _rounded(calendar[i])
            layer.set_events(i, points, effects, *([2 * np.pi / count] if count else []))


def _lasting(phases: IntArray, near: Array, far: Array) -> Array:
    """Return the errors that return at each phase, if early forecasts miss half of them at least.

    A week after a holiday, a linear map that has seen it expects another, and the day after, none:
    added to a forecast from before the holiday, those errors would be wrong.
    """
    effects, before = returning(phases, near), medians(phases, far)
    return np.where(before * np.sign(effects) >= np.abs(effects) / 2, effects, 0.0)


def _errors(probe: keras.Model, quantiles: bool, dataset: WindowDataset) -> tuple[Array, Array]:
    """Return the error at each row by its latest forecast, and by its earliest: NaN if none.

    A row is forecast by several windows if they forecast several steps, and by the rest of them
    where some are left out.
    """
    geometry = dataset.windows.geometry
    panel = in_time_order(dataset).panel
    targets = len(dataset.columns["target"])
    near, far = np.full((2, len(panel.values), targets), np.nan)
    nearest, farthest = np.full(len(near), geometry.horizon), np.full(len(near), -1)
    for starts, x, y, weights in blocks(dataset):
        *_, forecasts = map(np.asarray, probe.predict_on_batch(x))
        left = errors_of(forecasts, y, geometry.horizon, quantiles)
        known = np.isfinite(left).all(axis=(1, 2)) & (weights > 0)
        for step in range(geometry.horizon):
            rows, errors = (starts + geometry.first_target + step)[known], left[known, step]
            nearer, farther = step < nearest[rows], step > farthest[rows]
            near[rows[nearer]], nearest[rows[nearer]] = errors[nearer], step
            far[rows[farther]], farthest[rows[farther]] = errors[farther], step
    return near, far


def _numbered(cycle: Cycle, points: Array, clock: Array | None) -> tuple[Array, IntArray]:
    """Return the places of a cycle that there are, and for each row the number of its own.

    A place is the share of the cycle that has passed; of ``"year"`` it is the date.
    """
    if cycle == "year":
        assert clock is not None
        places = dates_of_2024(clock)
    else:
        places = np.arctan2(points[:, 0], points[:, 1]) / (2 * np.pi) % 1
        if count := _rounded(cycle):
            places = np.rint(places * count) % count / count
    return np.unique(places, return_inverse=True)


def _rounded(cycle: Cycle) -> int | None:
    """Return the whole number of rows for a cycle of so many and a part, else None."""
    return None if isinstance(cycle, str) or cycle == int(cycle) else round(cycle)
