"""Which windows a panel has, and which of them belong to which part of a split."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_ts._typing import IntArray
from keras_ts.windows.index import Runs, layout, only_where, part_limits, touches
from keras_ts.windows.series import Panel, missing_rows

if TYPE_CHECKING:
    from keras_ts.windows.spec import WindowedSeries


def all_windows(panel: Panel, windows: "WindowedSeries") -> Runs:
    """Every window of the panel, without those that ``missing="drop"`` leaves out."""
    geometry = windows.geometry
    runs = layout(panel.bounds, panel.breaks, geometry)
    if windows.missing != "drop" or panel.values.dtype.kind != "f":
        return runs

    def complete(begin: int, count: int) -> Any:
        stop = begin + geometry.stride * (count - 1) + geometry.span
        values = panel.values[begin:stop]
        bad = missing_rows(values)
        hit = touches(bad, missing_rows(values, panel.targets), geometry, count)
        if panel.future:
            # Covariates are read behind the origin also where every input has targets.
            ahead = replace(geometry, sequence=False)
            hit = hit | touches(bad, missing_rows(values, panel.future), ahead, count)
        return ~hit

    return only_where(runs, complete)


def parts(panel: Panel, windows: "WindowedSeries", at: Any, context: bool) -> Iterator[Runs]:
    """The windows of each part of a split, in order.

    Raises:
        ValueError: ``at`` is not usable, or a part gets no window.
    """
    borders = _borders(panel, at)
    runs = all_windows(panel, windows)
    refuse_none(runs, panel, windows)
    offset = panel.bounds[:-1]
    for part in range(borders.shape[1] + 1):
        low, high = part_limits(borders, panel.lengths, part, windows.geometry, context)
        inside = runs.between((low + offset)[runs.series], (high + offset)[runs.series])
        if not inside.total:
            raise ValueError(
                f"at={at!r} leaves part {part} without a window: window={windows.window}, "
                f"gap={windows.gap}, horizon={windows.horizon} span {windows.geometry.span} "
                "positions, and all targets of a window must lie in its part. Move the border, "
                "or make the window shorter."
            )
        yield inside


def refuse_none(runs: Runs, panel: Panel, windows: "WindowedSeries") -> None:
    """Raise where there is no window at all, with the numbers that say why."""
    if runs.total:
        return
    longest = int(panel.lengths.max(initial=0))
    span = windows.geometry.span
    if longest >= span:
        raise ValueError(
            f'missing="drop" leaves no window: every one of the {span} positions that a window '
            "spans must be finite. Fill the missing values, or make the window shorter."
        )
    raise ValueError(
        f"series is too short: window={windows.window}, sampling_rate={windows.sampling_rate}, "
        f"gap={windows.gap} and horizon={windows.horizon} span {span} positions, and the "
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


def read_weights(panel: Panel, runs: Runs, weight: Any) -> tuple[Any, bool]:
    """Read ``sample_weight`` into one flat array.

    Returns:
        The weights, and whether there is one per window rather than one per position.
    """
    arrays = [np.asarray(piece) for piece in (weight if _is_panel(weight) else [weight])]
    for array in arrays:
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            raise ValueError(
                "sample_weight must be one number per position or per window, a list of such "
                f"arrays for a panel. Received shape {array.shape}, dtype {array.dtype}."
            )
        if not (np.isfinite(array).all() and (array >= 0).all()):
            raise ValueError("sample_weight must be finite and >= 0 everywhere.")
    lengths = [len(array) for array in arrays]
    per_window = lengths == [runs.total]
    if not per_window and lengths not in (panel.lengths.tolist(), [len(panel.values)]):
        raise ValueError(
            f"sample_weight has length {lengths}; the series has {panel.lengths.tolist()} "
            f"positions and {runs.total} windows. Give one weight for each of either."
        )
    weights = np.concatenate(arrays).astype(np.float32)
    if panel.order is not None and not per_window:
        weights = weights[panel.order]
    return weights, per_window


def _is_panel(weight: Any) -> bool:
    return isinstance(weight, list | tuple) and len(weight) > 0 and np.ndim(weight[0]) > 0
