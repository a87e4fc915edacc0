"""``Ends``: the last rows of each series, the only ones that a forecast reads.

A hole before these rows does not matter, whatever ``missing`` says.
"""

from dataclasses import dataclass, replace

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.reading.panel import Panel, missing_rows
from keras_ts.windows.windowed_series import WindowedSeries


@dataclass(frozen=True)
class Ends:
    """The last rows of those series that can be forecast.

    Attributes:
        panel: All series, without the columns of a calendar.
        windows: The windows.
        chosen: The numbers of the series that can be forecast.
    """

    panel: Panel
    windows: WindowedSeries
    chosen: IntArray

    @classmethod
    def of(cls, panel: Panel, windows: WindowedSeries, incomplete: str, masking: bool) -> "Ends":
        """Find the series with whole last rows; refuse others, or leave them out for "nan".

        With ``missing="keep"`` the last rows may have holes. A model that masks them would forecast
        0 from rows that all have one: such a series is treated as one that is too short.
        """
        reach = windows.geometry.reach
        whole = panel.lengths >= reach
        if incomplete == "raise" and not whole.all():
            _refuse_short(panel, windows, int(whole.argmin()))
        ends = cls(panel, windows, np.flatnonzero(whole))
        if windows.missing == "keep":
            empty = ends._empty() if masking else np.zeros(len(ends.chosen), bool)
            if incomplete == "raise" and empty.any():
                _refuse_empty(panel, int(ends.chosen[empty.argmax()]))
            return replace(ends, chosen=ends.chosen[~empty])
        broken = ends._broken()
        if incomplete == "raise" and broken.any():
            ends._refuse_broken(int(broken.argmax()))
        return replace(ends, chosen=ends.chosen[~broken])

    @property
    def past(self) -> Array:
        """The last rows, ``(chosen, reach)`` or ``(chosen, reach, columns)``."""
        return self.panel.values[self.rows]

    @property
    def rows(self) -> IntArray:
        """Flat positions of the last rows, ``(chosen, reach)``."""
        reach = self.windows.geometry.reach
        return self.panel.offsets[1:][self.chosen][:, None] + np.arange(-reach, 0)

    def _broken(self) -> BoolArray:
        """Tell for each chosen series if a value is missing, or a row between two others."""
        past = self.past
        missing = missing_rows(past.reshape(len(past), -1)) if past.size else np.zeros(0, bool)
        if not len(self.panel.gaps):
            return missing
        gap = np.zeros(len(self.panel.values) + 1, bool)
        gap[self.panel.gaps] = True
        # A gap lies before its row, and no row of the window stands before the first.
        return missing | gap[self.rows[:, 1:]].any(axis=1)

    def _empty(self) -> BoolArray:
        """Tell for each chosen series if every row that the window reads lacks a value."""
        read = self.past[:, :: self.windows.sampling_rate]
        missing = missing_rows(read.reshape(-1, *read.shape[2:])).reshape(read.shape[:2])
        empty: BoolArray = np.logical_and.reduce(missing, axis=1)
        return empty

    def _refuse_broken(self, place: int) -> None:
        rows = self.rows[place]
        missing = missing_rows(self.panel.values[rows])
        missing[1:] |= np.isin(rows[1:], self.panel.gaps)
        plan = ""
        if self.windows.future_columns and missing[-1]:
            plan = " If the last rows are a plan of what follows, pass them as future= instead."
        raise ValueError(
            f"The last window of the series has a missing value or a gap at "
            f"{self.panel.place(int(rows[missing.argmax()]))}, so there is nothing whole to "
            'forecast from. Fill it, pass missing="keep" in the windows to let it through, or '
            f'incomplete="nan" for rows of NaN.{plan}'
        )


def _refuse_empty(panel: Panel, number: int) -> None:
    raise ValueError(
        f"{panel.series(number) if not panel.single else 'series'} has a missing value in every "
        "row of its last window, and the model masks such rows: it has nothing to forecast from. "
        'Leave it out, or pass incomplete="nan" for rows of NaN.'
    )


def _refuse_short(panel: Panel, windows: WindowedSeries, number: int) -> None:
    rows = int(panel.lengths[number])
    raise ValueError(
        f"{panel.series(number) if not panel.single else 'series'} is too short: "
        f"window={windows.window}, sampling_rate={windows.sampling_rate} read back "
        f"{windows.geometry.reach} positions, and it has {rows}. Leave it out, or pass "
        'incomplete="nan" for rows of NaN.'
    )
