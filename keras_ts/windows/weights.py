"""One weight per window: given, averaged over its targets, or the inverse of its series' scale."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.gather import Gather
from keras_ts.windows.arithmetic.geometry import Geometry, PickledByFields, WindowRanges
from keras_ts.windows.arithmetic.scale import mean_absolute_steps
from keras_ts.windows.reading.panel import Panel
from keras_ts.windows.split import Part


@dataclass(frozen=True)
class WindowWeights(PickledByFields):
    """The weights of some windows of a panel.

    Attributes:
        values: The weights, float32.
        per: "window", "position", "given" or "series": ``values`` holds one weight for each; with
            "given", one for each position, NaN for the rows that were not given.
        ranges: The windows.
        geometry: The shape of a window.
    """

    values: Array
    per: Literal["window", "position", "given", "series"]
    ranges: WindowRanges
    geometry: Geometry

    def of(self, windows: IntArray, starts: Any) -> Array:
        """Return one weight for each window, given its number and its flat start."""
        if self.per == "window":
            return self.values[windows]
        if self.per == "series":
            return self.values[self.ranges.series_of(windows)]
        read = self._gather.target(starts)
        if read.ndim == 1:
            return read
        # Every window has a target that is present, in a row that was given.
        mean: Any = np.nanmean if self.per == "given" else np.mean
        weights: Array = mean(read, axis=tuple(range(1, read.ndim)))
        return weights

    @cached_property
    def _gather(self) -> Gather:
        return Gather(self.values, None, (), self.geometry)

    def part(self, ranges: WindowRanges) -> "WindowWeights":
        """Return the weights of some of the windows."""
        values = self.values
        if self.per == "window":
            values = values[self.ranges.numbers(ranges.starts(np.arange(ranges.total)))]
        return replace(self, values=values, ranges=ranges)


def read_weights(
    panel: Panel, ranges: WindowRanges, geometry: Geometry, sample_weight: Any
) -> Callable[[Part], WindowWeights | None]:
    """Return a function of a training part that returns the weights of all windows.

    An array of weights is checked at once, and is the same for every part.

    Args:
        panel: The series.
        ranges: All windows.
        geometry: The shape of a window.
        sample_weight: As ``WindowedSeries.build`` takes it; None for no weights.

    Raises:
        ValueError: ``sample_weight`` does not fit the panel.
    """
    if isinstance(sample_weight, str):
        _checks.choice("sample_weight", sample_weight, ("inverse_scale",))
        return lambda train: WindowWeights(
            _inverse_scales(panel, train), "series", ranges, geometry
        )
    weights = None
    if sample_weight is not None:
        weights = _array_weights(panel, ranges, geometry, sample_weight)
    return lambda train: weights


def _array_weights(
    panel: Panel, ranges: WindowRanges, geometry: Geometry, sample_weight: Any
) -> WindowWeights:
    arrays = [np.asarray(piece) for piece in _pieces(sample_weight)]
    for array in arrays:
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            raise ValueError(
                "sample_weight must be one number per position or per window, a list of such "
                'arrays for a panel, or "inverse_scale". Received shape '
                f"{array.shape}, dtype {array.dtype}."
            )
        if not ((array >= 0).all() and (array <= np.finfo(np.float32).max).all()):
            raise ValueError("sample_weight must be >= 0 everywhere, and finite as a float32.")
    lengths = [len(array) for array in arrays]
    per_window = lengths == [ranges.total]
    given = panel.given_lengths
    if not per_window and lengths not in (given.tolist(), [given.sum()]):
        raise ValueError(
            f"sample_weight has length {lengths}; the series has {given.tolist()} "
            f"positions and {ranges.total} windows. Pass one weight per position or per window."
        )
    weights = np.concatenate(arrays).astype(np.float32)
    if per_window:
        return WindowWeights(weights, "window", ranges, geometry)
    if panel.row_order is not None:
        weights = weights[panel.row_order]
    if panel.given is None:
        return WindowWeights(weights, "position", ranges, geometry)
    every = np.full(len(panel.values), np.nan, np.float32)
    every[panel.given] = weights
    return WindowWeights(every, "given", ranges, geometry)


def _pieces(sample_weight: Any) -> Sequence[Any]:
    """Return a list of weights by series as it is, and an array of weights as one piece."""
    listed = isinstance(sample_weight, list | tuple) and len(sample_weight) > 0
    return sample_weight if listed and np.ndim(sample_weight[0]) > 0 else [sample_weight]


def _inverse_scales(panel: Panel, train: Part) -> Array:
    """Return the inverse of the mean absolute step of each series' targets in the training part.

    Of several targets, each target's step is divided by its median in the panel before they are
    averaged, so that targets in different units count equally. A series without a step gets the
    weight of the median series.
    """
    targets = np.array(panel.columns.targets)
    steps = mean_absolute_steps(panel.values, train.begin, train.end, targets)
    if steps.shape[1] > 1:
        typical = [np.median(column[column > 0]) if (column > 0).any() else 1 for column in steps.T]
        steps = steps / typical
    scales = steps.mean(axis=1)
    moving = scales > 0
    if not moving.any():
        return np.ones(len(scales), np.float32)
    weights = 1 / np.where(moving, scales, np.median(scales[moving]))
    limits = np.finfo(np.float32)
    unfit = (weights > limits.max) | (weights < limits.tiny)
    if unfit.any():
        series = int(unfit.argmax())
        raise ValueError(
            f'sample_weight="inverse_scale": {panel.series(series)} moves by {scales[series]:.2g} '
            "from one position to the next, and the inverse of that does not fit float32. Convert "
            "the series to other units."
        )
    return weights.astype(np.float32)
