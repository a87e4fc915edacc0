"""``Following``: the timestamps after the end of each series, at its own frequency."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from keras_ts._typing import Array
from keras_ts.windows.arithmetic.steps import Frequency
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
        """Return the ``rows`` timestamps after each series, or None if the panel has none.

        A series too short to have a frequency goes on at that of most others.
        """
        clock = panel.clock
        if clock is None:
            return None
        own = clock.frequencies
        counted = Counter(frequency for frequency in own if frequency is not None)
        usual = counted.most_common(1)[0][0] if counted else None
        kind: Any = clock.times.dtype
        if kind.kind in "iu" and usual is None:
            kind = np.dtype(np.float64)
        missing: Any = {"M": "NaT", "f": np.nan}.get(kind.kind, 0)
        times = np.full((len(own), rows), missing, kind)
        shown = times.copy()
        continued: dict[Any, tuple[Array, Array]] = {}
        for number, frequency in enumerate(own):
            frequency = usual if frequency is None else frequency
            if frequency is None or not panel.lengths[number]:
                continue
            zone = min(number, len(clock.zones) - 1)
            key = frequency, clock.times[panel.offsets[number + 1] - 1], zone
            if key not in continued:
                continued[key] = clock.following(number, frequency, rows)
            times[number], shown[number] = continued[key]
        return cls(times, shown, own)

    def after(self, rows: int) -> Self:
        """Return the same without the first ``rows`` of each series."""
        return replace(self, times=self.times[:, rows:], shown=self.shown[:, rows:])

    def until(self, rows: int) -> Self:
        """Return the first ``rows`` of each series."""
        return replace(self, times=self.times[:, :rows], shown=self.shown[:, :rows])
