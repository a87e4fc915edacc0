"""``Following``: the timestamps of the rows that follow each series."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from keras_ts._typing import Array
from keras_ts.windows.arithmetic.frequency import Frequencies
from keras_ts.windows.reading.continued import continued, own_frequencies, refuse_unreached
from keras_ts.windows.reading.flat_series import FlatSeries


@dataclass(frozen=True)
class Following:
    """The timestamps that follow the series of a panel.

    Attributes:
        times: ``(series, rows)``, as in the panel's clock; NaT or NaN for a series without a
            frequency.
        shown: The same instants, as the clock of their time zone shows them.
        frequencies: The frequency of each series, or None.
    """

    times: Array
    shown: Array
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
