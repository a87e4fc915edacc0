"""One weight for every window: given as such, or the mean of its targets' weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.gather import Gather
from keras_ts.windows.arithmetic.geometry import Geometry, WindowRanges
from keras_ts.windows.reading.panel import Panel


@dataclass(frozen=True)
class WindowWeights:
    """The weights of a panel's windows.

    Attributes:
        values: One float32 per window, or per flat position.
        per_window: True if ``values`` holds one weight per window.
        geometry: The shape of a window.
    """

    values: Array
    per_window: bool
    geometry: Geometry

    def of(self, windows: IntArray, starts: Any) -> Array:
        """Return one weight for each window, given its number and its flat start."""
        if self.per_window:
            return self.values[windows]
        read = Gather(self.values, None, (), self.geometry).target(starts)
        return read if read.ndim == 1 else read.mean(axis=tuple(range(1, read.ndim)))


def read_weights(
    panel: Panel, ranges: WindowRanges, geometry: Geometry, sample_weight: Any
) -> WindowWeights:
    """Read ``sample_weight``, or raise an error that says why it does not fit the panel."""
    arrays = [np.asarray(piece) for piece in _pieces(sample_weight)]
    for array in arrays:
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            raise ValueError(
                "sample_weight must be one number per position or per window, a list of such "
                f"arrays for a panel. Received shape {array.shape}, dtype {array.dtype}."
            )
        if not ((array >= 0).all() and (array <= np.finfo(np.float32).max).all()):
            raise ValueError("sample_weight must be >= 0 everywhere, and finite as a float32.")
    lengths = [len(array) for array in arrays]
    per_window = lengths == [ranges.total]
    if not per_window and lengths not in (panel.lengths.tolist(), [len(panel.values)]):
        raise ValueError(
            f"sample_weight has length {lengths}; the series has {panel.lengths.tolist()} "
            f"positions and {ranges.total} windows. Give one weight for each of either."
        )
    weights = np.concatenate(arrays).astype(np.float32)
    if panel.row_order is not None and not per_window:
        weights = weights[panel.row_order]
    return WindowWeights(weights, per_window, geometry)


def _pieces(sample_weight: Any) -> Any:
    """Return the weights of each series where there is a list of them, else all as one piece."""
    listed = isinstance(sample_weight, list | tuple) and len(sample_weight) > 0
    return sample_weight if listed and np.ndim(sample_weight[0]) > 0 else [sample_weight]
