"""Which windows a panel has, and which of them belong to which part of a split."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.geometry import (
    WindowRanges,
    layout,
    only_where,
    part_limits,
    windows_reading,
)
from keras_ts.windows.series import Panel, missing_rows
from keras_ts.windows.spec import WindowSpec


def all_windows(panel: Panel, spec: WindowSpec) -> WindowRanges:
    """Every window of the panel, without those that ``missing="drop"`` leaves out."""
    geometry = spec.geometry
    ranges = layout(panel.bounds, panel.breaks, geometry)
    if spec.missing != "drop" or panel.values.dtype.kind != "f":
        return ranges

    def complete(begin: int, count: int) -> Any:
        stop = begin + geometry.stride * (count - 1) + geometry.span
        values = panel.values[begin:stop]
        bad = missing_rows(values)
        hit = windows_reading(bad, missing_rows(values, panel.targets), geometry, count)
        if panel.future:
            # Covariates are read behind the origin also where every input has targets.
            ahead = replace(geometry, sequence=False)
            hit = hit | windows_reading(bad, missing_rows(values, panel.future), ahead, count)
        return ~hit

    return only_where(ranges, complete)


def parts(panel: Panel, spec: WindowSpec, at: Any, context: bool) -> Iterator[WindowRanges]:
    """The windows of each part of a split, in order.

    Raises:
        ValueError: ``at`` is not usable, or a part gets no window.
    """
    borders = _borders(panel, at)
    ranges = all_windows(panel, spec)
    check_nonempty(ranges, panel, spec)
    offset = panel.bounds[:-1]
    for part in range(borders.shape[1] + 1):
        low, high = part_limits(borders, panel.lengths, part, spec.geometry, context)
        inside = ranges.between((low + offset)[ranges.series], (high + offset)[ranges.series])
        if not inside.total:
            raise ValueError(
                f"at={at!r} leaves part {part} without a window: window={spec.window}, "
                f"gap={spec.gap}, horizon={spec.horizon} span {spec.geometry.span} "
                "positions, and all targets of a window must lie in its part. Move the border, "
                "or make the window shorter."
            )
        yield inside


def check_nonempty(ranges: WindowRanges, panel: Panel, spec: WindowSpec) -> None:
    """Raise where there is no window at all, with the numbers that say why."""
    if ranges.total:
        return
    longest = int(panel.lengths.max(initial=0))
    span = spec.geometry.span
    if longest >= span:
        raise ValueError(
            f'missing="drop" leaves no window: every one of the {span} positions that a window '
            "spans must be finite. Fill the missing values, or make the window shorter."
        )
    raise ValueError(
        f"series is too short: window={spec.window}, sampling_rate={spec.sampling_rate}, "
        f"gap={spec.gap} and horizon={spec.horizon} span {span} positions, and the "
        f"longest of {len(panel.lengths)} series has {longest}."
    )


def _borders(panel: Panel, at: Any) -> IntArray:
    """Positions at which new parts begin, ``(series, borders)``."""
    listed = list(at) if _is_list(at) else [at]
    if not listed:
        raise ValueError("at is empty; give the position, fraction or timestamp of a border.")
    columns = [_border(panel, border) for border in listed]
    borders = np.column_stack(columns)
    if (np.diff(borders, axis=1) < 0).any() or any(
        (later <= earlier).all() for earlier, later in pairwise(columns)
    ):
        raise ValueError(f"at must increase. Received: at={at!r}.")
    return borders


def _is_list(at: Any) -> bool:
    """Whether it is a list, an array, a pandas index or column: all but a single value."""
    return hasattr(at, "__len__") and not isinstance(at, str | bytes) and np.shape(at) != ()


def _border(panel: Panel, at: Any) -> IntArray:
    lengths = panel.lengths
    if isinstance(at, np.ndarray) and at.ndim == 0:
        at = at[()]
    if isinstance(at, bool | np.bool_) or at is None or _is_list(at):
        raise TypeError(f"at must be a position, a fraction or a timestamp. Received: at={at!r}.")
    if isinstance(at, float | np.floating):
        if not 0 < at < 1:
            raise ValueError(
                f"at={at!r} is outside the series: a fraction lies between 0 and 1. "
                "For a position pass an int."
            )
        return np.rint(lengths * at).astype(np.int64)
    if hasattr(at, "__index__"):
        position = int(at)
        longest = int(lengths.max(initial=0))
        if not 0 < position < longest:
            raise ValueError(
                f"at={position} is outside the series: a border lies between 1 and "
                f"{longest - 1}, the longest series having {longest} positions."
            )
        return np.minimum(position, lengths)
    return _timestamp_border(panel, at)


def _timestamp_border(panel: Panel, at: Any) -> IntArray:
    if panel.times is None:
        raise TypeError(
            f"at={at!r} is not a position or a fraction; a timestamp needs a frame and time_column."
        )
    if not np.issubdtype(panel.times.dtype, np.datetime64):
        raise TypeError(f"at={at!r}: the time column holds {panel.times.dtype}, not dates.")
    try:
        moment, aware = _moment(at)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"at={at!r} is not a timestamp that can be read: {error}.") from None
    if np.isnat(moment):
        raise ValueError(f"at={at!r} is a missing timestamp; give one within the series.")
    if aware and not panel.zones:
        raise TypeError(
            f"at={at!r} has a time zone, and the time column has none. Give at without one, as "
            "the column's clock shows it, or give the column its zone, with dt.tz_localize in "
            "pandas or dt.replace_time_zone in polars."
        )
    if panel.wall is None or aware:
        borders = _find(panel, panel.times, moment)
    else:
        # A clock that is put back shows an hour twice.
        _refuse_ambiguous(panel, moment, at)
        borders = _find(panel, panel.wall, moment)
    if (borders == 0).all() or (borders == panel.lengths).all():
        ends = np.concatenate([panel.bounds[:-1], panel.bounds[1:] - 1])
        first, last = panel.stamps(ends[[panel.times[ends].argmin(), panel.times[ends].argmax()]])
        raise ValueError(f"at={at!r} is outside the series, which runs from {first} to {last}.")
    return borders


def _find(panel: Panel, clock: Array, moment: np.datetime64) -> IntArray:
    """The position in each series at which a clock first shows ``moment`` or later."""
    each = [clock[begin:end] for begin, end in pairwise(panel.bounds)]
    if clock is panel.wall:
        each = [np.maximum.accumulate(one) for one in each]
    return np.array([np.searchsorted(one, moment) for one in each], dtype=np.int64)


def _refuse_ambiguous(panel: Panel, moment: np.datetime64, at: Any) -> None:
    """Raise where the clock of a time zone shows ``moment`` twice, and rows lie between."""
    assert panel.times is not None
    for zone, series in panel.by_zone():
        first, second = (
            _find(panel, panel.times, instant)[series] for instant in zone.readings(moment)
        )
        if (first < second).any():
            once, again = zone.stamps(np.array(zone.readings(moment)))
            raise ValueError(
                f"at={at!r} is shown twice by the clock of {zone.info}, which is put back: at "
                f"{once} and at {again}. Give one of them, with its offset."
            )


def _moment(at: Any) -> tuple[np.datetime64, bool]:
    """A timestamp as NumPy's, in UTC if it has a time zone, and whether it has one."""
    finer = ""
    if isinstance(at, str):
        try:
            # NumPy reads no time zones, and Python no nanoseconds.
            read = datetime.fromisoformat(at)
        except ValueError:  # A year or a month alone, or nothing that can be read.
            return np.datetime64(at), False
        finer = "".join(re.findall(r"[.,]\d{6}(\d{1,3})", at))
        at = read
    aware = getattr(at, "tzinfo", None) is not None
    if hasattr(at, "to_datetime64"):  # One of pandas, which knows nanoseconds.
        return at.to_datetime64(), aware
    moment = np.datetime64(at.astimezone(UTC).replace(tzinfo=None) if aware else at)
    return moment + np.timedelta64(int(finer.ljust(3, "0")), "ns") if finer else moment, aware
