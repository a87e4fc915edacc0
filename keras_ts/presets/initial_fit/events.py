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

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.presets.initial_fit.errors import errors_by_row
from keras_ts.windows.arithmetic.cycles import Columns, dates_of
from keras_ts.windows.arithmetic.events import medians, returning, returning_by_step
from keras_ts.windows.arithmetic.holidays import Holiday
from keras_ts.windows.dataset import WindowDataset, in_time_order

# The part of the errors at a date that must show an event of a panel.
_SHARED = 2 / 3


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
    at_date, errors = at_date - center, errors - center
    # A cycle with few phases first, so that a longer one keeps only what is left.
    for i in sorted(numbered, key=lambda i: len(numbered[i][0])):
        cycle, (phases, numbers) = dataset.windows.cycles[i], numbered[i]
        dates = dates_of(cycle)
        effects = _effects(numbers, at_date, by_step=dates is not None)
        if units is None:
            effects = np.where(_shared(effects, numbers[date], errors), effects, 0.0)
        at_date, errors = at_date - effects[numbers], errors - effects[numbers[date]]
        events = np.flatnonzero(effects.any(axis=(1, 2)))
        # All quantiles of a target move alike.
        effects = np.tile(effects[events], layer.outputs // errors.shape[2])
        if layer.steps is None:
            effects = effects[:, 0]
        if dates is not None:
            points, index = dates.points(phases[events])
            layer.set_events(i, points, effects[index])
        else:
            angles = 2 * np.pi * phases[events]
            points = np.stack([np.sin(angles), np.cos(angles)], axis=1)
            count = _rounded(cycle)
            layer.set_events(i, points, effects, *([2 * np.pi / count] if count else []))


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


def _effects(numbers: IntArray, errors: Array, by_step: bool) -> Array:
    """Return the effects of events, ``(phases, steps, targets)``, 0 at phases that are none."""
    by_target = np.moveaxis(errors, 2, 0).astype("float64")
    if by_step:
        effects = [returning_by_step(numbers, of_target) for of_target in by_target]
    else:
        lasting = [_lasting(numbers, *of_target[:, [0, -1]].T) for of_target in by_target]
        effects = [np.repeat(of_target[:, None], errors.shape[1], 1) for of_target in lasting]
    return np.stack(effects, axis=2)


def _lasting(numbers: IntArray, latest: Array, earliest: Array) -> Array:
    """Return the error that returns at each phase, if early forecasts miss half of it at least."""
    effects, before = returning(numbers, latest), medians(numbers, earliest)
    return np.where(before * np.sign(effects) >= np.abs(effects) / 2, effects, 0.0)


def _shared(effects: Array, numbers: IntArray, errors: Array) -> BoolArray:
    """Return True for events that most series show, ``(phases, 1, targets)``."""
    # A series shows an event if its forecast errs by half of the effect, at the step at which that
    # is largest.
    step = np.abs(effects).argmax(axis=1)[:, None]
    largest = np.take_along_axis(effects, step, axis=1)[numbers]
    there = np.take_along_axis(errors, step[numbers], axis=1) * np.sign(largest)
    shown = (there >= np.abs(largest) / 2)[:, 0]
    shares = [np.bincount(numbers, of_target) / np.bincount(numbers) for of_target in shown.T]
    return np.stack(shares, axis=1)[:, None] >= _SHARED


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
