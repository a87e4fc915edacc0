"""Reads a gap in time as the rows that are missing: puts series on their regular grid.

The grid of a series is the timestamps that its own frequency has between its first and its last
row. Rows that were not given have NaN in every column.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.arithmetic.frequency import gaps as gaps_in_time
from keras_ts.windows.arithmetic.frequency_rules import per_row
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from keras_ts.windows.arithmetic.scale import mean_absolute_steps
from keras_ts.windows.reading.clock import Clock
from keras_ts.windows.reading.common_grid import on_common_grid
from keras_ts.windows.reading.flat_series import FlatSeries
from keras_ts.windows.spec import WindowSpec

# A series may get this many times its rows, and always this many. A single wrong timestamp,
# decades away, would otherwise fill the memory.
_MOST_TIMES, _ALWAYS = 10, 1000


def with_missing_rows(panel: FlatSeries, spec: WindowSpec) -> FlatSeries:
    """Return the panel with its gaps in time filled with rows of NaN.

    Raises:
        ValueError: A series with a gap has no frequency, a row lies off the grid, or far more rows
            are missing than were given.
    """
    if not len(panel.gaps):
        return panel
    clock: Any = panel.clock
    steps, whole = _steps(clock, panel.gaps)
    if not whole.all():
        # One wrong float changes the mean step, of which the others are then no whole numbers.
        irregular = panel.gaps[~whole[panel.gaps]]
        _refuse_irregular(panel, irregular if len(irregular) else np.flatnonzero(~whole), spec)
    filled = np.flatnonzero(panel.lengths)
    missing = np.zeros_like(panel.lengths)
    missing[filled] = np.add.reduceat(steps - 1, panel.offsets[filled])
    most = np.maximum(_MOST_TIMES * panel.lengths, _ALWAYS)
    if (missing > most).any():
        _refuse_many(panel, int((missing - most).argmax()), steps, missing, spec)
    offsets = concatenated_offsets(panel.lengths + missing)
    return _laid_out(panel, steps, np.cumsum(steps) - 1, offsets)


def with_missing_last_rows(panel: FlatSeries, rows: int) -> FlatSeries:
    """Return the last ``rows`` rows of each series, with gaps among them filled.

    A panel without such gaps is returned whole. A gap stays one if it is no whole number of steps.
    """
    series = np.searchsorted(panel.offsets, panel.gaps, side="right") - 1
    near = panel.offsets[series + 1] - panel.gaps < rows
    if not near.any():
        return panel
    clock: Any = panel.clock
    frequencies = clock.frequencies
    first = np.maximum(panel.offsets[:-1], panel.offsets[1:] - rows)
    offsets = concatenated_offsets(panel.offsets[1:] - first)
    back = first - offsets[:-1]
    taken = np.arange(offsets[-1]) + per_row(back, offsets)
    local = None if clock.local_times is None else clock.local_times[taken]
    panel = replace(
        panel,
        values=panel.values[taken],
        offsets=offsets,
        clock=Clock(clock.times[taken], offsets, local, clock.zones, filled_by=frequencies),
        gaps=panel.gaps[near] - back[series[near]],
        row_order=None,
    )
    steps, whole = _steps(panel.clock, panel.gaps)
    steps[~whole] = 1
    ends = np.cumsum(steps)
    before = np.concatenate(([0], ends))[offsets]
    laid_out = concatenated_offsets(np.minimum(np.diff(before), rows))
    # Counted from the end of each series, since rows further back are left out.
    place = ends - 1 + per_row(laid_out[1:] - before[1:], offsets)
    gaps = np.flatnonzero(~whole)
    kept = place[gaps] >= laid_out[:-1][np.searchsorted(offsets, gaps, side="right") - 1]
    filled = _laid_out(panel, steps, place, laid_out)
    return replace(filled, gaps=place[gaps[kept]], given=None)


def mean_steps(panel: FlatSeries, rows: tuple[IntArray, IntArray], lag: int = 1) -> Array:
    """Return the mean absolute step of each series' targets over some rows, ``(series, targets)``.

    The values of a step are ``lag`` apart on the grid of their series, whatever rows are given: of
    a shop that is closed on Sundays, values 7 apart are those of one weekday. The rows of a series
    without a frequency are counted.

    Args:
        panel: The series.
        rows: The rows to read: the first flat position of each series, and that after the last.
        lag: Places on the grid between the values of a step. Defaults to 1.
    """
    clock: Any = panel.clock
    places = None
    if clock is not None and panel.given is None:
        found = gaps_in_time(clock.times, panel.offsets, clock.local_times)
        panel = on_common_grid(replace(panel, gaps=found))
        clock = panel.clock
        if len(panel.gaps):
            steps, whole = _steps(clock, panel.gaps)
            steps[~whole & per_row(clock.frequencies.codes >= 0, panel.offsets)] = lag + 1
            # No step leads over a longer gap, however long.
            places = np.cumsum(np.minimum(steps, lag + 1))
    columns = np.array(panel.columns.targets)
    return mean_absolute_steps(panel.values, *rows, columns, lag, places)


def _steps(clock: Any, gaps: IntArray) -> tuple[IntArray, BoolArray]:
    """Return how many steps each row is after the one before it, and True if they are whole.

    Rows of series without a gap, and the first row of each series, are one step after it. The gaps
    of a series without a frequency are not whole.
    """
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
    """Return the panel with its rows at other places, and missing rows in between.

    Args:
        panel: The series, with a clock.
        steps: How many steps each row is after the one before it.
        place: The new flat position of each row. Rows whose place is before the new start of their
            series are left out.
        offsets: The new flat start of each series, and the end of the last.
    """
    clock: Any = panel.clock
    begin = per_row(offsets[:-1], panel.offsets)
    kept = place >= begin
    given = place[kept]
    kind = panel.values.dtype if panel.values.dtype.kind == "f" else np.float32
    shape = (int(offsets[-1]), *panel.values.shape[1:])
    values = np.full(shape, np.nan, np.result_type(panel.values, kind))
    values[given] = panel.values[kept]
    # The rows that are missing before each row, and how many steps they are after the one before.
    count = np.where(kept, np.minimum(steps - 1, place - begin), 0)
    rows = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    missing = place[rows] - count[rows] + within
    after = steps[rows] - count[rows] + within
    times = np.empty(len(values), clock.times.dtype)
    local_times = None if clock.local_times is None else times.copy()
    made, shown = _times(clock, rows, after, steps)
    times[given], times[missing] = clock.times[kept], made
    if local_times is not None:
        local_times[given], local_times[missing] = clock.local_times[kept], shown
    frequencies = clock.frequencies
    clock = Clock(times, offsets, local_times, clock.zones, clock.expected, frequencies)
    nowhere = np.empty(0, np.int64)
    return replace(panel, values=values, offsets=offsets, clock=clock, gaps=nowhere, given=given)


def _times(clock: Any, rows: IntArray, after: IntArray, steps: IntArray) -> tuple[Array, Array]:
    """Return timestamps of missing rows, by both clocks.

    Args:
        clock: The timestamps that were given.
        rows: The row that each missing one stands before.
        after: How many steps each missing row is after the row before that.
        steps: How many steps each row is after the one before it.
    """
    before = clock.times[rows - 1]
    if before.dtype.kind == "f":
        apart = clock.times[rows].astype(np.float64) - before
        made = (before + apart * (after / steps[rows])).astype(before.dtype)
        return made, made
    series = np.searchsorted(clock.offsets, rows, side="right") - 1
    made, local = before.copy(), np.zeros(len(rows), bool)
    codes = clock.frequencies.codes[series]
    for code, frequency in enumerate(clock.frequencies.kinds):
        mine = codes == code
        times = clock.shown if frequency.local else clock.times
        made[mine] = frequency.after(times[rows[mine] - 1], after[mine])
        local[mine] = frequency.local
    both: tuple[Array, Array] = clock.by_both_clocks(made, local, series)
    return both


def _refuse_irregular(panel: FlatSeries, rows: IntArray, spec: WindowSpec) -> None:
    clock: Any = panel.clock
    row, count = int(rows[0]), len(rows)
    number = int(np.searchsorted(panel.offsets, row, side="right")) - 1
    frequency = clock.frequencies[number]
    rounded = _rounded_step(clock.shown[panel.offsets[number] : panel.offsets[number + 1]])
    if frequency is None and rounded is not None:
        near = range(row - 1, min(row + 2, int(panel.offsets[number + 1])))
        column = f"table[{spec.time_column!r}]"
        step = (
            f"the times jitter, as in the rows {', '.join(map(clock.written, near))}. Round them: "
            f"{column} = {column}.dt.round({rounded!r})"
        )
    elif frequency is None:
        step = (
            "no step makes up more than half of the steps there, so the missing rows are unknown. "
            "Insert them, or leave that series out"
        )
    else:
        step = (
            f"the steps there are {str(frequency)!r}, and that is no whole number of them. "
            "Missing rows are filled in, but each row must lie on the regular steps of its series: "
            "correct the timestamp, or drop the row"
        )
    raise ValueError(
        f"time_column={spec.time_column!r} has {count} irregular step{'s' * (count > 1)}, the "
        f"first from {clock.written(row - 1)} to {clock.written(row)} in {panel.series(number)}: "
        f"{step}."
    )


def _rounded_step(times: Array) -> str | None:
    """Return the step, as pandas writes it, to which times that jitter about it are rounded."""
    if times.dtype.kind != "M":
        return None
    seconds = (times - times[0].astype("M8[D]")) / np.timedelta64(1, "s")
    usual = float(np.median(np.diff(seconds)))
    for size, unit in ((86400, "D"), (3600, "h"), (60, "min"), (1, "s")):
        count = round(usual / size)
        grid = count * size
        # Many of a smaller unit, such as 1439 minutes, are a jittered step of a larger one.
        if count and abs(usual - grid) <= grid / 8:
            whole = np.rint(seconds / grid)
            near = np.abs(seconds / grid - whole) <= 0.25
            if near.all() and (np.diff(whole) > 0).all():
                return f"{count}{unit}" if count > 1 else unit
            return None
    return None


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
        f"{end - begin:,} that are given. At most {_MOST_TIMES} times as many are filled in, or "
        f"{_ALWAYS:,}. If a timestamp is wrong, correct it or drop its row; else insert the "
        "missing rows."
    )
