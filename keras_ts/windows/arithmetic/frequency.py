"""Order and gaps of timestamps: pure NumPy.

Windows count positions, so a missing week silently shortens every window across it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.arithmetic.frequencies import Frequencies
from keras_ts.windows.arithmetic.frequency_rules import FREQUENCY_RULES, in_days, in_time, per_row
from keras_ts.windows.arithmetic.geometry import concatenated_offsets, distinct, in_blocks
from keras_ts.windows.arithmetic.labels import alike
from keras_ts.windows.arithmetic.steps import Frequency


@dataclass(frozen=True)
class _Way:
    """One way to count the steps of a series.

    Attributes:
        rule: Name of one of ``FREQUENCY_RULES``, or None to count in units of time.
        local: True to count by the clock of the time zone.
        first: True to prefer this way over an earlier one that leaves equally few gaps.
    """

    rule: str | None
    local: bool
    first: bool = False


# The most rows of a block of several series.
_BLOCK = 1 << 19
_NOT_DAILY = [rule for rule in FREQUENCY_RULES if rule != "day"]


def disorder(times: Array, offsets: IntArray) -> tuple[str, int] | None:
    """Return "duplicate" or "backwards", and the first position out of order; or None."""
    # Compared, not subtracted: differences of small or unsigned integers wrap around.
    wrong = times[1:] <= times[:-1]
    wrong[distinct(offsets)[1:-1] - 1] = False  # Between two series.
    if not wrong.any():
        return None
    first = int(wrong.argmax())
    return ("duplicate" if times[first] == times[first + 1] else "backwards"), first + 1


def gaps(times: Array, offsets: IntArray, local_times: Array | None = None) -> IntArray:
    """Return the positions that do not follow the one before by the series' regular step.

    The regular step of a series is its most frequent one. Steps are counted in units of time or
    in the days of a frequency rule, in UTC or by the clock of the time zone: whichever leaves the
    series the fewest gaps.

    Args:
        times: Timestamps or numbers, increasing within each series; in UTC if there is a time zone.
        offsets: Flat start of each series, and the end of the last.
        local_times: The same timestamps by the clock of their time zone, if they have one.
    """
    parts = [
        rows.start + _gaps(times[rows], own, None if local_times is None else local_times[rows])
        for _, rows, own in _blocks(offsets)
    ]
    return np.concatenate([np.empty(0, np.int64), *parts])


def _gaps(times: Array, offsets: IntArray, local_times: Array | None) -> IntArray:
    """Return what ``gaps`` does, of some series."""
    offsets = distinct(offsets)  # Without empty series.
    if times.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):  # A step too long for a float is a gap.
            return np.flatnonzero(_uneven_floats(times.astype(np.float64), offsets)[0])
    clocks = [False] if local_times is None else [False, True]
    ways = [_Way(rule, True) for rule in (None, "day") for _ in clocks[1:]]
    ways += [_Way(rule, clock) for rule in _NOT_DAILY for clock in clocks]
    return np.flatnonzero(_fewest_gaps(times, offsets, local_times, ways)[0])


def frequencies(times: Array, offsets: IntArray, local_times: Array | None = None) -> Frequencies:
    """Return the frequency of each series; None if it has none.

    A series has a frequency if more than half of its steps are the regular one. The last rows of a
    series should have the frequency of all its rows, even if the clock is not changed within them.
    So where two counts leave equally few gaps, months go before days, days by the clock of the time
    zone before 24 hours, and the clock of the time zone before UTC.

    Args:
        times: As in ``gaps``.
        offsets: Flat start of each series, and the end of the last.
        local_times: As in ``gaps``.
    """
    ways, codes = _ways(local_times), np.full(len(offsets) - 1, -1)
    kinds: list[Frequency] = []
    for series, rows, own in _blocks(offsets):
        local = None if local_times is None else local_times[rows]
        part = _by_ways(times[rows], own, local, ways)
        codes[series] = np.where(part.codes < 0, -1, len(kinds) + part.codes)
        kinds += part.kinds
    return Frequencies.of(kinds, codes)


def _blocks(offsets: IntArray) -> Iterator[tuple[slice, slice, IntArray]]:
    """Yield the series of each block, their rows, and their offsets in the block.

    What is computed for a block stays in memory that the next one uses again. New memory for all
    rows at once takes longer than the arithmetic.
    """
    for series in in_blocks(np.diff(offsets), _BLOCK):
        own = offsets[series.start : series.stop + 1]
        yield series, slice(int(own[0]), int(own[-1])), own - own[0]


def kept(
    times: Array,
    offsets: IntArray,
    local_times: Array | None,
    own: Frequencies,
    like: Frequency | str,
) -> Frequencies:
    """Return the frequency ``like`` for each series that fits it as well as its own.

    A few rows fit several frequencies: Monday to Friday are days, and weekdays too. Other series,
    or the rows that a model was trained on, decide between them.

    Args:
        times: As in ``gaps``.
        offsets: As in ``gaps``.
        local_times: As in ``gaps``.
        own: The frequency of each series; one that does not fit ``like`` keeps it.
        like: The frequency, or its name.
    """
    if times.dtype.kind != "M":
        return own
    clocks = [False] if local_times is None else [True, False]
    ways = [_Way(rule, clock, True) for clock in clocks for rule in (None, *FREQUENCY_RULES)]
    if isinstance(like, Frequency):
        ways = [_Way(like.rule, like.local, True)]
    usual, name = _ways(local_times), str(like)
    for way in ways:
        others = own.per_series(lambda frequency: str(frequency) != name, False)
        if not others.any():
            break
        rows = per_row(others, offsets)
        local = None if local_times is None else local_times[rows]
        inner = concatenated_offsets(np.diff(offsets)[others])
        again = _by_ways(times[rows], inner, local, [*usual, way])
        fits = again.per_series(lambda frequency: str(frequency) == name, False)
        codes = own.codes.copy()
        codes[np.flatnonzero(others)[fits]] = len(own.kinds) + again.codes[fits]
        own = Frequencies.of([*own.kinds, *again.kinds], codes)
    return own


def _ways(local_times: Array | None) -> list[_Way]:
    clocks = [False] if local_times is None else [True, False]
    ways = [_Way("day", True, True), _Way(None, True)][: 2 * (len(clocks) - 1)]
    ways += [_Way("day of month", clocks[0], True)]
    return ways + [_Way(rule, clock) for clock in clocks for rule in _NOT_DAILY]


def _by_ways(
    times: Array, offsets: IntArray, local_times: Array | None, ways: list[_Way]
) -> Frequencies:
    """Return the frequency of each series, counted in UTC or by the first best of ``ways``."""
    starts = distinct(offsets)
    if times.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            uneven, steps = _uneven_floats(times.astype(np.float64), starts)
        chosen = np.full(len(steps), -1)
    else:
        uneven, steps, chosen = _fewest_gaps(times, starts, local_times, ways)
    regular = 2 * _per_series(~uneven, starts) > np.diff(starts) + 1
    kinds: list[Frequency] = []
    codes = np.full(len(offsets) - 1, -1)
    filled = np.flatnonzero(np.diff(offsets))
    for number in np.unique(chosen[regular]).tolist():
        way = _Way(None, False) if number < 0 else ways[number]
        own = regular & (chosen == number)
        rows = slice(None) if own.all() else per_row(own, starts)
        clock = local_times if local_times is not None and way.local else times
        inner = concatenated_offsets(np.diff(starts)[own])
        made, places = _of_one_way(clock[rows], inner, steps[own], way, local_times is not None)
        codes[filled[own]] = len(kinds) + places
        kinds += made
    return Frequencies.of(kinds, codes)


def _of_one_way(
    clock: Array, offsets: IntArray, steps: Array, way: _Way, zoned: bool
) -> tuple[list[Frequency], IntArray]:
    """Return the frequencies of series whose regular steps are counted in one way.

    Returns:
        The different frequencies, and the place of each series' own.
    """
    if clock.dtype.kind == "f":
        first, places = alike([means := _mean_steps(clock.astype(np.float64), offsets, steps)])
        return [*map(Frequency, means[first].tolist())], places
    unit = np.datetime_data(clock.dtype)[0] if clock.dtype.kind == "M" else ""
    columns = [steps, np.zeros(len(steps), np.int64)]
    if way.rule is not None:
        day = clock.astype("datetime64[D]")
        of_day = (clock - day.astype(clock.dtype)).astype(np.int64)
        times = np.minimum.reduceat(of_day, offsets[:-1])
        columns = [steps, times, *FREQUENCY_RULES[way.rule].marks(day, offsets)]
    first, places = alike(columns)
    kinds = [
        Frequency(step, way.rule, way.local, unit, tuple(marks), time, zoned)
        for step, time, *marks in zip(*(column[first].tolist() for column in columns), strict=True)
    ]
    return kinds, places


def _mean_steps(times: Array, offsets: IntArray, usual: Array) -> Array:
    """Return each series' mean step to six digits, so that it is the same for the last rows."""
    begins, ends = offsets[:-1], offsets[1:] - 1
    with np.errstate(over="ignore", invalid="ignore"):  # Of the steps between two series.
        counts = np.rint(np.diff(times, prepend=times[:1]) / per_row(usual, offsets))
    counts[begins] = 0
    means = (times[ends] - times[begins]) / np.add.reduceat(counts, begins)
    return np.char.mod("%.6g", means).astype(np.float64)


