"""The inputs of a forecast: last rows, what is known ahead of them, and the calendar of both."""

from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.forecasting.following import Following
from keras_ts.forecasting.history import History
from keras_ts.windows.arithmetic.cycles import waves
from keras_ts.windows.reading.calendar import checked_front, refuse_slips
from keras_ts.windows.reading.continued import refuse_irregular


def inputs_of(
    history: History, following: Following | None, planned: Array | None, start: Any, rows: int
) -> dict[str, Array]:
    """Return the model's inputs by roles, with one row for each series that can be forecast.

    Args:
        history: The last rows.
        following: The timestamps that follow; None without timestamps.
        planned: The values of ``future_columns``, as ``values_ahead`` returns them; None without
            such columns.
        start: As in ``forecast``.
        rows: Number of rows known ahead that the rounds read.
    """
    past = history.past
    ahead = [] if planned is None else [planned]
    if history.windows.calendar is None:
        check_no_start(start)
    else:
        within, after = _calendar(history, following, rows, start)
        within[history.before] = np.nan
        past = np.concatenate([past.reshape(*past.shape[:2], -1), within], axis=2)
        ahead.append(after)
    inputs = {"past": past}
    if ahead:
        inputs["future"] = np.concatenate(ahead, axis=2)
    constant = history.panel.by_series.items()
    return inputs | {part: values[history.chosen] for part, values in constant}


def _calendar(
    history: History, following: Following | None, rows: int, start: Any
) -> tuple[Array, Array]:
    """Return the columns of the calendar at the last rows and at the rows that follow.

    Args:
        history: The last rows.
        following: The timestamps that follow; None without timestamps.
        rows: Number of rows that follow.
        start: As in ``forecast``.

    Returns:
        Arrays ``(chosen, reach, columns)`` and ``(chosen, rows, columns)``.
    """
    panel, chosen, reach = history.panel, history.chosen, history.windows.geometry.reach
    cycles = history.windows.cycles
    periods = [cycle for cycle in cycles if not isinstance(cycle, str)]
    if following is not None:
        check_no_start(start)
    shown: Array | None = None
    numbers: Array | None = None
    if following is None:
        before = _starts(start, history) + panel.lengths
        ahead = history.windows.gap + np.arange(rows)
        numbers = before[chosen][:, None] + np.concatenate([np.arange(-reach, 0), ahead])
    else:
        assert panel.clock is not None
        without = following.frequencies.codes[chosen] < 0
        if without.any():
            need = f"calendar={_checks.shown(history.windows.calendar)} goes on at"
            number = int(chosen[without.argmax()])
            refuse_irregular(panel, number, need, f"time_column={history.windows.time_column!r}")
        shown = np.concatenate([panel.clock.shown[history.rows], following.shown[chosen]], axis=1)
        if periods:
            past = panel.clock.times[history.rows]
            times = np.concatenate([past, following.times[chosen]], axis=1)
            numbers = _numbers(history, following, times, shown)
    made = waves(
        cycles,
        None if shown is None or len(periods) == len(cycles) else shown.ravel(),
        None if numbers is None else numbers.ravel(),
    )
    made = made.reshape(len(chosen), reach + rows, -1)
    return made[:, :reach], made[:, reach:]


def _numbers(history: History, following: Following, times: Array, shown: Array) -> Array:
    """Return the numbers of rows, counted at each series' own frequency."""
    panel, windows, clock = history.panel, history.windows, history.panel.clock
    assert clock is not None
    own = following.frequencies.codes[history.chosen]
    numbers = np.zeros(times.shape)
    calendar = f"calendar={_checks.shown(windows.calendar)}"
    column = f"time_column={windows.time_column!r}"
    if (own < 0).any():
        number = int(history.chosen[(own < 0).argmax()])
        refuse_irregular(panel, number, f"{calendar} counts steps of", column)
    slips = clock.slips(following.frequencies)[history.chosen]
    for code, frequency in enumerate(following.frequencies.kinds):
        rows = np.flatnonzero(own == code)
        if frequency.unusual:
            apart = frequency.apart_by_clocks(times[rows], shown[rows])
            moved = slips[rows] | (apart != apart[:, :1]).any(axis=1)
            if moved.any():
                number = int(history.chosen[rows[moved.argmax()]])
                refuse_slips(panel, number, frequency, calendar, column)
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
    panel, series = history.panel, len(history.panel.lengths)
    if start is None:
        calendar = f"calendar={_checks.shown(history.windows.calendar)}"
        cure = " Pass start=0 to count from the first row of each series."
        return -checked_front(panel, calendar, cure)
    if np.ndim(start) == 0:
        return np.full(series, _checks.integer("start", start, 0))
    counts = [_checks.integer(f"start[{i}]", item, 0) for i, item in enumerate(start)]
    if len(counts) != series:
        raise ValueError(
            f"start must be one number, or one for each of {series} series. Received {len(counts)}."
        )
    return np.array(counts, np.int64)
