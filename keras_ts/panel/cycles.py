"""Calendar cycles as sine and cosine, and holidays as columns of 0 and 1: pure NumPy.

A phase is the fraction of a cycle that has passed, from 0 up to 1: ``calendar_features`` has the
formulas. ``sin(2 pi phase)`` and ``cos(2 pi phase)`` tell all phases apart, and do not jump where a
cycle starts over.

A holiday has a column for the day and one for its eve. Its dates are read once from the package
``holidays``, for the years of the training data and ten more, and saved with the settings of the
windows: a reloaded model does not need the package.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray

PREFIX = "holidays:"
# Number of years past the training data for which dates are kept.
YEARS_AHEAD = 10
# "holidays:DE" or, with a state or province, "holidays:DE-BY"; "holidays:NYSE" of an exchange.
_PLACE = re.compile(rf"{PREFIX}([A-Z][A-Z0-9]{{1,3}})(?:-([A-Z0-9]{{1,4}}))?")
# Limits of what a file may hold: holidays, dates, and letters of a name.
_MOST_NAMES, _MOST_DAYS, _LONGEST = 200, 10_000, 200

# Working weeks as NumPy's masks of days, Monday first. Files hold the names: do not change them.
WEEKS = {"weekdays": "1111100"}

# {"holidays:DE": {"years": (2015, 2034), "days": {"Easter Monday": ("2015-04-06", ...), ...},
# "weekdays": True}}; the last key only if all rows are on weekdays.
Holidays = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Holiday:
    """A holiday of a place: two columns of a calendar, for the day and for its eve."""

    place: str  # As in the calendar: "holidays:DE".
    name: str
    days: tuple[str, ...]  # ISO dates.
    since: int  # The first year whose dates are known.
    until: int  # The last year whose dates are known.
    week: str = ""  # One of ``WEEKS`` if the series have rows on its days only.

    @property
    def columns(self) -> list[str]:
        """The names of the columns of the day and of its eve."""
        return [f"{self.place}={self.name}", f"{self.place}={self.name} eve"]

    @property
    def eves(self) -> Array:
        """The day before each day; with ``week``, the last working day before it."""
        days = np.array(self.days, "datetime64[D]")
        return np.busday_offset(days, -1, "forward", WEEKS[self.week]) if self.week else days - 1

    def flags(self, clock: Array) -> list[Array]:
        """Return both columns at local times; refuse times in years whose dates are not known."""
        day = clock.astype("datetime64[D]")
        years = day[~np.isnat(day)].astype("datetime64[Y]").astype(int) + 1970
        unknown = years[(years < self.since) | (years > self.until)]
        if len(unknown):
            raise ValueError(
                f"calendar={self.place!r} has the holidays of {self.since} to {self.until}: the "
                f"years of the training data and {YEARS_AHEAD} more. Received a row of "
                f"{unknown[0]}. Train the model again on data nearer to that year."
            )
        days = np.array(self.days, "datetime64[D]")
        return [np.isin(day, some).astype(float) for some in (days, self.eves)]


Cycle = str | int | float
# What makes two columns of a calendar.
Columns = Cycle | Holiday


_TO_MARCH = 59  # Days before March 1st, except in a leap year.
# Points of a cycle that are nearer than this count as one, since float32 hardly separates them.
_SAME = 1e-6


def by_clock(cycle: Columns) -> bool:
    """Return True for a cycle or holiday read from timestamps, False for a number of rows."""
    return isinstance(cycle, str | Holiday)


def cycle_names(cycles: Sequence[Columns]) -> list[str]:
    """Return the names of the columns: ``week_sin``, ``week_cos``, ``365.25_sin``, ..."""
    names: list[str] = []
    for cycle in cycles:
        names += cycle.columns if isinstance(cycle, Holiday) else [f"{cycle}_sin", f"{cycle}_cos"]
    return names


def waves(cycles: Sequence[Columns], clock: Any, numbers: Any) -> Array:
    """Return two float64 columns for each cycle at local times or row numbers, on a last axis."""
    columns = []
    for cycle in cycles:
        if isinstance(cycle, Holiday):
            columns += cycle.flags(clock)
            continue
        if isinstance(cycle, str):
            to_hours = np.promote_types(clock.dtype, "datetime64[h]")
            phase = _NAMED[cycle][0](clock.astype(to_hours))
        else:
            phase = numbers % cycle / cycle
        angle = 2 * np.pi * phase
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=-1)


def _passed(clock: Array, unit: str) -> Array:
    """Return the fraction of each time's hour or day that has passed."""
    return (clock - clock.astype(f"datetime64[{unit}]")) / np.timedelta64(1, unit)  # type: ignore[call-overload]


def weekday(clock: Array) -> IntArray:
    """Return the day of the week of each time, 0 for Monday."""
    # NumPy's day 0 was a Thursday.
    return (clock.astype("datetime64[D]").astype(np.int64) + 3) % 7


def _of_year(clock: Array) -> Array:
    day = clock.astype("datetime64[D]")
    begin, end = year_of(day)
    return ((day - begin).astype(np.int64) + _passed(clock, "D")) / (end - begin).astype(np.int64)


