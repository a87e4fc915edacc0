"""``Frequency``: a regular step, named, numbered and continued. Pure NumPy.

| kind | rule | counted in |
| --- | --- | --- |
| a fixed step of time, such as 15 minutes or 28 days | None | UTC |
| whole months, by day of the month or by its last day | "day of month" | local days |
| weekdays: Monday to Friday | "weekday" | local days |
| days of a time zone's clock, of 23 to 25 hours | "day" | local days |
| whole numbers | None | units |

A rule numbers days (month ends 1, 2, 3, ...) and returns the day of a number. A panel follows a
rule if each of its days comes back from its number. A missing row is then a skipped number, and the
numbers after the last one give the days to forecast. ``RULES`` holds all that is known of a rule.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from re import fullmatch
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.panel.cycles import WEEKS, month_of

_DAY, _MONTH = np.timedelta64(1, "D"), np.timedelta64(1, "M")
# The day of the month, counted from 0, that stands for the last day of every month.
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
# Larger numbers of steps are cut to this one, so that their sums fit 64 bits.
_MOST = 1 << 40
# Ends the name of 24-hour days in a time zone that changes its clock.
_IN_UTC = " in UTC"


def _day_of_month(number: IntArray, mark: Any) -> Array:
    """Return day ``mark`` of each month, or the last day of a month that is too short."""
    month = number.astype("datetime64[M]")
    last = (month + _MONTH).astype("datetime64[D]") - _DAY
    return np.minimum(month.astype("datetime64[D]") + mark * _DAY, last)


def _latest_day(blocks: Iterable[Array]) -> int:
    """Return the latest day of the month in blocks of days, or ``_LAST`` if all are month ends."""
    latest, ends = 0, True
    for day in blocks:
        month, of_month = month_of(day)
        latest = max(latest, int(of_month.max()))
        ends = ends and bool(((month + _MONTH).astype(day.dtype) == day + _DAY).all())
    return _LAST if ends else latest


def _month_name(step: int, mark: int) -> str:
    name = {0: "month start", _LAST: "month end"}.get(mark, f"day {mark + 1} of the month")
    return name + (f", every {step} months" if step > 1 else "")


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


@dataclass(frozen=True)
class Rule:
    """A rule by which dates follow each other, by the clock of their time zone."""

    hours: int  # Least hours from a day of the rule to the next, also where the clock is changed.
    number: Callable[[Array], IntArray]  # Returns the numbers of days.
    day: Callable[[IntArray, Any], Array]  # Returns the days of numbers and marks.
    name: Callable[[int, int], str]  # Returns the name of a step from its length and mark.
    pattern: str  # Matches such names; the group ``every`` is the length.
    words: str = ""  # How the days in column {} are numbered; "" if as for a fixed step.
    # Returns the mark, a day of the month or 0, from blocks of days.
    mark: Callable[[Iterable[Array]], int] = lambda blocks: 0
    preferred: bool = False  # True to replace an earlier rule that leaves equally few gaps.
    zoned: bool = False  # True to try the rule only if there is a time zone.
    season: tuple[int, str] | None = None  # The number of steps in a season, and why, in words.
    week: str = ""  # One of ``WEEKS`` if the rule counts only the days of that week.


def _of_week(week: str, words: str) -> Rule:
    """Return the rule that counts only the days of one of ``WEEKS``."""
    noun, mask = week.removesuffix("s"), WEEKS[week]
    first = np.busday_offset(np.datetime64(0, "D"), 0, "forward", mask)
    return Rule(
        20, lambda day: np.busday_count(first, day, mask),
        lambda number, _: np.busday_offset(first, number, weekmask=mask),
        lambda step, _: _plural(step, noun), rf"(?P<every>\d+) {noun}s?", words,
        season=(mask.count("1"), f", of {week}"), week=week,
    )  # fmt: skip


RULES = {
    "day": Rule(
        20, lambda day: day.astype(np.int64), lambda number, _: number.astype("M8[D]"),
        lambda step, _: _plural(step, "day"), r"(?P<every>\d+) days?", preferred=True,
        zoned=True,
    ),
    "day of month": Rule(
        200, lambda day: month_of(day)[0].astype(np.int64), _day_of_month,
        _month_name, r"(month (start|end)|day \d+ of the month)(, every (?P<every>\d+) months)?",
        "12 * (year - 1970) + month - 1, of {}", _latest_day, preferred=True,
    ),
    "weekday": _of_week("weekdays", "Mondays to Fridays from 1970-01-01 on, before {}"),
}  # fmt: skip


@dataclass(frozen=True)
class Frequency:
    """The regular step of a panel."""

    step: int  # Ticks of the rule (or, without one, units of time) in one step.
    rule: str | None = None  # Name of one of ``RULES``, or None for steps of time and numbers.
    unit: str = ""  # The timestamps' unit; "" for numbers.
    mark: int = 0  # The day of the month from 0; 30 is every month's last.
    time_of_day: int = 0  # Time of day of a rule's days, in the timestamps' unit.
    zoned: bool = False  # True if there is a time zone.

    @property
    def local(self) -> bool:
        """True if the steps are counted by the clock of a time zone."""
        return self.zoned and self.rule is not None

    @property
    def in_utc(self) -> bool:
        """True for steps of 24-hour days in a time zone."""
        # Between two changes of the clock, 24-hour days equal local days, so no result may depend
        # on which of the two kinds was inferred.
        return self.zoned and self.rule is None and not self._nanoseconds % _NANOSECONDS["day"]

    @property
    def _nanoseconds(self) -> int:
        return int(self.step) * _NANOSECONDS[_UNITS[self.unit]]

    def ticks(self, times: Array) -> Array:
        """Return the numbers of days by the rule; without one, the times as integers."""
        # The times are local ones if the frequency is ``local``.
        if self.rule is not None:
            return RULES[self.rule].number(times.astype("datetime64[D]"))
        return times if times.dtype.kind == "u" else times.astype(np.int64, copy=False)

    def numbers(self, utc: Array, shown: Array) -> Array:
        """Return the number of steps from 1970-01-01, or 0, to each time; floats have fractions."""
        if utc.dtype.kind == "f" or self.step >= 1 << 63:
            return utc.astype(np.float64) / self.step
        ticks = self.ticks(shown if self.local else utc)
        return ticks // ticks.dtype.type(self.step)

    def after(self, times: Array, steps: IntArray) -> Array:
        """Return the timestamps that lie ``steps`` steps after ``times``."""
        ahead = steps * self.step
        if self.rule is None:
            kind = f"timedelta64[{self.unit}]" if self.unit else f"{times.dtype.kind}8"
            return times + ahead.astype(kind)
        day = RULES[self.rule].day(self.ticks(times) + ahead, self.mark)
        # Days past the range of the unit wrap around; NumPy's own conversion might raise.
        unit: Any = np.datetime_data(times.dtype)[0]
        of_day = np.timedelta64(1, "D") // np.timedelta64(1, unit)
        midnight = (day.astype(np.int64) * of_day).view(times.dtype)
        return midnight + np.array(self.time_of_day, f"m8[{self.unit}]")

    def between(self, earlier: Array, later: Array) -> IntArray:
        """Return the number of steps from earlier to later times of the same series."""
        # Differences of increasing times are exact modulo 2**64.
        ticks = self.ticks(later).view(np.uint64) - self.ticks(earlier).view(np.uint64)
        return np.minimum(ticks // np.uint64(self.step), _MOST).astype(np.int64)

    def __str__(self) -> str:
        if self.rule is not None:
            return RULES[self.rule].name(self.step, self.mark)
        if not self.unit:
            return f"steps of {self.step:g}"
        length = self._nanoseconds
        unit = next(name for name, size in _NANOSECONDS.items() if not length % size)
        return _plural(length // _NANOSECONDS[unit], unit) + (_IN_UTC if self.in_utc else "")


def same_steps(text: str, other: str) -> bool:
    """Return True if two names of frequencies are equal, or differ only in the clock."""
    return text.removesuffix(_IN_UTC) == other.removesuffix(_IN_UTC)


def numbering(frequency: str | None, column: str) -> str:
    """Return in words how the rows of a column of timestamps are numbered."""
    if frequency is None:
        return f"the steps of the series' own frequency from 1970-01-01 00:00 to {column}"
    name = frequency.removesuffix(_IN_UTC)
    unit = name.partition(" ")[2].removesuffix("s")
    if name.startswith("steps of "):
        return f"{column} / {name.removeprefix('steps of ')}, rounded down if {column} is whole"
    if unit in _NANOSECONDS:
        clock = "by the local clock" if unit == "day" else "in UTC if there is a time zone"
        return f"({column} - 1970-01-01 00:00) / ({name}), rounded down; {clock}"
    matches = ((rule.words, fullmatch(rule.pattern, name)) for rule in RULES.values())
    words, every = next((words, found["every"] or "1") for words, found in matches if found)
    days = words.format(column)
    return days if every == "1" else f"({days}) / {every}, rounded down"
