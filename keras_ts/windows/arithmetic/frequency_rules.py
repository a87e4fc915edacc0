"""Frequency rules, by which dates are regular although their distances differ: pure NumPy.

Month ends are 28 to 31 days apart, yet no month is missing. A rule numbers its days (month ends 1,
2, 3, ...) and returns the day of each number. A series follows a rule if each of its days is the
day of its own number. Then a missing row is a skipped number, and the next days are those of the
next numbers.

Two series of one rule differ by their *marks*: the days of the month from 0 (30 is every month's
last), or the kind of weekday.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

Count = tuple[Array, BoolArray]
# The marks of one series, or of each of many days.
Marks = Sequence[int] | IntArray
_LAST = 30
_DAYS, _MONTHS = 20, 200
_DAY, _MONTH = np.timedelta64(1, "D"), np.timedelta64(1, "M")
_WEEKS = ("first", "second", "third", "fourth", "fifth")
# NumPy's day 0 was a Thursday.
_WEEKDAYS = ("Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday")


def _no_marks(day: Array, offsets: IntArray) -> IntArray:
    return np.empty((0, len(offsets) - 1), dtype=np.int64)


@dataclass(frozen=True)
class FrequencyRule:
    """A rule by which the dates of a series follow each other.

    Attributes:
        tick: The distance between two neighbouring days, in words.
        hours: Two days are at least this many hours apart, also where the clock is changed. The
            rule is not tried on a series with a shorter step.
        number: Returns the numbers of days.
        day: Returns the days of numbers.
        marks: Reads the marks ``(marks, series)`` off the days of a panel, given its offsets.
        name: Names the days that have these marks. Defaults to None: they are named by ``tick``.
    """

    tick: str
    hours: int
    number: Callable[[Array, Marks], IntArray]
    day: Callable[[IntArray, Marks], Array]
    marks: Callable[[Array, IntArray], IntArray] = _no_marks
    name: Callable[[Marks], str] | None = None


def in_time(clock: Array, utc: Array, offsets: IntArray) -> Count:
    """Count rows in units of time, by a clock that may be put forward and back.

    The count is invalid for a step that is no longer than the change of the clock: an hour that is
    missing as the clock is put back by an hour would go unnoticed.

    Returns:
        The tick of every row, and True where the count is valid.
    """
    steps = np.diff(clock)
    holds = np.ones(len(clock), dtype=bool)
    holds[1:] = steps > np.abs(steps - np.diff(utc))
    holds[offsets[:-1]] = True
    return clock, holds


def in_days(rule: FrequencyRule, clock: Array, utc: Array, offsets: IntArray) -> Count:
    """Count rows in the days of a rule, all at the same time of day.

    If the clock is put forward at midnight, that day begins as much later.

    Returns:
        The number of every row's day, and True where the count is valid.
    """
    day = clock.astype("datetime64[D]")
    of_day = clock - day.astype(clock.dtype)
    usual = per_row(np.minimum.reduceat(of_day, offsets[:-1]), offsets)
    at_time = of_day == usual
    if clock is not utc:
        forward = np.diff(clock) - np.diff(utc)
        forward[offsets[1:-1] - 1] = 0
        at_time[1:] |= of_day[1:] - usual[1:] == forward
    marks = per_row(rule.marks(day, offsets), offsets)
    number = rule.number(day, marks)
    return number, at_time & (rule.day(number, marks) == day)


def per_row(values: Array, offsets: IntArray) -> Array:
    """Repeat the values of each series, on the last axis, for each of its rows."""
    return np.repeat(values, np.diff(offsets), axis=-1)


def first_rows(flags: BoolArray, offsets: IntArray) -> IntArray:
    """Return the place in each series of its first flagged row, or the series' length."""
    begins = flags.copy()
    begins[1:] &= ~flags[:-1]
    own = offsets[:-1][offsets[:-1] < len(flags)]
    begins[own] = flags[own]
    flat = np.append(np.flatnonzero(begins), len(flags))
    return np.minimum(flat[np.searchsorted(flat, offsets[:-1])], offsets[1:]) - offsets[:-1]


# Every day, or Mondays to Fridays.


def _number(day: Array, marks: Marks) -> IntArray:
    return day.astype(np.int64)


def _day(number: IntArray, marks: Marks) -> Array:
    return number.astype("datetime64[D]")


def _number_of_weekday(day: Array, marks: Marks) -> IntArray:
    return np.busday_count(np.datetime64(0, "D"), day)


def _weekday(number: IntArray, marks: Marks) -> Array:
    return np.busday_offset(np.datetime64(0, "D"), number)


# One day of each month.


def _number_of_month(day: Array, marks: Marks) -> IntArray:
    return day.astype("datetime64[M]").astype(np.int64)


