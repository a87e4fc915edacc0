"""Fits the linear map of a model by ridge regression, and freezes it.

A linear map that is trained beside a net fits its noise and slows the net down. Solved for first,
with a penalty that an information criterion chooses, and frozen, it does neither. The net then
learns what is left.
"""

import keras
import numpy as np

from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.presets.initial_fit.errors import chunks
from keras_ts.windows.arithmetic.ridge import RidgeSums
from keras_ts.windows.dataset import WindowDataset


def fit_linear(linear: LinearForecast, probe: keras.Model, dataset: WindowDataset) -> None:
    """Set the weights of a linear map: from windows to what the model leaves of their targets.

    The error of a window, in units of the series, is multiplied by the window's weight and then
    squared: weights that make absolute errors comparable, such as ``"inverse_scale"``, do the same
    to squares. Each step is fitted to the windows that have a target of it.

    Args:
        linear: The linear map.
        probe: The probe of the model that it is part of, which is not trained yet.
        dataset: The training part.
    """
    linear.trainable = False  # First, since JAX compiles anew for other trained weights.
    features, length, steps = linear.kernel.shape
    sums = [RidgeSums(length, steps) for _ in range(features)]
    for chunk in chunks(probe, dataset):
        windows = chunk.windows.astype("float64") * chunk.scale
        kept = np.isfinite(windows).all(axis=(1, 2))
        errors, weights = chunk.errors[kept], chunk.weights[kept]
        for feature, of_feature in enumerate(sums):
            of_feature.add(windows[kept, :, feature], errors[:, :, feature], weights)
    linear.kernel.assign(np.stack([of_feature.coefficients() for of_feature in sums]))
