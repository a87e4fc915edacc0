"""``Zone``: the time zone of a column, as the column's own library has it.

Libraries differ: pytz, and so pandas 2, knows no summer time after 2037, polars none after 2100. A
timestamp that goes on behind a series has to show the same on its column's clock as those before.
"""

from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray

_DAY = np.timedelta64(1, "D")
# Python has the years 1 to 9999, and a clock is less than a day from UTC.
_FIRST, _LAST = (np.datetime64(day) for day in ("0001-01-02T00:00:00", "9999-12-30T00:00:00"))


def in_zones(utc: Array) -> BoolArray:
    """Tell which instants a clock of a time zone can show: those of the years 1 to 9999."""
    if np.datetime_data(utc.dtype)[0] == "ns":  # From 1677 to 2262.
        return ~np.isnat(utc)
    return (utc >= _FIRST) & (utc <= _LAST)


@dataclass(frozen=True)
class Zone:
    """The time zone of a column.

    Attributes:
        info: The zone: one of Python's for pandas, else its name.
        library: The library of the column, as narwhals names it; "pandas" has timestamps of its
            own.
    """

    info: tzinfo | str
    library: str

    def stamps(self, utc: Array) -> Array:
        """Return instants with their offset from UTC: timestamps of pandas, or of Python."""
        if self.library == "pandas":
            import pandas as pd

            index: Any = pd.DatetimeIndex(utc, tz="UTC").tz_convert(self.info)
            return np.asarray(index.astype(object))
        stamps = np.empty(len(utc), dtype=object)
        ahead = (self.shown(utc) - utc).astype("timedelta64[us]").tolist()
        for row, moment in enumerate(utc.astype("datetime64[us]").tolist()):
            stamps[row] = moment.replace(tzinfo=UTC).astimezone(_offset(ahead[row]))
        return stamps

    def shown(self, utc: Array) -> Array:
        """Return the times that the clock shows at instants that are ``in_zones``."""
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
        """Return the first and the second instant at which the clock shows each of some times.

        They are the same for a time that it shows once. A time that it is put forward over is read
        as if the clock were put forward later, and earlier.
        """
        # A clock is less than a day from UTC, so a day off is before or after a change near by.
        around = np.concatenate([local - _DAY, local + _DAY])
        before, after = np.split(self.shown(around) - around, 2)
        first, second = local - before, local - after
        shown = np.split(self.shown(np.concatenate([first, second])), 2)
        once, again = shown[0] == local, shown[1] == local
        return np.where(again & ~once, second, first), np.where(once & ~again, first, second)


def _offset(ahead: timedelta) -> tzinfo:
    return timezone(ahead) if ahead else UTC
