"""The calendar of a forecast: its columns at the last rows and at those that follow."""

from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.forecasting.history import Following, History
from keras_ts.windows.arithmetic.cycles import waves
from keras_ts.windows.reading.calendar import checked_front, refuse_uncounted
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
        without = following.frequencies.codes[chosen] < 0
        if without.any():
            need = f"calendar={_checks.shown(windows.calendar)} goes on at"
            number = int(chosen[without.argmax()])
            refuse_without(panel, number, need, windows)
        shown = np.concatenate([panel.clock.shown[history.rows], following.shown[chosen]], axis=1)
        named = [isinstance(cycle, str) for cycle in cycles]
        if not all(named):
            past = panel.clock.times[history.rows]
            times = np.concatenate([past, following.times[chosen]], axis=1)
            numbers = _numbers(history, following, times, shown)
        if not any(named):
            shown = None
    made = waves(
        cycles,
        None if shown is None else shown.ravel(),
        None if numbers is None else numbers.ravel(),
    ).reshape(len(chosen), reach + rows, -1)
    return made[:, :reach], made[:, reach:]


def _numbers(history: History, following: Following, times: Array, shown: Array) -> Array:
    """Return the numbers of rows, counted at each series' own frequency."""
    own, windows = following.frequencies.codes[history.chosen], history.windows
    calendar = f"calendar={_checks.shown(windows.calendar)}"
    refuse_uncounted(history.panel, following.frequencies, history.chosen, calendar, windows)
    numbers = np.zeros(times.shape)
    for code, frequency in enumerate(following.frequencies.kinds):
        rows = np.flatnonzero(own == code)
        numbers[rows] = frequency.numbers(times[rows], shown[rows])
    return numbers


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
