"""Weights stay with their windows, and weigh windows alone."""

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import distinct
from keras_ts import WindowedSeries


def test_sample_weight_per_position_and_per_window():
    series, weight = distinct(20), np.arange(20.0)
    windows = WindowedSeries(3, horizon=2, batch_size=100)
    _, _, got = windows.build(series, sample_weight=weight)[0]
    np.testing.assert_allclose(got, [(t + t + 1) / 2 for t in range(3, 19)])
    _, _, got = windows.build(series, sample_weight=np.arange(16.0))[0]
    np.testing.assert_allclose(got, np.arange(16.0))
    with pytest.raises(
        ValueError, match=r"sample_weight has length \[7\].*\[20\] positions and 16"
    ):
        windows.build(series, sample_weight=np.ones(7))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, 1e39])
def test_weights_that_are_no_weights(bad):
    with pytest.raises(ValueError, match="sample_weight must be >= 0 everywhere, and finite"):
        WindowedSeries(3).build(distinct(9), sample_weight=np.full(9, bad))


def test_weights_of_an_interleaved_frame_stay_with_their_rows():
    frame = pd.DataFrame({"id": list("abababab"), "v": np.arange(8.0)})
    data = WindowedSeries(1, id_column="id", target_columns="v", batch_size=8).build(
        frame, sample_weight=np.arange(8.0)
    )
    _, y, weight = data[0]
    np.testing.assert_array_equal(weight, y)


@pytest.mark.parametrize("targets", ["vector", "sequence"])
@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("columns", [None, 0, [0, 1]])
def test_weights_have_one_axis_less_than_targets(targets, horizon, columns):
    """So Keras weighs windows, also where a batch holds as many as a window has steps."""
    series = np.sin(distinct(40, 2)) if columns is not None else np.sin(distinct(40))
    windows = WindowedSeries(3, horizon, targets=targets, target_columns=columns, batch_size=3)
    count = windows.count(series)
    weights = np.linspace(0, 2, count)
    dataset = windows.build(series, sample_weight=weights)
    _, y, given = dataset[0]
    assert given.ndim == max(y.ndim - 1, 1)
    assert given.shape[0] == 3

    shape = y.shape[1:] if y.ndim > 1 + (targets == "sequence") else (*y.shape[1:], 1)
    inputs = keras.Input(dataset[0][0].shape[1:])
    x = keras.layers.Dense(int(np.prod(shape)))(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Reshape(shape)(x))
    model.compile("sgd", "mse")
    x, y, _ = dataset.to_numpy()
    errors = (model.predict(np.array(x), verbose=0).reshape(y.shape) - y) ** 2
    errors = errors.reshape(count, -1).mean(axis=1)
    # Keras's mean over an evaluation weighs batches by their number of windows.
    wanted = np.average(errors * weights)
    np.testing.assert_allclose(model.evaluate(dataset, verbose=0), wanted, rtol=1e-4)
