"""Order and gaps of timestamps: pure NumPy.

Windows count positions, so a missing week silently shortens every window across it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.arithmetic.calendars import BY_LOCAL_CLOCK, CALENDARS, per_row
from keras_ts.windows.arithmetic.geometry import concatenated_offsets


def disorder(times: Array, offsets: IntArray) -> tuple[str, int] | None:
    """Return "duplicate" or "backwards" and the first position out of order, or None."""
    # Compared, not subtracted: differences of small or unsigned integers wrap around.
    wrong = times[1:] <= times[:-1]
    wrong[np.unique(offsets)[1:-1] - 1] = False  # From one series into the next.
    if not wrong.any():
        return None
    first = int(wrong.argmax())
    return ("duplicate" if times[first] == times[first + 1] else "backwards"), first + 1


def gaps(times: Array, offsets: IntArray, local_times: Array | None = None) -> IntArray:
    """Return the positions whose distance to the one before is not the series' regular step.

    The regular step of a series is its most frequent one. Steps are counted in units of time or
    in the days of a calendar, in UTC or by the clock of the time zone: the series takes the count
    that leaves it the fewest gaps.

    Args:
        times: Timestamps or numbers, increasing within each series; in UTC if aware.
        offsets: Flat start of each series, and the end of the last.
        local_times: The same timestamps by the clock of their time zone, if they have one.
    """
    offsets = np.unique(offsets)  # Without series that are empty.
    if times.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):  # A step too long for a float is a gap.
            return np.flatnonzero(_uneven_floats(times.astype(np.float64), offsets))
    uneven, usual = _uneven(times, offsets)
    if times.dtype.kind == "M":
        fewest = _per_series(uneven, offsets)
        usual = usual.view(np.diff(times).dtype)
        for count, hours, clock in _ways(times, local_times):
            chosen = (fewest > 0) & (usual >= np.timedelta64(hours, "h"))
            if not chosen.any():
                continue
            inner = concatenated_offsets(np.diff(offsets)[chosen])
            rows = slice(None) if chosen.all() else per_row(chosen, offsets)
            utc = times[rows]
            ticks, holds = count(utc if clock is times else clock[rows], utc, inner)
            keeps = np.logical_and.reduceat(holds, inner[:-1])
            if not keeps.any():
                continue
            flags, _ = _uneven(ticks, inner)
            number = _per_series(flags, inner)
            better = keeps & (number < fewest[chosen])
            fewest[chosen] = np.where(better, number, fewest[chosen])
            uneven[rows] = np.where(per_row(better, inner), flags, uneven[rows])
    return np.flatnonzero(uneven)


def _ways(times: Array, local_times: Array | None) -> Iterator[tuple[Any, int, Array]]:
    """Yield each count, the fewest hours between two of its ticks, and the clock it goes by."""
    clocks = [] if local_times is None else [local_times]
    yield from ((*way, clock) for way in BY_LOCAL_CLOCK for clock in clocks)
    yield from ((*way, clock) for way in CALENDARS for clock in [times, *clocks])


def _uneven(ticks: Array, offsets: IntArray) -> tuple[BoolArray, Array]:
    """Flag the steps that are not their series' most frequent one, and return that step too."""
    # Ticks increase, so modulo 2**64 every difference is exact.
    ticks = ticks.view(np.uint64)
    steps = np.diff(ticks, prepend=ticks[:1])
    usual = _most_frequent(steps, offsets)
    uneven = steps != per_row(usual, offsets)
    uneven[offsets[:-1]] = False
    return uneven, usual


def _uneven_floats(ticks: Array, offsets: IntArray) -> BoolArray:
    """Flag such steps of floats: 0.1 + 0.2 is not 0.3, so a rounding error makes no step uneven."""
    steps = np.diff(ticks, prepend=ticks[:1])
    steps[offsets[:-1]] = np.inf
    shortest = np.minimum.reduceat(steps, offsets[:-1])
    share = np.round(steps / per_row(shortest, offsets), 6)
    usual = shortest * _most_frequent(share, offsets)
    ends = np.abs(ticks[np.stack([offsets[:-1], offsets[1:] - 1])]).max(axis=0)
    rounding = 1e-6 * usual + 2 * np.spacing(ends)
    uneven = np.abs(steps - per_row(usual, offsets)) > per_row(rounding, offsets)
    uneven[offsets[:-1]] = False
    return uneven


def _most_frequent(steps: Array, offsets: IntArray) -> Array:
    """Return the most frequent step of each series, the shortest of several."""
    starts, lengths = offsets[:-1], np.diff(offsets)
    usual = steps[starts + lengths // 2]
    equal = steps == per_row(usual, offsets)
    equal[starts] = False
    # A step that makes up more than half is the most frequent. Mostly the middle one is such a
    # step, and sorting is spared.
    unsure = per_row(2 * _per_series(equal, offsets) < lengths, offsets)
    unsure[starts] = False
    series, steps = np.repeat(np.arange(len(lengths)), lengths)[unsure], steps[unsure]
    order = np.lexsort((steps, series))
    series, steps = series[order], steps[order]
    changed = (np.diff(series, prepend=-1) != 0) | (np.diff(steps, prepend=steps[:1]) != 0)
    runs = np.flatnonzero(changed)
    often = np.diff(runs, append=len(steps))
    # The last assignment to a series stands: its most frequent step, the shortest of several.
    runs = runs[::-1][np.argsort(often[::-1], kind="stable")]
    usual[series[runs]] = steps[runs]
    return usual


def _per_series(flags: BoolArray, offsets: IntArray) -> IntArray:
    """Return how many rows of each series are flagged."""
    return np.add.reduceat(flags, offsets[:-1], dtype=np.int64)
