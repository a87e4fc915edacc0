"""Fits the linear path of a built preset in closed form, before any training.

A linear map that is trained beside a net fits its noise and slows the net down; solved for first,
with the penalty that cross-validation chooses, and frozen, it does neither. The net then learns
what is left.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_ts._dtypes import with_exact_integers
from keras_ts._typing import Array, IntArray
from keras_ts.interface import Interface
from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.layers.smoothed_forecast import SmoothedForecast
from keras_ts.windows.arithmetic.ridge import RidgeSums
from keras_ts.windows.dataset import WindowDataset, in_time_order

# Windows to read at once, and blocks of them to read: more windows tell no more about a few dozen
# weights, and would keep a user of a million series waiting.
_BLOCK, _MOST_BLOCKS = 1024, 64


def fit_linear_path(model: keras.Model, dataset: WindowDataset) -> keras.Model | None:
    """Set the weights of the model's ``LinearForecast`` by ridge regression, and freeze them.

    They map each window to what the model, as it begins, leaves of the targets. The error of a
    window, in units of the series, is multiplied by the window's weight and then squared: weights
    that make absolute errors comparable, such as ``"inverse_scale"``, do the same to squares.

    Args:
        model: The model, as built for the dataset. Without a ``LinearForecast`` it stays as it is.
        dataset: The training part.

    Returns:
        A model that gives the windows of the linear map, their scales and the forecasts, in that
        order; None without a ``LinearForecast``.
    """
    linear = next((layer for layer in model.layers if isinstance(layer, LinearForecast)), None)
    if linear is None:
        return None
    linear.trainable = False  # First, since JAX compiles anew for other trained weights.
    smoothed = next(layer for layer in model.layers if isinstance(layer, SmoothedForecast))
    # A mask, where there is one, stands behind the inputs.
    windows, scale = keras.tree.flatten(linear.input)[0], keras.tree.flatten(smoothed.input)[2]
    probe = keras.Model(model.input, [windows, scale, model.output])
    features, length, steps = linear.kernel.shape
    sums = [RidgeSums(length, steps) for _ in range(features)]
    quantiles = Interface.of(model).quantiles is not None
    for _, x, y, weights in blocks(dataset):
        windows, scale, forecasts = map(np.asarray, probe.predict_on_batch(x))
        left = errors_of(forecasts, y, steps, quantiles)
        windows = windows.astype("float64") * scale
        known = np.isfinite(left).all(axis=(1, 2)) & np.isfinite(windows).all(axis=(1, 2))
        for feature, of_feature in enumerate(sums):
            of_feature.add(windows[known, :, feature], left[known, :, feature], weights[known])
    linear.kernel.assign(np.stack([of_feature.coefficients() for of_feature in sums]))
    return probe


def errors_of(forecasts: Array, y: Array, steps: int, quantiles: bool) -> Array:
    """Return targets less forecasts, ``(windows, steps, targets)`` in float64."""
    # All quantiles are alike at the beginning.
    forecasts = forecasts[..., 0] if quantiles else forecasts
    return (y.astype("float64") - forecasts.reshape(y.shape)).reshape(len(y), steps, -1)


def blocks(dataset: WindowDataset) -> Iterator[tuple[IntArray, Any, Array, Array]]:
    """Yield starts, inputs, targets and squared weights of blocks evenly spread over all windows.

    The starts are places in the rows of the panel.
    """
    source = in_time_order(dataset, weighted=True)
    total = source.sampler.size
    for begin in range(0, total, max(_BLOCK, -(-total // _MOST_BLOCKS))):
        end = min(begin + _BLOCK, total)
        x, y, *weights = source.read(0, begin, end)
        starts = source.sampler.ranges.starts(np.arange(begin, end))
        yield (
            starts,
            with_exact_integers(x),
            y,
            np.square(weights[0].ravel(), dtype="float64") if weights else np.ones(len(y)),
        )
