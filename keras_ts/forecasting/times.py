"""``Following``: the timestamps after the end of each series, at its own frequency."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from keras_ts._typing import Array
from keras_ts.windows.arithmetic.steps import Frequency
from keras_ts.windows.reading.continued import continued, own_frequencies, refuse_unreached
from keras_ts.windows.reading.panel import Panel


@dataclass(frozen=True)
class Following:
    """The timestamps that follow the series of a panel.

    Attributes:
        times: ``(series, rows)``, as in the panel's clock; NaT or NaN where no frequency is known.
        shown: The same as the clocks of the time zones show them.
        frequencies: The frequency of each series, or None.
    """

    times: Array
    shown: Array
    frequencies: list[Frequency | None]

    @classmethod
    def of(cls, panel: Panel, rows: int) -> Self | None:
        """Return the ``rows`` timestamps after each series, or None if the panel has none."""
        clock = panel.clock
        if clock is None:
            return None
        own = own_frequencies(panel)
        kind: Any = clock.times.dtype
        if kind.kind in "iu" and None in own:
            kind = np.dtype(np.float64)  # Integers have no word for a missing one.
        times = np.full((len(own), rows), "NaT" if kind.kind == "M" else 0, kind)
        if kind.kind == "f":
            times[:] = np.nan
        shown = times.copy()
        for numbers, after, shown_after in continued(panel, own, rows):
            # A missing time is after no other.
            if not (after > clock.times[panel.offsets[numbers[0] + 1] - 1]).all():
                refuse_unreached(panel, numbers[0], rows)
            times[numbers], shown[numbers] = after, shown_after
        return cls(times, shown, own)

    def after(self, rows: int) -> Self:
        """Return the same without the first ``rows`` of each series."""
        return replace(self, times=self.times[:, rows:], shown=self.shown[:, rows:])

    def until(self, rows: int) -> Self:
        """Return the first ``rows`` of each series."""
        return replace(self, times=self.times[:, :rows], shown=self.shown[:, :rows])
