"""``Clock``: the timestamps of a panel, and their time zone.

Timestamps with a time zone are NumPy's here, in UTC. Users get them with their UTC offset. When a
clock is put back it shows an hour twice, and ``split`` needs the offset to know which one is meant.

Timestamps that continue a series get their offset from the library of its column. Libraries
differ: pytz, and so pandas 2, has no summer time after 2037, polars none after 2100.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timezone, tzinfo
from functools import cached_property
from typing import Any, Self

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.panel.frequency import Frequency
from keras_ts.panel.inferring import Inferred, gaps_in, inferred

_DAY = np.timedelta64(1, "D")
# Python covers the years 1 to 9999, and local time is less than a day from UTC.
_FIRST, _LAST = (np.datetime64(day) for day in ("0001-01-02T00:00:00", "9999-12-30T00:00:00"))


def in_zones(utc: Array) -> BoolArray:
    """Return True for each time from ``_FIRST`` to ``_LAST``, which time zones cover."""
    if np.datetime_data(utc.dtype)[0] == "ns":  # From 1677 to 2262.
        return ~np.isnat(utc)
    return (utc >= _FIRST) & (utc <= _LAST)


@dataclass(frozen=True)
class Zone:
    """The time zone of a column."""

    info: tzinfo | str  # The zone: a ``tzinfo`` for pandas, else its name.
    library: str  # The library of the column, by its name in narwhals.

    def stamps(self, utc: Array) -> Array:
        """Return timestamps with their offset from UTC, as objects of pandas or of Python."""
        if self.library == "pandas":
            import pandas as pd

            index: Any = pd.DatetimeIndex(utc, tz="UTC").tz_convert(self.info)
            return np.asarray(index.astype(object))
        stamps = np.empty(len(utc), dtype=object)
        ahead = (self.shown(utc) - utc).astype("timedelta64[us]").tolist()
        for row, moment in enumerate(utc.astype("datetime64[us]").tolist()):
            stamps[row] = moment.replace(tzinfo=UTC).astimezone(timezone(ahead[row]))
        return stamps

    def shown(self, utc: Array) -> Array:
        """Return the local times of timestamps that are ``in_zones``."""
        if self.library == "pandas":
            import pandas as pd

            shown = pd.DatetimeIndex(utc, tz="UTC").tz_convert(self.info).tz_localize(None)
            return shown.to_numpy().astype(utc.dtype)
        import narwhals as nw

        # polars has no unit of seconds.
        times = utc.astype(np.promote_types(utc.dtype, "M8[ms]"))
        column = nw.new_series("time", times, backend=self.library).dt.replace_time_zone("UTC")
        shown = column.dt.convert_time_zone(str(self.info)).dt.replace_time_zone(None)
        return np.asarray(shown.to_numpy().astype(utc.dtype))

    def readings(self, local: Array) -> tuple[Array, Array]:
        """Return the first and the second UTC time at which the clock shows each local time."""
        # Both are equal for a local time that occurs once. A skipped one is read first by the
        # offset before the change, then by the offset after it. A day to either side of ``local``
        # lies before and after a change there, since local time is less than a day from UTC.
        around = np.concatenate([local - _DAY, local + _DAY])
        before, after = np.split(self.shown(around) - around, 2)
        first, second = local - before, local - after
        shown = np.split(self.shown(np.concatenate([first, second])), 2)
        once, again = shown[0] == local, shown[1] == local
        return np.where(again & ~once, second, first), np.where(once & ~again, first, second)


def as_written(stamp: Any) -> str:
    """Return a timestamp as people write it, such as 2024-05-31 for its midnight."""
    if not isinstance(stamp, np.datetime64):
        return str(stamp)
    return re.sub(r"(T00(:00)*)?(\.0+)?$", "", str(stamp))


@dataclass(frozen=True)
class Clock:
    """The timestamps of a panel."""

    times: Array  # Timestamp or number of every flat position; in UTC if there is a time zone.
    offsets: IntArray  # Flat start of each series, and the end of the last.
    local_times: Array | None = None  # The same timestamps by the clock of their zone, or None.
    zone: Zone | None = None
    # Name of the frequency that a model was trained on, or None. A panel that fits it gets it.
    expected: str | None = None
    known: Frequency | None = None  # The frequency if it needs not be inferred.

    def stamps(self, flat: IntArray, times: Array | None = None) -> Array:
        """Return the timestamps of flat positions, or ``times``; in a zone, with UTC offsets."""
        times = self.times[flat] if times is None else times
        if self.zone is None:
            return times
        # Each timestamp is converted once, since making Python objects is slow.
        moments, places = np.unique(times, return_inverse=True)
        return self.zone.stamps(moments)[places]

    def written(self, position: int) -> str:
        """Return the timestamp at a flat position as people write it."""
        return as_written(self.stamps(np.array([position]))[0])

    @cached_property
    def inferred(self) -> Inferred:
        """The frequency, or the rows that end two steps that disagree."""
        return inferred(self.times, self.offsets, self.local_times, self.expected)

    @property
    def frequency(self) -> Frequency | None:
        """The one frequency of the panel, None if no series has two rows or steps disagree."""
        return self.known or self.inferred.frequency

    def expecting(self, name: str | None) -> Self:
        """Return a clock whose frequency is the one of this name if the rows fit it."""
        fits = name is None or str(self.frequency) == name
        return self if fits or self.known is not None else replace(self, expected=name)

    @cached_property
    def gaps(self) -> IntArray:
        """The flat positions that follow a gap in time."""
        if self.frequency is None:
            return np.empty(0, np.int64)
        return gaps_in(self.frequency, self.counted, self.offsets)

    def steps_to(self, rows: IntArray) -> IntArray:
        """Return the number of steps to each of some rows from the row before it."""
        assert self.frequency is not None
        return self.frequency.between(self.counted[rows - 1], self.counted[rows])

    @property
    def counted(self) -> Array:
        """The times by the clock that counts the steps of the frequency."""
        local = self.frequency is not None and self.frequency.local
        return self.shown if local else self.times

    @property
    def shown(self) -> Array:
        """The local time of every flat position."""
        return self.times if self.local_times is None else self.local_times

    @property
    def numbers(self) -> Array:
        """Each row's number: the steps of the frequency since 1970-01-01, or since 0."""
        assert self.frequency is not None
        return self.frequency.numbers(self.times, self.shown)

    def after(self, rows: IntArray, steps: IntArray) -> tuple[Array, Array]:
        """Return the timestamps ``steps`` after those of ``rows``, in UTC and in local time."""
        # A time that time zones do not cover becomes NaT. A local time that the clock
        # skips is put forward by the skipped hour; of one that occurs twice, the first is taken.
        assert self.frequency is not None
        made = self.frequency.after(self.counted[rows], steps)
        if self.zone is None:
            return made, made
        utc, shown = np.full_like(made, "NaT"), np.full_like(made, "NaT")
        covered = in_zones(made)
        made = made[covered]
        utc[covered] = self.zone.readings(made)[0] if self.frequency.local else made
        shown[covered] = self.zone.shown(utc[covered])
        return utc, shown

    def border(self, at: Any) -> IntArray:
        """Return the position in each series of the first timestamp not before ``at``."""
        if not np.issubdtype(self.times.dtype, np.datetime64):
            raise TypeError(f"at={at!r}: the time column holds {self.times.dtype}, not dates.")
        try:
            moment, aware = _moment(at)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f"at={at!r} is not a timestamp that can be read: {error}. Write it as 2024-05-31 "
                "or 2024-05-31T18:00."
            ) from None
        if aware and self.zone is None:
            raise TypeError(
                f"at={at!r} has a time zone, and the time column has none. Pass at without a zone, "
                "or give the column its zone."
            )
        if self.local_times is None or aware:
            places = self._places(self.times, moment)
        else:
            self._refuse_ambiguous(moment, at)
            places = self._places(self.local_times, moment)
        if (places == 0).all() or (places == np.diff(self.offsets)).all():
            ends = np.concatenate([self.offsets[:-1], self.offsets[1:] - 1])
            first, last = ends[[self.times[ends].argmin(), self.times[ends].argmax()]]
            lacking = "before it" if (places == 0).all() else "from it on"
            raise ValueError(
                f"at={at!r} leaves no row {lacking}: the series run from {self.written(first)} to "
                f"{self.written(last)}."
            )
        return places

    def flat_places(self, moment: Any) -> IntArray:
        """Return each series' first flat position not before ``moment``; for None, its end."""
        if moment is None:
            return self.offsets[1:]
        return self._places(self.times, moment) + self.offsets[:-1]

    def _places(self, clock: Array, moment: np.datetime64) -> IntArray:
        """Return each series' position of the first time of ``clock`` not before ``moment``."""
        later = clock >= moment
        begins = later.copy()
        begins[1:] &= ~later[:-1]
        starts = self.offsets[:-1][self.offsets[:-1] < len(later)]
        begins[starts] = later[starts]
        flat = np.append(np.flatnonzero(begins), len(later))
        first = np.minimum(flat[np.searchsorted(flat, self.offsets[:-1])], self.offsets[1:])
        return first - self.offsets[:-1]

    def _refuse_ambiguous(self, moment: np.datetime64, at: Any) -> None:
        """Raise if the zone's clock shows ``moment`` twice, with rows in between."""
        moments: Array = np.array([moment])
        if self.zone is None or not in_zones(moments)[0]:
            return
        moments = moments.astype(np.promote_types(moments.dtype, "M8[us]"))
        readings = np.concatenate(self.zone.readings(moments))
        first, second = (self._places(self.times, reading) for reading in readings)
        if (first < second).any():
            once, again = self.zone.stamps(readings)
            raise ValueError(
                f"at={at!r} is shown twice by the clock of {self.zone.info}, which is put back: at "
                f"{once} and at {again}. Pass one of them, with its offset."
            )


