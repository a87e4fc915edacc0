"""Reads the windows of a dataset, and what a model that is not trained yet leaves of their targets.

Both fits begin from these errors. They read at most 65,536 windows: more tell no more about a few
dozen weights, and would keep a user of a million series waiting.
"""

from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np

from keras_ts._dtypes import with_exact_integers
from keras_ts._models import predict
from keras_ts._typing import Array, IntArray
from keras_ts.windows.dataset import WindowDataset, in_time_order
from keras_ts.windows.roles import Inputs

_CHUNK, _MOST_CHUNKS = 1024, 64


class Chunk(NamedTuple):
    """Some windows, and the errors of their forecasts."""

    starts: IntArray  # rows of the panel
    windows: Array
    scale: Array
    ahead: Array  # at the last step to forecast, ``(windows, columns)``
    errors: Array  # targets less forecasts, ``(windows, steps, targets)``, float64
    weights: Array  # squared, float64
    units: Array | None = None  # of the events, ``(windows, 1, targets)``, in a panel with events


def chunks(probe: keras.Model, dataset: WindowDataset) -> Iterator[Chunk]:
    """Yield chunks that are spread evenly over the windows of a dataset, in time order."""
    source = in_time_order(dataset, weighted=True)
    total, horizon = source.sampler.size, dataset.windows.horizon
    for begin in range(0, total, max(_CHUNK, -(-total // _MOST_CHUNKS))):
        end = min(begin + _CHUNK, total)
        # The last chunk is read from earlier on: for one of another length JAX would compile anew.
        first = max(end - _CHUNK, 0)
        x, y, *weights = source.read(0, first, end)
        probed = predict(probe, with_exact_integers(x))
        known = Inputs.of(x).ahead
        ahead = np.empty((len(y), 0)) if known is None else known[:, -1]
        parts = [np.asarray(part)[begin - first :] for part in (y, ahead, *weights, *probed)]
        y, ahead, *weights = parts[: 2 + len(weights)]
        windows, scale, forecasts, *units = parts[-len(probed) :]
        # Quantiles are the last axis, and all alike before training.
        errors = y.astype("float64") - forecasts.reshape(*y.shape, -1)[..., 0]
        errors = errors.reshape(len(y), horizon, -1)
        starts = source.sampler.ranges.starts(np.arange(begin, end))
        squares = np.square(weights[0].ravel(), dtype="float64") if weights else np.ones(len(y))
        yield Chunk(starts, windows, scale, ahead, errors, squares, *units)
