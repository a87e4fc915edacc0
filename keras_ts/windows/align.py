"""``Placement``: finds the positions, timestamps and labels of windows and of their targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts._quantiles import output_names
from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.geometry import Geometry, WindowRanges
from keras_ts.windows.reading.flat_series import FlatSeries


@dataclass(frozen=True)
class Placement:
    """The windows of a panel, and their places in the series."""

    panel: FlatSeries  # The series.
    ranges: WindowRanges  # The windows, in time order.
    geometry: Geometry  # The shape of a window.

    def origins(self) -> Array:
        """Return the position or timestamp of the last input of every window."""
        windows = np.arange(self.ranges.total)
        flat = self.ranges.starts(windows) + self.geometry.reach - 1
        return self._moments(flat, self.ranges.series_of(windows))

    def table(
        self, actual: Array, predictions: Array, levels: Sequence[float] | None = None
    ) -> dict[str, Array]:
        """Return one row per window, input (in sequences) and step: see ``WindowDataset.align``."""
        # Inputs before their series, which have no timestamp, get no row. With ``levels``,
        # predictions have a last axis of quantiles.
        shape = self.geometry
        windows = np.arange(self.ranges.total)
        inputs = np.arange(shape.window) if shape.sequence else np.array([shape.window - 1])
        steps = np.arange(1, shape.horizon + 1)
        grid = (len(windows), len(inputs), len(steps))
        columns = actual.size // int(np.prod(grid))
        tail = () if levels is None else (len(levels),)
        received = predictions.shape
        if received not in [(*fitting, *tail) for fitting in shapes_of(actual.shape, shape)]:
            cure = ""
            if levels is None and received[:-1] in shapes_of(actual.shape, shape):
                cure = (
                    f" If the last axis holds {received[-1]} quantiles, pass their levels as "
                    "quantiles=, such as [0.1, 0.5, 0.9]."
                )
            raise ValueError(
                f"predictions must have one value per target{' and quantile' * len(tail)}, "
                f"{(*actual.shape, *tail)}. Received shape {received}.{cure}"
            )

        def rows(values: Array) -> Array:
            return np.broadcast_to(values, grid).reshape(-1)

        starts = self.ranges.starts(windows)[:, None, None]
        origin = rows(starts + (shape.sampling_rate * inputs)[None, :, None])
        step = rows(steps)
        series = rows(self.ranges.series_of(windows)[:, None, None])
        values = (-1,) if columns == 1 else (-1, columns)
        names = output_names("prediction", levels)
        by_level = predictions.reshape(*values, len(names))
        # The point or median first.
        forecasts = {"prediction": by_level[..., names.index("prediction")]}
        forecasts |= {name: by_level[..., place] for place, name in enumerate(names)}
        actual = actual.reshape(values)
        if shape.sequence and shape.before:
            kept = np.flatnonzero(origin >= self.panel.offsets[series])
            series, origin, step = series[kept], origin[kept], step[kept]
            actual = actual[kept]
            forecasts = {name: column[kept] for name, column in forecasts.items()}
        labels = self.panel.labels
        return {
            "series": series if labels is None else label_column(labels)[series],
            "origin": self._moments(origin, series),
            "step": step,
            "target": self._moments(origin + shape.gap + step, series),
            "actual": actual,
            **forecasts,
        }

    def _moments(self, flat: IntArray, series: IntArray) -> Array:
        if self.panel.clock is not None:
            first = np.maximum(flat, self.panel.offsets[series])
            return self.panel.clock.stamps(first, self.panel.times_at(flat, series))
        return flat - self.panel.offsets[series]


def shapes_of(targets: tuple[int, ...], geometry: Geometry) -> list[tuple[int, ...]]:
    """Return the shapes that forecasts of targets may have; any other one is a mistake."""
    # Keras itself adds and drops a last axis of length 1.
    shapes = [targets, (*targets, 1)]
    if targets[-1:] == (1,) and len(targets) > 1:
        shapes.append(targets[:-1])
    if geometry.horizon == 1:  # A single step may keep its axis.
        lead = 1 + geometry.sequence
        shapes.append((*targets[:lead], 1, *targets[lead:]))
    return shapes


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
