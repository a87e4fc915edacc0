"""Infers the one frequency of a panel from its timestamps, and finds its gaps: pure NumPy.

The usual step is the most frequent one of all series; every other step must be a multiple of it,
and is a gap. Steps are counted in units of time or by a rule of the calendar (local days, months,
days of a working week), whichever leaves the fewest gaps. If several leave equally few, months are
preferred to days, and local days to 24 hours: the last rows of a series should get the frequency of
all its rows, even if they span no change of the clock, or only months of 31 days.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.panel.frequency import RULES, Frequency
from keras_ts.panel.rows import distinct, in_blocks

# Series are read in blocks of this many rows, so that memory is bounded.
_BLOCK = 1 << 19


class Inferred(NamedTuple):
    """The frequency of a panel; without one, the rows that end two steps that disagree."""

    frequency: Frequency | None
    disagreeing: tuple[int, int] | None = None  # None if no series has two rows.


def disorder(times: Array, offsets: IntArray) -> tuple[str, int] | None:
    """Return "duplicate" or "backwards", and the first position out of order; None without one."""
    # Times are compared, not subtracted: differences of small or unsigned integers wrap around.
    wrong = times[1:] <= times[:-1]
    wrong[distinct(offsets)[1:-1] - 1] = False  # Between two series.
    if not wrong.any():
        return None
    first = int(wrong.argmax())
    return ("duplicate" if times[first] == times[first + 1] else "backwards"), first + 1


def inferred(
    times: Array, offsets: IntArray, local_times: Array | None = None, like: str | None = None
) -> Inferred:
    """Return the frequency of series in order; ``like`` names one that is taken if it fits."""
    # Few rows may fit several frequencies: those from Monday to Friday are one day apart, and one
    # weekday. Then the frequency that a model was trained on decides.
    offsets, zoned = distinct(offsets), local_times is not None
    clock = times if local_times is None else local_times
    unit = np.datetime_data(times.dtype)[0] if times.dtype.kind == "M" else ""
    fixed = Frequency(1, None, unit, zoned=zoned)
    steps, counts = _counted(fixed, times, offsets)
    if not len(steps):
        return Inferred(None)
    usual = int(steps[counts.argmax()])
    found = [_with_usual_step(fixed, steps, counts, offsets)]
    for name, rule in RULES.items() if unit else ():
        too_short = np.array(usual, f"m8[{unit}]") < np.timedelta64(rule.hours, "h")
        if too_short or (rule.zoned and not zoned):
            continue
        mark = rule.mark(clock[rows].astype("M8[D]") for rows, _ in _blocks(offsets))
        of_day = min(int(_of_day(clock[rows]).min().astype(int)) for rows, _ in _blocks(offsets))
        tried = Frequency(1, name, unit, mark, of_day, zoned)
        if all(_follows(tried, clock[rows], times[rows], at) for rows, at in _blocks(offsets)):
            found.append(_with_usual_step(tried, *_counted(tried, clock, offsets), offsets))
    fewest = min(gaps for gaps, _ in found)
    if fewest == np.inf:
        return Inferred(None, _disagreeing(fixed, times, offsets, usual))
    tied = [frequency for gaps, frequency in found if gaps == fewest]
    preferred = [one for one in tied if one.rule is not None and RULES[one.rule].preferred]
    best = next((one for one in tied if str(one) == like), (preferred[-1:] or tied)[0])
    if fewest:
        clock = clock if best.local else times
        sparse = _sparse_series(best, clock, offsets)
        if sparse is not None:
            row, _ = _disagreeing(replace(best, step=1), clock, offsets, best.step)
            return Inferred(None, (row, sparse + 1))
    return Inferred(best)


def gaps_in(frequency: Frequency, times: Array, offsets: IntArray) -> IntArray:
    """Return the positions that follow more than one step, by the frequency's own clock."""
    found = [np.empty(0, np.int64)]
    for rows, inner in _blocks(distinct(offsets)):
        steps = _steps(frequency, times[rows], inner)
        found.append(rows.start + np.flatnonzero(steps > frequency.step))
    return np.concatenate(found)


def _blocks(offsets: IntArray) -> Iterator[tuple[slice, IntArray]]:
    """Yield the rows of neighbouring series, and where each begins among them."""
    for series in in_blocks(np.diff(offsets), _BLOCK):
        inner = offsets[series.start : series.stop + 1]
        yield slice(int(inner[0]), int(inner[-1])), inner - inner[0]


