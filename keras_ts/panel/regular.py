"""Refuses times without one regular step, and fills gaps in time with missing rows.

The grid of a series holds all timestamps of the panel's frequency from its first row to its last
one. Rows that were not given have NaN in every column.
"""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts._typing import IntArray
from keras_ts.panel.clock import Clock
from keras_ts.panel.cycles import WEEKS, days_off
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.frequency import Frequency
from keras_ts.panel.inferring import disorder
from keras_ts.panel.rows import concatenated_offsets, per_row
from keras_ts.panel.settings import TableSettings

# The most missing rows of a series: this multiple of its rows or this number, the larger one. A
# single wrong timestamp, decades away, would otherwise fill the memory.
_MOST_TIMES, _ALWAYS = 10, 1000
# Rows on days off may be errors if at most one row in this many is on a day off.
_SELDOM = 100


def with_missing_rows(panel: FlatSeries, spec: TableSettings) -> FlatSeries:
    """Return the panel with its gaps in time filled with rows of NaN; refuse too many."""
    if not len(panel.gaps):
        return panel
    clock: Any = panel.clock
    steps = steps_before(clock, panel.gaps)
    _warn_days_off(clock, spec)
    filled = np.flatnonzero(panel.lengths)
    missing = np.zeros_like(panel.lengths)
    missing[filled] = np.add.reduceat(steps - 1, panel.offsets[filled])
    most = np.maximum(_MOST_TIMES * panel.lengths, _ALWAYS)
    if (missing > most).any():
        _refuse_many(panel, int((missing - most).argmax()), steps, missing, spec)
    offsets = concatenated_offsets(panel.lengths + missing)
    return _laid_out(panel, steps, np.cumsum(steps) - 1, offsets)


def _warn_days_off(clock: Clock, spec: TableSettings) -> None:
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
    steps = steps_before(panel.clock, panel.gaps)
    ends = np.cumsum(steps)
    before = np.concatenate(([0], ends))[panel.offsets]
    laid_out = concatenated_offsets(np.minimum(np.diff(before), rows))
    # Counted from the end of each series, since rows further back are left out.
    place = ends - 1 + per_row(laid_out[1:] - before[1:], panel.offsets)
    return replace(_laid_out(panel, steps, place, laid_out), given=None, row_order=None)


def steps_before(clock: Any, gaps: IntArray) -> IntArray:
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
    panel: FlatSeries, number: int, steps: IntArray, missing: IntArray, spec: TableSettings
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


# Where the documentation says what a frequency is, and how to mend a table that has none.
_PAGE = "See 'The regular step' in docs/data/missing.md."


def refuse_disorder(panel: FlatSeries, spec: TableSettings) -> None:
    """Refuse times that repeat or go back within a series."""
    assert panel.clock is not None
    wrong = disorder(panel.clock.times, panel.offsets)
    if wrong is None:
        return
    kind, position = wrong
    verb = "repeats" if kind == "duplicate" else "goes back in"
    ids = ", and name in id_column what tells series apart" if panel.single else ""
    raise ValueError(
        f"time_column={spec.time_column!r} {verb} time at {panel.place(position)}. Sort the rows "
        f"of each series by time, with one row for each time{ids}. {_PAGE}"
    )


def refuse_irregular(panel: FlatSeries, time_column: str | None) -> None:
    """Refuse a table whose series have no one frequency."""
    clock = panel.clock
    if clock is None or clock.frequency is not None or clock.inferred.disagreeing is None:
        return
    steps = [_step_to(panel, clock, row) for row in sorted(clock.inferred.disagreeing)]
    column = "timestamps" if time_column is None else f"time_column={time_column!r}"
    raise ValueError(
        f"{column} must have one frequency, and has a step of {' but one of '.join(steps)}. Bring "
        f"all rows to one regular step, or make a panel for each. {_PAGE}"
    )


def refuse_gaps(panel: FlatSeries, gaps: IntArray, spec: TableSettings) -> None:
    """Refuse steps that leave out rows, by an error that names the first one."""
    clock = panel.clock
    if clock is None or not len(gaps):
        return
    raise ValueError(
        f"time_column={spec.time_column!r} has {len(gaps):,} steps that leave out rows, the first "
        f"of {_step_to(panel, clock, int(gaps[0]))}: the frequency is {str(clock.frequency)!r}. "
        'Insert the missing rows, or pass missing="mask" for a model that masks them, "drop" to '
        'leave out windows that cross a gap, or "keep" to count rows instead of time.'
    )


def _step_to(panel: FlatSeries, clock: Clock, row: int) -> str:
    """Say how long the step to a row is, and from when to when in which series."""
    earlier, later = clock.counted[row - 1 : row + 1]
    if clock.times.dtype.kind == "M":
        seconds = (later - earlier) / np.timedelta64(1, "s")
        whole = seconds == np.rint(seconds)
        length = str(Frequency(int(seconds), unit="s")) if whole else f"{seconds:.6g} seconds"
    else:
        length = f"{later - earlier:g}"
    number = int(np.searchsorted(panel.offsets, row, side="right")) - 1
    where = "" if panel.single else f" in {panel.series(number)}"
    return f"{length} from {clock.written(row - 1)} to {clock.written(row)}{where}"
