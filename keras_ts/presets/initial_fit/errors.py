"""Reads the windows of a dataset with the errors of an untrained model's forecasts.

The fits of ``linear`` and of ``events`` begin from these errors. They read at most 65,536 windows:
more would hardly change a few dozen weights, and would keep users of a million series waiting.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np

from keras_ts._dtypes import with_exact_integers
from keras_ts._models import predict
from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.ridge import RidgeSums
from keras_ts.windows.arithmetic.scale import moments
from keras_ts.windows.dataset import WindowDataset, in_time_order
from keras_ts.windows.roles import Inputs

_CHUNK, _MOST_CHUNKS = 1024, 64
# The regression clips errors at this many times their median: those of a series that begins to sell
# are many times the size of its window.
_LARGEST = 100.0


class Chunk(NamedTuple):
    """Some windows, and the errors of their forecasts."""

    starts: IntArray  # rows of the panel
    windows: Array
    scale: Array
    ahead: Array  # columns known ahead, at the last step, ``(windows, columns)``
    errors: Array  # targets less forecasts, ``(windows, steps, targets)``, float64
    weights: Array  # squared, float64
    units: Array | None = None  # of the events, ``(windows, 1, targets)``, in a panel with events


def chunks(probe: keras.Model, dataset: WindowDataset) -> Iterator[Chunk]:
    """Yield chunks that are spread evenly over the windows of a dataset, in time order."""
    source = in_time_order(dataset, weighted=True)
    total, horizon = source.sampler.size, dataset.windows.horizon
    for begin in range(0, total, max(_CHUNK, -(-total // _MOST_CHUNKS))):
        end = min(begin + _CHUNK, total)
        # The last chunk begins earlier, to be as long: for another length JAX would compile anew.
        first = max(end - _CHUNK, 0)
        x, y, *weights = source.read(0, first, end)
        probed = predict(probe, with_exact_integers(x))
        known = Inputs.of(x).ahead
        ahead = np.empty((len(y), 0)) if known is None else known[:, -1]
        parts = [np.asarray(part)[begin - first :] for part in (y, ahead, *weights, *probed)]
        y, ahead, *weights = parts[: 2 + len(weights)]
        windows, scale, forecasts, *units = parts[-len(probed) :]
        # Quantiles are the last axis, and all equal before training.
        errors = y.astype("float64") - forecasts.reshape(*y.shape, -1)[..., 0]
        errors = errors.reshape(len(y), horizon, -1)
        starts = source.sampler.ranges.starts(np.arange(begin, end))
        squares = np.square(weights[0].ravel(), dtype="float64") if weights else np.ones(len(y))
        if dataset.windows.min_inputs == 0:  # A window without a value counts for nothing.
            past = Inputs.of(x).past[begin - first :].reshape(len(y), dataset.windows.window, -1)
            squares *= np.isfinite(past[..., source.panel.columns.targets]).any(axis=(1, 2))
        yield Chunk(starts, windows, scale, ahead, errors, squares, *units)


# Each row is forecast at every step of the horizon, by different windows. If the window of a step
# was left out or would begin too early, the error there is that of the next earlier forecast, or
# else of the next later one.
def errors_by_row(
    probe: keras.Model, dataset: WindowDataset, units: Sequence[float] | None
) -> tuple[IntArray, Array]:
    """Return the rows that have forecasts, and their errors, ``(rows, steps, targets)``."""
    # Windows of weight or unit 0 are left out, and so are rows that lack a target. If each window
    # has its own units, ``units`` is None.
    starts, parts = [], []
    for chunk in chunks(probe, dataset):
        counted = chunk.weights > 0
        if chunk.units is not None:
            counted &= (chunk.units > 0).all(axis=(1, 2))
        scale = np.asarray(units) if chunk.units is None else chunk.units[counted]
        starts.append(chunk.starts[counted])
        parts.append((chunk.errors[counted] / scale).astype("float32"))
    first, errors = np.concatenate(starts), np.concatenate(parts)
    errors[~np.isfinite(errors).all(axis=2)] = np.nan
    _subtract_explained(errors, first, dataset)
    return _by_row(first + dataset.windows.geometry.first_target, errors)


# A promotion on the same date each year would pass for an event. So a ridge regression at each
# step explains errors by such columns at the row, and at the last row of the window, which
# has seen some of their effect.
def _subtract_explained(errors: Array, starts: IntArray, dataset: WindowDataset) -> None:
    """Subtract from errors, in place, what columns known ahead other than the calendar explain."""
    panel, geometry = in_time_order(dataset).panel, dataset.windows.geometry
    planned = panel.columns.planned
    present = np.isfinite(errors)
    if not planned or not present.any():
        return
    limit = _LARGEST * np.median(np.abs(errors[present]))
    centers = np.nanmedian(errors, axis=(0, 1))
    limited = np.clip(errors - centers, -limit, limit)
    last_values = panel.values[starts + geometry.reach - 1][:, planned]
    mean, std = moments(last_values, [(0, len(last_values))])
    std = np.where(std > 0, std, np.inf)

    def columns(rows: IntArray) -> Array:
        return np.nan_to_num((panel.values[rows][:, planned] - mean) / std)

    at_last, ones = columns(starts + geometry.reach - 1), np.ones(len(starts))
    for step in range(geometry.horizon):
        inputs = np.concatenate([columns(starts + geometry.first_target + step), at_last], axis=1)
        sums = RidgeSums(inputs.shape[1], errors.shape[2])
        sums.add(inputs, limited[:, step], ones)
        errors[:, step] -= inputs @ sums.coefficients()


def _by_row(first: IntArray, errors: Array) -> tuple[IntArray, Array]:
    """Return rows and their errors by step, from windows whose first steps are at ``first``."""
    horizon = errors.shape[1]
    # Each row once: of a window, the steps before the next window's first.
    counts = np.minimum(np.diff(first, append=first[-1:] + horizon), horizon)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = np.repeat(first, counts) + offsets
    table = np.full((len(rows), *errors.shape[1:]), np.nan, errors.dtype)
    for step in range(horizon):
        table[np.searchsorted(rows, first + step), step] = errors[:, step]
    for steps in (range(horizon - 2, -1, -1), range(1, horizon)):
        neighbor = 1 if steps.step < 0 else -1
        for step in steps:
            gaps = np.isnan(table[:, step, 0])
            table[gaps, step] = table[gaps, step + neighbor]
    counted = ~np.isnan(table[:, 0, 0])
    return rows[counted], table[counted]