def _steps(frequency: Frequency, times: Array, offsets: IntArray) -> Array:
    """Return the ticks from the row before to each row; 0 for the first row of a series."""
    # Ticks increase, so that differences are exact modulo 2**64.
    ticks = frequency.ticks(times).view(np.uint64)
    steps = np.zeros_like(ticks)
    np.subtract(ticks[1:], ticks[:-1], out=steps[1:])
    steps[offsets[:-1]] = 0
    return steps


def _counted(frequency: Frequency, times: Array, offsets: IntArray) -> tuple[Array, IntArray]:
    """Return the distinct steps in ticks, increasing, and how often each occurs."""
    distinct_steps, counts = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for rows, inner in _blocks(offsets):
        steps = _steps(frequency, times[rows], inner)
        # Most steps equal the one in the middle, and only the others are sorted.
        middle = steps[len(steps) // 2 :][:1]
        rest = steps[steps != middle]
        others, number = np.unique(rest, return_counts=True)
        distinct_steps += [middle, others]
        counts += [np.array([len(steps) - len(rest)]), number]
    steps, places = np.unique(np.concatenate(distinct_steps), return_inverse=True)
    number = np.bincount(places, np.concatenate(counts)).astype(np.int64)
    return steps[steps > 0], number[steps > 0]


def _with_usual_step(
    frequency: Frequency, steps: Array, counts: IntArray, offsets: IntArray
) -> tuple[float, Frequency]:
    """Return the number of gaps, infinite if steps disagree, and the frequency with its step."""
    # All steps are multiples of the usual one. If not most steps are the usual one, at least half
    # of the rows are there: otherwise a few rows far apart would have some frequency by chance.
    usual, total = steps[counts.argmax()], counts.sum()
    places = (steps // usual).astype(np.float64) @ counts + len(offsets) - 1
    often = 2 * counts.max() > total or 2 * offsets[-1] >= places
    regular = often and not (steps % usual).any()
    gaps = float(total - counts.max()) if regular else np.inf
    return gaps, replace(frequency, step=int(usual))


def _follows(frequency: Frequency, clock: Array, utc: Array, offsets: IntArray) -> bool:
    """Return True if series follow a rule: its days, each once, at its time of day."""
    # If the clock is put forward at midnight, that day begins later by the skipped time.
    late = _of_day(clock) - np.array(frequency.time_of_day, f"m8[{frequency.unit}]")
    forward = np.diff(clock) - np.diff(utc)
    forward[offsets[1:-1] - 1] = 0
    at_time = late == np.timedelta64(0)
    at_time[1:] |= late[1:] == forward
    ticks = frequency.ticks(clock)
    days = RULES[str(frequency.rule)].day(ticks, frequency.mark)
    once = np.diff(ticks) > 0
    once[offsets[1:-1] - 1] = True
    holds = at_time.all() and once.all() and (days == clock.astype("datetime64[D]")).all()
    return bool(holds)


def _of_day(clock: Array) -> Array:
    return clock - clock.astype("datetime64[D]").astype(clock.dtype)


def _sparse_series(frequency: Frequency, times: Array, offsets: IntArray) -> int | None:
    """Return the begin of the first series whose own step is longer, or None."""
    # None of its steps is one step, and it has less than half of its rows: a series of weeks in a
    # panel of days. Two rows alone may be any number of steps apart.
    for rows, inner in _blocks(offsets):
        steps, begins = _steps(frequency, times[rows], inner), inner[:-1]
        single = np.logical_or.reduceat(steps == frequency.step, begins)
        places = np.add.reduceat((steps // np.uint64(frequency.step)).astype(float), begins) + 1
        lengths = np.diff(inner)
        sparse = ~single & (lengths > 2) & (2 * lengths < places)
        if sparse.any():
            return rows.start + int(begins[sparse.argmax()])
    return None


def _disagreeing(
    frequency: Frequency, times: Array, offsets: IntArray, usual: int
) -> tuple[int, int]:
    """Return the first rows that end a step of ``usual`` ticks, and another one."""
    row = other = multiple = -1
    for rows, inner in _blocks(offsets):
        steps = _steps(frequency, times[rows], inner)
        same, longer = steps == np.uint64(usual), (steps != 0) & (steps != np.uint64(usual))
        odd = steps % np.uint64(usual) != 0
        firsts = [
            first if first >= 0 or not flags.any() else rows.start + int(flags.argmax())
            for first, flags in ((row, same), (other, odd), (multiple, longer))
        ]
        row, other, multiple = firsts
    return row, other if other >= 0 else multiple
