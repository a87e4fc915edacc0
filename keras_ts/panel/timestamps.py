"""Reads time columns of frames through narwhals: as NumPy's times in UTC, and in local time."""

from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.panel.clock import Clock, Zone, in_zones

# The times of a column (in UTC if it has a time zone), and its time zone.
_Column = tuple[Array, Zone | None]


def read_clock(table: Any, name: str) -> Clock:
    """Read the time column of a narwhals frame, as of one series."""
    return _clock(*_read(table[name], f"time_column={name!r}"))


def _clock(times: Array, zone: Zone | None) -> Clock:
    local = None if zone is None else zone.shown(times)
    return Clock(times, np.array([0, len(times)]), local, zone)


def read_timestamps(timestamps: Any) -> Clock:
    """Read dates without a frame: a NumPy array, or a column or index of pandas or polars."""
    plain = isinstance(timestamps, np.ndarray | np.datetime64 | list | tuple)
    times, zone = (_dates(timestamps), None) if plain else _of_frame(timestamps)
    if times.dtype.kind != "M":
        raise TypeError(f"timestamps must hold dates. Received {times.dtype}.")
    return _clock(times, zone)


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
            f"pandas or polars. Received {read.dtype} of shape {read.shape}."
        )
    _refuse_missing(np.isnat(read), "timestamps")
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
    return _read(column, "timestamps")


def _read(column: Any, name: str) -> _Column:
    """Read a column; errors begin with ``name``."""
    import narwhals as nw

    if column.null_count():
        _refuse_missing(column.is_null().to_numpy(), name)
    read = _aware(column, name)
    if read is not None:
        return read
    if column.dtype == nw.Decimal:
        column = column.cast(nw.Float64)
    if not (column.dtype.is_numeric() or column.dtype in (nw.Datetime, nw.Date)):
        raise TypeError(
            f"{name} must hold dates, timestamps or numbers. Received {received(column)}. "
            "Parse it first."
        )
    times = column.to_numpy()
    if column.dtype == nw.Date:
        return times.astype("datetime64[D]"), None
    if times.dtype.kind == "f":
        _refuse_missing(~np.isfinite(times), name)
        odd = (times != np.rint(times)) | (np.abs(times) > 1 << 53)
        if odd.any():
            row = int(odd.argmax())
            raise ValueError(
                f"{name} must hold whole numbers, or dates; floats of at most 2**53. Received "
                f"{times[row]} in row {row}. Number the steps, or turn seconds into dates."
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


def _aware(column: Any, name: str) -> _Column | None:
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
            f"{name} has a time zone, and holds {utc[row]} UTC in row {row}. Time zones "
            "cover 0001-01-02 to 9999-12-30: drop such rows, or pass the times without their zone."
        )
    return utc, zone


def _refuse_missing(missing: Array, name: str) -> None:
    if count := int(missing.sum()):
        raise ValueError(
            f"{name} has {count} missing or infinite timestamps, the first in "
            f"row {int(missing.argmax())}. Fill in the time, or drop such rows."
        )
