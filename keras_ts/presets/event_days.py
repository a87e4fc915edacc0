"""Events of a calendar: errors that recur at a phase of each cycle, and holidays with moving dates.

A holiday is one day of the year, and a series has few years, so a network treats its errors there
as outliers. Unlike outliers, these errors recur on the same day.

A moving event is a day of the week among some dates: "the last Monday of May" is the Monday among
May 25 to 31, and the day after that Monday is the Tuesday among May 26 to June 1. A July 4 on a
Sunday may pass unnoticed, and is observed on Monday, July 5: so a date from Monday to Friday is an
event of its own. The cycles "week" and "year" of a calendar show weekday and date.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.panel.cycles import (
    WEEKDAYS,
    dates_of_2024,
    month_of,
    waves,
    weekday,
    year_of,
)

# The largest expected number of false events in a cycle.
_BY_CHANCE = 0.05
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December")  # fmt: skip
_COUNTED = (("first", "second", "third", "fourth"),
            ("last", "second to last", "third to last", "fourth to last"))  # fmt: skip
# The days of a common year and of a leap year; a day's place among them is its code.
_DAYS = np.arange("2023-01-01", "2025-01-01", dtype="datetime64[D]")
# Days are wild if their errors have more than so many times the usual size.
_WILD = 1.5
# Weeks of a month, by sevens from its first day or its last; the fifth has at most three days.
_WEEKS = 5
# The neighbours of an event: days after it, negative before it.
_NEAR = (1, -1, 2, -2, 3, -3, 4)
_WORKING = (0, 1, 2, 3, 4)  # Monday to Friday
# A date on a weekend, and the days on which it is then observed: (days after it, day of the week).
_OBSERVED = ((0, 5), (0, 6), (1, 0), (2, 0), (-1, 4))


def returning(phases: IntArray, errors: Array, *, together: bool = False, among: int = 0) -> Array:
    """Return the recurring error of each phase, ``(phases,)``; 0 where errors do not recur."""
    # Rows are in time order, and errors are centered at 0. The error of a phase is the median of
    # its errors. It recurs if
    # 1. it is large: beyond ``s sqrt(2 log(n))``, where ``s`` is the standard deviation of all
    #    errors and ``n`` the number of phases, or ``among`` if they were picked from more. The
    #    largest of ``n`` normal errors hardly exceeds that (the universal threshold of Donoho and
    #    Johnstone, Biometrika 1994);
    # 2. the latest error of the phase is large, with the same sign;
    # 3. chance does not explain that ``k`` of the phase's ``m`` errors are large: if ``p`` is the
    #    share of large errors of the same sign at all other phases, ``n C(m, k) p^k`` is at most
    #    0.05. With ``together``, ``p`` leaves out all phases that pass 1 and 2, which may have a
    #    single cause, such as a week in which a shop is closed.
    effects = medians(phases, errors)
    if len(effects) < 2:
        return np.zeros_like(effects)
    among = max(among, len(effects))
    bound = errors.std() * np.sqrt(2 * np.log(among))
    large = np.where(np.abs(errors) > bound, np.sign(errors), 0.0)
    latest = np.zeros(len(effects))
    latest[phases] = large  # The last row of a phase wins.
    recurring = (np.abs(effects) > bound) & (latest == np.sign(effects))
    for side in (-1.0, 1.0):
        left_out = recurring & (latest == side) & together
        expected = among * _by_chance(phases, large == side, left_out)
        recurring &= (latest != side) | (expected <= _BY_CHANCE)
    return np.where(recurring, effects, 0.0)


def returning_by_step(phases: IntArray, errors: Array, among: int = 0) -> Array:
    """Return the recurring error of each phase at each step, ``(phases, steps)``."""
    # Large errors at one step may hide an event that another step shows. So if a phase's error
    # recurs at some steps, each other step gets the median of its errors if that is at least half
    # as large as the error at the first recurring step; a larger median is cut to that error.
    effects = np.stack([_returning_again(phases, of_step, among) for of_step in errors.T], axis=1)
    typical = np.stack([medians(phases, of_step) for of_step in errors.T], axis=1)
    first = np.argmax(effects != 0, axis=1, keepdims=True)
    first_effect = np.take_along_axis(effects, first, axis=1)
    side, size = np.sign(first_effect), np.abs(first_effect)
    missed = np.where(typical * side >= size / 2, side * np.minimum(np.abs(typical), size), 0.0)
    return np.where(effects != 0, effects, missed)


def _returning_again(phases: IntArray, errors: Array, among: int) -> Array:
    """Return the recurring errors; larger ones hide smaller ones, so they are subtracted first."""
    more = effects = returning(phases, errors, together=True, among=among)
    while more.any():
        left = errors - effects[phases]
        more = np.where(effects, 0.0, returning(phases, left, together=True, among=among))
        effects = effects + more
    return effects


def _by_chance(phases: IntArray, large: BoolArray, left_out: BoolArray) -> Array:
    """Return for each phase the probability that chance makes as many of its errors large."""
    m = np.bincount(phases)
    k = np.bincount(phases, large).astype("int64")
    counted = np.where(left_out, 0, np.stack([k, m]))
    large_elsewhere, elsewhere = counted.sum(axis=1, keepdims=True) - counted
    # Plus one: a large error is possible even if there is none elsewhere.
    p = (large_elsewhere + 1) / (elsewhere + 1)
    log_factorial = np.append(0.0, np.log(np.arange(1, m.max() + 1)).cumsum())
    log_ways = log_factorial[m] - log_factorial[k] - log_factorial[m - k]
    return np.exp(log_ways + k * np.log(p))


def medians(phases: IntArray, errors: Array) -> Array:
    """Return the median of the errors at each phase, ``(phases,)``; 0 for a single error."""
    # For an even number of errors, the median is the one of the middle two that is nearer to 0, or
    # 0 if these two differ in sign.
    counts = np.bincount(phases)
    begins = np.cumsum(counts) - counts
    by_size = errors[np.lexsort((errors, phases))]
    low, high = by_size[begins + (counts - 1) // 2], by_size[begins + counts // 2]
    nearer = np.where(np.abs(low) < np.abs(high), low, high)
    return np.where((low * high > 0) & (counts > 1), nearer, 0.0)


def noise_by_day(days: Array, errors: Array) -> Array:
    """Return how many times the usual size errors have on wild weekdays and seasons, else 1."""
    # Errors are ``(days, steps, targets)``, and the result ``(days, 1, targets)``. Medians, since
    # events are not to count.
    sizes, noise = np.median(np.abs(errors), axis=1), np.ones((len(days), errors.shape[2]))
    on, month = weekday(days), _date(days)[0]
    season = (month[:, None] - np.arange(12) + 1) % 12 < 3  # a month and those beside it
    for of_day, alike in ((on, on[:, None] == np.arange(7)), (month, season)):
        left = sizes / noise
        usual = np.median(left, axis=0)
        for group in np.unique(of_day):
            of_group = np.median(left[alike[:, group]], axis=0)
            times = of_group / np.where(usual > 0, usual, np.inf)
            noise[of_day == group] *= np.where(times > _WILD, times, 1.0)
    return noise[:, None]


@dataclass(frozen=True)
class MovingEvent:
    """A day of the week, or one of several, among some days of the year."""

    weekdays: tuple[int, ...]  # 0 is Monday.
    codes: tuple[int, ...]  # The days of the year, by their places in ``_DAYS``.

    def among(self, days: Array) -> BoolArray:
        """Return True for each of ``days`` on which the event falls."""
        return np.isin(weekday(days), self.weekdays) & np.isin(_code(days), self.codes)

    @property
    def moves(self) -> bool:
        """True for the n-th weekday of a month or a day beside it."""
        # A fixed date has two codes, one for each kind of year; February 29 has one.
        return len(self.codes) > 2

    def neighbours(self) -> Iterator["MovingEvent"]:
        """Yield the events on the days before and after this one, and those of a date observed."""
        for away in _NEAR:
            codes = np.flatnonzero(np.isin(_code(_DAYS - away), self.codes))
            weekdays = tuple((day + away) % 7 for day in self.weekdays)
            yield MovingEvent(weekdays, tuple(codes.tolist()))
        if self.weekdays == _WORKING and not self.moves:
            yield from observed(_DAYS[[self.codes[-1]]])

    def points(self, moment: np.timedelta64) -> tuple[Array, Array]:
        """Return the event's points in the cycles "year" and "week" at a time of day."""
        year = waves(["year"], _DAYS[list(self.codes)] + moment, None)
        # January 1st is one point in every year.
        year = year[np.unique(year.round(6), axis=0, return_index=True)[1]]
        # NumPy's day 4 was a Monday.
        days = np.array([4 + day for day in self.weekdays], "datetime64[D]")
        week = waves(["week"], days + moment, None)
        return np.tile(year, (len(week), 1)), np.repeat(week, len(year), axis=0)

    @property
    def name(self) -> str:
        """The event in words."""
        first, last = WEEKDAYS[self.weekdays[0]], WEEKDAYS[self.weekdays[-1]]
        if not self.moves:
            on = f" on a {first}" if first == last else f" from {first} to {last}"
            return date_names(_DAYS[[self.codes[-1]]])[0] + on
        for away in (0, *_NEAR):
            for side in (0, 1):
                week = int(_week(_DAYS[list(self.codes)] - away, side)[0])
                if _codes_of(week, side, away) == self.codes:
                    month, place = divmod(week, _WEEKS)
                    anchor = WEEKDAYS[(self.weekdays[0] - away) % 7]
                    name = f"the {_COUNTED[side][place]} {anchor} of {_MONTHS[month]}"
                    if not away:
                        return name
                    relation = "after" if away > 0 else "before"
                    return f"the {first} {relation} {name}"
        raise AssertionError(self)


