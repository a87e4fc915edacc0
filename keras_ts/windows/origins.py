"""Which rows are origins: each ``stride``-th step of the panel's grid, or moments with a name.

Windows of any length then share their origins, and rows that are added in front of a series, or
behind it, move none. Without timestamps, starts are counted from the first row of each series.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts._typing import BoolArray, IntArray
from keras_ts.panel.clock import Clock
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.windows.geometry import WindowRanges, layout, runs_of
from keras_ts.windows.spec import FIRST_ROW, WEEKDAYS, WindowSpec

# The number of timestamps that are compared at once, since they may be on disk.
_BLOCK = 1 << 22


def windows_of(panel: FlatSeries, spec: WindowSpec) -> WindowRanges:
    """Return the windows that cross neither the end of a series nor a gap, by their origins."""
    geometry, clock = spec.geometry, panel.clock
    if spec.origins not in (None, FIRST_ROW):
        return _chosen(panel, spec)
    regular = clock is not None and clock.frequency is not None
    if spec.stride == 1 or spec.origins == FIRST_ROW or not regular:
        return layout(panel.offsets, panel.gaps, geometry)
    if spec.handling.gaps == "ignore" and len(clock.gaps):  # type: ignore[union-attr]
        return _chosen(panel, spec)
    return layout(panel.offsets, panel.gaps, geometry, lambda rows: _numbers(clock, rows))


def _chosen(panel: FlatSeries, spec: WindowSpec) -> WindowRanges:
    """Return the windows whose origins are looked at one by one."""
    clock, geometry = panel.clock, replace(spec.geometry, stride=1)
    if clock is None or (spec.origins is not None and clock.times.dtype.kind != "M"):
        raise ValueError(
            f"origins={spec.origins!r} needs dates: pass a data frame, and name its time_column."
        )
    origins = [panel.offsets[:0]]
    for begin in range(0, len(clock.times), _BLOCK):
        rows = np.arange(begin, min(begin + _BLOCK, len(clock.times)))
        origins.append(rows[_are_origins(clock, rows, spec)])
    # The last row of a series is no origin; the step before the first may be one.
    chosen = np.setdiff1d(np.concatenate(origins), panel.offsets[1:] - 1)
    if geometry.before == geometry.reach and clock.frequency is not None:
        first = panel.offsets[:-1][panel.lengths > 0]
        chosen = np.union1d(chosen, first[_are_origins(clock, first, spec, -1)] - 1)
    every = layout(panel.offsets, panel.gaps, geometry)
    return runs_of(every, chosen - geometry.reach + 1)


def _are_origins(clock: Clock, rows: IntArray, spec: WindowSpec, after: int = 0) -> BoolArray:
    """Return True for each row, or the step ``after`` it, that is an origin."""
    if spec.origins is None:
        return (_numbers(clock, rows) + after) % spec.stride == 0
    shown = clock.shown[rows] if not after else clock.after(rows, np.full(len(rows), after))[1]
    day = shown.astype("datetime64[D]")
    if spec.origins in WEEKDAYS:
        return (day.astype(np.int64) + 3) % 7 == WEEKDAYS.index(spec.origins)  # A Thursday was 0.
    if spec.origins == "month end":
        return (day + 1).astype("datetime64[M]") != day.astype("datetime64[M]")
    hours, minutes = map(int, spec.origins.split(":"))
    return shown - day == np.timedelta64(60 * hours + minutes, "m")


def _numbers(clock: Any, rows: IntArray) -> IntArray:
    """Return the number of each row on the grid: steps since 1970-01-01, or since 0."""
    # Days of 24 hours in a time zone count as local days, which they are until the clock changes.
    shown = clock.shown[rows]
    times = shown if clock.frequency.in_utc else clock.times[rows]
    return np.floor(clock.frequency.numbers(times, shown)).astype(np.int64)
