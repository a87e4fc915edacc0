"""Finds rows by series and time, among millions of them. Plain NumPy, without a framework."""

import numpy as np

from keras_ts._typing import Array, IntArray


class RowIndex:
    """Rows by their series and time.

    Args:
        series: ``(rows,)``, the number of each row's series, 0 or more.
        times: ``(rows,)``, its timestamp or number.
    """

    def __init__(self, series: IntArray, times: Array) -> None:
        self._times = np.unique(times)
        keys = series * len(self._times) + np.searchsorted(self._times, times)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    @property
    def twice(self) -> int | None:
        """The first row, by series and time, of which there is another one; None without any."""
        same = np.flatnonzero(np.diff(self._keys) == 0)
        return int(self._order[same[0]]) if len(same) else None

    def places(self, series: IntArray, times: Array) -> IntArray:
        """Return the row of each series and time, -1 where there is none.

        Args:
            series: Numbers of series; below 0 there is no row.
            times: Timestamps or numbers of the same kind as those of the rows.
        """
        rank = np.minimum(np.searchsorted(self._times, times), len(self._times) - 1)
        wanted = series * len(self._times) + rank
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        same = (self._times[rank] == times) & (self._keys[place] == wanted) & (series >= 0)
        return np.where(same, self._order[place], -1)
