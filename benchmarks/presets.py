"""Seconds of an epoch: a preset built for its data, and the same stack written by hand.

    python benchmarks/presets.py

The hand-written models use stock layers and slices, hold no keras_ts layer, and do the same
arithmetic. All in one run, the two by turns, since machines differ and are shared; medians, and
ratios. Target: at most 1.05 times the hand-written one.
"""

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import ops

from keras_ts import WindowedSeries, course_series, from_preset

EPOCHS = 7


def plain():
    dataset = WindowedSeries(20, batch_size=32, shuffle=True, seed=0).build(course_series())
    inputs = keras.Input((20,))
    x = keras.layers.Reshape((20, 1))(inputs)
    last, std = x[:, -1:], ops.sqrt(ops.var(x, axis=1, keepdims=True) + 1e-6)
    x = keras.layers.GRU(32, return_sequences=True)((x - last) / std)
    x = keras.layers.Dense(1)(keras.layers.GRU(32)(x))
    return dataset, keras.Model(inputs, x * std[:, 0] + last[:, 0])


def covariates():
    table = np.random.default_rng(0).normal(size=(1500, 4))
    dataset = WindowedSeries(
        28, 7, target_columns=0, future_columns=[2, 3], batch_size=32, shuffle=True, seed=0
    ).build(table)
    inputs = {"past": keras.Input((28, 4)), "future": keras.Input((7, 2))}
    own, known = inputs["past"][..., :2], inputs["past"][..., 2:]
    last, std = own[:, -1:], ops.sqrt(ops.var(own, axis=1, keepdims=True) + 1e-6)
    mean, spread = table[:, 2:].mean(axis=0), table[:, 2:].std(axis=0)
    known, ahead = ((part - mean) / spread for part in (known, inputs["future"]))
    x = keras.layers.Concatenate()([(own - last) / std, known])
    x = keras.layers.GRU(32)(keras.layers.GRU(32, return_sequences=True)(x))
    outputs = keras.layers.Dense(7)(x)
    both = keras.layers.Concatenate()([keras.layers.RepeatVector(7)(x), ahead])
    effect = keras.layers.Dense(1, use_bias=False)(keras.layers.Dense(32, "relu")(both))
    outputs = outputs * std[:, 0, :1] + last[:, 0, :1]
    return dataset, keras.Model(inputs, outputs + keras.layers.Reshape((7,))(effect))


def seconds(model, dataset):
    begin = time.perf_counter()
    model.fit(dataset, epochs=1, shuffle=False, verbose=0)
    return time.perf_counter() - begin


print(f"{keras.backend.backend()}, Keras {keras.__version__}: gru_32x2, median of {EPOCHS} epochs")
for name, case in [("one series, horizon 1", plain), ("covariates, horizon 7", covariates)]:
    dataset, by_hand = case()
    built = from_preset("gru_32x2").build(dataset)
    assert built.count_params() == by_hand.count_params()
    for model in (built, by_hand):
        model.compile("adamw", "mae")
        seconds(model, dataset)
    pairs = [(seconds(built, dataset), seconds(by_hand, dataset)) for _ in range(EPOCHS)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"{name}: preset {ours:.3f} s, by hand {theirs:.3f} s, ratio {ratio:.3f}")
