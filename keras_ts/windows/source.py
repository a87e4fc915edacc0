"""``WindowSource``: returns any batch of any epoch as NumPy arrays, for every framework.

A source does not keep how far anyone has read, so that readers in several threads or frameworks
cannot disturb each other. The state of a run does: the epoch and number of its next batch, and the
settings that determine the order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._dtypes import changes_integers
from keras_ts._quantiles import output_names
from keras_ts._typing import Array, IntArray
from keras_ts.panel.flat_series import FlatSeries, check_values, missing_rows
from keras_ts.panel.labels import label_column
from keras_ts.panel.roles import Inputs
from keras_ts.panel.rows import PickledByFields
from keras_ts.windows.gather import Gather, cut_short
from keras_ts.windows.geometry import Geometry, WindowRanges
from keras_ts.windows.sampler import BatchSampler
from keras_ts.windows.spec import WindowSpec
from keras_ts.windows.split import Part
from keras_ts.windows.weights import WindowWeights


@dataclass(frozen=True)
class WindowSource(PickledByFields):
    """The windows of a panel, read in the order of a sampler."""

    spec: WindowSpec
    panel: FlatSeries
    sampler: BatchSampler
    weights: WindowWeights | None
    # The rows before the first border of ``split``, which alone give each series' scale; None for
    # all rows.
    before: Part | None = None
    # Returns, for seed, epoch and numbers of windows, how many of its latest inputs each window
    # keeps; None for all. A window that begins before its series keeps all.
    kept: Callable[[int, int, IntArray], IntArray] | None = None

    def read(self, epoch: int, begin: int, end: int) -> Any:
        """Return the windows at positions ``begin .. end - 1`` of an epoch, as a batch."""
        windows, starts = self.sampler.windows(epoch, begin, end)
        padding = self.sampler.weights(begin, end) if self.sampler.weighted else None
        kept = None if self.kept is None else self.kept(self.sampler.seed, epoch, windows)
        batch = self._assemble(windows, starts, padding, kept)
        if self._check_reads:
            infinite = self.spec.handling.series
            arrays = (array.reshape(-1) for array in keras.tree.flatten(batch))
            if any(missing_rows(array, infinite=infinite).any() for array in arrays):
                check_values(self.panel, self.spec.handling)
        return batch

    def read_all(self) -> Any:
        """Return all windows in time order, as views if they are one range within a series."""
        if self._check_reads:
            check_values(self.panel, self.spec.handling)
        ranges = self.sampler.ranges
        first = int(ranges.first[0])
        if len(ranges.first) == 1 and first >= self.panel.offsets[ranges.series[0]]:
            last = first + ranges.step * (ranges.total - 1)
            starts: Any = slice(first, last + 1, ranges.step)
        else:
            starts = ranges.starts(np.arange(ranges.total))
        return self._assemble(np.arange(ranges.total), starts)

    def targets(self) -> Array:
        """Return the targets of all windows in time order."""
        ranges = self.sampler.ranges
        return self._gather.target(ranges.starts(np.arange(ranges.total)))

    def in_time_order(self) -> "WindowSource":
        """Return a source of all windows in time order, without padding or shards."""
        sampler = replace(
            self.sampler, shuffle=False, remainder="keep", shards=1, shard=0, devices=1
        )
        return replace(self, sampler=sampler, kept=None)

    @property
    def placement(self) -> "Placement":
        """The places of the windows in the series."""
        return Placement(self.panel, self.sampler.ranges, self.spec.geometry)

    def align(self, predictions: Array, levels: tuple[float, ...] | None) -> dict[str, Array]:
        """Return a table of predictions for all windows: see ``WindowDataset.align``."""
        sampler = self.sampler
        if sampler.shuffle or sampler.size < sampler.total:
            raise ValueError(
                "align needs all windows in time order, and this dataset "
                + ("shuffles. " if sampler.shuffle else "leaves some out. ")
                + 'Build it with shuffle=False and remainder="keep", without shard, and '
                "predict on that."
            )
        if predictions.ndim and len(predictions) == sampler.positions:
            predictions = predictions[: sampler.size]  # Without the padding.
        return self.placement.table(self.targets(), predictions, levels)

    def _assemble(
        self,
        windows: IntArray,
        starts: Any,
        padding: Array | None = None,
        kept: IntArray | None = None,
    ) -> Any:
        """Return windows as a batch, given their numbers and starts."""
        gather, inputs = self._gather, self._gather.past(starts)
        if kept is not None:
            begins = self.panel.offsets[self.sampler.ranges.series_of(windows)]
            kept = np.where(starts < begins, self.spec.window, kept)
            inputs = cut_short(inputs, kept, np.array(self.panel.columns.targets))
        unknown: Any = None
        if self.spec.min_inputs == 0:
            targets = inputs.reshape(*inputs.shape[:2], -1)[..., self.panel.columns.targets]
            unknown = ~np.isfinite(targets).any(axis=(1, 2))
        if gather.future or self.panel.by_series:
            ahead = gather.ahead(starts) if gather.future else None
            series = self.sampler.ranges.series_of(windows)
            constant = {part: rows[series] for part, rows in self.panel.by_series.items()}
            inputs = Inputs(inputs, ahead, constant).x
        y, weights = gather.target(starts), padding
        if self.weights is not None:
            weights = self.weights.of(windows, unknown)
            weights = weights if padding is None else weights * padding
        if weights is None:
            return inputs, y
        # With one axis less than targets, Keras weighs whole windows.
        return inputs, y, weights.reshape(len(weights), *[1] * (y.ndim - 2))

    @cached_property
    def _gather(self) -> Gather:
        panel, columns = self.panel, self.panel.columns
        offsets, geometry = panel.offsets, self.spec.geometry
        return Gather(panel.values, columns.target_index, columns.ahead, geometry, offsets)

    @cached_property
    def has_inexact_integers(self) -> bool:
        """True if the backend would change integers of the series; for a memory map, if it may."""
        panel = self.panel
        # Windows that may begin before their series hold no integers.
        parts = [] if self.spec.geometry.before else [panel.values]
        parts += panel.by_series.values()
        return any(changes_integers(part, unread=panel.on_disk) for part in parts)

    @cached_property
    def _check_reads(self) -> bool:
        """True if values are checked as they are read: those of a memory map."""
        panel = self.panel
        return panel.on_disk and not panel.checked and not self.spec.handling.filters


# A state fits a dataset only if these are equal.
_SAME_RUN = ("total", "batch_size", "remainder", "shuffle")


def run_state(sampler: BatchSampler, epoch: int, batch: int) -> dict[str, Any]:
    """Return the state of a run that continues at a batch of an epoch."""
    order = {name: getattr(sampler, name) for name in _SAME_RUN}
    return {"epoch": epoch, "batch": batch, **order, "seed": sampler.seed}


def checked_state(state: Any, sampler: BatchSampler, batches: int) -> tuple[int, int, int]:
    """Return the epoch, the batch and the seed of a state, or refuse it."""
    if not isinstance(state, dict) or not {"epoch", "batch", "seed"} <= state.keys():
        raise ValueError(f"state must be a dict from state(). Received: state={state!r}.")
    for name in _SAME_RUN:
        if state.get(name) != getattr(sampler, name):
            raise ValueError(
                f"state was taken with {name}={state.get(name)!r}, and this dataset has "
                f"{name}={getattr(sampler, name)!r}. Build it from the same series and settings."
            )
    epoch, batch, seed = (
        _checks.integer(f"state['{name}']", state[name], 0) for name in ("epoch", "batch", "seed")
    )
    if batch > batches:
        raise ValueError(
            f"state['batch'] must be <= {batches}, the batches in an epoch. Received: {batch}."
        )
    # After all batches of an epoch, a run goes on with the next epoch.
    return epoch + batch // batches, batch % batches, seed


@dataclass(frozen=True)
class Placement:
    """The windows of a panel, and their places in the series."""

    panel: FlatSeries
    ranges: WindowRanges
    geometry: Geometry

    def origins(self) -> Array:
        """Return the position or timestamp of the last input of every window."""
        windows = np.arange(self.ranges.total)
        flat = self.ranges.starts(windows) + self.geometry.reach - 1
        return self._moments(flat, self.ranges.series_of(windows))

    def table(
        self, actual: Array, predictions: Array, levels: Sequence[float] | None = None
    ) -> dict[str, Array]:
        """Return one row per window, input (in sequences) and step: see ``WindowDataset.align``."""
        # An input of a sequence that lies before its series has no timestamp, and gets no row.
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
        # The column of the median, or of point forecasts, comes first.
        forecasts = {"prediction": by_level[..., names.index("prediction")]}
        forecasts |= {name: by_level[..., place] for place, name in enumerate(names)}
        actual = actual.reshape(values)
        if shape.sequence and shape.before:
            inside = origin >= self.panel.offsets[series]
            series, origin, step, actual = (of[inside] for of in (series, origin, step, actual))
            forecasts = {name: column[inside] for name, column in forecasts.items()}
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
        """Return the timestamps of flat positions or, without timestamps, their positions."""
        if self.panel.clock is not None:
            rows = np.maximum(flat, self.panel.offsets[series])
            return self.panel.clock.stamps(rows, self.panel.times_at(flat, series))
        return flat - self.panel.offsets[series]


def shapes_of(targets: tuple[int, ...], geometry: Geometry) -> list[tuple[int, ...]]:
    """Return the shapes that forecasts may have for targets of a shape."""
    # Keras itself adds and drops a last axis of length 1.
    shapes = [targets, (*targets, 1)]
    if targets[-1:] == (1,) and len(targets) > 1:
        shapes.append(targets[:-1])
    if geometry.horizon == 1:  # Forecasts may have an axis for the single step.
        lead = 1 + geometry.sequence
        shapes.append((*targets[:lead], 1, *targets[lead:]))
    return shapes
