"""Finds events that move, such as the last Monday of May, and sets them in the model.

They are looked for by the test for dates, among the n-th weekdays of each month, from its first day
and from its last. What explains most is taken off first: in most years the last Monday is the
fourth as well. What the same dates of each year explain, such as a week that is shut, is left to
them. Around events found, and around dates found if they are on a weekend, the test is repeated.
"""

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.layers.calendar_events import MOST, CalendarEvents
from keras_ts.presets.initial_fit.returning import Errors
from keras_ts.windows.arithmetic.moving import MovingEvent, nth_weekdays, numbered, observed

# Weekdays of a year by month and place in it, and rounds in which more of them are found.
_WEEKDAYS, _ROUNDS = 7 * 5 * 12, 10
# Days on either side of an event that wait for the next round, which may know better.
_APART = 4
# The part of what an event explains that dates must leave.
_OWN = 1 / 3
# An event is named if it is at least this part of the largest one.
_NAMED = 1 / 3


class Moving:
    """The events that move of a calendar, and the errors that they leave."""

    def __init__(self, clock: Array, errors: Errors) -> None:
        self._days, self._errors = clock.astype("datetime64[D]"), errors
        self._moment = clock[0] - self._days[0]
        self._sides = [nth_weekdays(self._days, side) for side in (0, 1)]
        self._found: dict[MovingEvent, Array] = {}

    def find(self, dates: Array | None = None, rival: IntArray | None = None) -> None:
        """Find events, beside dates that are known, or better than the numbered dates ``rival``."""
        for _ in range(_ROUNDS):
            near = [] if dates is None else list(observed(dates))
            near += [beside for event in self._found for beside in event.neighbours()]
            errors, taken = self._errors.at_date, np.zeros(len(self._days), bool)
            others = errors if rival is None else errors - self._errors.returning(rival)[rival]
            candidates, effects_off = [], np.zeros_like(errors)
            for numbers, events in (numbered(self._days, near), *self._sides):
                effects = self._errors.returning(numbers, among=_WEEKDAYS)
                for number in np.flatnonzero(effects.any(axis=(1, 2))):
                    here, event = np.flatnonzero(numbers == number), events[number]
                    before, by_dates, after = (
                        np.square(left).sum()
                        for left in (errors[here], others[here], errors[here] - effects[number])
                    )
                    if event is not None and by_dates - after > _OWN * (before - after) > 0:
                        candidates.append((before - after, event, here, effects[number]))
            # Of equal gains, that beside a known event comes first.
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
        """Set the largest events that there is room for, and return their sizes by name."""
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
    """Return the sizes of events ``(events, steps, targets)`` in the forecast of the last step."""
    return np.abs(effects[:, -1]).max(axis=1, initial=0.0)


def named(size_of: dict[str, float]) -> tuple[str, ...]:
    """Return the names of events, given their sizes, without those of what others leave."""
    # On the days after an event that its window has seen a forecast errs, too, each time.
    largest = max(size_of.values(), default=0.0)
    return tuple(name for name, size in size_of.items() if size > 0 and size >= largest * _NAMED)


def of_layer(layer: CalendarEvents, effects: Array) -> Array:
    """Return effects ``(events, steps, targets)`` as the layer takes them."""
    # All quantiles of a target move alike.
    effects = np.tile(effects, layer.outputs // effects.shape[2])
    return effects[:, 0] if layer.steps is None else effects
