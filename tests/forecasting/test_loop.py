"""Rounds equal a plain loop that appends outputs, and what is known ahead, to the series."""

import keras
import numpy as np
import pytest

from helpers import warned_of_masks
from keras_ts import RecurrentPreset, WindowedSeries, forecast
from keras_ts.layers.plumbing import KnownAhead

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(40, 3)).astype("float32")
AHEAD = RNG.normal(size=(12, 1)).astype("float32")


def by_hand(model, table, windows, steps, targets, future, known, static=None):
    """Call the model round after round; ``known`` are the columns that ``future`` continues."""
    values, done = np.array(table), []
    while len(done) < steps:
        first, reach = len(done), windows.geometry.reach
        ahead = future[first : first + windows.horizon]
        x = {"past": values[-reach:][:: windows.sampling_rate][None], "future": ahead[None]}
        if static is not None:
            x["static"] = static[None]
        out = keras.ops.convert_to_numpy(model(x if known else x["past"]))[0]
        out = out[-1] if windows.targets == "sequence" else out
        out = out.reshape(windows.horizon, len(targets))
        rows = np.zeros((windows.horizon, values.shape[1]), "float32")
        rows[:, targets] = out
        if known:
            rows[:, known] = ahead
        values = np.concatenate([values, rows])
        done.extend(out)
    return np.array(done[:steps])


@pytest.mark.parametrize("rate", [1, 2])
@pytest.mark.parametrize(("horizon", "steps"), [(3, 2), (3, 8), (1, 5)])
def test_columns_known_ahead_and_targets_in_another_order(horizon, steps, rate):
    windows = WindowedSeries(
        5, horizon, sampling_rate=rate, target_columns=[2, 0], future_columns=[1]
    )
    model = RecurrentPreset(units=(3,)).build(windows.build(TABLE))
    got = forecast(model, TABLE, steps=steps, future=AHEAD)
    want = by_hand(model, TABLE, windows, steps, [2, 0], AHEAD, [1])
    assert got.shape == (steps, 2)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_static_columns_stay():
    windows = WindowedSeries(5, 2, target_columns=0, future_columns=[1], static_columns=[2])
    table = np.concatenate([TABLE[:, :2], np.full((40, 1), 3.0)], 1).astype("float32")
    panel = [table, table[:20] * np.array([1.0, 1.0, 2.0], "float32")]
    model = RecurrentPreset(units=(3,)).build(windows.build(panel))
    got = forecast(model, panel, steps=5, future=np.stack([AHEAD, -AHEAD]))
    for row, series, future in zip(got, panel, (AHEAD, -AHEAD), strict=True):
        want = by_hand(model, series[:, :2], windows, 5, [0], future, [1], static=series[0, 2:])
        np.testing.assert_allclose(row, want[:, 0], rtol=1e-4, atol=1e-5)


def test_sequences_with_columns_known_ahead():
    windows = WindowedSeries(5, 2, targets="sequence", target_columns=0, future_columns=[1])
    table = TABLE[:, :2]
    model = RecurrentPreset("sequence_to_sequence", units=(3,)).build(windows.build(table))
    assert any(isinstance(layer, KnownAhead) for layer in model.layers)
    got = forecast(model, table, steps=5, future=AHEAD)
    want = by_hand(model, table, windows, 5, [0], AHEAD, [1])
    np.testing.assert_allclose(got, want[:, 0], rtol=1e-4, atol=1e-5)


def test_a_horizon_longer_than_the_window():
    windows = WindowedSeries(3, 5)
    model = RecurrentPreset(units=(3,), features=3).build(window=3, outputs=15)
    got = forecast(model, TABLE, windows, steps=12)
    want = by_hand(model, TABLE, windows, 12, [0, 1, 2], AHEAD, [])
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@warned_of_masks
def test_masked_steps():
    """Zeros are masked, and the mask is made anew from what is fed back."""
    model = keras.Sequential([
        keras.Input((5, 3)), keras.layers.Masking(), keras.layers.GRU(4), keras.layers.Dense(3)
    ])  # fmt: skip
    table = TABLE.copy()
    table[-3:-1] = 0.0
    got = forecast(model, table, WindowedSeries(5), steps=7)
    want = by_hand(model, table, WindowedSeries(5), 7, [0, 1, 2], AHEAD, [])
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


class Plain(keras.Model):
    """A subclass whose ``call`` takes no ``training``."""

    def __init__(self, output=lambda x: x):
        super().__init__()
        self.dense, self.output_of = keras.layers.Dense(1), output

    def call(self, inputs):
        return self.output_of(self.dense(inputs))


@pytest.mark.parametrize("steps", [1, 4])
def test_a_subclass_without_training(steps):
    model = Plain()
    model(np.ones((1, 5)))
    got = forecast(model, TABLE[:, 0], WindowedSeries(5), steps)
    series = TABLE[:, :1]
    want = by_hand(lambda x: model(x[..., 0]), series, WindowedSeries(5), steps, [0], AHEAD, [])
    np.testing.assert_allclose(got, want[:, 0], rtol=1e-4, atol=1e-5)


def test_steps_that_cannot_be_fed_back():
    windows = WindowedSeries(5, 2, target_columns=0)
    model = RecurrentPreset(units=(3,)).build(windows.build(TABLE))
    assert forecast(model, TABLE).shape == (2,)
    with pytest.raises(ValueError, match=r"steps=3 goes past horizon=2.*not every column"):
        forecast(model, TABLE, steps=3)
    quantiles = RecurrentPreset(units=(3,), quantiles=[0.1, 0.5, 0.9]).build(
        WindowedSeries(5, 2).build(TABLE[:, 0])
    )
    assert forecast(quantiles, TABLE[:, 0]).shape == (2, 3)
    with pytest.raises(ValueError, match=r"a median fed back .* Train with horizon=3"):
        forecast(quantiles, TABLE[:, 0], steps=3)