def _moment(at: Any) -> tuple[np.datetime64, bool]:
    """Return a timestamp as NumPy's, in UTC if it has a time zone, and True if it has a zone."""
    finer = ""
    if isinstance(at, str):
        # After a bare date, Python would take the sign of the offset for the separator of the time.
        midnight = re.fullmatch(r"(\d{4}-?\d\d-?\d\d) ?(Z|[+-]\d\d(?::?\d\d)?)", at)
        at = "T00:00".join(midnight.groups()) if midnight else at
        if len(at) > len("2024-01-31") and not re.search("[T ]", at):
            raise ValueError("date and time must be separated by a T or a space")
        try:
            # NumPy reads no time zones, and Python reads no nanoseconds.
            read = datetime.fromisoformat(at)
        except ValueError:  # Only a year or a month, or not a timestamp.
            return np.datetime64(at), False
        finer = "".join(re.findall(r"[.,]\d{6}(\d{1,3})", at))
        at = read
    aware = getattr(at, "tzinfo", None) is not None
    if hasattr(at, "to_datetime64"):  # A timestamp of pandas, which has nanoseconds.
        return at.to_datetime64(), aware
    moment = np.datetime64(at.astimezone(UTC).replace(tzinfo=None) if aware else at)
    return moment + np.timedelta64(int(finer.ljust(3, "0")), "ns") if finer else moment, aware
