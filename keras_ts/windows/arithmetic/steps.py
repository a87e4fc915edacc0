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
# Ends of a frequency's text, for steps that are even by the other clock than usual.
BY_CLOCK, IN_UTC = " by the local clock", " in UTC"
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
        zoned: True if there is a time zone.
    """

    step: int | float
    calendar: str | None = None
    local: bool = False
    unit: str = ""
    marks: tuple[int, ...] = ()
    time_of_day: int = 0
    zoned: bool = False

    @property
    def counts_days(self) -> bool:
        """True for steps of whole days, counted by the clock of the time zone; others are in UTC.

        Rows without a change of the clock do not tell by which of the two their steps are even. So
        neither do numbers: that of a timestamp is the same, whatever rows stand beside it.
        """
        if self.calendar is not None or not self.zoned:  # Without a zone there is one clock.
            return True
        return int(self.step) * _NANOSECONDS[_UNITS[self.unit]] % _NANOSECONDS["day"] == 0

    @property
    def unusual(self) -> bool:
        """True if the steps are even by the other clock than the one that counts them."""
        return self.zoned and self.local != self.counts_days

    def numbers(self, utc: Array, shown: Array) -> Array:
        """Return the number of each timestamp's step, given in UTC and by the zone's clock."""
        return self.number(shown if self.counts_days else utc)

    def slips(self, utc: Array, shown: Array) -> bool:
        """Tell if a change of the clock leaves out a number of a series, or gives one twice."""
        if not self.unusual:
            return False
        apart = self.number(shown) - self.number(utc)
        return bool((apart != apart[:1]).any())

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
        if self.unusual:
            return self.name + (BY_CLOCK if self.local else IN_UTC)
        return self.name

    @property
    def name(self) -> str:
        """The name of the steps, by whichever clock."""
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


def same_steps(one: str, other: str) -> bool:
    """Tell if two frequencies, as text, have the same steps, by whichever clock."""
    names = [text.removesuffix(BY_CLOCK).removesuffix(IN_UTC) for text in (one, other)]
    return names[0] == names[1]


def _plural(number: int | float, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
