"""The initial fits read windows evenly, and no more than they need."""

import numpy as np

from keras_ts import WindowedSeries
from keras_ts.presets.initial_fit import errors


class Zero:
    """A probe whose model forecasts 0."""

    def predict_on_batch(self, x):
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
