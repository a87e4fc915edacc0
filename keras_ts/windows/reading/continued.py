"""Continues the timestamps of a panel past the ends of each series, at its own frequency."""

from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.frequency import Frequencies
from keras_ts.windows.arithmetic.labels import alike
from keras_ts.windows.reading.flat_series import FlatSeries


def own_frequencies(panel: FlatSeries) -> Frequencies:
    """Return the frequency of each series; None for one without, and for all without a clock.

    A series of a single row gets the most common frequency of the others.
    """
    if panel.clock is None:
        return Frequencies((), np.full(len(panel.lengths), -1))
    own = panel.clock.frequencies
    if not own.kinds:
        return own
    usual = int(np.bincount(own.codes[own.codes >= 0]).argmax())
    single = (own.codes < 0) & (panel.lengths == 1)
    return Frequencies.of(own.kinds, np.where(single, usual, own.codes))


def refuse_unreached(panel: FlatSeries, number: int, rows: int) -> None:
    """Raise an error: timestamps would leave the range of their dtype or time zone."""
    clock: Any = panel.clock
    zone = " with a time zone, which covers the years 1 to 9999" if clock.zones else ""
    raise ValueError(
        f"time_column holds {clock.times.dtype}{zone}. That does not reach {rows} steps on from "
        f"the end of {panel.series(number)}. Convert it to a coarser unit, or ask for fewer steps."
    )


def continued(
    panel: FlatSeries, frequencies: Frequencies, rows: int
) -> tuple[IntArray, IntArray, Array, Array]:
    """Continue all series that have rows and a frequency; those that continue equally, once.

    Args:
        panel: The series, with a clock.
        frequencies: The frequency of each series, or None.
        rows: Number of timestamps after the last row of each series.

    Returns:
        The numbers of these series; the place of each one's continuation; and the continuations in
        UTC and by the clock of the time zone, in the order of their first series. Past the range
        of their dtype they wrap around; where no time zone reaches, they are NaT.
    """
    clock: Any = panel.clock
    series = np.flatnonzero((frequencies.codes >= 0) & (panel.lengths > 0))
    codes, last = frequencies.codes[series], panel.offsets[series + 1] - 1
    columns = [codes, clock.times[last], np.minimum(series, len(clock.zones) - 1)]
    first, places = alike(columns)
    ahead = np.empty((len(first), rows), clock.times.dtype)
    local = np.zeros((len(first), 1), bool)
    for code in np.unique(codes[first]).tolist():
        own, frequency = codes[first] == code, frequencies.kinds[code]
        times = (clock.shown if frequency.local else clock.times)[last[first[own]]]
        steps = np.tile(np.arange(1, rows + 1), len(times))
        ahead[own] = frequency.after(np.repeat(times, rows), steps).reshape(-1, rows)
        local[own] = frequency.local
    return series, places, *clock.by_both_clocks(ahead, local, series[first][:, None])
