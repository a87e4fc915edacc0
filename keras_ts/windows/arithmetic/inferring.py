"""Infers the frequency of each series from its timestamps, and finds its gaps: pure NumPy.

The usual step of a series is its most frequent one; all other steps are gaps. Steps are counted in
units of time or by a rule of the calendar (local days, months, days of a working week), whichever
gives the series the fewest gaps. A series has a frequency if more than half of its steps are the
usual one, and less than a fifth of its rows follow a step that is no multiple of the usual one.
Otherwise third Fridays, most of which are 28 days apart, would have the frequency of 28 days. If
two ways to count give equally few gaps, months are preferred to days, and local days to 24 hours:
the last rows of a series should get the frequency of all its rows, even if they span no change of
the clock, or only months of 31 days.
"""

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.arithmetic.frequency import RULES, Frequencies, Frequency, Rule
from keras_ts.windows.arithmetic.geometry import (
    concatenated_offsets,
    distinct,
    in_blocks,
    per_row,
    run_positions,
)
from keras_ts.windows.arithmetic.labels import distinct_rows

# Series are read in blocks of this many rows, to reuse memory.
_BLOCK = 1 << 19
_NAMES: tuple[str | None, ...] = (None, *RULES)
# A rule, and True to prefer it over an earlier one that leaves equally few gaps.
_Way = tuple[str | None, bool]


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
    times: Array, offsets: IntArray, local_times: Array | None = None, ways: tuple[_Way, ...] = ()
) -> tuple[IntArray, Frequencies]:
    """Return the positions before which there is a gap, and the frequency of each series."""
    # Timestamps or whole numbers increase within each series. ``ways`` are tried after ``RULES``.
    if times.dtype.kind == "f":
        times = times.astype(np.int64)
    zoned = local_times is not None
    rules = [(name, rule.preferred) for name, rule in RULES.items() if zoned or not rule.zoned]
    ways = (*rules, *ways)
    gaps, parts = [np.empty(0, np.int64)], list[Frequencies]()
    for series in in_blocks(np.diff(offsets), _BLOCK):
        inner = offsets[series.start : series.stop + 1]
        rows = slice(int(inner[0]), int(inner[-1]))
        local = None if local_times is None else local_times[rows]
        uneven, part = _of_block(times[rows], inner - inner[0], local, ways)
        gaps.append(rows.start + np.flatnonzero(uneven))
        parts.append(part)
    return np.concatenate(gaps), Frequencies.joined(parts)


def refitted(
    times: Array,
    offsets: IntArray,
    local_times: Array | None,
    frequencies: Frequencies,
    like: Frequency | str,
) -> Frequencies:
    """Return the frequencies, replaced by ``like`` for each series that it fits as well."""
    # Several frequencies may fit a short series: rows from Monday to Friday are one day apart, and
    # one weekday. Other series, or the rows that a model was trained on, decide between them.
    if times.dtype.kind != "M":
        return frequencies
    name = str(like)
    for rule in (like.rule,) if isinstance(like, Frequency) else _NAMES:
        others = frequencies.per_series(lambda frequency: str(frequency) != name, False)
        kinds, codes = list(frequencies.kinds), frequencies.codes.copy()
        for block in in_blocks(np.diff(offsets), _BLOCK):
            series = block.start + np.flatnonzero(others[block])
            inner = concatenated_offsets(np.diff(offsets)[series])
            rows = run_positions(offsets[series], np.diff(inner))
            local = None if local_times is None else local_times[rows]
            _, again = inferred(times[rows], inner, local, ((rule, True),))
            fits = again.per_series(lambda frequency: str(frequency) == name, False)
            codes[series[fits]] = len(kinds) + again.codes[fits]
            kinds += again.kinds
        frequencies = Frequencies.of(kinds, codes)
    return frequencies


def _of_block(
    times: Array, offsets: IntArray, local_times: Array | None, ways: tuple[_Way, ...]
) -> tuple[BoolArray, Frequencies]:
    """Return flags of the gaps, and the frequency of each series."""
    starts = distinct(offsets)  # Without empty series.
    uneven, steps, odd, chosen = _fewest_gaps(times, starts, local_times, ways)
    lengths = np.diff(starts)
    regular = (2 * _per_series(~uneven, starts) > lengths + 1) & (5 * odd < lengths)
    kinds: list[Frequency] = []
    codes, filled = np.full(len(offsets) - 1, -1), np.flatnonzero(np.diff(offsets))
    for number in np.unique(chosen[regular]).tolist():
        of_rule = regular & (chosen == number)
        rows = slice(None) if of_rule.all() else per_row(of_rule, starts)
        inner, rule = concatenated_offsets(np.diff(starts)[of_rule]), _NAMES[number]
        clock = times[rows] if rule is None or local_times is None else local_times[rows]
        made, places = _of_one_rule(clock, inner, steps[of_rule], rule, local_times is not None)
        codes[filled[of_rule]] = len(kinds) + places
        kinds += made
    return uneven, Frequencies.of(kinds, codes)


def _of_one_rule(
    clock: Array, offsets: IntArray, steps: Array, rule: str | None, zoned: bool
) -> tuple[list[Frequency], IntArray]:
    """Return the distinct frequencies of series of one rule, and each series' place among them."""
    unit = np.datetime_data(clock.dtype)[0] if clock.dtype.kind == "M" else ""
    marks = of_day = np.zeros(len(steps), np.int64)
    if rule is not None:
        day = clock.astype("datetime64[D]")
        marks = RULES[rule].mark(day, offsets)
        of_day = np.minimum.reduceat(clock - day.astype(clock.dtype), offsets[:-1]).astype(np.int64)
    columns = [steps, marks, of_day]
    first, places = distinct_rows(columns)
    rows = zip(*(column[first].tolist() for column in columns), strict=True)
    return [Frequency(step, rule, unit, mark, time, zoned) for step, mark, time in rows], places


