"""Finds the recurring events of a training part by its calendar, and sets them in the model.

An event is a date, or a phase of another cycle, at which the forecasts of the untrained model err
each time: the median error is large beside the others, so is the latest, and chance would not
repeat it. So one day of a year, which a net takes for an outlier, has its effect from the second
time on.

How much a forecast misses depends on what its window has seen. Before a week that is shut all days,
a forecast misses each of them; within it, hardly any; and from its last day, the day after. So the
dates of a year get an effect for each step of the forecast, from the errors at that step. Phases of
other cycles return often, and the net learns such seasons better: they get the same effect at all
steps, if early forecasts miss half of it at least.

In a panel, the error at a date is the median over the series, each relative to the size of its
window: a large series does not decide. Two of three series must share an event, since all of them
get it.
"""

from collections.abc import Sequence

import keras
import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.presets.initial_fit.errors import errors_by_row
from keras_ts.presets.initial_fit.moving import Moving, named, of_layer, sizes
from keras_ts.presets.initial_fit.returning import Errors
from keras_ts.windows.arithmetic.cycles import Columns, dates_of
from keras_ts.windows.arithmetic.events import medians
from keras_ts.windows.arithmetic.holidays import Holiday
from keras_ts.windows.arithmetic.moving import date_names
from keras_ts.windows.dataset import WindowDataset, in_time_order


def fit_events(
    layer: CalendarEvents,
    probe: keras.Model,
    dataset: WindowDataset,
    units: Sequence[float] | None,
) -> None:
    """Set the events of a model that is not trained yet, whose linear map is fitted."""
    panel = in_time_order(dataset).panel
    rows, errors = errors_by_row(probe, dataset, units)
    clock = None if panel.clock is None else panel.clock.shown[rows]
    date, at_date = np.arange(len(rows)), errors
    if units is None:
        rows, date, at_date, errors = _of_series(rows, clock, errors)
    if not len(rows):
        return
    clock = None if panel.clock is None else panel.clock.shown[rows]
    columns = panel.values[rows][:, -panel.columns.calendar :].astype("float64")
    numbered = {
        i: _numbered(cycle, columns[:, 2 * i : 2 * i + 2], clock)
        for i, cycle in enumerate(dataset.windows.cycles)
        if dates_of(cycle) is not None or (units is not None and not isinstance(cycle, Holiday))
    }
    center = np.median(at_date, axis=0)
    left = Errors(at_date - center, date, errors - center if units is None else None)
    moving = None if layer.moving is None or clock is None else Moving(clock, left)
    size_of: dict[str, float] = {}
    # A cycle with few phases first, so that a longer one keeps only what is left.
    for i in sorted(numbered, key=lambda i: len(numbered[i][0])):
        cycle, (phases, numbers) = dataset.windows.cycles[i], numbered[i]
        dates = dates_of(cycle)
        if dates is not None and moving is not None:
            moving.find(rival=numbers)
        effects = left.returning(numbers, by_step=dates is not None)
        left.take_off(effects[numbers])
        events = np.flatnonzero(effects.any(axis=(1, 2)))
        if dates is not None:
            if moving is not None:
                moving.find(dates=phases[events])
            of_dates = sizes(effects[events]).tolist()
            for name, size in zip(date_names(phases[events]), of_dates, strict=True):
                size_of[name] = max(size_of.get(name, 0.0), size)
        effects = of_layer(layer, effects[events])
        if dates is not None:
            points, index = dates.points(phases[events])
            layer.set_events(i, points, effects[index])
        else:
            angles = 2 * np.pi * phases[events]
            points = np.stack([np.sin(angles), np.cos(angles)], axis=1)
            count = _rounded(cycle)
            layer.set_events(i, points, effects, *([2 * np.pi / count] if count else []))
    if moving is not None:
        size_of |= moving.set(layer)
    layer.names = named(size_of)


def _of_series(
    rows: IntArray, clock: Array | None, errors: Array
) -> tuple[IntArray, IntArray, Array, Array]:
    """Return rows by date, each error's date, the median errors of each date, and the errors."""
    # Dates that only one series has are left out: they tell nothing of the others.
    assert clock is not None
    _, first, date, counts = np.unique(
        clock, return_index=True, return_inverse=True, return_counts=True
    )
    several = counts > 1
    date, errors = (np.cumsum(several) - 1)[date][several[date]], errors[several[date]]
    by_step = errors.reshape(len(errors), errors.shape[1] * errors.shape[2]).T
    at_date = np.stack([medians(date, of_step) for of_step in by_step], axis=1)
    return rows[first[several]], date, at_date.reshape(len(at_date), *errors.shape[1:]), errors


def _numbered(cycle: Columns, points: Array, clock: Array | None) -> tuple[Array, IntArray]:
    """Return the phases that occur in a cycle, and for each row the number of its own."""
    # A phase is the share of the cycle that has passed, or the date if the cycle's length varies.
    if (dates := dates_of(cycle)) is not None:
        assert clock is not None
        phases = dates.of(clock)
    else:
        phases = np.arctan2(points[:, 0], points[:, 1]) / (2 * np.pi) % 1
        if count := _rounded(cycle):
            phases = np.rint(phases * count) % count / count
    return np.unique(phases, return_inverse=True)


def _rounded(cycle: Columns) -> int | None:
    """Return the nearest whole number of rows to a period that is none, else None."""
    return round(cycle) if isinstance(cycle, float) and cycle != int(cycle) else None
