"""Targets beside quantiles, with a mask or without, for tests of losses and metrics."""

import keras
import numpy as np
from keras.src import backend

LEVELS = [0.1, 0.5, 0.9]


def data(shape=(), windows=6, single=False, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(windows, *shape)).astype("float32")
    axis = (1,) if single else ()
    quantiles = rng.normal(size=(windows, *shape, *axis, 3)).astype("float32")
    return y, quantiles


def with_mask(values, mask):
    """Return a tensor with a mask, as the output of a layer has it."""
    tensor = keras.ops.convert_to_tensor(values)
    backend.set_keras_mask(tensor, keras.ops.convert_to_tensor(mask))
    return tensor


def masked(quantiles, steps):
    """Return quantiles of which each window has a number of steps of its own, the rest masked."""
    return with_mask(quantiles, np.arange(quantiles.shape[1]) < np.array(steps)[:, None])
