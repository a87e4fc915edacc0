"""Reads time columns of frames through narwhals: as NumPy's times in UTC, and in local time."""

import re
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.windows.reading.clock import Clock, Zone, in_zones

# The times of a column (in UTC if it has a time zone), and its time zone.
_Column = tuple[Array, Zone | None]

# The end of a time with an offset from UTC, such as 2024-05-31 02:00:00+01:00.
_OFFSET = re.compile(r":\d\d(\.\d+)? ?[+-]\d\d:?\d\d$")


def read_clock(tables: list[Any], name: str, offsets: IntArray) -> Clock:
    """Read the time columns of one narwhals frame or several, laid end to end."""
    columns = [
        _read(table[name], f"time_column={name!r}", f" of series[{i}]" * (len(tables) > 1))
        for i, table in enumerate(tables)
    ]
    for kinds in (
        {"dates" if times.dtype.kind == "M" else "numbers" for times, _ in columns},
        {"a time zone" if zone else "no time zone" for _, zone in columns},
    ):
        if len(kinds) > 1:
            raise TypeError(
                f"time_column={name!r} must be of one kind in all frames of a panel. Received "
                f"{' and '.join(sorted(kinds))}."
            )
    return _clock(columns, offsets, tables[0].implementation.value)


def _clock(columns: list[_Column], offsets: IntArray, library: str) -> Clock:
    times = np.concatenate([times for times, _ in columns])
    local = [zone.shown(times) for times, zone in columns if zone is not None]
    zones = tuple(zone for _, zone in columns if zone is not None)
    return Clock(times, offsets, np.concatenate(local) if local else None, zones, library=library)


def read_timestamps(timestamps: Any) -> Clock:
    """Read dates without a frame: a NumPy array, or a column or index of pandas or polars."""
    plain = isinstance(timestamps, np.ndarray | np.datetime64 | list | tuple)
    times, zone = (_dates(timestamps), None) if plain else _of_frame(timestamps)
    if times.dtype.kind != "M":
        raise TypeError(f"timestamps must hold dates. Received {times.dtype}.")
    library = type(timestamps).__module__.split(".")[0]
    return _clock([(times, zone)], np.array([0, len(times)]), library)


def as_column(column: Any, times: Array) -> Any:
    """Return times in the dtype of ``column``, or unchanged if its integers cannot hold them."""
    import narwhals as nw

    if times.dtype.kind == "M" and np.datetime_data(times.dtype)[0] == "D":
        times = times.astype("datetime64[us]")
    made = nw.new_series(column.name, times, backend=column.implementation)
    if column.dtype.is_integer():
        limits = np.iinfo(str(column.dtype).lower())
        # Times with missing ones are floats.
        if times.dtype.kind == "f" or times.min() < limits.min or times.max() > limits.max:
            return made
    if not column.implementation.is_pandas_like():
        zone = getattr(column.dtype, "time_zone", None)
        if zone is not None:
            return made.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        return made.cast(column.dtype)
    native, kind = made.to_native(), column.to_native().dtype
    arrow = getattr(kind, "pyarrow_dtype", None)
    if getattr(kind if arrow is None else arrow, "tz", None) is not None:
        native = native.dt.tz_localize("UTC").dt.tz_convert(
            column.to_native().dt.tz if arrow is None else arrow.tz
        )
    return nw.from_native(native.astype(kind), series_only=True)


def _dates(timestamps: Any) -> Array:
    """Read an array of dates, in days or a finer unit."""
    read = np.asarray(timestamps)
    if read.dtype.kind != "M" or read.ndim != 1:
        raise TypeError(
            "timestamps must be an array of datetime64 of shape (timestamps,), or a column of "
            f"pandas or polars. Received {read.dtype} of shape {read.shape}. Convert it with "
            "numpy.asarray(timestamps, 'datetime64[us]'), or with pandas.to_datetime."
        )
    _refuse_missing(np.isnat(read), "timestamps", "")
    unit = np.datetime_data(read.dtype)[0]
    return read.astype(f"M8[{'D' if unit in ('Y', 'M', 'W') else unit}]")


def _of_frame(timestamps: Any) -> _Column:
    nw = _checks.needed("narwhals", "Reading timestamps of pandas or polars")
    if hasattr(timestamps, "to_flat_index"):  # A pandas index, which narwhals does not read.
        timestamps = timestamps.to_series()
    try:
        column = nw.from_native(timestamps, series_only=True)
    except TypeError:
        return _dates(timestamps), None
    return _read(column, "timestamps", "")


