"""Puts series on a regular grid, and reads a gap in time as the rows that are missing.

The grid of a series holds all timestamps of its frequency from its first row to its last one. Rows
that were not given have NaN in every column. Series of a panel share a grid where they can: the
rows of a store that is open from Monday to Friday are regular, but beside stores that are open
daily, its weekends are missing rows.
"""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.arithmetic.cycles import WEEKS
from keras_ts.windows.arithmetic.events import days_off
from keras_ts.windows.arithmetic.frequency import Frequencies, Frequency
from keras_ts.windows.arithmetic.geometry import (
    concatenated_offsets,
    in_blocks,
    per_row,
    run_positions,
)
from keras_ts.windows.arithmetic.scale import mean_absolute_steps
from keras_ts.windows.reading.clock import Clock
from keras_ts.windows.reading.flat_series import FlatSeries
from keras_ts.windows.reading.irregular import refuse_gaps
from keras_ts.windows.spec import WindowSpec

# The most missing rows of a series: this multiple of its rows or this number, the larger one. A
# single wrong timestamp, decades away, would otherwise fill the memory.
_MOST_TIMES, _ALWAYS = 10, 1000
# How many frequencies, those with the most rows, are tried as the common grid.
_MOST_TRIED = 3
# Rows on days off may be errors if at most one row in this many is on a day off.
_SELDOM = 100
# The most timestamps that are compared at once.
_MOST_ROWS = 1 << 22


def with_missing_rows(panel: FlatSeries, spec: WindowSpec) -> FlatSeries:
    """Return the panel with its gaps in time filled with rows of NaN; refuse too many."""
    if not len(panel.gaps):
        return panel
    clock: Any = panel.clock
    steps, whole = _steps(clock, panel.gaps)
    refuse_gaps(panel, np.flatnonzero(~whole), spec)
    _warn_days_off(clock, spec)
    filled = np.flatnonzero(panel.lengths)
    missing = np.zeros_like(panel.lengths)
    missing[filled] = np.add.reduceat(steps - 1, panel.offsets[filled])
    most = np.maximum(_MOST_TIMES * panel.lengths, _ALWAYS)
    if (missing > most).any():
        _refuse_many(panel, int((missing - most).argmax()), steps, missing, spec)
    offsets = concatenated_offsets(panel.lengths + missing)
    return _laid_out(panel, steps, np.cumsum(steps) - 1, offsets)


def _warn_days_off(clock: Clock, spec: WindowSpec) -> None:
    """Warn of few rows on days off: they make a series daily, and all other days off missing."""
    for week, mask in WEEKS.items():
        off = np.zeros(len(clock.times), bool)
        for frequency, rows in clock.frequencies.rows(clock.offsets):
            if str(frequency) == "1 day":
                off[rows] = ~np.is_busday(clock.shown[rows].astype("datetime64[D]"), mask)
        count = int(off.sum())
        if 0 < count * _SELDOM <= len(off):
            warnings.warn(
                f"time_column={spec.time_column!r} has {count:,} of {len(off):,} rows on a "
                f"{days_off(week)}, the first on {clock.written(int(off.argmax()))}. So the "
                "step is a day, and all other such days are missing rows. If the rows are wrong, "
                f"drop them: then the step is a {week.removesuffix('s')}.",
                stacklevel=2,
            )


def day_off(clock: Clock, frequency: str) -> str:
    """Return the first time on a day off, for a frequency such as "1 weekday"; "" if none."""
    mask = WEEKS.get(f"{frequency.removeprefix('1 ')}s")
    if mask is None or clock.times.dtype.kind != "M":
        return ""
    off = ~np.is_busday(clock.shown.astype("datetime64[D]"), mask)
    return clock.written(int(off.argmax())) if off.any() else ""


