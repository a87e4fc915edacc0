"""The calendar of a forecast: its columns at the last rows and at those that follow."""

from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.forecasting.history import Following, History
from keras_ts.windows.arithmetic.cycles import by_clock, waves
from keras_ts.windows.arithmetic.frequency import Frequencies
from keras_ts.windows.reading.calendar import checked_front, refuse_uncounted
from keras_ts.windows.reading.clock import Clock
from keras_ts.windows.reading.irregular import refuse_without


def calendar_of(
    history: History, following: Following | None, rows: int, start: Any
) -> tuple[Array, Array]:
    """Return the calendar at the last rows and at the ``rows`` that follow."""
    panel, chosen, windows = history.panel, history.chosen, history.windows
    reach, cycles = windows.geometry.reach, windows.cycles
    shown: Array | None = None
    numbers: Array | None = None
    if following is None:
        ahead = windows.gap + np.arange(rows)
        before = _starts(start, history) + panel.lengths
        numbers = before[chosen][:, None] + np.concatenate([np.arange(-reach, 0), ahead])
    else:
        check_no_start(start)
        assert panel.clock is not None
        own, calendar = following.frequencies, f"calendar={_checks.shown(windows.calendar)}"
        without = own.codes[chosen] < 0
        if without.any():
            number = int(chosen[without.argmax()])
            refuse_without(panel, number, f"{calendar} goes on at", windows)
        shown = np.concatenate([panel.clock.shown[history.rows], following.shown[chosen]], axis=1)
        if not all(map(by_clock, cycles)):
            refuse_uncounted(panel, own, chosen, calendar, windows)
            past = panel.clock.times[history.rows]
            times = np.concatenate([past, following.times[chosen]], axis=1)
            offsets = times.shape[1] * np.arange(len(chosen) + 1)
            clock = Clock(times.ravel(), offsets, shown.ravel())
            numbers = clock.numbers(Frequencies.of(own.kinds, own.codes[chosen]))
            numbers = numbers.reshape(times.shape)
    made = waves(cycles, shown, numbers)
    return made[:, :reach], made[:, reach:]


def check_no_start(start: Any) -> None:
    """Refuse ``start`` for windows that count no rows."""
    if start is not None:
        raise ValueError(
            "start is for a calendar of numbers without timestamps: the number of rows before the "
            f"series. Received: start={_checks.shown(start)}; leave it out."
        )


def _starts(start: Any, history: History) -> IntArray:
    """Return the number of each series' first row: ``start``, or so that its first value has 0."""
    series = len(history.panel.lengths)
    if start is None:
        calendar = f"calendar={_checks.shown(history.windows.calendar)}"
        cure = " Pass start=0 to count from the first row of each series."
        return -checked_front(history.panel, calendar, cure)
    if np.ndim(start) == 0:
        return np.full(series, _checks.integer("start", start, 0))
    counts = [_checks.integer(f"start[{i}]", item, 0) for i, item in enumerate(start)]
    if len(counts) != series:
        raise ValueError(
            f"start must be one number, or one for each of {series} series. Received {len(counts)}."
        )
    return np.array(counts, np.int64)