def _fewest_gaps(
    times: Array, offsets: IntArray, local_times: Array | None, ways: tuple[_Way, ...]
) -> tuple[BoolArray, Array, IntArray, IntArray]:
    """Return flags of gaps; by series the usual step, the number of odd steps, and the rule."""
    # Odd steps are no multiple of the usual one. A rule is a place in ``_NAMES``.
    uneven, usual, odd = _uneven(times, offsets)
    steps, chosen = usual.copy(), np.zeros(len(usual), np.int64)
    if times.dtype.kind != "M":
        return uneven, steps, odd, chosen
    fewest = _per_series(uneven, offsets)
    passed = usual.view(np.diff(times).dtype)
    clock = times if local_times is None else local_times
    for name, first in ways:
        tried = first | (fewest > 0)
        if name is not None:
            tried &= passed >= np.timedelta64(RULES[name].hours, "h")
        if not tried.any():
            continue
        inner = concatenated_offsets(np.diff(offsets)[tried])
        rows = slice(None) if tried.all() else per_row(tried, offsets)
        ticks, holds = times[rows], np.ones(len(inner) - 1, bool)
        if name is not None:
            ticks, holds = _in_days(RULES[name], clock[rows], times[rows], inner)
        flags, step, off = _uneven(ticks, inner)
        left = _per_series(flags, inner)
        better = holds & ((left <= fewest[tried]) if first else (left < fewest[tried]))
        series = np.flatnonzero(tried)[better]
        fewest[series], steps[series], odd[series] = left[better], step[better], off[better]
        chosen[series] = _NAMES.index(name)
        uneven[rows] = np.where(per_row(better, inner), flags, uneven[rows])
    if local_times is not None and (fewest[chosen == 0] > 0).any():
        # A series with fewer gaps in local time has no fixed step, even if only one change of the
        # clock shows that: all its steps count as odd. But if a step is no longer than the change
        # of the clock, a row may be missing there.
        passed, shown = np.diff(times), np.diff(local_times)
        left = _per_series(_uneven(local_times, offsets)[0], offsets)
        holds = np.append(True, shown > np.abs(shown - passed))
        holds[offsets[:-1]] = True
        by_clock = (left < fewest) & np.logical_and.reduceat(holds, offsets[:-1])
        odd[by_clock & (chosen == 0)] = len(times)
    return uneven, steps, odd, chosen


def _in_days(rule: Rule, clock: Array, utc: Array, offsets: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the number of every row's day, and True for each series that follows the rule."""
    # All its rows must have the same time of day. If the clock is put forward at midnight, that day
    # begins later by the skipped time.
    day = clock.astype("datetime64[D]")
    of_day = clock - day.astype(clock.dtype)
    late = of_day - per_row(np.minimum.reduceat(of_day, offsets[:-1]), offsets)
    at_time = late == np.timedelta64(0)
    forward = np.diff(clock) - np.diff(utc)
    forward[offsets[1:-1] - 1] = 0
    at_time[1:] |= late[1:] == forward
    number = rule.number(day)
    holds = at_time & (rule.day(number, per_row(rule.mark(day, offsets), offsets)) == day)
    return number, np.logical_and.reduceat(holds, offsets[:-1])


def _uneven(ticks: Array, offsets: IntArray) -> tuple[BoolArray, Array, IntArray]:
    """Return flags of gaps; by series, the usual step and how many steps are no multiple of it."""
    # Ticks increase, so that differences are exact modulo 2**64.
    ticks = ticks.view(np.uint64)
    steps = np.zeros_like(ticks)
    np.subtract(ticks[1:], ticks[:-1], out=steps[1:])
    usual = _most_frequent(steps, offsets)
    uneven = steps != per_row(usual, offsets)
    uneven[offsets[:-1]] = False
    rows = np.flatnonzero(uneven)
    series = np.searchsorted(offsets, rows, side="right") - 1
    odd = steps[rows] % np.maximum(usual[series], np.uint64(1)) != 0
    return uneven, usual, np.bincount(series[odd], minlength=len(usual))


def _most_frequent(steps: Array, offsets: IntArray) -> Array:
    """Return the most frequent step of each series; of several equally frequent, the shortest."""
    starts, lengths = offsets[:-1], np.diff(offsets)
    usual = steps[starts + lengths // 2]
    equal = steps == per_row(usual, offsets)
    equal[starts] = False
    # A step is the most frequent if more than half of all steps equal it. The step in the middle of
    # the series usually is, and then nothing is sorted.
    unsure = per_row(2 * _per_series(equal, offsets) < lengths, offsets)
    unsure[starts] = False
    series, steps = np.repeat(np.arange(len(lengths)), lengths)[unsure], steps[unsure]
    order = np.lexsort((steps, series))
    series, steps = series[order], steps[order]
    changed = (np.diff(series, prepend=-1) != 0) | (np.diff(steps, prepend=steps[:1]) != 0)
    runs = np.flatnonzero(changed)
    often = np.diff(runs, append=len(steps))
    # The last assignment to a series wins: its most frequent step, or the shortest of several.
    runs = runs[::-1][np.argsort(often[::-1], kind="stable")]
    usual[series[runs]] = steps[runs]
    return usual


def _per_series(flags: BoolArray, offsets: IntArray) -> IntArray:
    """Return the number of flagged rows of each series."""
    return np.add.reduceat(flags, offsets[:-1], dtype=np.int64)
