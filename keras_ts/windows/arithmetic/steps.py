"""``Frequency``: numbers the regular steps of one series, and continues them. Pure NumPy."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
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
# Stands for any larger number of steps, so that sums of them fit 64 bits.
_MOST = 1 << 40
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

    def apart_by_clocks(self, utc: Array, shown: Array) -> Array:
        """Return how far apart the two clocks number each step.

        Where this changes within a series, a change of the clock skips a number, or repeats one.
        """
        return self.number(shown) - self.number(utc)

    def number(self, times: Array) -> Array:
        """Return the number of each timestamp's step, counted from 1970-01-01, or from 0."""
        if self.rule is None and (times.dtype.kind == "f" or self.step >= 1 << 63):
            return times.astype(np.float64) / self.step
        ticks = self._ticks(times)
        return ticks // ticks.dtype.type(self.step)

    def following(self, last: Any, count: int) -> Array:
        """Return the ``count`` timestamps after ``last``, which is one of the series' own."""
        return self.after(np.asarray(last)[None], np.arange(1, count + 1))

    def after(self, times: Array, steps: IntArray) -> Array:
        """Return the timestamps that lie ``steps`` steps after ``times``, the series' own."""
        ahead = steps * self.step
        if self.rule is None:
            kind = f"timedelta64[{self.unit}]" if self.unit else f"{times.dtype.kind}8"
            return times + ahead.astype(kind)
        day = FREQUENCY_RULES[self.rule].day(self._ticks(times) + ahead, self.marks)
        # Past the range of their unit they wrap around, where NumPy's own conversion may raise.
        unit: Any = np.datetime_data(times.dtype)[0]
        of_day = np.timedelta64(1, "D") // np.timedelta64(1, unit)
        midnight = (day.astype(np.int64) * of_day).view(times.dtype)
        return midnight + np.array(self.time_of_day, f"m8[{self.unit}]")

    def apart(self, times: Array) -> tuple[IntArray, BoolArray]:
        """Return the number of steps from each timestamp to the next, and True where it is whole.

        Args:
            times: Increasing timestamps, in local time if the frequency is ``local``.
        """
        if times.dtype.kind == "f":
            exact = times.astype(np.float64)
            with np.errstate(over="ignore", invalid="ignore"):
                steps = np.diff(exact)
                counts = np.rint(steps / self.step)
                # A step is the mean to six digits, and 0.1 + 0.2 is not 0.3.
                rounding = 1e-5 * steps + 4 * np.spacing(np.abs(exact).max(initial=0))
                whole = np.abs(steps - counts * self.step) <= np.minimum(rounding, self.step / 4)
        else:
            # Ticks increase, so modulo 2**64 every difference is exact.
            ticks = np.diff(self._ticks(times).view(np.uint64))
            counts, rest = np.divmod(ticks, np.uint64(self.step))
            whole = rest == 0
        return np.minimum(counts, _MOST).astype(np.int64), whole & (counts > 0)

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
    return _without_clock(text) == _without_clock(other)


def numbering(frequency: str | None, column: str | None) -> str:
    """Return in words how rows are numbered, for programs that do not have this one.

    Args:
        frequency: The name of a frequency, or None.
        column: The column of the timestamps; None if rows are counted.
    """
    if column is None:
        return "the rows of the series before this one, from its first row with a value on"
    if frequency is None:
        return f"the steps of the series' own frequency from 1970-01-01 00:00 to {column}"
    name, _, every = _without_clock(frequency).partition(", every ")
    length, _, unit = name.partition(" ")
    unit = unit.removesuffix("s")
    if name.startswith("steps of "):
        return f"{column} / {name.removeprefix('steps of ')}, rounded down if {column} is whole"
    if unit in _NANOSECONDS:
        clock = "by the local clock" if unit == "day" else "in UTC if there is a time zone"
        return f"({column} - 1970-01-01 00:00) / ({name}), rounded down; {clock}"
    if unit == "weekday":
        every, ticks = length, f"Mondays to Fridays from 1970-01-01 on, before {column}"
    else:
        every, ticks = every.partition(" ")[0] or "1", "12 * (year - 1970) + month - 1"
        if name.startswith("days "):
            ticks = f"2 * ({ticks}) + (1 after day {name.split()[1]} of the month, else 0)"
        ticks = f"{ticks}, of {column}"
    return ticks if every == "1" else f"({ticks}) / {every}, rounded down"


def _without_clock(name: str) -> str:
    return name.removesuffix(BY_CLOCK).removesuffix(IN_UTC)


def _plural(number: int | float, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