def _fewest_gaps(
    times: Array, offsets: IntArray, local_times: Array | None, ways: list[_Way]
) -> tuple[BoolArray, Array, IntArray]:
    """Count the steps of each series in the way that leaves it the fewest gaps.

    Returns:
        Flags of the uneven steps; and, for each series, its regular step and the index of its way,
        -1 for units of time in UTC.
    """
    uneven, usual = _uneven(times, offsets)
    steps, chosen = usual.copy(), np.full(len(usual), -1)
    if times.dtype.kind != "M":
        return uneven, steps, chosen
    fewest = _per_series(uneven, offsets)
    apart = usual.view(np.diff(times).dtype)
    for number, way in enumerate(ways):
        rule = None if way.rule is None else FREQUENCY_RULES[way.rule]
        tried = way.first | (fewest > 0)
        if rule is not None:
            tried = tried & (apart >= np.timedelta64(rule.hours, "h"))
        if not tried.any():
            continue
        inner = concatenated_offsets(np.diff(offsets)[tried])
        rows = slice(None) if tried.all() else per_row(tried, offsets)
        utc = times[rows]
        clock = local_times[rows] if way.local and local_times is not None else utc
        if rule is None:
            ticks, holds = in_time(clock, utc, inner)
        else:
            ticks, holds = in_days(rule, clock, utc, inner)
        keeps = np.logical_and.reduceat(holds, inner[:-1])
        if not keeps.any():
            continue
        flags, step = _uneven(ticks, inner)
        left = _per_series(flags, inner)
        better = keeps & ((left <= fewest[tried]) if way.first else (left < fewest[tried]))
        fewest[tried] = np.where(better, left, fewest[tried])
        steps[tried] = np.where(better, step, steps[tried])
        chosen[tried] = np.where(better, number, chosen[tried])
        uneven[rows] = np.where(per_row(better, inner), flags, uneven[rows])
    return uneven, steps, chosen


