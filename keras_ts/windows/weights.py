"""Weighs windows by the ``sample_weight`` of their targets, and by inverse scales of series."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.regular import steps_before
from keras_ts.windows.gather import Gather
from keras_ts.windows.geometry import Geometry, WindowRanges
from keras_ts.windows.scale import mean_absolute_steps
from keras_ts.windows.spec import WindowSpec
from keras_ts.windows.split import Part

# No series weighs more than this many times the median weight.
_HEAVIEST = 100
# The most windows to average weights of at once.
_BLOCK = 1 << 16


@dataclass(frozen=True)
class WindowWeights:
    """Weights of windows: one of each window, times one of its series."""

    ranges: WindowRanges
    of_windows: Array | None = None  # float32; None for 1.
    of_series: Array | None = None  # float32; None for 1.

    def of(self, windows: IntArray, unknown: BoolArray | None = None) -> Array:
        """Return the weights of windows by number; ``unknown`` marks those without input values."""
        parts: list[Array] = []
        if self.of_windows is not None:
            parts.append(self.of_windows[windows])
        if self.of_series is not None:
            of_series = self.of_series[self.ranges.series_of(windows)]
            # Windows without a value get one forecast if their other columns are equal. Series of
            # small scale would decide it by their weights, so all get the median weight.
            if unknown is not None:
                of_series = np.where(unknown, np.median(self.of_series), of_series)
            parts.append(of_series)
        return parts[0] if len(parts) == 1 else parts[0] * parts[1]

    def part(self, ranges: WindowRanges) -> "WindowWeights":
        """Return the weights of some of the windows."""
        if self.of_windows is None:
            return replace(self, ranges=ranges)
        return self.only(self.ranges.numbers(ranges.starts(np.arange(ranges.total))), ranges)

    def only(self, windows: IntArray, ranges: WindowRanges) -> "WindowWeights":
        """Return the weights of some windows, given their numbers and their places, ``ranges``."""
        weights = None if self.of_windows is None else self.of_windows[windows]
        return replace(self, ranges=ranges, of_windows=weights)


def read_weights(
    panel: FlatSeries, ranges: WindowRanges, spec: WindowSpec, sample_weight: Any
) -> Callable[[Part], WindowWeights | None]:
    """Return a function from the training part to the weights of all windows, None for 1."""
    weights = None
    if sample_weight is not None:
        weights = _of_windows(panel, ranges, spec.geometry, sample_weight)
    if spec.weighting is not None:
        return lambda train: WindowWeights(
            ranges, weights, _inverse_scales(panel, train, spec.weighting)
        )
    return lambda train: None if weights is None else WindowWeights(ranges, weights)


def _of_windows(
    panel: FlatSeries, ranges: WindowRanges, geometry: Geometry, sample_weight: Any
) -> Array:
    """Return the weight of each window: as given, or the mean weight of its targets' rows."""
    listed = isinstance(sample_weight, list | tuple) and len(sample_weight) > 0
    by_series = listed and np.ndim(sample_weight[0]) > 0
    arrays = [np.asarray(piece) for piece in (sample_weight if by_series else [sample_weight])]
    for array in arrays:
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            raise ValueError(
                "sample_weight must be one number per position (a list of arrays for a panel) or "
                f"per window. Received shape {array.shape}, dtype {array.dtype}."
            )
        if not ((array >= 0).all() and (array <= np.finfo(np.float32).max).all()):
            raise ValueError("sample_weight must be >= 0 everywhere, and finite as a float32.")
    lengths, given = [len(array) for array in arrays], panel.given_lengths
    # If there are as many windows as rows, the weights are those of the rows.
    per_row = lengths in (given.tolist(), [given.sum()])
    per_window = not per_row and lengths == [ranges.total]
    if not per_row and not per_window:
        raise ValueError(
            f"sample_weight has length {lengths}; the series has {given.tolist()} "
            f"positions and {ranges.total} windows. Pass one weight per position or per window."
        )
    weights = np.concatenate(arrays).astype(np.float32)
    if per_window:
        return weights
    if panel.row_order is not None:
        weights = weights[panel.row_order]
    if panel.given is not None:
        every = np.full(len(panel.values), np.nan, np.float32)
        every[panel.given] = weights
        weights = every
    gather, means = Gather(weights, None, (), geometry, panel.offsets), [weights[:0]]
    for begin in range(0, ranges.total, _BLOCK):
        windows = np.arange(begin, min(begin + _BLOCK, ranges.total))
        read = gather.target(ranges.starts(windows)).reshape(len(windows), -1)
        # Each window has a target in a given row, so ``nanmean`` is never NaN.
        partly = panel.given is not None or (geometry.sequence and geometry.before)
        means.append(np.nanmean(read, axis=1) if partly else read.mean(axis=1))
    return np.concatenate(means)


def _inverse_scales(panel: FlatSeries, train: Part, weighting: Any) -> Array:
    """Return the inverse of each series' mean absolute change of targets in the training part."""
    # If there are several targets, each one's change is divided by its median in the panel before
    # they are averaged, so that targets in different units count equally. A series without a change
    # gets the weight of the median series.
    lag = 1 if weighting == "inverse_scale" else weighting
    steps = mean_steps(panel, train, lag)
    if steps.shape[1] > 1:
        typical = [np.median(column[column > 0]) if (column > 0).any() else 1 for column in steps.T]
        steps = steps / typical
    scales = steps.mean(axis=1)
    moving = scales > 0
    if not moving.any():
        return np.ones(len(scales), np.float32)
    with np.errstate(over="ignore"):  # A scale near 0 overflows; its weight is capped.
        weights = 1 / np.where(moving, scales, np.median(scales[moving]))
        weights = np.minimum(weights, _HEAVIEST * np.median(weights[moving])).astype(np.float32)
    if not np.isfinite(weights).all():
        raise ValueError(
            f"weighting={weighting!r}: a weight is not finite, since the changes of the series are "
            f"as small as {scales[moving].min():.2g}. Convert the series to other units."
        )
    return weights


def mean_steps(
    panel: FlatSeries, rows: tuple[IntArray, IntArray], lag: int = 1, squares: bool = False
) -> Array:
    """Return the mean absolute change of targets over some rows, ``(series, targets)``."""
    # A change is between values ``lag`` steps apart, also where rows are missing: if a shop has no
    # rows on Sundays, values 7 steps apart still fall on the same weekday. With ``squares``, a last
    # axis also holds the mean squared changes.
    clock, places = panel.clock, None
    if clock is not None and panel.given is None and len(clock.gaps):
        # No pair of values ``lag`` apart spans a longer gap, so its length does not matter.
        places = np.cumsum(np.minimum(steps_before(clock, clock.gaps), lag + 1))
    columns = np.array(panel.columns.targets)
    return mean_absolute_steps(panel.values, *rows, columns, lag, places, squares=squares)
