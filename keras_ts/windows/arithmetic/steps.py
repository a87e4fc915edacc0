"""``Frequency``: the regular steps of one series, numbered and continued. Pure NumPy."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts._typing import Array
from keras_ts.windows.arithmetic.calendars import CALENDARS

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


@dataclass(frozen=True)
class Frequency:
    """The steps of one series, read off its timestamps.

    Attributes:
        step: Ticks of the calendar (or, without one, units of time) in one step.
        calendar: One of ``CALENDARS``, or None for steps in time.
        local: True if timestamps are those of the clock of the time zone, False if in UTC or
            without a zone.
        unit: The timestamps' unit; "" for numbers.
        marks: Those of the calendar, which tell one series from another.
        time_of_day: Of a calendar's days, in the timestamps' unit.
    """

    step: int | float
    calendar: str | None = None
    local: bool = False
    unit: str = ""
    marks: tuple[int, ...] = ()
    time_of_day: int = 0

    def number(self, times: Array) -> Array:
        """Return the number of each timestamp's step, counted from 1970-01-01, or from 0."""
        if self.calendar is None and (times.dtype.kind == "f" or self.step >= 1 << 63):
            return times.astype(np.float64) / self.step
        ticks = self._ticks(times)
        return ticks // ticks.dtype.type(self.step)

    def following(self, last: Any, count: int) -> Array:
        """Return the ``count`` timestamps after ``last``, which has one of the series' own.

        If ``count`` is negative, return as many before it, in order.
        """
        last = np.asarray(last)
        ahead = (np.arange(1, count + 1) if count > 0 else np.arange(count, 0)) * self.step
        if self.calendar is None:
            steps = f"timedelta64[{self.unit}]" if self.unit else f"{last.dtype.kind}8"
            return last + ahead.astype(steps)
        day = CALENDARS[self.calendar].day(self._ticks(last[None]) + ahead, self.marks)
        return day.astype(last.dtype) + np.array(self.time_of_day, f"m8[{self.unit}]")

    def _ticks(self, times: Array) -> Array:
        if self.calendar is not None:
            return CALENDARS[self.calendar].number(times.astype("datetime64[D]"), self.marks)
        return times if times.dtype.kind == "u" else times.astype(np.int64)

    def __str__(self) -> str:
        if self.calendar is not None:
            calendar = CALENDARS[self.calendar]
            if calendar.name is None:
                return _plural(self.step, calendar.tick)
            every = f", every {_plural(self.step, calendar.tick)}" if self.step > 1 else ""
            return calendar.name(self.marks) + every
        if not self.unit:
            return f"steps of {self.step:g}"
        length = int(self.step) * _NANOSECONDS[_UNITS[self.unit]]
        unit = next(name for name, size in _NANOSECONDS.items() if not length % size)
        return _plural(length // _NANOSECONDS[unit], unit)


def _plural(number: int | float, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
