"""Errors stand by row and step; steps without a forecast take the next one's."""

import numpy as np
import pandas as pd

from keras_ts import WindowedSeries
from keras_ts.presets.initial_fit.errors_by_row import errors_by_row

RNG = np.random.default_rng(0)


class Zero:
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
    for probe, units in ((Zero(), [2.0]), (Zero(2.0), None)):
        rows, errors = errors_by_row(probe, WindowedSeries(5, 3).build(series), units)
        np.testing.assert_array_equal(rows, np.arange(5, 30))
        expected = np.repeat(series[5:, None, None] / 2, 3, axis=1)
        np.testing.assert_allclose(errors, expected, rtol=1e-6)


def test_rows_without_targets_and_windows_without_weight_or_size_are_left_out():
    series = RNG.normal(size=30)
    series[20] = np.nan
    windows = WindowedSeries(5, 3, missing="mask_targets")
    rows, _ = errors_by_row(Zero(), windows.build(series), [1.0])
    assert 20 not in rows
    weights = np.where(np.arange(30) < 12, 0.0, 1.0)
    dataset = WindowedSeries(5, 3).build(RNG.normal(size=30), sample_weight=weights)
    assert errors_by_row(Zero(), dataset, [1.0])[0].min() > 5
    rows, errors = errors_by_row(Zero(0.0), WindowedSeries(5, 3).build(RNG.normal(size=30)), None)
    assert len(rows) == len(errors) == 0


def test_other_columns_known_ahead_take_their_part():
    table = pd.DataFrame({"price": RNG.normal(size=400)})
    noise = 0.1 * RNG.normal(size=400)
    table["sold"] = 3 * table["price"] + noise
    windows = WindowedSeries(5, 3, target_columns="sold", future_columns="price")
    rows, errors = errors_by_row(Zero(), windows.build(table), [1.0])
    left = errors[:, :, 0] - errors[:, :, 0].mean(axis=0)
    np.testing.assert_allclose(left, np.repeat(noise[rows, None], 3, axis=1), atol=0.15)
