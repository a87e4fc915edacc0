"""Calendars by which timestamps are evenly spaced although their distances differ: pure NumPy.

A calendar numbers its days (month ends 1, 2, 3, ...) and says which days are its own. A
series keeps to a calendar if all its days are the calendar's, at one time of day. Then a
missing day is a number that was skipped.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

Count = tuple[Array, BoolArray]


def in_time(clock: Array, utc: Array, offsets: IntArray) -> Count:
    """Count in units of time, by a clock that may be put forward and back.

    A step that is no longer than the change of the clock does not count: an hour that is
    missing when the clock is put back by an hour would leave no trace.
    """
    step = np.diff(clock)
    counted = np.ones(len(clock), dtype=bool)
    counted[1:] = step > np.abs(step - np.diff(utc))
    counted[offsets[:-1]] = True
    return clock, counted


def in_days(
    calendar: Callable[[Array, IntArray], Count], clock: Array, utc: Array, offsets: IntArray
) -> Count:
    """Count in the days of a calendar, all at the same time of day.

    If the clock is put forward at midnight, that day begins as much later.
    """
    day = clock.astype("datetime64[D]")
    of_day = clock - day.astype(clock.dtype)
    usual = per_row(np.minimum.reduceat(of_day, offsets[:-1]), offsets)
    at_time = of_day == usual
    if clock is not utc:
        forward = np.diff(clock) - np.diff(utc)
        forward[offsets[1:-1] - 1] = 0
        at_time[1:] |= of_day[1:] - usual[1:] == forward
    ticks, kept = calendar(day, offsets)
    return ticks, kept & at_time


def _every_day(day: Array, offsets: IntArray) -> Count:
    """Number every day: a clock with summer time shows days that are not 24 hours apart."""
    return day.astype(np.int64), np.ones(len(day), dtype=bool)


def _weekdays(day: Array, offsets: IntArray) -> Count:
    """Mondays to Fridays."""
    return np.busday_count(np.datetime64(0, "D"), day), np.is_busday(day)


def _day_of_month(day: Array, offsets: IntArray) -> Count:
    """One day of the month, or the last of a month that lacks it."""
    month, of_month, last = _month(day)
    latest = per_row(np.maximum.reduceat(of_month, offsets[:-1]), offsets)
    return month.astype(np.int64), last | (of_month == latest)


def _first_weekday_of_month(day: Array, offsets: IntArray) -> Count:
    month = day.astype("datetime64[M]")
    first = np.busday_offset(month.astype(day.dtype), 0, roll="forward")
    return month.astype(np.int64), day == first


def _last_weekday_of_month(day: Array, offsets: IntArray) -> Count:
    month = day.astype("datetime64[M]")
    last = np.busday_offset((month + 1).astype(day.dtype), -1, roll="forward")
    return month.astype(np.int64), day == last


def _numbered_weekday_of_month(day: Array, offsets: IntArray) -> Count:
    """The third Friday, say."""
    month, of_month, _ = _month(day)
    kind = of_month // 7 * 7 + day.astype(np.int64) % 7
    return month.astype(np.int64), kind == per_row(kind[offsets[:-1]], offsets)


def _twice_a_month(day: Array, offsets: IntArray) -> Count:
    """Two days of the month, about half of one apart; the later may be its last."""
    month, of_month, last = _month(day)
    early = per_row(np.minimum.reduceat(of_month, offsets[:-1]), offsets)
    late = per_row(np.maximum.reduceat(of_month, offsets[:-1]), offsets)
    second = of_month != early
    own = ~second | (of_month == late) | (last & (of_month >= early + 12))
    half = (late - early >= 12) & (late - early <= 18)
    return 2 * month.astype(np.int64) + second, own & half


def _month(day: Array) -> tuple[Array, IntArray, BoolArray]:
    """The month of each day, its number in it from 0, and whether it is the last."""
    month = day.astype("datetime64[M]")
    of_month = (day - month.astype(day.dtype)).astype(np.int64)
    return month, of_month, (month + 1).astype(day.dtype) == day + 1


def per_row(values: Array, offsets: IntArray) -> Array:
    """Repeat the value of each series at each of its rows."""
    return np.repeat(values, np.diff(offsets))


# The ways to count, the plainest first, with the fewest hours between two ticks, less than a
# change of the clock: a series with a shorter step is not tried.
BY_LOCAL_CLOCK = [(in_time, 0), (partial(in_days, _every_day), 20)]
CALENDARS = [
    (partial(in_days, _day_of_month), 25 * 24),
    (partial(in_days, _last_weekday_of_month), 25 * 24),
    (partial(in_days, _first_weekday_of_month), 25 * 24),
    (partial(in_days, _numbered_weekday_of_month), 25 * 24),
    (partial(in_days, _twice_a_month), 9 * 24),
    (partial(in_days, _weekdays), 20),
]
