"""``Following``: the timestamps of the rows that follow each series, and the calendar."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.forecasting.history import History
from keras_ts.windows.arithmetic.cycles import waves
from keras_ts.windows.arithmetic.frequencies import Frequencies
from keras_ts.windows.reading.calendar import checked_front, refuse_slips
from keras_ts.windows.reading.continued import (
    continued,
    own_frequencies,
    refuse_irregular,
    refuse_unreached,
)
from keras_ts.windows.reading.flat_series import FlatSeries


@dataclass(frozen=True)
class Following:
    """The timestamps that follow the series of a panel, each ``(series, rows)``."""

    times: Array  # As in the panel's clock; NaT or NaN for a series without a frequency.
    shown: Array  # The same instants, as the clock of their time zone shows them.
    frequencies: Frequencies

    @classmethod
    def of(cls, panel: FlatSeries, gap: int, rows: int) -> Self | None:
        """Return the ``rows`` timestamps after each series and a gap; None without a clock."""
        clock, rows = panel.clock, gap + rows
        if clock is None:
            return None
        own = own_frequencies(panel)
        kind: Any = clock.times.dtype
        if kind.kind in "iu" and (own.codes < 0).any():
            kind = np.dtype(np.float64)  # Integers cannot be missing.
        times = np.full((len(own), rows), "NaT" if kind.kind == "M" else 0, kind)
        if kind.kind == "f":
            times[:] = np.nan
        shown = times.copy() if clock.zones else times
        series, places, after, shown_after = continued(panel, own, rows)
        # NaT compares as False.
        last = clock.times[panel.offsets[series + 1] - 1]
        reached = (after[places] > last[:, None]).all(axis=1)
        if not reached.all():
            refuse_unreached(panel, int(series[reached.argmin()]), rows)
        times[series], shown[series] = after[places], shown_after[places]
        return cls(times[:, gap:], shown[:, gap:], own)


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
            refuse_irregular(panel, number, need, f"time_column={windows.time_column!r}")
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
    panel, windows, clock = history.panel, history.windows, history.panel.clock
    assert clock is not None
    own = following.frequencies.codes[history.chosen]
    numbers = np.zeros(times.shape)
    slips = clock.slips(following.frequencies)[history.chosen]
    for code, frequency in enumerate(following.frequencies.kinds):
        rows = np.flatnonzero(own == code)
        if frequency.unusual:
            apart = frequency.apart_by_clocks(times[rows], shown[rows])
            moved = slips[rows] | (apart != apart[:, :1]).any(axis=1)
            if moved.any():
                number = int(history.chosen[rows[moved.argmax()]])
                calendar = f"calendar={_checks.shown(windows.calendar)}"
                column = f"time_column={windows.time_column!r}"
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