def _read(column: Any, name: str, where: str) -> _Column:
    """Read a column; errors begin with ``name``, and ``where`` says in which frame it is."""
    import narwhals as nw

    if column.null_count():
        _refuse_missing(column.is_null().to_numpy(), name, where)
    read = _aware(column, name, where)
    if read is not None:
        return read
    if column.dtype == nw.Decimal:
        column = column.cast(nw.Float64)
    if not (column.dtype.is_numeric() or column.dtype in (nw.Datetime, nw.Date)):
        raise TypeError(
            f"{name} must hold dates, timestamps or numbers. Received {received(column)}. "
            + _cure(column)
        )
    times = column.to_numpy()
    if column.dtype == nw.Date:
        return times.astype("datetime64[D]"), None
    if times.dtype.kind == "f":
        _refuse_missing(~np.isfinite(times), name, where)
        odd = (times != np.rint(times)) | (np.abs(times) > 1 << 53)
        if odd.any():
            row = int(odd.argmax())
            raise ValueError(
                f"{name} must hold whole numbers, or dates; floats of at most 2**53. Received "
                f"{times[row]} in row {row}{where}. Number the steps with (column / step).round(). "
                "Or turn seconds since 1970 into dates with pandas.to_datetime(..., unit='s') or "
                "polars.from_epoch."
            )
    elif times.dtype.kind in "iu" and (times.dtype != np.uint64 or times.max(initial=0) >> 63 == 0):
        times = times.astype(np.int64)  # Differences of small or unsigned integers wrap around.
    return times, None


def received(column: Any) -> str:
    """Return the type and the first value of a column, for an error."""
    dtype = column.to_native().dtype if is_period(column) else column.dtype
    values = column.drop_nulls().head(1).to_list()
    return f"{dtype}, first value {values[0] if values else None!r}"


def is_period(column: Any) -> bool:
    """Return True if a column holds pandas periods, which narwhals does not know."""
    return str(getattr(column.to_native(), "dtype", "")).startswith("period[")


def _cure(column: Any) -> str:
    import narwhals as nw

    if is_period(column):
        return "Take the timestamp at which each period begins, with dt.to_timestamp()."
    if column.dtype in (nw.Duration, nw.Time, nw.Boolean):
        return "Name a column that increases from row to row."
    first = column.drop_nulls().head(1).to_list()
    if first and _OFFSET.search(str(first[0])):
        # Without utc=True, pandas refuses offsets that change in summer, or gives objects.
        return (
            "Parse it first, in UTC, and name its zone: pandas.to_datetime(column, utc=True)"
            ".dt.tz_convert('Europe/Paris')."
        )
    return "Parse it first, for example with pandas.to_datetime."


def _aware(column: Any, name: str, where: str) -> _Column | None:
    """Return the timestamps of a column with a time zone, or None for a column without."""
    # narwhals misses some zones of pandas, such as America/New_York, so pandas is asked directly.
    import narwhals as nw

    native = column.to_native()
    if column.implementation.is_pandas_like():
        arrow = getattr(native.dtype, "pyarrow_dtype", None)
        if getattr(native.dtype if arrow is None else arrow, "tz", None) is None:
            return None
        utc = native.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        zone = Zone(native.dt.tz, "pandas")
    elif isinstance(column.dtype, nw.Datetime) and column.dtype.time_zone is not None:
        utc = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
        zone = Zone(column.dtype.time_zone, column.implementation.value)
    else:
        return None
    outside = ~in_zones(utc)
    if outside.any():
        row = int(outside.argmax())
        raise ValueError(
            f"{name} has a time zone, and holds {utc[row]} UTC in row {row}{where}. Time zones "
            "cover 0001-01-02 to 9999-12-30: drop such rows, or pass the times without their zone."
        )
    return utc, zone


def _refuse_missing(missing: Array, name: str, where: str) -> None:
    if count := int(missing.sum()):
        raise ValueError(
            f"{name} has {count} missing or infinite timestamp{'s' * (count > 1)}, the first in "
            f"row {int(missing.argmax())}{where}. Fill in the time, or drop such rows."
        )
