"""The initial fits read windows evenly, and know their errors by row and step."""

import numpy as np
import pandas as pd

from keras_ts import WindowedSeries
from keras_ts.presets.initial_fit import parts
from keras_ts.presets.initial_fit.events import errors_by_row


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
    monkeypatch.setattr(parts, "_CHUNK", 100)
    starts = np.concatenate([chunk.starts for chunk in parts.chunks(Zero(), dataset)])
    np.testing.assert_array_equal(starts, np.arange(1000))
    monkeypatch.setattr(parts, "_CHUNK", 10)
    monkeypatch.setattr(parts, "_MOST_CHUNKS", 10)
    chunks = list(parts.chunks(Zero(), dataset))
    left = np.concatenate([chunk.errors.ravel() for chunk in chunks])
    np.testing.assert_array_equal(left, series[7:].reshape(10, 100)[:, :10].ravel())


def test_every_chunk_has_the_same_number_of_windows(monkeypatch):
    """A last chunk of another length would take JAX seconds to compile for."""
    series = np.random.default_rng(0).normal(size=1007)
    dataset = WindowedSeries(7, 1).build(series, sample_weight=np.arange(1.0, 1008))
    monkeypatch.setattr(parts, "_CHUNK", 300)
    probe = Zero()
    chunks = list(parts.chunks(probe, dataset))
    assert probe.sizes == [300] * 4
    assert [len(chunk.starts) for chunk in chunks] == [300, 300, 300, 100]
    np.testing.assert_array_equal(np.concatenate([c.starts for c in chunks]), np.arange(1000))
    np.testing.assert_array_equal(np.concatenate([c.errors.ravel() for c in chunks]), series[7:])
    weights = np.concatenate([chunk.weights for chunk in chunks])
    np.testing.assert_array_equal(weights, np.square(np.arange(8.0, 1008)))
    assert [len(chunk.windows) for chunk in chunks] == [len(c.scale) for c in chunks]


RNG = np.random.default_rng(0)


class ZeroByStep:
    """A probe whose model forecasts 0."""

    variables = ()  # That a distribution would divide.

    def __init__(self, units=None):
        self.units = units

    def predict_on_batch(self, x):
        past = x["past"] if isinstance(x, dict) else x
        size = len(past)
        units = [] if self.units is None else [np.full((size, 1, 1), self.units)]
        return past, np.ones((size, 1, 1)), np.zeros((size, 3)), *units


def test_a_row_has_the_errors_of_all_steps_and_borders_take_their_neighbours():
    series = RNG.normal(size=30)
    for probe, units in ((ZeroByStep(), [2.0]), (ZeroByStep(2.0), None)):
        rows, errors = errors_by_row(probe, WindowedSeries(5, 3).build(series), units)
        np.testing.assert_array_equal(rows, np.arange(5, 30))
        expected = np.repeat(series[5:, None, None] / 2, 3, axis=1)
        np.testing.assert_allclose(errors, expected, rtol=1e-6)


def test_rows_without_targets_and_windows_without_weight_or_size_are_left_out():
    series = RNG.normal(size=30)
    series[20] = np.nan
    windows = WindowedSeries(5, 3, missing="mask_targets")
    rows, _ = errors_by_row(ZeroByStep(), windows.build(series), [1.0])
    assert 20 not in rows
    weights = np.where(np.arange(30) < 12, 0.0, 1.0)
    dataset = WindowedSeries(5, 3).build(RNG.normal(size=30), sample_weight=weights)
    assert errors_by_row(ZeroByStep(), dataset, [1.0])[0].min() > 5
    rows, errors = errors_by_row(
        ZeroByStep(0.0), WindowedSeries(5, 3).build(RNG.normal(size=30)), None
    )
    assert len(rows) == len(errors) == 0


def test_other_columns_known_ahead_take_their_part():
    table = pd.DataFrame({"price": RNG.normal(size=400)})
    noise = 0.1 * RNG.normal(size=400)
    table["sold"] = 3 * table["price"] + noise
    windows = WindowedSeries(5, 3, target_columns="sold", future_columns="price")
    rows, errors = errors_by_row(ZeroByStep(), windows.build(table), [1.0])
    left = errors[:, :, 0] - errors[:, :, 0].mean(axis=0)
    np.testing.assert_allclose(left, np.repeat(noise[rows, None], 3, axis=1), atol=0.15)
