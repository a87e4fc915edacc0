"""``Frequency``: the regular steps of one series, numbered and continued. Pure NumPy.

A day's number in a calendar, and the day of a number, undo each other. Both take the calendar's
``marks``, which tell one series from another: the days of the month from 0 (30 is every month's
last), or the kind of weekday.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.calendars import (
    first_weekday,
    last_weekday,
    number_of_weekday,
    parts_of_month,
    weekday_kind,
)

Marks = tuple[int, ...]
_LAST = 30
_NANOSECONDS = {
    "day": 86_400_000_000_000,
    "hour": 3_600_000_000_000,
    "minute": 60_000_000_000,
    "second": 1_000_000_000,
    "millisecond": 1_000_000,
    "microsecond": 1_000,
    "nanosecond": 1,
}
_UNITS = dict(zip(("D", "h", "m", "s", "ms", "us", "ns"), _NANOSECONDS, strict=True))
_WEEKS = ("first", "second", "third", "fourth", "fifth")
# NumPy's day 0 was a Thursday.
_WEEKDAYS = ("Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday")


@dataclass(frozen=True)
class Frequency:
    """The steps of one series, read off its timestamps.

    Attributes:
        step: Ticks of the calendar (or, without one, units of time) in one step.
        calendar: One of ``CALENDARS``, or None for steps in time.
        local: True if timestamps are those of the clock of the time zone, False if in UTC or
            without a zone.
        unit: The timestamps' unit; "" for numbers.
        marks: See above.
        time_of_day: Of a calendar's days, in the timestamps' unit.
    """

    step: int | float
    calendar: str | None = None
    local: bool = False
    unit: str = ""
    marks: Marks = ()
    time_of_day: int = 0

    def number(self, times: Array) -> Array:
        """Return the number of each timestamp's step, counted from 1970-01-01, or from 0."""
        if self.calendar is None and (times.dtype.kind == "f" or self.step >= 1 << 63):
            return times.astype(np.float64) / self.step
        ticks = self._ticks(times)
        return ticks // ticks.dtype.type(self.step)

    def following(self, last: Any, count: int) -> Array:
        """Return the ``count`` timestamps after ``last``, which has one of the series' own."""
        last = np.asarray(last)
        ahead = np.arange(1, count + 1) * self.step
        if self.calendar is None:
            kind = "timedelta64" if last.dtype.kind == "M" else last.dtype.kind
            width = f"[{self.unit}]" if self.unit else "8"
            return last + ahead.astype(kind + width)
        day = _RULES[self.calendar].day(self._ticks(last[None]) + ahead, self.marks)
        return day.astype(last.dtype) + np.array(self.time_of_day, f"m8[{self.unit}]")

    def _ticks(self, times: Array) -> Array:
        if self.calendar is not None:
            return _RULES[self.calendar].number(times.astype("datetime64[D]"), self.marks)
        return times if times.dtype.kind == "u" else times.astype(np.int64)

    def __str__(self) -> str:
        if self.calendar is not None:
            rule = _RULES[self.calendar]
            if rule.name is None:
                return _plural(self.step, rule.tick)
            every = f", every {_plural(self.step, rule.tick)}" if self.step > 1 else ""
            return rule.name(self.marks) + every
        if not self.unit:
            return f"steps of {self.step:g}"
        length = int(self.step) * _NANOSECONDS[_UNITS[self.unit]]
        unit = next(name for name, size in _NANOSECONDS.items() if length % size == 0)
        return _plural(length // _NANOSECONDS[unit], unit)


def _plural(number: int | float, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def marks_of(calendar: str, day: Array) -> Marks:
    """Return the marks of a series that keeps to a calendar, given its days."""
    return _RULES[calendar].marks(day)


def _no_marks(day: Array) -> Marks:
    return ()


def _marks_of_days(day: Array) -> Marks:
    """Return the earliest day of the month and the latest, which is 30 if it ends the months."""
    _, of_month, last = parts_of_month(day)
    early, latest = int(of_month.min()), int(of_month.max())
    return early, _LAST if last[of_month != early].all() else latest


def _mark_of_day(day: Array) -> Marks:
    _, of_month, last = parts_of_month(day)
    return (_LAST if last.all() else int(of_month.max()),)


def _mark_of_weekday(day: Array) -> Marks:
    _, of_month, _ = parts_of_month(day[:1])
    return (int(weekday_kind(day[:1], of_month)[0]),)


def _number(day: Array, marks: Marks) -> IntArray:
    return day.astype(np.int64)


def _number_of_weekday(day: Array, marks: Marks) -> IntArray:
    return number_of_weekday(day)


def _number_of_month(day: Array, marks: Marks) -> IntArray:
    return day.astype("datetime64[M]").astype(np.int64)


def _number_of_half(day: Array, marks: Marks) -> IntArray:
    month, of_month, _ = parts_of_month(day)
    return 2 * month.astype(np.int64) + (of_month > marks[0])


def _day(number: IntArray, marks: Marks) -> Array:
    return number.astype("datetime64[D]")


def _weekday(number: IntArray, marks: Marks) -> Array:
    return np.busday_offset(np.datetime64(0, "D"), number)


def _day_of_month(number: IntArray, marks: Marks) -> Array:
    return _in_month(number, marks[0])


def _last_weekday(number: IntArray, marks: Marks) -> Array:
    return last_weekday(number.astype("datetime64[M]"))


def _first_weekday(number: IntArray, marks: Marks) -> Array:
    return first_weekday(number.astype("datetime64[M]"))


def _numbered_weekday(number: IntArray, marks: Marks) -> Array:
    first = _in_month(number, 0)
    week, weekday = divmod(marks[0], 7)
    return first + (weekday - first.astype(np.int64)) % 7 + 7 * week


def _half(number: IntArray, marks: Marks) -> Array:
    return _in_month(number // 2, np.array(marks)[number % 2])


def _in_month(number: IntArray, of_month: Array | int) -> Array:
    """Return a day of each month, or the last of a month that lacks it."""
    month = number.astype("datetime64[M]")
    last = (month + 1).astype("datetime64[D]") - 1
    return np.minimum(month.astype("datetime64[D]") + of_month, last)


def _name_of_day(marks: Marks) -> str:
    return {0: "month start", _LAST: "month end"}.get(marks[0], f"day {marks[0] + 1} of the month")


def _name_of_weekday(marks: Marks) -> str:
    week, weekday = divmod(marks[0], 7)
    return f"{_WEEKS[week]} {_WEEKDAYS[weekday]} of the month"


def _name_of_half(marks: Marks) -> str:
    early, late = marks
    return f"days {early + 1} and {'last' if late == _LAST else late + 1} of the month"


@dataclass(frozen=True)
class _Rule:
    """How a calendar numbers its days.

    Attributes:
        tick: The distance between two of its days.
        number: Returns the numbers of days.
        day: Returns the days of numbers.
        marks: Reads the marks off a series' days.
        name: Names the days that have these marks; None: by ``tick``.
    """

    tick: str
    number: Callable[[Array, Marks], IntArray]
    day: Callable[[IntArray, Marks], Array]
    marks: Callable[[Array], Marks] = _no_marks
    name: Callable[[Marks], str] | None = None


_RULES = {
    "day": _Rule("day", _number, _day),
    "weekday": _Rule("weekday", _number_of_weekday, _weekday),
    "day of month": _Rule("month", _number_of_month, _day_of_month, _mark_of_day, _name_of_day),
    "last weekday": _Rule(
        "month", _number_of_month, _last_weekday, name=lambda marks: "last weekday of the month"
    ),
    "first weekday": _Rule(
        "month", _number_of_month, _first_weekday, name=lambda marks: "first weekday of the month"
    ),
    "numbered weekday": _Rule(
        "month", _number_of_month, _numbered_weekday, _mark_of_weekday, _name_of_weekday
    ),
    "twice a month": _Rule("half month", _number_of_half, _half, _marks_of_days, _name_of_half),
}
