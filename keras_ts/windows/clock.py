"""Timestamps of frames, and the time zones that say on which clock they are read.

Inside, aware timestamps are instants: NumPy's, in UTC. They are handed out with their
offset, for a clock shows an hour twice when it is put back.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timezone, tzinfo
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np

from keras_ts._typing import Array


@dataclass(frozen=True)
class Zone:
    """The time zone of a column.

    Attributes:
        info: The zone.
        pandas: Whether the column is one of pandas, which has timestamps of its own.
    """

    info: tzinfo
    pandas: bool

    def stamps(self, utc: Array) -> Array:
        """Return instants with their offset from UTC: timestamps of pandas, or of Python."""
        if self.pandas:
            import pandas as pd

            return pd.DatetimeIndex(utc, tz="UTC").tz_convert(self.info).astype(object).to_numpy()
        stamps = np.empty(len(utc), dtype=object)
        for row, moment in enumerate(utc.astype("datetime64[us]").tolist()):
            local = moment.replace(tzinfo=UTC).astimezone(self.info)
            # Python takes two times of one zone for equal that differ by the offset alone.
            stamps[row] = local.replace(tzinfo=timezone(local.utcoffset()), fold=0)
        return stamps

    def readings(self, moment: np.datetime64) -> list[np.datetime64]:
        """Return the instants at which the clock shows ``moment``, or would if not put forward."""
        plain = moment.astype("datetime64[us]").item()
        if not isinstance(plain, datetime):  # Python has no such year.
            return [moment, moment]
        offsets = [plain.replace(tzinfo=self.info, fold=fold).utcoffset() for fold in (0, 1)]
        return [moment - np.timedelta64(offset) for offset in offsets if offset is not None]


@dataclass(frozen=True)
class Timestamps:
    """The time column of a frame.

    Attributes:
        times: Timestamps or numbers; in UTC if they have a time zone.
        wall: The same by the clock of that zone, or None.
        zone: That zone, or None.
    """

    times: Array
    wall: Array | None = None
    zone: Zone | None = None


def read_timestamps(table: Any, name: str, where: str = "") -> Timestamps:
    """Read the time column of a narwhals frame.

    Args:
        table: The frame.
        name: The column.
        where: Which of several frames it is, for an error.
    """
    import narwhals as nw

    column = table[name]
    if column.null_count():
        _refuse_missing(column.is_null().to_numpy(), name, where)
    read = _aware(column)
    if read is not None:
        return read
    if column.dtype == nw.Decimal:
        column = column.cast(nw.Float64)
    if not (column.dtype.is_numeric() or column.dtype in (nw.Datetime, nw.Date)):
        raise TypeError(
            f"time_column={name!r} must hold dates, times or numbers. Received {column.dtype}, "
            f"first value {column[0] if len(column) else None!r}. Parse it first, "
            "for example with pandas.to_datetime."
        )
    times = column.to_numpy()
    if column.dtype == nw.Date:
        return Timestamps(times.astype("datetime64[D]"))
    if times.dtype.kind == "f":
        missing = ~np.isfinite(times)
        if missing.any():
            _refuse_missing(missing, name, where)
    elif times.dtype.kind in "iu" and (times.dtype != np.uint64 or times.max(initial=0) >> 63 == 0):
        times = times.astype(np.int64)  # Differences of small or unsigned integers wrap around.
    return Timestamps(times)


def _aware(column: Any) -> Timestamps | None:
    """The timestamps of a column with a time zone, or None if it has none.

    narwhals reads a zone of pandas only if its name has neither digits nor "_", so pandas
    is asked itself.
    """
    import narwhals as nw

    native = column.to_native()
    if column.implementation.is_pandas_like():
        arrow = getattr(native.dtype, "pyarrow_dtype", None)
        if getattr(native.dtype if arrow is None else arrow, "tz", None) is None:
            return None
        if arrow is not None:  # Without its zone pandas hands that out in UTC.
            native = native.astype(f"datetime64[{arrow.unit}, {arrow.tz}]")
        wall = native.dt.tz_localize(None).to_numpy()
        utc = native.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        # The zones of pytz are no tzinfo to ask for an offset; their names are those of zoneinfo.
        named = getattr(native.dt.tz, "zone", None)
        return Timestamps(utc, wall, Zone(_named(named) if named else native.dt.tz, True))
    if not isinstance(column.dtype, nw.Datetime) or column.dtype.time_zone is None:
        return None
    wall = column.dt.replace_time_zone(None).to_numpy()
    utc = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
    return Timestamps(utc, wall, Zone(_named(column.dtype.time_zone), False))


def _named(zone: str) -> tzinfo:
    """The zone of a name, or of an offset such as "+05:30", as Arrow has them."""
    if zone[0] in "+-":
        return cast(tzinfo, datetime.fromisoformat(f"2000-01-01T00:00{zone}").tzinfo)
    return ZoneInfo(zone)


def _refuse_missing(missing: Array, name: str, where: str) -> None:
    count = int(missing.sum())
    raise ValueError(
        f"time_column={name!r} has {count} missing timestamp{'s' * (count > 1)}, the first in row "
        f"{int(missing.argmax())}{where}. Fill in the time, or leave out such rows."
    )


def common(read: list[Timestamps], name: str) -> tuple[Array, Array | None, tuple[Zone, ...]]:
    """The timestamps of several frames end to end, by their clocks too, and their zones."""
    for kinds in (
        {"dates" if one.times.dtype.kind == "M" else "numbers" for one in read},
        {"a time zone" if one.zone else "none" for one in read},
    ):
        if len(kinds) > 1:
            raise TypeError(
                f"time_column={name!r} must be alike in all frames of a panel. Received "
                f"{' and '.join(sorted(kinds))}."
            )
    times = np.concatenate([one.times for one in read])
    walls = [one.wall for one in read if one.wall is not None]
    zones = tuple(one.zone for one in read if one.zone is not None)
    return times, np.concatenate(walls) if walls else None, zones
