"""Which windows a panel has, and which of them belong to which part of a split."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from keras_ts._typing import IntArray
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
        plain, aware = _without_zone(at)
        moment = np.datetime64(plain)
    except (TypeError, ValueError) as error:
        raise ValueError(f"at={at!r} is not a timestamp that can be read: {error}.") from None
    if np.isnat(moment):
        raise ValueError(f"at={at!r} is a missing timestamp; give one within the series.")
    times = panel.times if aware or panel.wall is None else panel.wall
    each = [times[begin:end] for begin, end in pairwise(panel.bounds)]
    if times is panel.wall:
        # A clock that is put back shows an hour twice: the first time counts.
        each = [np.maximum.accumulate(one) for one in each]
    borders = np.array([np.searchsorted(one, moment) for one in each], dtype=np.int64)
    if (borders == 0).all() or (borders == panel.lengths).all():
        raise ValueError(
            f"at={at!r} is outside the series, which runs from {times.min()} to {times.max()}."
        )
    return borders


def _without_zone(at: Any) -> tuple[Any, bool]:
    """A timestamp, in UTC if it has a time zone, and whether it has one."""
    if isinstance(at, str):
        # NumPy reads no time zones; what is no date and time in one, it reads or refuses.
        try:
            read = datetime.fromisoformat(at)
        except ValueError:
            return at, False
        at = at if read.tzinfo is None else read
    if getattr(at, "tzinfo", None) is None:
        return at, False
    return at.astimezone(UTC).replace(tzinfo=None), True