def _uneven(ticks: Array, offsets: IntArray) -> tuple[BoolArray, Array]:
    """Return flags of the steps other than the series' most frequent one, and that step."""
    # Ticks increase, so modulo 2**64 every difference is exact.
    ticks = ticks.view(np.uint64)
    steps = _steps(ticks)
    usual = _most_frequent(steps, offsets)
    uneven = steps != per_row(usual, offsets)
    uneven[offsets[:-1]] = False
    return uneven, usual


def _uneven_floats(ticks: Array, offsets: IntArray) -> tuple[BoolArray, Array]:
    """Return the same for floats, with room for rounding: 0.1 + 0.2 is not 0.3."""
    steps = _steps(ticks)
    steps[offsets[:-1]] = np.inf
    shortest = np.minimum.reduceat(steps, offsets[:-1])
    share = np.round(steps / per_row(shortest, offsets), 6)
    usual = shortest * _most_frequent(share, offsets)
    ends = np.abs(ticks[np.stack([offsets[:-1], offsets[1:] - 1])]).max(axis=0)
    rounding = 1e-6 * usual + 2 * np.spacing(ends)
    uneven = np.abs(steps - per_row(usual, offsets)) > per_row(rounding, offsets)
    uneven[offsets[:-1]] = False
    return uneven, usual


def _steps(ticks: Array) -> Array:
    """Return the step from each tick to the next, after a 0, without a copy of the ticks."""
    steps = np.zeros_like(ticks)
    np.subtract(ticks[1:], ticks[:-1], out=steps[1:])
    return steps


def _most_frequent(steps: Array, offsets: IntArray) -> Array:
    """Return the most frequent step of each series; of several equally frequent, the shortest."""
    starts, lengths = offsets[:-1], np.diff(offsets)
    usual = steps[starts + lengths // 2]
    equal = steps == per_row(usual, offsets)
    equal[starts] = False
    # A step that makes up more than half is the most frequent. The middle one usually does, which
    # saves the sorting.
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
