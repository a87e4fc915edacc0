"""The windows of a panel, and those of each part of a split."""

from collections.abc import Iterator
from dataclasses import replace
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
from keras_ts.windows.reading.panel import Panel, missing_rows
from keras_ts.windows.spec import WindowSpec


def all_windows(panel: Panel, spec: WindowSpec) -> WindowRanges:
    """Every window of the panel, without those that ``missing="drop"`` leaves out."""
    geometry = spec.geometry
    ranges = layout(panel.offsets, panel.gaps, geometry)
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
    offset = panel.offsets[:-1]
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
    """Tell a list, an array, a pandas index or column from a single value."""
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
    if panel.clock is None:
        raise TypeError(
            f"at={at!r} is not a position or a fraction; a timestamp needs a frame and time_column."
        )
    return panel.clock.border(at)
