"""``Clock``: the timestamps of a panel, and their time zones.

Timestamps with a time zone are NumPy's here, in UTC. Users get them with their UTC offset. When a
clock is put back it shows an hour twice, and ``split`` needs the offset to know which one is meant.

Timestamps that continue a series get their offset from the library of its column. Libraries
differ: pytz, and so pandas 2, has no summer time after 2037, polars none after 2100.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timezone, tzinfo
from functools import cached_property
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.arithmetic.frequency import Frequencies
from keras_ts.windows.arithmetic.inferring import inferred, refitted

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

    times: Array  # Timestamp or number of every flat position; in UTC if there are time zones.
    offsets: IntArray  # Flat start of each series, and the end of the last.
    # The same timestamps by the clocks of their time zones, or None.
    local_times: Array | None = None
    zones: tuple[Zone, ...] = ()  # The time zones: one for all series, one per series, or none.
    # Name of the frequency that a model was trained on, or None. Every series that fits it gets it.
    expected: str | None = None
    # The frequencies by which missing rows are filled in; None: inferred from the timestamps.
    filled_by: Frequencies | None = None
    library: str = "pandas"  # The library of the column, by its name in narwhals.

    def stamps(self, flat: IntArray, times: Array | None = None) -> Array:
        """Return the timestamps of flat positions, or ``times``; in a zone, with UTC offsets."""
        times = self.times[flat] if times is None else times
        if not self.zones:
            return times
        stamps = np.empty(len(flat), dtype=object)
        series = np.searchsorted(self.offsets, flat, side="right") - 1
        for zone, of_zone in self._by_zone():
            rows = of_zone[series]
            # Each timestamp is converted once, since making Python objects is slow.
            moments, places = np.unique(times[rows], return_inverse=True)
            stamps[rows] = zone.stamps(moments)[places]
        return stamps

    def written(self, position: int) -> str:
        """Return the timestamp at a flat position as people write it."""
        return as_written(self.stamps(np.array([position]))[0])

    @cached_property
    def inferred(self) -> tuple[IntArray, Frequencies]:
        """The positions that break the regular step, and the frequency of each series."""
        return inferred(self.times, self.offsets, self.local_times)

    @cached_property
    def frequencies(self) -> Frequencies:
        """The frequency of each series, None for one that is too short or not regular."""
        return self.fitted(self.inferred[1]) if self.filled_by is None else self.filled_by

    def fitted(self, found: Frequencies) -> Frequencies:
        """Return frequencies that agree across series, from those of each series by itself."""
        # A short series may fit several frequencies. If it fits ``like``, it gets that one: the
        # expected frequency, or that of the longest series. Series of 24-hour days in UTC come
        # before longer ones: a change of the clock has shown that their days are not local.
        names = [str(kind) for kind in found.kinds]
        if not names or names == [self.expected or names[0]]:
            return found
        like = self.expected or found.usual(np.diff(self.offsets))
        return refitted(self.times, self.offsets, self.local_times, found, like)

    @property
    def shown(self) -> Array:
        """The local time of every flat position."""
        return self.times if self.local_times is None else self.local_times

    def numbers(self, frequencies: Frequencies) -> Array:
        """Return each row's number: the steps of its series since 1970-01-01, or since 0."""
        parts = [
            (rows, frequency.numbers(self.times[rows], self.shown[rows]))
            for frequency, rows in frequencies.rows(self.offsets)
        ]
        kind = np.result_type(*[numbers for _, numbers in parts]) if parts else np.int64
        made = np.empty(len(self.times), kind)
        for rows, numbers in parts:
            made[rows] = numbers
        return made

    def after(
        self, rows: IntArray, steps: IntArray, frequencies: Frequencies
    ) -> tuple[Array, Array]:
        """Return the timestamps ``steps`` after those of ``rows``, in UTC and in local time."""
        # A time that time zones do not cover becomes NaT. A local time that the clock
        # skips is put forward by the skipped hour; of one that occurs twice, the first is taken.
        series = np.searchsorted(self.offsets, rows, side="right") - 1
        made, local = self.times[rows], np.zeros(len(rows), bool)
        codes = frequencies.codes[series]
        for code, frequency in enumerate(frequencies.kinds):
            has_it = codes == code
            times = self.shown if frequency.local else self.times
            made[has_it] = frequency.after(times[rows[has_it]], steps[has_it])
            local[has_it] = frequency.local
        if not self.zones:
            return made, made
        utc, shown = np.full_like(made, "NaT"), np.full_like(made, "NaT")
        covered = in_zones(made)
        for zone, of_zone in self._by_zone():
            in_zone = covered & of_zone[series]
            by_clock = in_zone & local
            utc[in_zone] = made[in_zone]
            utc[by_clock] = zone.readings(made[by_clock])[0]
            shown[in_zone] = zone.shown(utc[in_zone])
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
        if aware and not self.zones:
            raise TypeError(
                f"at={at!r} has a time zone, and the time column has none. Pass at without a zone, "
                "or give the column its zone: dt.tz_localize in pandas, dt.replace_time_zone in "
                "polars."
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
        """Raise if a time zone's clock shows ``moment`` twice, with rows in between."""
        moments: Array = np.array([moment])
        if not in_zones(moments)[0]:
            return
        moments = moments.astype(np.promote_types(moments.dtype, "M8[us]"))
        for zone, series in self._by_zone():
            readings = np.concatenate(zone.readings(moments))
            first, second = (self._places(self.times, reading)[series] for reading in readings)
            if (first < second).any():
                once, again = zone.stamps(readings)
                raise ValueError(
                    f"at={at!r} is shown twice by the clock of {zone.info}, which is put back: at "
                    f"{once} and at {again}. Pass one of them, with its offset."
                )

    def _by_zone(self) -> list[tuple[Zone, BoolArray]]:
        """Return each time zone, with flags of the series that have it."""
        numbers = np.array([self.zones.index(zone) for zone in self.zones])
        every = np.zeros(len(self.offsets) - 1, dtype=bool)
        return [(self.zones[number], (numbers == number) | every) for number in np.unique(numbers)]


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
