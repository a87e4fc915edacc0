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

        A series of a single row goes on at the frequency of most others.
        """
        clock = panel.clock
        if clock is None:
            return None
        counted = Counter(frequency for frequency in clock.frequencies if frequency is not None)
        usual = counted.most_common(1)[0][0] if counted else None
        lengths = panel.lengths.tolist()
        own = [
            usual if frequency is None and length == 1 else frequency
            for frequency, length in zip(clock.frequencies, lengths, strict=True)
        ]
        kind: Any = clock.times.dtype
        if kind.kind in "iu" and None in own:
            kind = np.dtype(np.float64)  # Integers have no word for a missing one.
        times = np.full((len(own), rows), "NaT" if kind.kind == "M" else 0, kind)
        if kind.kind == "f":
            times[:] = np.nan
        shown = times.copy()
        # Series of a panel mostly end together, and are continued once.
        alike: dict[Any, list[int]] = {}
        ends = clock.times[panel.offsets[1:] - 1].tolist() if len(clock.times) else []
        for number, (frequency, end) in enumerate(zip(own, ends, strict=True)):
            if frequency is not None and lengths[number]:
                zone = min(number, len(clock.zones) - 1)
                alike.setdefault((frequency, end, zone), []).append(number)
        for (frequency, _, _), numbers in alike.items():
            times[numbers], shown[numbers] = clock.following(numbers[0], frequency, rows)
        return cls(times, shown, own)

    def after(self, rows: int) -> Self:
        """Return the same without the first ``rows`` of each series."""
        return replace(self, times=self.times[:, rows:], shown=self.shown[:, rows:])

    def until(self, rows: int) -> Self:
        """Return the first ``rows`` of each series."""
        return replace(self, times=self.times[:, :rows], shown=self.shown[:, :rows])
