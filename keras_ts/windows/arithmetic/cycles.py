"""Calendar cycles as sine and cosine: pure NumPy.

A phase is the fraction of a cycle that has passed, from 0 up to 1: ``calendar_features`` has the
formulas. ``sin(2 pi phase)`` and ``cos(2 pi phase)`` tell all phases apart, and do not jump where a
cycle starts over.
"""

from collections.abc import Sequence

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.holidays import Holiday

Cycle = str | int | float
# With the holidays of a place, which take two columns each, as cycles do.
Columns = Cycle | Holiday


_TO_MARCH = 59  # Days before March 1st, except in a leap year.
# Points of a cycle that are nearer than this are equal, in float32.
_SAME = 1e-6


def by_clock(cycle: Columns) -> bool:
    """Return True for what is told by timestamps, False for a number, which counts rows."""
    return isinstance(cycle, str | Holiday)


def cycle_names(cycles: Sequence[Columns]) -> list[str]:
    """Return the names of the columns: ``week_sin``, ``week_cos``, ``365.25_sin``, ..."""
    pairs = [
        cycle.columns if isinstance(cycle, Holiday) else [f"{cycle}_sin", f"{cycle}_cos"]
        for cycle in cycles
    ]
    return [name for pair in pairs for name in pair]


def waves(cycles: Sequence[Columns], clock: Array | None, numbers: Array | None) -> Array:
    """Return the sine and cosine of each cycle, float64, on a last axis of ``2 * len(cycles)``."""
    columns = []
    for cycle in cycles:
        if isinstance(cycle, Holiday):
            assert clock is not None
            columns += cycle.flags(clock)
            continue
        if isinstance(cycle, str):
            assert clock is not None
            to_hours = np.promote_types(clock.dtype, "datetime64[h]")
            phase = _NAMED[cycle][0](clock.astype(to_hours))
        else:
            assert numbers is not None
            phase = numbers % cycle / cycle
        angle = 2 * np.pi * phase
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=-1)


def _of_hour(clock: Array) -> Array:
    return (clock - clock.astype("datetime64[h]")) / np.timedelta64(1, "h")


def _of_day(clock: Array) -> Array:
    return (clock - clock.astype("datetime64[D]")) / np.timedelta64(1, "D")


def _of_week(clock: Array) -> Array:
    return (weekday(clock) + _of_day(clock)) / 7


def weekday(clock: Array) -> IntArray:
    """Return the day of the week of each time, 0 for Monday."""
    # NumPy's day 0 was a Thursday.
    day: IntArray = (clock.astype("datetime64[D]").astype(np.int64) + 3) % 7
    return day


def _of_year(clock: Array) -> Array:
    day = clock.astype("datetime64[D]")
    begin, end = year_of(day)
    return ((day - begin).astype(np.int64) + _of_day(clock)) / (end - begin).astype(np.int64)


def year_of(day: Array) -> tuple[Array, Array]:
    """Return January 1st of each day's year, and of the year after."""
    year = day.astype("datetime64[Y]")
    return year.astype(day.dtype), (year + np.timedelta64(1, "Y")).astype(day.dtype)


def dates_of_2024(clock: Array) -> Array:
    """Move each time to the same date of 2024, so that a date is equal in all years."""
    day = clock.astype("datetime64[D]")
    begin, end = year_of(day)
    late = ((end - begin).astype(np.int64) == 365) & ((day - begin).astype(np.int64) >= _TO_MARCH)
    moved = np.datetime64("2024-01-01") - begin + late.astype("timedelta64[D]")
    return clock + moved


def points_of_dates(dates: Array) -> tuple[Array, IntArray]:
    """Return the points of dates of 2024 in the cycle ``"year"``, in common and in leap years."""
    days = (dates.astype("datetime64[D]") - np.datetime64("2024-01-01")).astype(np.int64)
    others = np.flatnonzero(days != _TO_MARCH)
    moved = (365 + (days > _TO_MARCH)).astype("timedelta64[D]")
    points, moved_points = (waves(["year"], at, None) for at in (dates, (dates - moved)[others]))
    apart = np.hypot(*(moved_points - points[others]).T) > _SAME
    index = np.concatenate([np.arange(len(dates)), others[apart]])
    return np.concatenate([points, moved_points[apart]]), index


# The phase of each time, and the same in words, for programs without this package.
_NAMED = {
    "hour": (_of_hour, "(time since the full hour) / (1 hour)"),
    "day": (_of_day, "(time since midnight) / (24 hours)"),
    "week": (_of_week, "((days since Monday) + (time since midnight) / (24 hours)) / 7"),
    "year": (
        _of_year,
        "((days since January 1) + (time since midnight) / (24 hours)) / (365, or 366 in a leap "
        "year)",
    ),
}
NAMED = tuple(_NAMED)


def formula(cycle: Cycle) -> str:
    """Return the formula of a cycle's phase in words, where ``n`` is the number of a row."""
    if isinstance(cycle, str):
        return f"{_NAMED[cycle][1]}, by the local clock of the series"
    return f"(n mod {cycle}) / {cycle}"
