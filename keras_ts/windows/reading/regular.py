"""Reads a gap in time as the rows that are missing.

The grid of a series holds all timestamps of the panel's frequency from its first row to its last
one. Rows that were not given have NaN in every column.
"""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.cycles import WEEKS
from keras_ts.windows.arithmetic.events import days_off
from keras_ts.windows.arithmetic.geometry import concatenated_offsets, per_row
from keras_ts.windows.arithmetic.scale import mean_absolute_steps
from keras_ts.windows.reading.clock import Clock
from keras_ts.windows.reading.flat_series import FlatSeries
from keras_ts.windows.spec import WindowSpec

# The most missing rows of a series: this multiple of its rows or this number, the larger one. A
# single wrong timestamp, decades away, would otherwise fill the memory.
_MOST_TIMES, _ALWAYS = 10, 1000
# Rows on days off may be errors if at most one row in this many is on a day off.
_SELDOM = 100


def with_missing_rows(panel: FlatSeries, spec: WindowSpec) -> FlatSeries:
    """Return the panel with its gaps in time filled with rows of NaN; refuse too many."""
    if not len(panel.gaps):
        return panel
    clock: Any = panel.clock
    steps = _steps(clock, panel.gaps)
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
    """Warn of few rows on days off: they make a panel daily, and all other days off missing."""
    if str(clock.frequency) != "1 day":
        return
    for week, mask in WEEKS.items():
        off = ~np.is_busday(clock.shown.astype("datetime64[D]"), mask)
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
    # Without such gaps, all rows are returned.
    series = np.searchsorted(panel.offsets, panel.gaps, side="right") - 1
    near = panel.offsets[series + 1] - panel.gaps < rows
    if not near.any():
        return panel
    steps = _steps(panel.clock, panel.gaps)
    ends = np.cumsum(steps)
    before = np.concatenate(([0], ends))[panel.offsets]
    laid_out = concatenated_offsets(np.minimum(np.diff(before), rows))
    # Counted from the end of each series, since rows further back are left out.
    place = ends - 1 + per_row(laid_out[1:] - before[1:], panel.offsets)
    return replace(_laid_out(panel, steps, place, laid_out), given=None, row_order=None)


def mean_steps(
    panel: FlatSeries, rows: tuple[IntArray, IntArray], lag: int = 1, squares: bool = False
) -> Array:
    """Return the mean absolute change of targets over some rows, ``(series, targets)``."""
    # A change is between values ``lag`` steps apart, also where rows are missing: if a shop has no
    # rows on Sundays, values 7 steps apart still fall on the same weekday. With ``squares``, a last
    # axis also holds the mean squared changes.
    clock, places = panel.clock, None
    if clock is not None and panel.given is None and len(clock.gaps):
        # No pair of values ``lag`` apart spans a longer gap, so its length does not matter.
        places = np.cumsum(np.minimum(_steps(clock, clock.gaps), lag + 1))
    columns = np.array(panel.columns.targets)
    return mean_absolute_steps(panel.values, *rows, columns, lag, places, squares=squares)


def _steps(clock: Any, gaps: IntArray) -> IntArray:
    """Return the number of steps from the row before to each row; 1 for a first row."""
    steps = np.ones(len(clock.times), np.int64)
    steps[gaps] = clock.steps_to(gaps)
    return steps


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
    made, shown = clock.after(rows - 1, after)
    times[given], times[missing] = clock.times[kept], made
    if local_times is not None:
        local_times[given], local_times[missing] = clock.local_times[kept], shown
    clock = Clock(times, offsets, local_times, clock.zone, known=clock.frequency)
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
        f"{str(clock.frequency)!r}: {missing[number]:,} rows would be missing, beside "
        f"{end - begin:,} that are given. At most {_MOST_TIMES} for each given one are filled in, "
        f"or {_ALWAYS:,} in all. Correct or drop a wrong timestamp, or insert the missing rows."
    )
