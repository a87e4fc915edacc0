"""Order and gaps of timestamps: pure NumPy.

Windows count positions, so a missing week silently shortens every window across it.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.arithmetic.calendars import CALENDARS, every_day, in_days, in_time


def disorder(times: Array, bounds: IntArray) -> tuple[str, int] | None:
    """What is wrong with the order, and where first: "duplicate", "backwards" or None."""
    bounds = np.unique(bounds)  # Without series that are empty.
    # Compared, not subtracted: differences of small or unsigned integers wrap around.
    wrong = times[1:] <= times[:-1]
    wrong[_between(bounds)] = False
    if not wrong.any():
        return None
    first = int(wrong.argmax())
    return ("duplicate" if times[first] == times[first + 1] else "backwards"), first + 1


def gaps(times: Array, bounds: IntArray, wall: Array | None = None) -> IntArray:
    """Positions whose distance to the one before is not the series' regular step.

    The regular step of a series is its most frequent one. It is counted in units of time,
    or else in the days of a calendar; in UTC, or else by the clock of the time zone: by
    the count that leaves the series the fewest gaps.

    Args:
        times: Timestamps or numbers, increasing within each series; in UTC if aware.
        bounds: Flat start of each series, and the end of the last.
        wall: The same timestamps by the clock of their time zone, if they have one.
    """
    bounds = np.unique(bounds)  # Without series that are empty.
    if times.dtype.kind == "f":
        with np.errstate(over="ignore"):  # A step too long for a float is a gap.
            return np.flatnonzero(_uneven_floats(times, bounds))
    low, high = _extremes(times, bounds)
    left = low != high
    if left.any() and times.dtype.kind == "M":
        # Most series are even by some count, and told so without counting their steps.
        shortest = low.astype(np.int64).astype(np.diff(times[:1]).dtype)
        for count, chosen in _counts(times, wall, shortest):
            tried, ticks, inner = _counted(count, chosen & left, bounds)
            left[tried] = np.not_equal(*_extremes(ticks, inner))
    if not left.any():
        return np.empty(0, np.int64)
    rows, inner = _rows(left, bounds)
    uneven = np.zeros(len(times), dtype=bool)
    uneven[rows] = _uneven(times[rows], inner)
    if times.dtype.kind == "M":
        for count, chosen in _counts(times, wall, shortest):
            tried, ticks, inner = _counted(count, chosen & left, bounds)
            flags, (rows, _) = _uneven(ticks, inner), _rows(tried, bounds)
            fewer = _per_series(flags, inner) < _per_series(uneven[rows], inner)
            uneven[rows] = np.where(np.repeat(fewer, np.diff(inner)), flags, uneven[rows])
    return np.flatnonzero(uneven)


def _counts(times: Array, wall: Array | None, shortest: Array) -> Iterator[tuple[Any, BoolArray]]:
    """The ways to count but for that in UTC, each with the series that it may be tried on."""

    def by(count: Any, clock: Array) -> Any:
        def counted(rows: Any, bounds: IntArray) -> Any:
            utc = times[rows]
            return count(utc if clock is times else clock[rows], utc, bounds)

        return counted

    if wall is not None:
        yield by(in_time, wall), np.ones(len(shortest), dtype=bool)
        yield by(partial(in_days, every_day), wall), shortest >= np.timedelta64(20, "h")
    for number, hours in CALENDARS:
        chosen = shortest >= np.timedelta64(hours, "h")
        for clock in (times,) if wall is None else (times, wall):
            yield by(partial(in_days, number), clock), chosen


def _counted(count: Any, chosen: BoolArray, bounds: IntArray) -> tuple[BoolArray, Array, IntArray]:
    """Count the rows of the chosen series; return which of them keep to the count, and theirs."""
    if not chosen.any():
        return chosen, np.empty(0, np.int64), np.zeros(1, np.int64)
    rows, inner = _rows(chosen, bounds)
    ticks, own = count(rows, inner)
    keeps = np.logical_and.reduceat(own, inner[:-1])
    rows, inner = _rows(keeps, inner)
    chosen = chosen.copy()
    chosen[chosen] = keeps
    return chosen, ticks[rows], inner


def _rows(chosen: BoolArray, bounds: IntArray) -> tuple[Any, IntArray]:
    """Index of the rows of the chosen series, and the bounds between those rows."""
    if chosen.all():
        return slice(None), bounds
    lengths = np.diff(bounds)
    return np.repeat(chosen, lengths), np.concatenate(([0], np.cumsum(lengths[chosen])))


def _extremes(ticks: Array, bounds: IntArray) -> tuple[Array, Array]:
    """The shortest and the longest step of each series, 0 for one without any."""
    steps, counts = _steps(ticks, bounds)
    low, high = np.zeros((2, len(counts)), steps.dtype)
    if len(steps):
        first = (np.cumsum(counts) - counts)[counts > 0]
        low[counts > 0] = np.minimum.reduceat(steps, first)
        high[counts > 0] = np.maximum.reduceat(steps, first)
    return low, high


def _uneven(ticks: Array, bounds: IntArray) -> BoolArray:
    """Whether the step to each row is not its series' most frequent one."""
    steps, counts = _steps(ticks, bounds)
    return _at_rows(steps != np.repeat(_most_frequent(steps, counts), counts), bounds)


