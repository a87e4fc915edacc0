"""Fits the linear maps of a model by ridge regression, and freezes them.

A linear map that is trained beside a net fits its noise and slows the net down. Solved for first,
with a penalty that an information criterion chooses, and frozen, it does neither. The net then
learns what is left.
"""

from collections.abc import Sequence

import keras
import numpy as np

from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.presets.initial_fit.errors import chunks
from keras_ts.windows.arithmetic.ridge import RidgeSums
from keras_ts.windows.dataset import WindowDataset


def fit_linear(
    linear: LinearForecast,
    season: keras.layers.Dense | None,
    probe: keras.Model,
    dataset: WindowDataset,
    seasons: Sequence[int],
    units: Sequence[float] | None,
) -> None:
    """Set the weights of a linear map: from windows to what the model leaves of their targets."""
    # The error of a window, in units of the series, is multiplied by the window's weight and then
    # squared: weights that make absolute errors comparable, such as those of ``weighting``, do the
    # same to squares. A target that is missing is left out: each step is fitted to the windows that
    # have it.
    layers = [linear] if season is None else [linear, season]
    for layer in layers:
        layer.trainable = False  # First, since JAX compiles anew for other trained weights.
    features, length, steps = linear.kernel.shape
    # A constant goes with the seasons.
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
        # All quantiles of a target move alike; they stand before the targets.
        by_step = maps[:, length:].transpose(1, 2, 0)[:, :, None] / np.asarray(units)
        quantiles = season.units // (steps * features)
        by_step = np.repeat(by_step, quantiles, axis=2).reshape(others, -1)
        season.kernel.assign(by_step[:-1])
        season.bias.assign(by_step[-1])
