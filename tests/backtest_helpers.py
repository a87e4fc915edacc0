"""Backtests that take a second."""

import keras
import numpy as np

from keras_ts import WindowedSeries, backtest

WINDOWS = WindowedSeries(6, 2, shuffle=True, seed=3, batch_size=16)


def build(train):
    """Return a model whose training draws random numbers: weights, dropout, the order."""
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(4, "relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2),
        ]
    )
    # Compiling costs seconds on some backends, and every fold would compile anew. Op by op, half of
    # a step of Adam is what it computes for each variable.
    model.compile(keras.optimizers.SGD(1e-3), "mae", run_eagerly=True)
    return model


def run(series, windows=WINDOWS, maker=build, **arguments):
    given = {"n_splits": 2, "epochs": 2, "verbose": 0, **arguments}
    return backtest(maker, series, windows, **given)


def equal(table, other, rows=slice(None)):
    return all(np.array_equal(table[name][rows], other[name][rows]) for name in table)
