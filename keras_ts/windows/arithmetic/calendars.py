"""Calendars by which timestamps are evenly spaced although their distances differ: pure NumPy.

A count gives every row a tick (month ends 1, 2, 3, ...) and flags the rows that it holds for. A
series keeps to a count if the count holds for all its rows. Then a missing row is a tick that was
skipped.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

Count = tuple[Array, BoolArray]


def in_time(clock: Array, utc: Array, offsets: IntArray) -> Count:
    """Count in units of time, by a clock that may be put forward and back.

    The count does not hold for a step that is no longer than the change of the clock: an hour
    that is missing when the clock is put back by an hour would leave no trace.
    """
    steps = np.diff(clock)
    holds = np.ones(len(clock), dtype=bool)
    holds[1:] = steps > np.abs(steps - np.diff(utc))
    holds[offsets[:-1]] = True
    return clock, holds


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
    ticks, holds = calendar(day, offsets)
    return ticks, holds & at_time


def _every_day(day: Array, offsets: IntArray) -> Count:
    """Number every day: a clock with summer time shows days that are not 24 hours apart."""
    return day.astype(np.int64), np.ones(len(day), dtype=bool)


def _weekdays(day: Array, offsets: IntArray) -> Count:
    """Number Mondays to Fridays."""
    return number_of_weekday(day), np.is_busday(day)


def _day_of_month(day: Array, offsets: IntArray) -> Count:
    """Number one day of each month, or the last of a month that lacks it."""
    month, of_month, last = parts_of_month(day)
    latest = per_row(np.maximum.reduceat(of_month, offsets[:-1]), offsets)
    return month.astype(np.int64), last | (of_month == latest)


def _first_weekday_of_month(day: Array, offsets: IntArray) -> Count:
    month = day.astype("datetime64[M]")
    return month.astype(np.int64), day == first_weekday(month)


def _last_weekday_of_month(day: Array, offsets: IntArray) -> Count:
    month = day.astype("datetime64[M]")
    return month.astype(np.int64), day == last_weekday(month)


def _numbered_weekday_of_month(day: Array, offsets: IntArray) -> Count:
    """Number one weekday of each month: the third Friday, say."""
    month, of_month, _ = parts_of_month(day)
    kind = weekday_kind(day, of_month)
    return month.astype(np.int64), kind == per_row(kind[offsets[:-1]], offsets)


def _twice_a_month(day: Array, offsets: IntArray) -> Count:
    """Number two days of each month, about half of one apart; the later may be its last."""
    month, of_month, last = parts_of_month(day)
    early = per_row(np.minimum.reduceat(of_month, offsets[:-1]), offsets)
    late = per_row(np.maximum.reduceat(of_month, offsets[:-1]), offsets)
    second = of_month != early
    own = ~second | (of_month == late) | (last & (of_month >= early + 12))
    half = (late - early >= 12) & (late - early <= 18)
    return 2 * month.astype(np.int64) + second, own & half


def number_of_weekday(day: Array) -> IntArray:
    """Return how many Mondays to Fridays lie between 1970-01-01 and each day."""
    return np.busday_count(np.datetime64(0, "D"), day)


def first_weekday(month: Array) -> Array:
    """Return the first Monday to Friday of each month."""
    return np.busday_offset(month.astype("datetime64[D]"), 0, roll="forward")


def last_weekday(month: Array) -> Array:
    """Return the last Monday to Friday of each month."""
    return np.busday_offset((month + 1).astype("datetime64[D]"), -1, roll="forward")


def weekday_kind(day: Array, of_month: IntArray) -> IntArray:
    """Return one number for all third Fridays: seven to a week of the month, from its first day."""
    return of_month // 7 * 7 + day.astype(np.int64) % 7


def parts_of_month(day: Array) -> tuple[Array, IntArray, BoolArray]:
    """Return the month of each day, the day's number in it from 0, and True if it is the last."""
    month = day.astype("datetime64[M]")
    of_month = (day - month.astype(day.dtype)).astype(np.int64)
    return month, of_month, (month + 1).astype(day.dtype) == day + 1


def per_row(values: Array, offsets: IntArray) -> Array:
    """Repeat the value of each series at each of its rows."""
    return np.repeat(values, np.diff(offsets))


# Each count has a number of hours that no two of its ticks are closer than, however the clock is
# changed. A series with a shorter step cannot keep to the count, and is not tried.
_DAYS, _MONTHS = 20, 200
CALENDARS = {
    "day": (partial(in_days, _every_day), _DAYS),
    "day of month": (partial(in_days, _day_of_month), _MONTHS),
    "last weekday": (partial(in_days, _last_weekday_of_month), _MONTHS),
    "first weekday": (partial(in_days, _first_weekday_of_month), _MONTHS),
    "numbered weekday": (partial(in_days, _numbered_weekday_of_month), _MONTHS),
    "twice a month": (partial(in_days, _twice_a_month), _MONTHS),
    "weekday": (partial(in_days, _weekdays), _DAYS),
}
