"""The core of a preset's net reads the columns that it is meant to read."""

import keras
import numpy as np
import pytest

from helpers import called
from keras_ts import RecurrentPreset, WindowedSeries
from keras_ts.layers.plumbing import LastSteps


def cells(**settings):
    return RecurrentPreset(
        cell="gru", units=(3,), window_norm="last", smoothing="linear", **settings
    )


@pytest.mark.parametrize("missing", ["raise", "mask"])
def test_memory_hides_the_first_steps_from_the_recurrent_layers_alone(missing):
    series = np.random.default_rng(1).normal(size=(60, 1)).cumsum(axis=0)
    windows = WindowedSeries(12, missing=missing)
    dataset = windows.build(series)
    model = cells(memory=5).build(dataset)
    gru = next(layer for layer in model.layers if isinstance(layer, keras.layers.GRU))
    assert keras.tree.flatten(gru.input)[0].shape == (None, 5, 1)
    assert not any(isinstance(layer, LastSteps) for layer in cells(memory=12).build(dataset).layers)
    assert np.isfinite(called(model, dataset[0][0])).all()
