"""Days of a year that move: the n-th weekday of a month, and a date on one day of the week alone.

"The last Monday of May" is the Monday among seven dates, and the day after it the Tuesday among the
next seven. The Monday on which a holiday is observed is one date, in the years in which that is a
Monday. So an event is a day of the week among some of the 365 or 366 days of a year, and the
calendar's "week" and "year" tell both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.arithmetic.cycles import waves, weekday, year_of

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December")  # fmt: skip
_COUNTED = (("first", "second", "third", "fourth"),
            ("last", "second to last", "third to last", "fourth to last"))  # fmt: skip
# The days of a year, and those of a leap year; a day's place among them is its code.
_DAYS = np.arange("2023-01-01", "2025-01-01", dtype="datetime64[D]")
# Weeks of a month, by sevens from its first day or its last; the fifth has at most three days.
_WEEKS = 5
# The neighbours of an event: days after it, negative before it.
_NEAR = (1, -1, 2, -2, 3, -3, 4)
# A date on a weekend, and the days on which it is then observed: days after the date, and the day
# of the week there.
_OBSERVED = ((0, 5), (0, 6), (1, 0), (2, 0), (-1, 4))


@dataclass(frozen=True)
class MovingEvent:
    """A day of the week, Monday is 0, among some days of a year."""

    weekday: int
    codes: tuple[int, ...]

    def among(self, days: Array) -> BoolArray:
        """Return True for days on which it falls."""
        here = np.zeros(len(_DAYS), bool)
        here[list(self.codes)] = True
        found: BoolArray = (weekday(days) == self.weekday) & here[_code(days)]
        return found

    @property
    def moves(self) -> bool:
        """True for the n-th weekday of a month or a day beside it."""
        # A date has a code in each kind of year.
        return len(self.codes) > 2

    def neighbours(self) -> Iterator["MovingEvent"]:
        """Yield the days around it."""
        for away in _NEAR:
            codes = np.isin(_code(_DAYS - away), self.codes)
            yield _event((self.weekday + away) % 7, codes)

    def points(self, moment: np.timedelta64) -> tuple[Array, Array]:
        """Return its sines and cosines of ``"year"`` and of ``"week"``, at a time of day."""
        year = waves(["year"], _DAYS[list(self.codes)] + moment, None)
        # January 1st is one point in every year.
        year = year[np.unique(year.round(6), axis=0, return_index=True)[1]]
        # NumPy's day 4 was a Monday.
        week = waves(["week"], np.array([4 + self.weekday], "datetime64[D]") + moment, None)
        return year, np.repeat(week, len(year), axis=0)

    @property
    def name(self) -> str:
        """The event in words."""
        if not self.moves:
            return f"{date_names(_DAYS[[self.codes[-1]]])[0]} on a {WEEKDAYS[self.weekday]}"
        for away in (0, *_NEAR):
            for side in (0, 1):
                week = int(_week(_DAYS[list(self.codes)] - away, side)[0])
                if _codes_of(week, side, away) == self.codes:
                    month, place = divmod(week, _WEEKS)
                    anchor = WEEKDAYS[(self.weekday - away) % 7]
                    name = f"the {_COUNTED[side][place]} {anchor} of {_MONTHS[month]}"
                    if not away:
                        return name
                    relation = "after" if away > 0 else "before"
                    return f"the {WEEKDAYS[self.weekday]} {relation} {name}"
        raise AssertionError(self)


def date_names(dates: Array) -> list[str]:
    """Return dates of any year in words."""
    both = zip(_month(dates).tolist(), _day(dates).tolist(), strict=True)
    return [f"{_MONTHS[month]} {day + 1}" for month, day in both]


def nth_weekdays(days: Array, side: int) -> tuple[IntArray, list[MovingEvent | None]]:
    """Number days by month, weekday and place, from the first day (side 0) or the last (1).

    Returns the number of each day, and the event of each number, None for a fifth weekday.
    """
    known, numbers = np.unique(_week(days, side) * 7 + weekday(days), return_inverse=True)
    events: list[MovingEvent | None] = []
    for week, day in zip(*np.divmod(known, 7), strict=True):
        codes = _codes_of(int(week), side, 0)
        fifth = week % _WEEKS == _WEEKS - 1
        events.append(None if fifth else MovingEvent(int(day), codes))
    return numbers, events


def numbered(
    days: Array, events: Sequence[MovingEvent]
) -> tuple[IntArray, list[MovingEvent | None]]:
    """Number days by the first event that falls on them; other days are one more number."""
    numbers = np.full(len(days), len(events))
    for number in range(len(events) - 1, -1, -1):
        numbers[events[number].among(days)] = number
    known, numbers = np.unique(numbers, return_inverse=True)
    return numbers, [events[number] if number < len(events) else None for number in known]


def observed(dates: Array) -> Iterator[MovingEvent]:
    """Yield the dates on each day of a weekend, and the days on which they are observed."""
    for month, day_of_month in zip(_month(dates), _day(dates), strict=True):
        codes = np.flatnonzero((_month(_DAYS) == month) & (_day(_DAYS) == day_of_month))
        for later, day in _OBSERVED:
            yield _event(day, np.isin(_code(_DAYS - later), codes))


def _event(day: int, here: BoolArray) -> MovingEvent:
    return MovingEvent(day, tuple(np.flatnonzero(here).tolist()))


@cache
def _codes_of(week: int, side: int, away: int) -> tuple[int, ...]:
    """Return the codes of the days ``away`` days after those of a week."""
    return tuple(np.flatnonzero(_week(_DAYS - away, side) == week).tolist())


def _code(days: Array) -> IntArray:
    days = days.astype("datetime64[D]")
    begin, end = year_of(days)
    leap = (end - begin).astype(np.int64) == 366
    code: IntArray = (days - begin).astype(np.int64) + 365 * leap
    return code


def _week(days: Array, side: int) -> IntArray:
    """Number the weeks of all months, five a month, from the first day (side 0) or the last."""
    end = (days.astype("datetime64[M]") + 1).astype("datetime64[D]") - 1
    day = _day(end) - _day(days) if side else _day(days)
    week: IntArray = _month(days) * _WEEKS + day // 7
    return week


def _month(days: Array) -> IntArray:
    return days.astype("datetime64[M]").astype(np.int64) % 12


def _day(days: Array) -> IntArray:
    month = days.astype("datetime64[M]").astype("datetime64[D]")
    return (days.astype("datetime64[D]") - month).astype(np.int64)
