"""Calendars by which timestamps are evenly spaced although their distances differ: pure NumPy.

A calendar numbers its days (month ends 1, 2, 3, ...) and says which days are its own. A
series keeps to a calendar if all its days are the calendar's, at one time of day. Then a
missing day is a number that was skipped.
"""

from collections.abc import Callable

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

Numbered = tuple[IntArray, BoolArray]


def in_time(clock: Array, utc: Array, bounds: IntArray) -> tuple[Array, BoolArray]:
    """Count in units of time, by a clock that may be put forward and back.

    A step that is no longer than the change of the clock does not count: an hour that is
    missing when the clock is put back by an hour would leave no trace.
    """
    step = np.diff(clock)
    counted = np.ones(len(clock), dtype=bool)
    counted[1:] = step > np.abs(step - np.diff(utc))
    counted[bounds[:-1]] = True
    return clock, counted


def in_days(
    number: Callable[[Array, IntArray], Numbered], clock: Array, utc: Array, bounds: IntArray
) -> Numbered:
    """Count in the days of a calendar, all at the same time of day.

    Where the clock is put forward at midnight, that day begins as much later.
    """
    day = clock.astype("datetime64[D]")
    of_day = clock - day.astype(clock.dtype)
    usual = _spread(np.minimum.reduceat(of_day, bounds[:-1]), bounds)
    at_time = of_day == usual
    if clock is not utc:
        forward = np.diff(clock) - np.diff(utc)
        forward[bounds[1:-1] - 1] = 0
        at_time[1:] |= of_day[1:] - usual[1:] == forward
    ticks, own = number(day, bounds)
    return ticks, own & at_time


def every_day(day: Array, bounds: IntArray) -> Numbered:
    """Number every day: a clock with summer time shows days that are not 24 hours apart."""
    return day.astype(np.int64), np.ones(len(day), dtype=bool)


def _weekdays(day: Array, bounds: IntArray) -> Numbered:
    """Mondays to Fridays."""
    return np.busday_count(np.datetime64(0, "D"), day), np.is_busday(day)


def _day_of_month(day: Array, bounds: IntArray) -> Numbered:
    """One day of the month, or the last of a month that lacks it."""
    month, of_month, last = _month(day)
    latest = _spread(np.maximum.reduceat(of_month, bounds[:-1]), bounds)
    return month.astype(np.int64), last | (of_month == latest)


def _first_weekday_of_month(day: Array, bounds: IntArray) -> Numbered:
    month = day.astype("datetime64[M]")
    first = np.busday_offset(month.astype(day.dtype), 0, roll="forward")
    return month.astype(np.int64), day == first


def _last_weekday_of_month(day: Array, bounds: IntArray) -> Numbered:
    month = day.astype("datetime64[M]")
    last = np.busday_offset((month + 1).astype(day.dtype), -1, roll="forward")
    return month.astype(np.int64), day == last


def _numbered_weekday_of_month(day: Array, bounds: IntArray) -> Numbered:
    """The third Friday, say."""
    month, of_month, _ = _month(day)
    kind = of_month // 7 * 7 + day.astype(np.int64) % 7
    return month.astype(np.int64), kind == _spread(kind[bounds[:-1]], bounds)


def _twice_a_month(day: Array, bounds: IntArray) -> Numbered:
    """Two days of the month, about half of one apart; the later may be its last."""
    month, of_month, last = _month(day)
    early = _spread(np.minimum.reduceat(of_month, bounds[:-1]), bounds)
    late = _spread(np.maximum.reduceat(of_month, bounds[:-1]), bounds)
    second = of_month != early
    own = ~second | (of_month == late) | (last & (of_month >= early + 12))
    half = (late - early >= 12) & (late - early <= 18)
    return 2 * month.astype(np.int64) + second, own & half


def _month(day: Array) -> tuple[Array, IntArray, BoolArray]:
    """The month of each day, its number in it from 0, and whether it is the last."""
    month = day.astype("datetime64[M]")
    of_month = (day - month.astype(day.dtype)).astype(np.int64)
    return month, of_month, (month + 1).astype(day.dtype) == day + 1


def _spread(values: Array, bounds: IntArray) -> Array:
    """One value per series, at each of its rows."""
    return np.repeat(values, np.diff(bounds))


# With the fewest hours between two of its days, less than a change of the clock: a series
# with a shorter step cannot keep to it.
CALENDARS = [
    (_day_of_month, 25 * 24),
    (_last_weekday_of_month, 25 * 24),
    (_first_weekday_of_month, 25 * 24),
    (_numbered_weekday_of_month, 25 * 24),
    (_twice_a_month, 9 * 24),
    (_weekdays, 20),
]
