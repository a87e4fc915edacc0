"""``Rows``: finds the rows of series at times, among millions of them.

A plan is matched with the steps that follow a series, a forecast with the rows that came, a table
with windows. All ask here, so that a row that is missing or stands twice is noticed alike. Labels
become numbers of series by ``places_of``.
"""

import numpy as np

from keras_ts._typing import Array, IntArray


class Rows:
    """Rows by their series and time, in any order.

    Args:
        series: ``(rows,)``, the number of each row's series, 0 or more.
        times: ``(rows,)``, its timestamp or number; NaT and NaN are never found.
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

    def locate(self, series: IntArray, times: Array) -> IntArray:
        """Return the row of each series, below 0 for none, and time; -1 if there is no row."""
        if not len(self._keys):
            return np.full(len(series), -1)
        rank = np.minimum(np.searchsorted(self._times, times), len(self._times) - 1)
        wanted = series * len(self._times) + rank
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        same = (self._times[rank] == times) & (self._keys[place] == wanted) & (series >= 0)
        return np.where(same, self._order[place], -1)
