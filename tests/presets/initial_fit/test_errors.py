"""The initial fits read windows evenly, and no more than they need."""

import numpy as np

from keras_ts import WindowedSeries
from keras_ts.presets.initial_fit import errors


class Zero:
    """A probe whose model forecasts 0, and the numbers of windows that it was given."""

    variables = ()  # That a distribution would divide.

    def __init__(self):
        self.sizes = []

    def predict_on_batch(self, x):
        self.sizes.append(len(x))
        return x, np.ones(len(x)), np.zeros((len(x), 1))


def test_many_windows_are_sampled_evenly(monkeypatch):
    """Chunks lie over the whole training part, and none is read twice."""
    series = np.random.default_rng(0).normal(size=1007)
    dataset = WindowedSeries(7, shuffle=True, seed=3).build(series)
    monkeypatch.setattr(errors, "_CHUNK", 100)
    starts = np.concatenate([chunk.starts for chunk in errors.chunks(Zero(), dataset)])
    np.testing.assert_array_equal(starts, np.arange(1000))
    monkeypatch.setattr(errors, "_CHUNK", 10)
    monkeypatch.setattr(errors, "_MOST_CHUNKS", 10)
    chunks = list(errors.chunks(Zero(), dataset))
    left = np.concatenate([chunk.errors.ravel() for chunk in chunks])
    np.testing.assert_array_equal(left, series[7:].reshape(10, 100)[:, :10].ravel())


def test_every_chunk_has_the_same_number_of_windows(monkeypatch):
    """A last chunk of another length would take JAX seconds to compile for."""
    series = np.random.default_rng(0).normal(size=1007)
    dataset = WindowedSeries(7, 1).build(series, sample_weight=np.arange(1.0, 1008))
    monkeypatch.setattr(errors, "_CHUNK", 300)
    probe = Zero()
    chunks = list(errors.chunks(probe, dataset))
    assert probe.sizes == [300] * 4
    assert [len(chunk.starts) for chunk in chunks] == [300, 300, 300, 100]
    np.testing.assert_array_equal(np.concatenate([c.starts for c in chunks]), np.arange(1000))
    np.testing.assert_array_equal(np.concatenate([c.errors.ravel() for c in chunks]), series[7:])
    weights = np.concatenate([chunk.weights for chunk in chunks])
    np.testing.assert_array_equal(weights, np.square(np.arange(8.0, 1008)))
    assert [len(chunk.windows) for chunk in chunks] == [len(c.scale) for c in chunks]