def with_missing_last_rows(panel: FlatSeries, rows: int) -> FlatSeries:
    """Return the last ``rows`` rows of each series, with gaps among them filled."""
    # Without such gaps, all rows are returned. A gap of no whole number of steps is not filled.
    series = np.searchsorted(panel.offsets, panel.gaps, side="right") - 1
    near = panel.offsets[series + 1] - panel.gaps < rows
    if not near.any():
        return panel
    steps, whole = _steps(panel.clock, panel.gaps)
    steps[~whole] = 1
    ends = np.cumsum(steps)
    before = np.concatenate(([0], ends))[panel.offsets]
    laid_out = concatenated_offsets(np.minimum(np.diff(before), rows))
    # Counted from the end of each series, since rows further back are left out.
    place = ends - 1 + per_row(laid_out[1:] - before[1:], panel.offsets)
    gaps = np.flatnonzero(~whole)
    kept = place[gaps] > laid_out[:-1][np.searchsorted(panel.offsets, gaps, side="right") - 1]
    filled = _laid_out(panel, steps, place, laid_out)
    return replace(filled, gaps=place[gaps[kept]], given=None, row_order=None)


def mean_steps(
    panel: FlatSeries, rows: tuple[IntArray, IntArray], lag: int = 1, squares: bool = False
) -> Array:
    """Return the mean absolute change of targets over some rows, ``(series, targets)``."""
    # A change is between values ``lag`` steps apart, also where rows are missing: if a shop has no
    # rows on Sundays, values 7 steps apart still fall on the same weekday. In a series without a
    # frequency, values are ``lag`` rows apart. With ``squares``, a last axis also holds the mean
    # squared changes.
    clock: Any = panel.clock
    places = None
    if clock is not None and panel.given is None:
        panel = on_common_grid(replace(panel, gaps=clock.inferred[0]))
        clock = panel.clock
        if len(panel.gaps):
            steps, whole = _steps(clock, panel.gaps)
            steps[~whole & per_row(clock.frequencies.codes >= 0, panel.offsets)] = lag + 1
            # No pair of values ``lag`` apart spans a longer gap, so its length does not matter.
            places = np.cumsum(np.minimum(steps, lag + 1))
    columns = np.array(panel.columns.targets)
    return mean_absolute_steps(panel.values, *rows, columns, lag, places, squares=squares)


