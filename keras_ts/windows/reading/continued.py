"""Continues the timestamps of a panel past the ends of each series, at its own frequency."""

from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.frequencies import Frequencies
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


def refuse_irregular(
    panel: FlatSeries, number: int, need: str, column: str, cure: str = ""
) -> None:
    """Raise an error that begins with what needs a frequency, for a series that has none."""
    count = int(panel.lengths[number])
    raise ValueError(
        f"{need} a series' own frequency, and {panel.series(number)} has none: {column} has "
        f"{count} timestamp{'s' * (count > 1)} there, and no step makes up more than half of the "
        f"steps. {cure}Insert the missing rows, or leave that series out."
    )


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
        The numbers of these series, the place of each one's continuation, and the continuations as
        ``Clock.following`` returns them, in the order of their first series. Past the range of
        their dtype they wrap around.
    """
    clock: Any = panel.clock
    series = np.flatnonzero((frequencies.codes >= 0) & (panel.lengths > 0))
    codes, last = frequencies.codes[series], clock.times[panel.offsets[series + 1] - 1]
    first, places = alike([codes, last, np.minimum(series, len(clock.zones) - 1)])
    own = Frequencies.of(frequencies.kinds, codes[first])
    return series, places, *clock.following(series[first], own, rows)
