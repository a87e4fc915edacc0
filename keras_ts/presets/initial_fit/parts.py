"""Fits parts of a net in closed form: linear maps, levels by static columns, spreads of quantiles.

A linear map that is trained beside a net fits noise and slows the net down. So the map is solved
first, with a penalty that an information criterion chooses, and frozen. The net then learns what is
left.

The level of windows without a value comes from a ridge regression on static columns. Each series is
an observation, with the mean and the standard deviation of its rows. Means are divided by the
median standard deviation, and compressed by the inverse hyperbolic sine. So the largest series do
not decide if sizes differ by orders of magnitude, and the regression is linear if they hardly
differ.

Short series give too few updates for a net to learn how far apart quantiles lie. The errors of the
forecast on the training part show it at once.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np

from keras_ts._dtypes import with_exact_integers
from keras_ts._models import predict
from keras_ts._typing import Array, IntArray
from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.layers.normalize_window import OF_UNIT_SCALE
from keras_ts.layers.plumbing import LevelByStatic
from keras_ts.panel.roles import Inputs
from keras_ts.presets.regression.ridge import RidgeSums, shrunken
from keras_ts.presets.requirements import Requirements, read_rows
from keras_ts.windows.dataset import WindowDataset, in_time_order
from keras_ts.windows.scale import moments_by_series

# At most 65,536 windows are read: more would hardly change a few dozen weights, and take minutes
# for a million series.
_CHUNK, _MOST_CHUNKS = 1024, 64


class Chunk(NamedTuple):
    """Some windows, and the errors of their forecasts."""

    starts: IntArray  # the first rows of the windows
    windows: Array  # normalized, ``(windows, time, targets)``
    scale: Array  # ``(windows, 1, targets)``
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
        # The last chunk reads earlier windows, too: JAX would compile anew for a shorter one.
        first = max(end - _CHUNK, 0)
        x, y, *weights = source.read(0, first, end)
        probed = predict(probe, with_exact_integers(x))
        known = Inputs.of(x).ahead
        ahead = np.empty((len(y), 0)) if known is None else known[:, -1]
        parts = [np.asarray(part)[begin - first :] for part in (y, ahead, *weights, *probed)]
        y, ahead, *weights = parts[: 2 + len(weights)]
        windows, scale, forecasts, *units = parts[-len(probed) :]
        # Quantiles are on the last axis, and all equal before training.
        errors = y.astype("float64") - forecasts.reshape(*y.shape, -1)[..., 0]
        errors = errors.reshape(len(y), horizon, -1)
        starts = source.sampler.ranges.starts(np.arange(begin, end))
        squares = np.square(weights[0].ravel(), dtype="float64") if weights else np.ones(len(y))
        if dataset.windows.min_inputs == 0:  # A window without a value counts for nothing.
            past = Inputs.of(x).past[begin - first :].reshape(len(y), dataset.windows.window, -1)
            squares *= np.isfinite(past[..., source.panel.columns.targets]).any(axis=(1, 2))
        yield Chunk(starts, windows, scale, ahead, errors, squares, *units)


def fit_linear(
    linear: LinearForecast,
    season: keras.layers.Dense | None,
    probe: keras.Model,
    dataset: WindowDataset,
    seasons: Sequence[int],
    units: Sequence[float] | None,
) -> None:
    """Fit the map from windows to the model's errors, and that of long cycles, ``season``."""
    # The error of a window, in units of the series, is multiplied by the window's weight and then
    # squared: weights that make absolute errors comparable, such as those of ``weighting``, do the
    # same to squares. Each step is fitted to the windows that have its target.
    layers = [linear] if season is None else [linear, season]
    for layer in layers:
        layer.trainable = False  # Before predicting: JAX compiles anew for other trained weights.
    features, length, steps = linear.kernel.shape
    # The cycles and a constant.
    others = 0 if season is None else season.kernel.shape[0] + 1
    sums = [RidgeSums(length + others, steps, others) for _ in range(features)]
    for chunk in chunks(probe, dataset):
        windows = chunk.windows.astype("float64") * chunk.scale
        complete = np.isfinite(windows).all(axis=(1, 2))
        errors, weights = chunk.errors[complete], chunk.weights[complete]
        shared = np.ones((len(weights), others))
        if season is not None:
            shared[:, :-1] = chunk.ahead[complete][:, list(seasons)]
        for feature, of_feature in enumerate(sums):
            inputs = np.concatenate([windows[complete, :, feature], shared], axis=1)
            of_feature.add(inputs, errors[:, :, feature], weights)
    maps = np.stack([of_feature.coefficients() for of_feature in sums])
    linear.kernel.assign(maps[:, :length])
    if season is not None and units is not None:
        # All quantiles of a target get equal weights; a kernel's last axis is quantiles by targets.
        by_step = maps[:, length:].transpose(1, 2, 0)[:, :, None] / np.asarray(units)
        quantiles = season.units // (steps * features)
        by_step = np.repeat(by_step, quantiles, axis=2).reshape(others, -1)
        season.kernel.assign(by_step[:-1])
        season.bias.assign(by_step[-1])


