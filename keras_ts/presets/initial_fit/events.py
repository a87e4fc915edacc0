"""Finds the recurring events of a training part by its calendar, and sets them in the model.

An event is a date, or a phase of another cycle, at which the forecasts of the untrained model err
each time: the median error and the latest are larger than chance would make them at any date. A net
would take an event for an outlier; here it has its effect from the second time on.

The error of a forecast depends on the days in its window. A forecast made before a week in which a
shop is shut misses all days of that week; a forecast made within the week misses hardly any, and
one made on its last day misses the day after. So a date of the year gets an effect for each step of
the forecast, from the errors at that step. Phases of other cycles return often, and the net learns
such seasons better: a phase gets the error of the first step as its effect at all steps, and none
if the error of the last step is less than half of that.

In a panel, phases of other cycles are no events. The error at a date is the median over the series,
each relative to the size of its window, so that a large series does not decide. All series get an
event, so two thirds of them must show it.

The test for dates also finds events that move, such as the last Monday of May, among the weekdays
of each month, counted from its first day and from its last. In most years the last Monday is also
the fourth, so the event that explains more is subtracted first. If the same dates of each year
explain errors better, as in a week that is shut, the dates become the events. The test is repeated
for the days around events, and for the days on which dates that fall on a weekend are observed. A
date may be no event on a weekend, where the latest may have been: so the same test is also made of
dates from Monday to Friday alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.layers.calendar_events import MOST, CalendarEvents
from keras_ts.panel.cycles import Columns, Holiday, dates_of_2024, points_of_dates
from keras_ts.presets.event_days import (
    MovingEvent,
    date_names,
    medians,
    noise_by_day,
    nth_weekdays,
    numbered,
    observed,
    returning,
    returning_by_step,
    working_dates,
)
from keras_ts.presets.initial_fit.parts import chunks
from keras_ts.presets.regression.ridge import RidgeSums
from keras_ts.windows.dataset import WindowDataset, in_time_order
from keras_ts.windows.scale import moments

# The regression clips errors at this many times their median size: errors of a series that begins
# to sell are many times the size of its window.
_LARGEST = 100.0
# The part of the series that must show an event of a panel.
_SHARED = 2 / 3
# Weekdays of a year by month and place in the month, and the most rounds that look for events.
_WEEKDAYS, _ROUNDS = 7 * 5 * 12, 10
# Days on either side of an event that are tried only in the next round, once it is subtracted.
_APART = 4
# Of the squared errors that a moving event explains, dates must leave more than this part.
_BEYOND_DATES = 1 / 3
# An event is named if it is at least this part of the largest one.
_NAMED = 1 / 3


def fit_events(
    layer: CalendarEvents,
    probe: keras.Model,
    dataset: WindowDataset,
    units: Sequence[float] | None,
) -> None:
    """Set the events of an untrained model, after its linear map is fitted."""
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
    phased = {
        i: _numbered(cycle, columns[:, 2 * i : 2 * i + 2], clock)
        for i, cycle in enumerate(dataset.windows.cycles)
        if cycle == "year" or (units is not None and not isinstance(cycle, Holiday))
    }
    center = np.median(at_date, axis=0)
    at_date = at_date - center
    noise = None if clock is None else noise_by_day(clock.astype("datetime64[D]"), at_date)
    left = Errors(at_date, date, errors - center if units is None else None, noise)
    moving = None if layer.moving is None or clock is None else Moving(clock, left)
    size_of: dict[str, float] = {}
    # Cycles with fewer phases come first; the others get the errors that these leave.
    for i in sorted(phased, key=lambda i: len(phased[i][0])):
        cycle, (phases, numbers) = dataset.windows.cycles[i], phased[i]
        dated = cycle == "year"
        if dated and moving is not None:
            moving.find(rival=numbers)
        effects = left.returning(numbers, by_step=dated)
        left.take_off(effects[numbers])
        events = np.flatnonzero(effects.any(axis=(1, 2)))
        effects, of_dates = of_layer(layer, effects[events]), sizes(effects[events]).tolist()
        if dated:
            if moving is not None:
                moving.find(dates=phases[events])
            for name, size in zip(date_names(phases[events]), of_dates, strict=True):
                size_of[name] = max(size_of.get(name, 0.0), size)
            points, index = points_of_dates(phases[events])
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
    """Return a row for each date, the date of each error, the median errors by date, and errors."""
    # Dates that only one series has are left out: they say nothing of other series.
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
    """Return the phases of a cycle that occur, and for each row the number of its phase."""
    # A phase is the part of a cycle that has passed; of the year, a date, since years differ.
    if cycle == "year":
        assert clock is not None
        phases = dates_of_2024(clock)
    else:
        phases = np.arctan2(points[:, 0], points[:, 1]) / (2 * np.pi) % 1
        if count := _rounded(cycle):
            phases = np.rint(phases * count) % count / count
    return np.unique(phases, return_inverse=True)


def _rounded(cycle: Columns) -> int | None:
    """Return a fractional period as a whole number of rows; None for any other cycle."""
    return round(cycle) if isinstance(cycle, float) and cycle != int(cycle) else None


# Each row is forecast at every step of the horizon, by different windows. If there is no window for
# a step, the error is that of the next earlier forecast of the row, or else of the next later one.
def errors_by_row(
    probe: keras.Model, dataset: WindowDataset, units: Sequence[float] | None
) -> tuple[IntArray, Array]:
    """Return the rows that have forecasts, and their errors, ``(rows, steps, targets)``."""
    # Windows of weight or unit 0 and rows that lack a target are left out. Errors are in ``units``
    # or, in a panel, where these are None, in the units of their window.
    starts, parts = [], []
    for chunk in chunks(probe, dataset):
        counted = chunk.weights > 0
        if chunk.units is not None:
            counted &= (chunk.units > 0).all(axis=(1, 2))
        scale = np.asarray(units) if chunk.units is None else chunk.units[counted]
        starts.append(chunk.starts[counted])
        parts.append((chunk.errors[counted] / scale).astype("float32"))
    first, errors = np.concatenate(starts), np.concatenate(parts)
    errors[~np.isfinite(errors).all(axis=2)] = np.nan
    _subtract_explained(errors, first, dataset)
    return _by_row(first + dataset.windows.geometry.first_target, errors)


# A promotion on the same date each year would pass for an event. So a ridge regression at each step
# explains errors by the columns known ahead at that step, and by those at the last row of the
# window, since their effect on that row's target may carry over into the forecast.
def _subtract_explained(errors: Array, starts: IntArray, dataset: WindowDataset) -> None:
    """Subtract from errors, in place, what columns known ahead, without the calendar, explain."""
    panel, geometry = in_time_order(dataset).panel, dataset.windows.geometry
    planned = panel.columns.planned
    present = np.isfinite(errors)
    if not planned or not present.any():
        return
    limit = _LARGEST * np.median(np.abs(errors[present]))
    centers = np.nanmedian(errors, axis=(0, 1))
    limited = np.clip(errors - centers, -limit, limit)
    last_values = panel.values[starts + geometry.reach - 1][:, planned]
    mean, std = moments(last_values, [(0, len(last_values))])
    std = np.where(std > 0, std, np.inf)

    def columns(rows: IntArray) -> Array:
        return np.nan_to_num((panel.values[rows][:, planned] - mean) / std)

    at_last, ones = columns(starts + geometry.reach - 1), np.ones(len(starts))
    for step in range(geometry.horizon):
        inputs = np.concatenate([columns(starts + geometry.first_target + step), at_last], axis=1)
        sums = RidgeSums(inputs.shape[1], errors.shape[2])
        sums.add(inputs, limited[:, step], ones)
        errors[:, step] -= inputs @ sums.coefficients()


def _by_row(first: IntArray, errors: Array) -> tuple[IntArray, Array]:
    """Return rows and their errors by step, from windows whose first steps are at ``first``."""
    horizon = errors.shape[1]
    # Of each window, the rows before the first of the next one, so that each row comes once.
    counts = np.minimum(np.diff(first, append=first[-1:] + horizon), horizon)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = np.repeat(first, counts) + offsets
    table = np.full((len(rows), *errors.shape[1:]), np.nan, errors.dtype)
    for step in range(horizon):
        table[np.searchsorted(rows, first + step), step] = errors[:, step]
    # The earlier a row is forecast, the later the step.
    for steps, neighbor in ((range(horizon - 2, -1, -1), 1), (range(1, horizon), -1)):
        for step in steps:
            gaps = np.isnan(table[:, step, 0])
            table[gaps, step] = table[gaps, step + neighbor]
    counted = ~np.isnan(table[:, 0, 0])
    return rows[counted], table[counted]


@dataclass
class Errors:
    """Errors by date, ``(dates, steps, targets)``, and in a panel those of each series."""

    at_date: Array
    date: IntArray  # of each of ``of_rows``
    of_rows: Array | None
    noise: Array | None = None  # by date, if there is a clock

    def returning(self, numbers: IntArray, by_step: bool = True, among: int = 0) -> Array:
        """Return the effects of the events among numbered dates, ``(numbers, steps, targets)``."""
        effects = _effects(numbers, self.at_date, by_step, among)
        if by_step and self.noise is not None and effects.any():
            # Saturdays or summers may be wilder than other days: an event stands out there, too.
            beside = _effects(numbers, self.at_date / self.noise, by_step, among)
            effects[~beside.any(axis=(1, 2))] = 0.0
        if self.of_rows is not None:
            effects = _shared(effects, numbers[self.date], self.of_rows)
        return effects

    def take_off(self, effects: Array) -> None:
        """Subtract effects by date."""
        self.at_date = self.at_date - effects
        if self.of_rows is not None:
            self.of_rows = self.of_rows - effects[self.date]


def _effects(numbers: IntArray, errors: Array, by_step: bool, among: int) -> Array:
    """Return effects by phase, ``(phases, steps, targets)``, 0 at phases that are no events."""
    by_target = np.moveaxis(errors, 2, 0).astype("float64")
    if by_step:
        effects = [returning_by_step(numbers, of_target, among) for of_target in by_target]
    else:
        lasting = [_lasting(numbers, *of_target[:, [0, -1]].T) for of_target in by_target]
        effects = [np.repeat(of_target[:, None], errors.shape[1], 1) for of_target in lasting]
    return np.stack(effects, axis=2)


def _lasting(numbers: IntArray, latest: Array, earliest: Array) -> Array:
    """Return the error at each phase one step ahead; 0 if at the last step it is under half."""
    effects, at_last = returning(numbers, latest), medians(numbers, earliest)
    return np.where(at_last * np.sign(effects) >= np.abs(effects) / 2, effects, 0.0)


def _shared(effects: Array, numbers: IntArray, errors: Array) -> Array:
    """Return the effects of events that most series show, and 0 for others."""
    # A series shows an event if its forecast errs by half of the effect or more, at the step at
    # which the effect is largest.
    step = np.abs(effects).argmax(axis=1)[:, None]
    largest = np.take_along_axis(effects, step, axis=1)[numbers]
    at_step = np.take_along_axis(errors, step[numbers], axis=1) * np.sign(largest)
    shown = (at_step >= np.abs(largest) / 2)[:, 0]
    shares = [np.bincount(numbers, of_target) / np.bincount(numbers) for of_target in shown.T]
    return np.where(np.stack(shares, axis=1)[:, None] >= _SHARED, effects, 0.0)


class Moving:
    """Finds the events that move, and sets them in the layer."""

    def __init__(self, clock: Array, errors: Errors) -> None:
        self._days, self._errors = clock.astype("datetime64[D]"), errors
        self._moment = clock[0] - self._days[0]
        self._tried = [nth_weekdays(self._days, side) for side in (0, 1)]
        self._tried.append(working_dates(self._days))
        self._found: dict[MovingEvent, Array] = {}

    def find(self, dates: Array | None = None, rival: IntArray | None = None) -> None:
        """Find events that explain more than the dates ``rival``, also those near ``dates``."""
        for _ in range(_ROUNDS):
            near = [] if dates is None else list(observed(dates))
            near += [beside for event in self._found for beside in event.neighbours()]
            errors, taken = self._errors.at_date, np.zeros(len(self._days), bool)
            others = errors if rival is None else errors - self._errors.returning(rival)[rival]
            candidates, effects_off = [], np.zeros_like(errors)
            for numbers, events in (numbered(self._days, near), *self._tried):
                effects = self._errors.returning(numbers, among=_WEEKDAYS)
                for number in np.flatnonzero(effects.any(axis=(1, 2))):
                    here, event = np.flatnonzero(numbers == number), events[number]
                    before, by_dates, after = (
                        np.square(left).sum()
                        for left in (errors[here], others[here], errors[here] - effects[number])
                    )
                    gain = before - after
                    if event is not None and by_dates - after > _BEYOND_DATES * gain > 0:
                        candidates.append((gain, event, here, effects[number]))
            # Of equal gains, the one beside a known event comes first.
            for _, event, here, effect in sorted(candidates, key=lambda each: -each[0]):
                if not taken[here].any():
                    around = self._days[here][:, None] + np.arange(-_APART, _APART + 1)
                    taken |= np.isin(self._days, around)
                    effects_off[here] = effect
                    self._found[event] = self._found.get(event, 0.0) + effect
            if not candidates:
                break
            self._errors.take_off(effects_off)

    def set(self, layer: CalendarEvents) -> dict[str, float]:
        """Set the largest events for which there is room, and return their sizes by name."""
        names: dict[str, float] = {}
        points, weekdays, effects = list[Array](), list[Array](), list[Array]()
        for event, effect in sorted(self._found.items(), key=lambda each: -np.abs(each[1]).max()):
            year, week = event.points(self._moment)
            if len(effects) + len(year) > MOST:
                break
            points.append(year)
            weekdays.append(week)
            effects += [effect] * len(year)
            names[event.name] = float(sizes(effect[None])[0])
        if effects:
            of_places = of_layer(layer, np.stack(effects))
            layer.set_moving_events(np.concatenate(points), np.concatenate(weekdays), of_places)
        return names


def sizes(effects: Array) -> Array:
    """Return the sizes of the effects of events, ``(events, steps, targets)``, at the last step."""
    return np.abs(effects[:, -1]).max(axis=1, initial=0.0)


def named(size_of: dict[str, float]) -> tuple[str, ...]:
    """Return the names of the larger events; small ones may be after-effects of others."""
    # On the days after an event, forecasts from windows that contain it err each time, too.
    largest = max(size_of.values(), default=0.0)
    return tuple(name for name, size in size_of.items() if size > 0 and size >= largest * _NAMED)


def of_layer(layer: CalendarEvents, effects: Array) -> Array:
    """Return effects ``(events, steps, targets)`` as the layer takes them."""
    effects = np.tile(effects, layer.outputs // effects.shape[2])  # the same for all quantiles
    return effects[:, 0] if layer.steps is None else effects