def month_of(day: Array) -> tuple[Array, IntArray]:
    """Return the month of each day, and the day of the month from 0."""
    month = day.astype("datetime64[M]")
    return month, (day - month.astype(day.dtype)).astype(np.int64)


def year_of(day: Array) -> tuple[Array, Array]:
    """Return January 1st of each day's year, and of the year after."""
    year = day.astype("datetime64[Y]")
    return year.astype(day.dtype), (year + np.timedelta64(1, "Y")).astype(day.dtype)


def dates_of_2024(clock: Array) -> Array:
    """Move each time to the same month and day of 2024."""
    day = clock.astype("datetime64[D]")
    begin, end = year_of(day)
    late = ((end - begin).astype(np.int64) == 365) & ((day - begin).astype(np.int64) >= _TO_MARCH)
    moved = np.datetime64("2024-01-01") - begin + late.astype("timedelta64[D]")
    return clock + moved


def points_of_dates(dates: Array) -> tuple[Array, IntArray]:
    """Return the points ``(sine, cosine)`` of dates of 2024, and the index of each point's date."""
    # In the cycle "year", a date of a common year lies elsewhere than the same date of a leap year,
    # so that most dates have two points.
    days = (dates.astype("datetime64[D]") - np.datetime64("2024-01-01")).astype(np.int64)
    others = np.flatnonzero(days != _TO_MARCH)
    moved = (365 + (days > _TO_MARCH)).astype("timedelta64[D]")
    points, moved_points = (waves(["year"], at, None) for at in (dates, (dates - moved)[others]))
    moves = np.hypot(*(moved_points - points[others]).T) > _SAME
    index = np.concatenate([np.arange(len(dates)), others[moves]])
    return np.concatenate([points, moved_points[moves]]), index


# The phase of each named cycle, as a function of local times and in words.
_NAMED: dict[str, tuple[Callable[[Array], Array], str]] = {
    "hour": (lambda clock: _passed(clock, "h"), "(time since the full hour) / (1 hour)"),
    "day": (lambda clock: _passed(clock, "D"), "(time since midnight) / (24 hours)"),
    "week": (
        lambda clock: (weekday(clock) + _passed(clock, "D")) / 7,
        "((days since Monday) + (time since midnight) / (24 hours)) / 7",
    ),
    "year": (
        _of_year,
        "((days since January 1) + (time since midnight) / (24 hours)) / (365, or 366 in a leap "
        "year)",
    ),
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NAMED = tuple(_NAMED)


def formula(cycle: Cycle) -> str:
    """Return the formula of a cycle's phase in words, where ``n`` is the number of a row."""
    if isinstance(cycle, str):
        return f"{_NAMED[cycle][1]}, by the local clock of the series"
    return f"(n mod {cycle}) / {cycle}"


def is_place(cycle: Any) -> bool:
    """Return True for an entry of a calendar that names a place with holidays."""
    return isinstance(cycle, str) and cycle.startswith(PREFIX)


def place_of(name: str, cycle: str) -> tuple[str, str | None]:
    """Return the country or exchange, and its part or None, that an entry of a calendar names."""
    found = _PLACE.fullmatch(cycle)
    if found is None:
        raise ValueError(
            f'{name} takes the holidays of a country as "holidays:DE", or of a part of it as '
            f'"holidays:DE-BY", by ISO 3166, and of an exchange as "holidays:NYSE". Received: '
            f"{_checks.shown(cycle)}."
        )
    return found[1], found[2]


def holidays_at(place: str, known: Holidays | None) -> list[Holiday]:
    """Return the holidays of a place; none before they are read for the training data."""
    entry = (known or {}).get(place)
    if entry is None:
        return []
    rest = *entry["years"], "".join(week for week in WEEKS if week in entry)
    return [Holiday(place, name, days, *rest) for name, days in entry["days"].items()]


def checked_holidays(holidays: Any, calendar: Sequence[Any]) -> dict[str, Any] | None:
    """Return the holidays of a calendar's places as plain values; refuse anything else."""
    read: dict[str, Any] = {}
    try:
        for place, entry in holidays.items():
            since, until = (_checks.integer("a year", year, 1) for year in entry["years"])
            days = {str(name): tuple(map(str, days)) for name, days in entry["days"].items()}
            listed = [day for of_name in days.values() for day in of_name]
            np.array(listed, "datetime64[D]")
            week_mark = {week: True for week in WEEKS if entry.get(week) is True}
            fits = (
                set(entry) == {"years", "days", *week_mark} and len(week_mark) < 2,
                since <= until < 10_000,
                0 < len(days) <= _MOST_NAMES and len(listed) <= _MOST_DAYS,
                all(len(name) <= _LONGEST for name in days) and all(days.values()),
            )
            if not all(fits):
                raise ValueError
            if place in calendar:
                read[place] = {"years": (since, until), "days": days, **week_mark}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(
            "holidays must be the dict that the windows of a dataset have: the years and days of "
            f"each place. Received: {_checks.shown(holidays)[:200]}. Leave it out."
        ) from None
    return read or None


def days_off(week: str) -> str:
    """Return the days that one of ``WEEKS`` leaves out, such as "Saturday or Sunday"."""
    return " or ".join(d for d, on in zip(WEEKDAYS, WEEKS[week], strict=True) if on == "0")
