"""Fits the distances between the quantiles of a model that begins with a forecast by smoothing.

Short series are few updates of the weights: too few to learn how far apart quantiles lie. The
errors of the forecast on the training part tell it at once.
"""

from collections.abc import Sequence

import keras
import numpy as np

from keras_ts._typing import Array
from keras_ts.presets.initial_fit.errors import chunks
from keras_ts.windows.dataset import WindowDataset


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
    """Return quantiles less the median ``(steps, targets, levels)`` of errors by window."""
    # Of few windows a step alone tells little: steps differ by their mean absolute error, and share
    # the shape of the distribution.
    errors = np.where(np.isfinite(errors), errors, np.nan)
    present = np.isfinite(errors)
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
