"""Finds the recurring events of a series by its calendar, and sets them in the model.

An event is a date, or a phase of another cycle, at which the forecasts of the untrained model err
each time: the median error is large beside the others, so is the latest, and chance would not
repeat it. So one day of a year, which a net takes for an outlier, has its effect from the second
time on. Forecasts from well before it must miss half of the effect too: a week after a holiday, a
linear map that has seen it expects another, and the day after, none. Added to a forecast from
before the holiday, those errors would be wrong.
"""

from collections.abc import Sequence

import keras
import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.presets.initial_fit.errors import chunks
from keras_ts.windows.arithmetic.cycles import Cycle, dates_of
from keras_ts.windows.arithmetic.events import medians, returning
from keras_ts.windows.dataset import WindowDataset, in_time_order


def fit_events(
    layer: CalendarEvents, probe: keras.Model, dataset: WindowDataset, units: Sequence[float]
) -> None:
    """Set the events of a model that is not trained yet, whose linear map is fitted.

    Args:
        layer: The layer of the events.
        probe: The probe of the model.
        dataset: The training part, a single series.
        units: For each target, the unit of the layer's outputs.
    """
    calendar, panel = dataset.windows.cycles, in_time_order(dataset).panel
    latest, earliest = _errors(probe, dataset)
    rows = np.flatnonzero(np.isfinite(latest).all(axis=1))
    latest, earliest = (of[rows] - np.median(of[rows], axis=0) for of in (latest, earliest))
    clock = None if panel.clock is None else panel.clock.shown[rows]
    columns = panel.values[rows][:, -panel.columns.calendar :].astype("float64")
    numbered = [
        _numbered(cycle, columns[:, 2 * i : 2 * i + 2], clock) for i, cycle in enumerate(calendar)
    ]
    # A cycle with few phases first, so that a longer one keeps only what is left.
    for i in sorted(range(len(calendar)), key=lambda i: len(numbered[i][0])):
        phases, numbers = numbered[i]
        pairs = zip(latest.T, earliest.T, strict=True)
        effects = np.stack([_lasting(numbers, *errors) for errors in pairs], axis=1)
        latest, earliest = latest - effects[numbers], earliest - effects[numbers]
        events = np.flatnonzero(effects.any(axis=1))
        # All quantiles of a target move alike.
        effects = np.tile(effects[events] / units, layer.outputs // len(units))
        if (dates := dates_of(calendar[i])) is not None:
            points, index = dates.points(phases[events])
            layer.set_events(i, points, effects[index])
        else:
            angles = 2 * np.pi * phases[events]
            points = np.stack([np.sin(angles), np.cos(angles)], axis=1)
            count = _rounded(calendar[i])
            layer.set_events(i, points, effects, *([2 * np.pi / count] if count else []))


def _lasting(numbers: IntArray, latest: Array, earliest: Array) -> Array:
    """Return the error that returns at each phase, if early forecasts miss half of it at least."""
    effects, before = returning(numbers, latest), medians(numbers, earliest)
    return np.where(before * np.sign(effects) >= np.abs(effects) / 2, effects, 0.0)


def _errors(probe: keras.Model, dataset: WindowDataset) -> tuple[Array, Array]:
    """Return the error at each row by its latest forecast, and by its earliest: NaN if none.

    A row is forecast by several windows if they forecast several steps, and by the rest of them
    if some are left out.
    """
    geometry = dataset.windows.geometry
    panel = in_time_order(dataset).panel
    targets = len(dataset.columns["target"])
    latest, earliest = np.full((2, len(panel.values), targets), np.nan)
    fewest, most = np.full(len(latest), geometry.horizon), np.full(len(latest), -1)
    for chunk in chunks(probe, dataset):
        kept = np.isfinite(chunk.errors).all(axis=(1, 2)) & (chunk.weights > 0)
        for step in range(geometry.horizon):
            rows = (chunk.starts + geometry.first_target + step)[kept]
            at_step = chunk.errors[kept, step]
            later, earlier = step < fewest[rows], step > most[rows]
            latest[rows[later]], fewest[rows[later]] = at_step[later], step
            earliest[rows[earlier]], most[rows[earlier]] = at_step[earlier], step
    return latest, earliest


def _numbered(cycle: Cycle, points: Array, clock: Array | None) -> tuple[Array, IntArray]:
    """Return the phases that occur in a cycle, and for each row the number of its own.

    A phase is the share of the cycle that has passed, or the date if the cycle's length varies.
    """
    if (dates := dates_of(cycle)) is not None:
        assert clock is not None
        phases = dates.of(clock)
    else:
        phases = np.arctan2(points[:, 0], points[:, 1]) / (2 * np.pi) % 1
        if count := _rounded(cycle):
            phases = np.rint(phases * count) % count / count
    return np.unique(phases, return_inverse=True)


def _rounded(cycle: Cycle) -> int | None:
    """Return the nearest whole number of rows to a period that is none, else None."""
    return None if isinstance(cycle, str) or cycle == int(cycle) else round(cycle)