def date_names(dates: Array) -> list[str]:
    """Return dates of any year in words."""
    return [f"{_MONTHS[month]} {day + 1}" for month, day in zip(*_date(dates), strict=True)]


def nth_weekdays(days: Array, side: int) -> tuple[IntArray, list[MovingEvent | None]]:
    """Number days by month, weekday and its place in the month; return numbers and their events."""
    # Places count from the first day of a month (side 0) or the last (1); a fifth has no event.
    known, numbers = np.unique(_week(days, side) * 7 + weekday(days), return_inverse=True)
    return numbers, [
        None
        if week % _WEEKS == _WEEKS - 1
        else MovingEvent((int(day),), _codes_of(int(week), side))
        for week, day in zip(*np.divmod(known, 7), strict=True)
    ]


def numbered(
    days: Array, events: Sequence[MovingEvent]
) -> tuple[IntArray, list[MovingEvent | None]]:
    """Number days by the first event that falls on them; days without one share a number."""
    numbers = np.full(len(days), len(events))
    for number in range(len(events) - 1, -1, -1):
        numbers[events[number].among(days)] = number
    known, numbers = np.unique(numbers, return_inverse=True)
    return numbers, [events[number] if number < len(events) else None for number in known]


def working_dates(days: Array) -> tuple[IntArray, list[MovingEvent | None]]:
    """Number days by their dates, if they are from Monday to Friday; the others share a number."""
    dates = np.where(np.isin(weekday(days), _WORKING), dates_of_2024(days), np.datetime64("NaT"))
    known, numbers = np.unique(dates, return_inverse=True)
    return numbers, [
        None if np.isnat(date) else MovingEvent(_WORKING, _codes_of_date(date)) for date in known
    ]