def _steps(clock: Any, gaps: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the number of steps from the row before to each row, and True if it is whole."""
    # The number is 1 for the first row of a series, and for every row of a series without a gap.
    # Gaps of a series without a frequency are not whole.
    steps, whole = np.ones(len(clock.times), np.int64), np.ones(len(clock.times), bool)
    first = np.zeros(len(clock.times) + 1, bool)
    first[clock.offsets] = True
    series = np.searchsorted(clock.offsets, gaps, side="right") - 1
    codes, with_gap = clock.frequencies.codes, np.zeros(len(clock.offsets) - 1, bool)
    with_gap[series] = True
    whole[gaps[codes[series] < 0]] = False
    for code, frequency in enumerate(clock.frequencies.kinds):
        rows = np.flatnonzero(per_row(with_gap & (codes == code), clock.offsets))
        counts, fits = frequency.apart((clock.shown if frequency.local else clock.times)[rows])
        later = ~first[rows[1:]]
        steps[rows[1:][later]] = counts[later]
        whole[rows[1:][later]] = fits[later]
    return steps, whole


def _laid_out(panel: FlatSeries, steps: IntArray, place: IntArray, offsets: IntArray) -> FlatSeries:
    """Return the panel with its rows at flat positions ``place``, and missing rows between them."""
    clock: Any = panel.clock
    begin = per_row(offsets[:-1], panel.offsets)
    kept = place >= begin
    given = place[kept]
    kind = panel.values.dtype if panel.values.dtype.kind == "f" else np.float32
    shape = (int(offsets[-1]), *panel.values.shape[1:])
    values = np.full(shape, np.nan, np.result_type(panel.values, kind))
    values[given] = panel.values[kept]
    # ``count`` is the number of missing rows before each row. ``after`` is the number of steps to a
    # missing row from the last given row before it.
    count = np.where(kept, np.minimum(steps - 1, place - begin), 0)
    rows = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    missing = place[rows] - count[rows] + within
    after = steps[rows] - count[rows] + within
    times = np.empty(len(values), clock.times.dtype)
    local_times = None if clock.local_times is None else times.copy()
    made, shown = clock.after(rows - 1, after, clock.frequencies)
    times[given], times[missing] = clock.times[kept], made
    if local_times is not None:
        local_times[given], local_times[missing] = clock.local_times[kept], shown
    clock = Clock(times, offsets, local_times, clock.zones, clock.expected, clock.frequencies)
    nowhere = np.empty(0, np.int64)
    return replace(panel, values=values, offsets=offsets, clock=clock, gaps=nowhere, given=given)


def _refuse_many(
    panel: FlatSeries, number: int, steps: IntArray, missing: IntArray, spec: WindowSpec
) -> None:
    clock: Any = panel.clock
    begin, end = panel.offsets[number : number + 2]
    row = int(begin + steps[begin:end].argmax())
    raise ValueError(
        f"time_column={spec.time_column!r} has a gap from {clock.written(row - 1)} to "
        f"{clock.written(row)} in {panel.series(number)}, whose steps are "
        f"{str(clock.frequencies[number])!r}: {missing[number]:,} rows would be missing, beside "
        f"{end - begin:,} that are given. At most {_MOST_TIMES} for each given one are filled in, "
        f"or {_ALWAYS:,} in all. Correct or drop a wrong timestamp, or insert the missing rows."
    )


def on_common_grid(panel: FlatSeries) -> FlatSeries:
    """Return the panel with series on the grid that most rows share, and their gaps in it."""
    # A series joins the grid of another frequency if all its timestamps lie on it and fill at least
    # half of it: weekdays join a grid of days, weeks and hours do not. Others keep their frequency.
    clock = panel.clock
    if clock is None or clock.times.dtype.kind == "f":
        return panel
    found = clock.frequencies
    if not found.kinds or (len(found.kinds) == 1 and (found.codes >= 0).all()):
        return panel
    with_one = found.codes >= 0
    rows = np.bincount(found.codes[with_one], panel.lengths[with_one])
    most = -1
    for code in np.argsort(-rows, kind="stable")[:_MOST_TRIED].tolist():
        others = (found.codes != code) & (panel.lengths > 1)
        joined, gaps = _joined(found.kinds[code], clock, others)
        count = rows[code] + panel.lengths[joined].sum()
        if count > most:
            most, best, inside, common = count, joined, gaps, code
    if not best.any():
        return panel
    outside = panel.gaps[~best[np.searchsorted(panel.offsets, panel.gaps, side="right") - 1]]
    shared = Frequencies.of(found.kinds, np.where(best, common, found.codes))
    gaps = np.sort(np.concatenate([outside, inside]))
    return replace(panel, clock=replace(clock, filled_by=shared), gaps=gaps)


def _joined(frequency: Frequency, clock: Clock, others: BoolArray) -> tuple[BoolArray, IntArray]:
    """Return which of ``others`` lie on a grid and fill half of it, and the gaps in those."""
    joined, gaps = np.zeros_like(others), [np.empty(0, np.int64)]
    all_lengths = np.diff(clock.offsets)
    for block in in_blocks(all_lengths, _MOST_ROWS):
        series = block.start + np.flatnonzero(others[block])
        if not len(series):
            continue
        lengths = all_lengths[series]
        inner, rows = concatenated_offsets(lengths), run_positions(clock.offsets[series], lengths)
        begins = inner[:-1]
        times = (clock.shown if frequency.local else clock.times)[rows]
        steps, on_grid = np.zeros(len(rows), np.int64), np.ones(len(rows), bool)
        steps[1:], on_grid[1:] = frequency.apart(times)
        steps[begins], on_grid[begins] = 0, True
        half = 2 * lengths >= np.add.reduceat(steps, begins) + 1
        fits = half & np.logical_and.reduceat(on_grid, begins)
        passed = np.cumsum(steps)
        passed -= per_row(passed[begins], inner)
        tried = per_row(fits, inner)
        again = frequency.after(per_row(times[begins], inner)[tried], passed[tried])
        on_grid[tried] = (again == times[tried]) | (passed[tried] == 0)
        joined[series] = fits & np.logical_and.reduceat(on_grid, begins)
        gaps.append(rows[per_row(joined[series], inner) & (steps > 1)])
    return joined, np.concatenate(gaps)
