"""``Zone``: the time zone of a column, read by the library of the column.

Libraries differ: pytz, and so pandas 2, has no summer time after 2037, polars none after 2100. The
timestamps that continue a series have to follow the same library as those before them.
"""

from dataclasses import dataclass
from datetime import UTC, timezone, tzinfo
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray

_DAY = np.timedelta64(1, "D")
# Python covers the years 1 to 9999, and local time is less than a day from UTC.
_FIRST, _LAST = (np.datetime64(day) for day in ("0001-01-02T00:00:00", "9999-12-30T00:00:00"))


def in_zones(utc: Array) -> BoolArray:
    """Return True for each time that a time zone covers: those in the years 1 to 9999."""
    if np.datetime_data(utc.dtype)[0] == "ns":  # From 1677 to 2262.
        return ~np.isnat(utc)
    return (utc >= _FIRST) & (utc <= _LAST)


@dataclass(frozen=True)
class Zone:
    """The time zone of a column."""

    info: tzinfo | str  # The zone: a ``tzinfo`` for pandas, else its name.
    # The library of the column, by its name in narwhals; "pandas" has its own type of timestamps.
    library: str

    def stamps(self, utc: Array) -> Array:
        """Return timestamps with their offset from UTC, as objects of pandas or of Python."""
        if self.library == "pandas":
            import pandas as pd

            index: Any = pd.DatetimeIndex(utc, tz="UTC").tz_convert(self.info)
            return np.asarray(index.astype(object))
        stamps = np.empty(len(utc), dtype=object)
        ahead = (self.shown(utc) - utc).astype("timedelta64[us]").tolist()
        for row, moment in enumerate(utc.astype("datetime64[us]").tolist()):
            offset = timezone(ahead[row]) if ahead[row] else UTC
            stamps[row] = moment.replace(tzinfo=UTC).astimezone(offset)
        return stamps

    def shown(self, utc: Array) -> Array:
        """Return the local times of timestamps that are ``in_zones``."""
        if self.library == "pandas":
            import pandas as pd

            shown = pd.DatetimeIndex(utc, tz="UTC").tz_convert(self.info).tz_localize(None)
            return shown.to_numpy().astype(utc.dtype)
        import narwhals as nw

        # polars has no seconds.
        times = utc.astype(np.promote_types(utc.dtype, "M8[ms]"))
        column = nw.new_series("time", times, backend=self.library).dt.replace_time_zone("UTC")
        shown = column.dt.convert_time_zone(str(self.info)).dt.replace_time_zone(None)
        return np.asarray(shown.to_numpy().astype(utc.dtype))

    def readings(self, local: Array) -> tuple[Array, Array]:
        """Return the first and the second UTC time at which the clock shows each local time.

        They are equal for a local time that occurs once. A local time that is skipped is read as if
        the clock were put forward later, and as if it were put forward earlier.
        """
        # Local time is less than a day from UTC, so a day before or after is past any change.
        around = np.concatenate([local - _DAY, local + _DAY])
        before, after = np.split(self.shown(around) - around, 2)
        first, second = local - before, local - after
        shown = np.split(self.shown(np.concatenate([first, second])), 2)
        once, again = shown[0] == local, shown[1] == local
        return np.where(again & ~once, second, first), np.where(once & ~again, first, second)