def fit_spread(
    head: keras.layers.Dense, probe: keras.Model, dataset: WindowDataset, levels: Sequence[float]
) -> None:
    """Set the biases of the head to quantiles of errors, less their median."""
    parts = []
    for chunk in chunks(probe, dataset):
        counted = (chunk.weights > 0) & (chunk.scale > 0).all(axis=(1, 2))
        parts.append(chunk.errors[counted] / chunk.scale[counted])
    offsets = spread(np.concatenate(parts), levels)
    head.bias.assign(offsets.transpose(0, 2, 1).reshape(-1))


def spread(errors: Array, levels: Sequence[float]) -> Array:
    """Return quantiles of errors less their median, ``(steps, targets, levels)``."""
    # A step has few errors. So steps differ by their mean absolute error only: the errors of all
    # steps, each divided by that of its step, give one distribution.
    present = np.isfinite(errors)
    errors = np.where(present, errors, np.nan)
    counts = np.maximum(present.sum(axis=0), 1)
    sizes = np.where(present, np.abs(errors), 0.0).sum(axis=0) / counts
    relative = errors / np.where(sizes > 0, sizes, 1.0)
    by_target = relative.transpose(2, 0, 1).reshape(errors.shape[2], -1)
    shapes = np.zeros((len(levels), errors.shape[2]))
    for target, of_target in enumerate(by_target):
        if np.isfinite(of_target).any():
            shapes[:, target] = np.nanquantile(of_target, levels)
            shapes[:, target] -= np.nanmedian(of_target)
    return sizes[:, :, None] * shapes.T


def fit_level(layer: LevelByStatic, needs: Requirements, dataset: WindowDataset) -> None:
    """Fit the weights of the layer to the series of a training part."""
    assert needs.own is not None
    source, columns = in_time_order(dataset), list(needs.own)
    panel, (series, begins, ends) = source.panel, read_rows(source)
    chosen, means, stds = moments_by_series(panel.values, begins, ends)
    known = np.isfinite(means[:, columns]).all(axis=1)
    chosen, means, stds = chosen[known], means[known][:, columns], stds[known][:, columns]
    unit = np.median(stds, axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    if needs.settings.window_norm in OF_UNIT_SCALE:
        stds = np.ones_like(stds)
    # A constant series has no scale: it gets a thousandth of the median one.
    levels = np.concatenate([np.arcsinh(means / unit), np.log(np.maximum(stds, 1e-3 * unit))], 1)
    bias = np.median(levels, axis=0)
    if panel.by_series:
        static = np.concatenate([*panel.by_series.values()], axis=1)[series[chosen]]
        center, kernel, penalty = shrunken(static, levels)
        layer.kernel.assign(kernel)
        layer.penalty.assign(penalty)
        bias = levels.mean(axis=0) - center @ kernel
    layer.bias.assign(bias)
    layer.ends.assign(np.stack([levels.min(axis=0), levels.max(axis=0)]))
    layer.unit.assign(unit)
