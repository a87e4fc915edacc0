"""``Placement``: finds the positions, timestamps and labels of windows and of their targets."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.geometry import Geometry, WindowRanges
from keras_ts.windows.reading.panel import Panel


@dataclass(frozen=True)
class Placement:
    """The windows of a panel, and their places in the series.

    Attributes:
        panel: The series.
        ranges: The windows, in time order.
        geometry: The shape of a window.
    """

    panel: Panel
    ranges: WindowRanges
    geometry: Geometry

    def origins(self) -> Array:
        """Return the position or timestamp of the last input of every window."""
        windows = np.arange(self.ranges.total)
        flat = self.ranges.starts(windows) + self.geometry.reach - 1
        return self._moments(flat, self.ranges.series_of(windows))

    def table(self, actual: Array, predictions: Array) -> dict[str, Array]:
        """Return one row per window, input (in sequences) and step: see ``WindowDataset.align``.

        Inputs before their series, which have no timestamp, get no row.
        """
        shape = self.geometry
        windows = np.arange(self.ranges.total)
        inputs = np.arange(shape.window) if shape.sequence else np.array([shape.window - 1])
        steps = np.arange(1, shape.horizon + 1)
        grid = (len(windows), len(inputs), len(steps))
        columns = actual.size // int(np.prod(grid))
        # Keras itself adds and drops a last axis of length 1; any other shape is a mistake.
        received = predictions.shape
        if actual.shape not in (received, (*received, 1)) and received != (*actual.shape, 1):
            axes = ["windows", *["inputs"] * shape.sequence, *["steps"] * (shape.horizon > 1)]
            axes += ["columns"] * (actual.ndim > len(axes))
            quantiles = ""
            if received[:-1] == actual.shape:
                quantiles = " Of several quantiles pass one, such as predictions[..., 1]."
            raise ValueError(
                f"predictions must have one value per target, {actual.shape}. Received shape "
                f"{received}. The axes are {', '.join(axes)}, in this order.{quantiles}"
            )

        def rows(values: Array) -> Array:
            return np.broadcast_to(values, grid).reshape(-1)

        starts = self.ranges.starts(windows)[:, None, None]
        origin = rows(starts + (shape.sampling_rate * inputs)[None, :, None])
        step = rows(steps)
        series = rows(self.ranges.series_of(windows)[:, None, None])
        values = (-1,) if columns == 1 else (-1, columns)
        actual, predictions = actual.reshape(values), predictions.reshape(values)
        if shape.sequence and shape.before:
            kept = np.flatnonzero(origin >= self.panel.offsets[series])
            series, origin, step = series[kept], origin[kept], step[kept]
            actual, predictions = actual[kept], predictions[kept]
        return {
            "series": self._labels(series),
            "origin": self._moments(origin, series),
            "step": step,
            "target": self._moments(origin + shape.gap + step, series),
            "actual": actual,
            "prediction": predictions,
        }

    def _labels(self, series: IntArray) -> Array:
        return series if self.panel.labels is None else label_column(self.panel.labels)[series]

    def _moments(self, flat: IntArray, series: IntArray) -> Array:
        if self.panel.clock is not None:
            return self.panel.clock.stamps(flat)
        return flat - self.panel.offsets[series]


def label_column(labels: tuple[Any, ...]) -> Array:
    """Return labels as a one-dimensional array that keeps their values and types."""
    kinds = {*map(type, labels)}
    if len(kinds) == 1 and isinstance(labels[0], str | int | float):
        array = np.asarray(labels)
        back = array.tolist()
        if back == list(labels) and {*map(type, back)} == kinds:
            return array
    array = np.empty(len(labels), dtype=object)
    array[:] = labels
    return array
