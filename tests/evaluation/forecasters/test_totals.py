"""A total has quantiles of sample paths, however many windows are read at once."""

import keras
import numpy as np
import pytest

from keras_ts import WindowedInput, WindowedSeries, calibrate, forecast
from keras_ts.evaluation.forecasters import forecaster
from keras_ts.evaluation.forecasters.forecaster import PATHS, path_totals
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.interface import Interface

WINDOWS = WindowedSeries(4, 3)
SERIES = [np.random.default_rng(n).normal(size=90).cumsum() + 50 for n in range(3)]


def last_value(dataset):
    past = keras.Input((4,))
    known = WindowedInput.of(dataset)(past)
    return keras.Model(past, keras.ops.tile(known[:, -1:], (1, 3)))


def test_totals_without_timestamps_are_those_of_forecast(monkeypatch):
    dataset = WINDOWS.build(SERIES)
    model = calibrate(last_value(dataset), dataset, 0.8, joint=True)
    interface, judged = Interface.of(model, dataset), JudgedWindows("part", dataset)
    made, block = path_totals(interface, judged), next(judged.blocks())
    quantiles = judged.predictions("model", model, interface.quantiles, block)
    found = made(block, quantiles, slice(None))
    assert found.shape == (judged.count, 1, 1, 3)
    for place in (0, judged.count - 1):
        known = [one[: 4 + place % 84] if n == place // 84 else one for n, one in enumerate(SERIES)]
        paths = forecast(model, known, num_samples=PATHS, seed=0)[place // 84]
        levels = np.quantile(paths.sum(axis=0), (0.1, 0.5, 0.9), method="hazen")
        np.testing.assert_allclose(found[place, 0, 0], levels, rtol=1e-5)
    some = made(block, quantiles, slice(1, 2))
    np.testing.assert_allclose(some[..., 1], quantiles[:, 1:2, :, 1], rtol=0.02)
    monkeypatch.setattr(forecaster, "_AT_ONCE", 7)
    np.testing.assert_array_equal(made(block, quantiles, slice(None)), found)


@pytest.mark.parametrize("joint", [None, False])
def test_a_model_that_keeps_no_paths_has_none(joint):
    dataset = WINDOWS.build(SERIES)
    model = last_value(dataset)
    if joint is not None:
        model = calibrate(model, dataset, 0.8)
    assert path_totals(Interface.of(model, dataset), JudgedWindows("part", dataset)) is None