def _day_of_month(number: IntArray, marks: Marks) -> Array:
    """Return the marked day of each month, or the last day of a month that is too short."""
    month = number.astype("datetime64[M]")
    last = (month + _MONTH).astype("datetime64[D]") - _DAY
    return np.minimum(month.astype("datetime64[D]") + marks[0] * _DAY, last)


def _mark_of_day(day: Array, offsets: IntArray) -> IntArray:
    month, of_month = _parts(day)
    last = _ends(month, day)
    latest = np.maximum.reduceat(of_month, offsets[:-1])
    return np.where(np.logical_and.reduceat(last, offsets[:-1]), _LAST, latest)[None]


def _name_of_day(marks: Marks) -> str:
    [of_month] = marks
    return {0: "month start", _LAST: "month end"}.get(of_month, f"day {of_month + 1} of the month")


def _last_weekday(number: IntArray, marks: Marks) -> Array:
    month = number.astype("datetime64[M]")
    return np.busday_offset((month + _MONTH).astype("datetime64[D]"), -1, roll="forward")


def _first_weekday(number: IntArray, marks: Marks) -> Array:
    month = number.astype("datetime64[M]")
    return np.busday_offset(month.astype("datetime64[D]"), 0, roll="forward")


def _numbered_weekday(number: IntArray, marks: Marks) -> Array:
    first = number.astype("datetime64[M]").astype("datetime64[D]")
    week, weekday = divmod(marks[0], 7)
    return first + ((weekday - first.astype(np.int64)) % 7 + 7 * week) * _DAY


def _mark_of_weekday(day: Array, offsets: IntArray) -> IntArray:
    """Return one number for each week of the month and weekday: all third Fridays share one."""
    day = day[offsets[:-1]]
    _, of_month = _parts(day)
    return (of_month // 7 * 7 + day.astype(np.int64) % 7)[None]


def _name_of_weekday(marks: Marks) -> str:
    [kind] = marks
    week, weekday = divmod(kind, 7)
    return f"{_WEEKS[week]} {_WEEKDAYS[weekday]} of the month"


# Two days of each month, about half a month apart.


def _number_of_half(day: Array, marks: Marks) -> IntArray:
    month, of_month = _parts(day)
    return 2 * month.astype(np.int64) + (of_month > marks[0])


def _half(number: IntArray, marks: Marks) -> Array:
    return _day_of_month(number // 2, np.where(number % 2, marks[1], marks[0])[None])


def _marks_of_halves(day: Array, offsets: IntArray) -> IntArray:
    """Return the earlier day and the later one, or -1 for both if not half a month apart."""
    month, of_month = _parts(day)
    last = _ends(month, day)
    early = np.minimum.reduceat(of_month, offsets[:-1])
    late = np.maximum.reduceat(of_month, offsets[:-1])
    apart = of_month - per_row(early, offsets)
    ends = np.logical_and.reduceat(last | (apart == 0), offsets[:-1])
    odd = np.logical_or.reduceat((apart > 0) & (np.abs(apart - 15) > 3), offsets[:-1])
    return np.where(odd, -1, [early, np.where(ends, _LAST, late)])


def _name_of_half(marks: Marks) -> str:
    early, late = marks
    return f"days {early + 1} and {'last' if late == _LAST else late + 1} of the month"


def _parts(day: Array) -> tuple[Array, IntArray]:
    """Return the month of each day, and the day of the month from 0."""
    month = day.astype("datetime64[M]")
    return month, (day - month.astype(day.dtype)).astype(np.int64)


def _ends(month: Array, day: Array) -> BoolArray:
    """Return True for each day that is the last of its month."""
    return (month + _MONTH).astype(day.dtype) == day + _DAY


FREQUENCY_RULES = {
    "day": FrequencyRule("day", _DAYS, _number, _day),
    "day of month": FrequencyRule(
        "month", _MONTHS, _number_of_month, _day_of_month, _mark_of_day, _name_of_day
    ),
    "last weekday": FrequencyRule(
        "month",
        _MONTHS,
        _number_of_month,
        _last_weekday,
        name=lambda _: "last weekday of the month",
    ),
    "first weekday": FrequencyRule(
        "month",
        _MONTHS,
        _number_of_month,
        _first_weekday,
        name=lambda _: "first weekday of the month",
    ),
    "numbered weekday": FrequencyRule(
        "month", _MONTHS, _number_of_month, _numbered_weekday, _mark_of_weekday, _name_of_weekday
    ),
    "twice a month": FrequencyRule(
        "half month", _MONTHS, _number_of_half, _half, _marks_of_halves, _name_of_half
    ),
    "weekday": FrequencyRule("weekday", _DAYS, _number_of_weekday, _weekday),
}