def observed(dates: Array) -> Iterator[MovingEvent]:
    """Yield each date on a day of the weekend, and the days on which it is then observed."""
    for date in dates_of_2024(dates.astype("datetime64[D]")):
        for later, day in _OBSERVED:
            moved = np.flatnonzero(np.isin(_code(_DAYS - later), _codes_of_date(date)))
            yield MovingEvent((day,), tuple(moved.tolist()))


@cache
def _codes_of(week: int, side: int, away: int = 0) -> tuple[int, ...]:
    """Return the codes of the days ``away`` days after those of a week, given its number."""
    return tuple(np.flatnonzero(_week(_DAYS - away, side) == week).tolist())


@cache
def _codes_of_date(date: np.datetime64) -> tuple[int, ...]:
    """Return the codes of a date of 2024."""
    return tuple(np.flatnonzero(dates_of_2024(_DAYS) == date).tolist())


def _code(days: Array) -> IntArray:
    """Return the code of each day, its place in ``_DAYS``."""
    days = days.astype("datetime64[D]")
    begin, end = year_of(days)
    leap = (end - begin).astype(np.int64) == 366
    return (days - begin).astype(np.int64) + 365 * leap


def _week(days: Array, side: int) -> IntArray:
    """Number the weeks of all months, five a month, from the first day (side 0) or the last."""
    end = (days.astype("datetime64[M]") + 1).astype("datetime64[D]") - 1
    month, day = _date(days)
    day = _date(end)[1] - day if side else day
    return month * _WEEKS + day // 7


def _date(days: Array) -> tuple[IntArray, IntArray]:
    """Return the month of the year and the day of the month, both from 0."""
    month, day = month_of(days.astype("datetime64[D]"))
    return month.astype(np.int64) % 12, day
