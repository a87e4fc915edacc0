"""``Frequency``: numbers the regular steps of one series, and continues them. Pure NumPy."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts._typing import Array
from keras_ts.windows.arithmetic.frequency_rules import FREQUENCY_RULES

_NANOSECONDS = {
    "day": 86_400_000_000_000,
    "hour": 3_600_000_000_000,
    "minute": 60_000_000_000,
    "second": 1_000_000_000,
    "millisecond": 1_000_000,
    "microsecond": 1_000,
    "nanosecond": 1,
}
# Ends of a frequency's name, for steps that are even by the clock that does not count them.
BY_CLOCK, IN_UTC = " by the local clock", " in UTC"
_UNITS = dict(zip(("D", "h", "m", "s", "ms", "us", "ns"), _NANOSECONDS, strict=True))


@dataclass(frozen=True)
class Frequency:
    """The regular step of one series, read off its timestamps.

    Attributes:
        step: Ticks of the rule (or, without one, units of time) in one step.
        rule: Name of one of ``FREQUENCY_RULES``, or None for steps in time.
        local: True if the steps are even by the clock of the time zone; False for UTC, or without
            a zone.
        unit: The timestamps' unit; "" for numbers.
        marks: The series' marks by the rule.
        time_of_day: Time of day of a rule's days, in the timestamps' unit.
        zoned: True if there is a time zone.
    """

    step: int | float
    rule: str | None = None
    local: bool = False
    unit: str = ""
    marks: tuple[int, ...] = ()
    time_of_day: int = 0
    zoned: bool = False

    @property
    def counts_days(self) -> bool:
        """True for steps of whole days, which the clock of the time zone counts; UTC counts others.

        Rows without a change of the clock are even by both. So the length of the step decides, and
        a timestamp has the same number whatever other rows there are.
        """
        if self.rule is not None or not self.zoned:  # Without a zone there is one clock.
            return True
        return int(self.step) * _NANOSECONDS[_UNITS[self.unit]] % _NANOSECONDS["day"] == 0

    @property
    def unusual(self) -> bool:
        """True if the steps are even by one clock, and counted by the other."""
        return self.zoned and self.local != self.counts_days

    def numbers(self, utc: Array, shown: Array) -> Array:
        """Return the number of each timestamp's step.

        Args:
            utc: The timestamps in UTC.
            shown: The same by the clock of the time zone.
        """
        return self.number(shown if self.counts_days else utc)

    def slips(self, utc: Array, shown: Array) -> bool:
        """Return True if a change of the clock skips a number of the series, or repeats one."""
        if not self.unusual:
            return False
        apart = self.number(shown) - self.number(utc)
        return bool((apart != apart[:1]).any())

    def number(self, times: Array) -> Array:
        """Return the number of each timestamp's step, counted from 1970-01-01, or from 0."""
        if self.rule is None and (times.dtype.kind == "f" or self.step >= 1 << 63):
            return times.astype(np.float64) / self.step
        ticks = self._ticks(times)
        return ticks // ticks.dtype.type(self.step)

    def following(self, last: Any, count: int) -> Array:
        """Return the ``count`` timestamps after ``last``, which is one of the series' own."""
        last = np.asarray(last)
        ahead = np.arange(1, count + 1) * self.step
        if self.rule is None:
            steps = f"timedelta64[{self.unit}]" if self.unit else f"{last.dtype.kind}8"
            return last + ahead.astype(steps)
        day = FREQUENCY_RULES[self.rule].day(self._ticks(last[None]) + ahead, self.marks)
        return day.astype(last.dtype) + np.array(self.time_of_day, f"m8[{self.unit}]")

    def _ticks(self, times: Array) -> Array:
        if self.rule is not None:
            return FREQUENCY_RULES[self.rule].number(times.astype("datetime64[D]"), self.marks)
        return times if times.dtype.kind == "u" else times.astype(np.int64)

    def __str__(self) -> str:
        if self.unusual:
            return self.name + (BY_CLOCK if self.local else IN_UTC)
        return self.name

    @property
    def name(self) -> str:
        """The name of the step, such as "2 weekdays", without the clock."""
        if self.rule is not None:
            rule = FREQUENCY_RULES[self.rule]
            if rule.name is None:
                return _plural(self.step, rule.tick)
            every = f", every {_plural(self.step, rule.tick)}" if self.step > 1 else ""
            return rule.name(self.marks) + every
        if not self.unit:
            return f"steps of {self.step:g}"
        length = int(self.step) * _NANOSECONDS[_UNITS[self.unit]]
        unit = next(name for name, size in _NANOSECONDS.items() if not length % size)
        return _plural(length // _NANOSECONDS[unit], unit)


def same_steps(text: str, other: str) -> bool:
    """Return True if the names of two frequencies differ in nothing but the clock."""
    names = [name.removesuffix(BY_CLOCK).removesuffix(IN_UTC) for name in (text, other)]
    return names[0] == names[1]


def _plural(number: int | float, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