def _uneven_floats(ticks: Array, bounds: IntArray) -> BoolArray:
    """The same; 0.1 + 0.2 is not 0.3, and steps that differ by rounding alone are equal."""
    steps, counts = _steps(ticks, bounds)
    low, _ = _extremes(ticks, bounds)
    share = np.round(steps / np.repeat(low, counts), 6)
    usual = low * _most_frequent(share, counts)
    ends = np.abs(ticks[np.stack([bounds[:-1], bounds[1:] - 1])]).max(axis=0, initial=0)
    rounding = 1e-6 * usual + 2 * np.spacing(ends)
    odd = np.abs(steps - np.repeat(usual, counts)) > np.repeat(rounding, counts)
    return _at_rows(odd, bounds)


def _steps(ticks: Array, bounds: IntArray) -> tuple[Array, IntArray]:
    """Differences between neighbours of one series, and how many there are in each."""
    if ticks.dtype.kind == "f":
        steps = np.diff(ticks.astype(np.float64))
    else:
        # Ticks increase, so modulo 2**64 every difference is exact.
        steps = np.diff(ticks.view(np.uint64))
    if len(bounds) > 2:
        steps = np.delete(steps, _between(bounds))
    return steps, np.diff(bounds) - 1


def _at_rows(odd: BoolArray, bounds: IntArray) -> BoolArray:
    """Flags of steps as flags of the rows that they lead to."""
    flags = np.zeros(bounds[-1], dtype=bool)
    inside = np.ones(bounds[-1], dtype=bool)
    inside[bounds[:-1]] = False
    flags[inside] = odd
    return flags


def _between(bounds: IntArray) -> IntArray:
    """Steps that lead from one series into the next."""
    return bounds[1:-1] - 1


def _per_series(flags: BoolArray, bounds: IntArray) -> IntArray:
    return np.add.reduceat(flags, bounds[:-1], dtype=np.int64)


def _most_frequent(steps: Array, counts: IntArray) -> Array:
    """The most frequent step of each series, the shortest of several; 0 for one without any."""
    usual = np.zeros(len(counts), steps.dtype)
    stepping = counts > 0
    if not stepping.any():
        return usual
    counts = counts[stepping]
    first = np.cumsum(counts) - counts
    found = np.minimum.reduceat(steps, first)
    # Mostly it is the shortest, and need not be looked for.
    unsure = 2 * np.add.reduceat(steps == np.repeat(found, counts), first, dtype=np.int64) <= counts
    if unsure.any():
        series = np.repeat(np.flatnonzero(unsure), counts[unsure])
        steps = steps[np.repeat(unsure, counts)]
        steps = steps[np.lexsort((steps, series))]
        begin = np.flatnonzero(np.append(True, (steps[1:] != steps[:-1]) | (np.diff(series) != 0)))
        often, owner = np.diff(np.append(begin, len(steps))), series[begin]
        best = np.lexsort((-often, owner))
        owner, first = np.unique(owner[best], return_index=True)
        found[owner] = steps[begin[best[first]]]
    usual[stepping] = found
    return usual
