"""A description of arguments tells other arguments apart, also in a process of its own."""

import functools
import json
import math

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import run_fresh
from keras_ts import WindowedSeries
from keras_ts.evaluation.backtests.described import described

RATE = 0.5


def schedule(epoch, rate):
    """A function of a module."""
    return rate * RATE


class Slower(keras.callbacks.Callback):
    """A callback of one's own."""

    factor = 0.5

    def __init__(self, every, rates=(1.0,)):
        super().__init__()
        self.every, self._rates = every, rates

    def on_epoch_end(self, epoch, logs=None):
        return self.factor * epoch


class Faster(Slower):
    """Another one, with code of its own."""

    def on_epoch_end(self, epoch, logs=None):
        return self.factor + epoch


def made(rate):
    return lambda epoch, lr: rate * lr


def told(value):
    values, unknown = described({"a": value})
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    return values, unknown


def callback(cls, **attributes):
    made = cls(3)
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


EQUAL = {
    "integers": lambda: [1, np.int64(1), np.int8(1)],
    "floats": lambda: [0.5, np.float32(0.5), np.float64(0.5)],
    "arrays": lambda: [np.arange(3.0), np.arange(6.0)[::2] / 2],
    "frames": lambda: [pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 2]})],
    "functions": lambda: [made(0.1), made(0.1)],
    "partials": lambda: [functools.partial(schedule, rate=1), functools.partial(schedule, rate=1)],
    "callbacks": lambda: [[Slower(3)], [Slower(3)]],
    "sets": lambda: [{"b", "a"}, {"a", "b"}],
    "keras": lambda: [keras.callbacks.EarlyStopping(patience=2, verbose=v) for v in (0, 1)],
    "onlookers": lambda: [keras.callbacks.CSVLogger(name) for name in ("a.csv", "b.csv")],
    "optimizers": lambda: [keras.losses.Huber(0.5), keras.losses.Huber(0.5)],
    "datasets": lambda: [
        WindowedSeries(2).build(np.arange(9.0)),
        WindowedSeries(2).build(np.arange(9.0)),
    ],
}
OTHER = {
    "numbers": lambda: [1, 2, 1.5, math.nan, math.inf, True, None, "1", b"1", 1j],
    "arrays": lambda: [
        np.arange(3.0),
        np.arange(3),
        np.arange(3.0)[None],
        np.arange(4.0),
        np.array(["a", "b", None], dtype=object),
        np.array(["a", "c", None], dtype=object),
        keras.ops.convert_to_tensor([3.0, 4.0]),
    ],
    "lists": lambda: [[1, 2], (1, 2), [2, 1], [[1], 2], {"a": 1}, {"a": 2}, {"b": 1}, {1, 2}],
    "functions": lambda: [
        made(0.1),
        made(0.2),
        lambda epoch, lr: 0.1 + lr,
        lambda epoch, lr, more=1: 0.1 + lr,
        lambda epoch, lr, more=2: 0.1 + lr,
        lambda epoch, lr: RATE + lr,
        functools.partial(schedule, rate=1),
        functools.partial(schedule, rate=2),
        math.sqrt,
        np.sqrt,
        Slower(3).on_epoch_end,
        Slower(4).on_epoch_end,
    ],
    "callbacks": lambda: [
        Slower(3),
        Slower(4),
        Slower(3, rates=(2.0,)),
        Faster(3),
        callback(Slower, rate=0.1),
        callback(Slower, rate=np.array([0.1])),
        keras.callbacks.LambdaCallback(on_epoch_end=made(0.1)),
        keras.callbacks.LambdaCallback(on_epoch_end=made(0.2)),
        keras.callbacks.LearningRateScheduler(made(0.1)),
        keras.callbacks.LearningRateScheduler(made(0.2)),
        *[keras.callbacks.EarlyStopping(patience=p) for p in (2, 3)],
        *[keras.callbacks.EarlyStopping(patience=2, min_delta=d) for d in (0.1, 0.2)],
        *[keras.callbacks.ReduceLROnPlateau(factor=f) for f in (0.1, 0.2)],
    ],
    "objects": lambda: [keras.losses.Huber(0.5), keras.losses.Huber(1.5), WindowedSeries(2)],
    "datasets": lambda: [
        WindowedSeries(2).build(np.arange(9.0)),
        WindowedSeries(3).build(np.arange(9.0)),
        WindowedSeries(2).build(np.arange(9.0) + 1),
        WindowedSeries(2).build(np.arange(9.0), sample_weight=np.arange(9.0)),
        *WindowedSeries(2).split(np.arange(9.0), at=5),
    ],
}


@pytest.mark.parametrize("kind", EQUAL)
def test_equal_arguments_are_described_alike(kind):
    first, *others = map(told, EQUAL[kind]())
    assert first[1] == []
    assert all(other == first for other in others)


@pytest.mark.parametrize("kind", OTHER)
def test_other_arguments_are_told_apart(kind):
    found = [told(value) for value in OTHER[kind]()]
    assert all(unknown == [] for _, unknown in found)
    texts = {json.dumps(values, sort_keys=True) for values, _ in found}
    assert len(texts) == len(found)


def test_a_global_that_a_function_reads_counts(monkeypatch):
    before = told(schedule), told(Slower(3))
    monkeypatch.setitem(globals(), "RATE", 0.25)
    assert told(schedule) != before[0]
    monkeypatch.setattr(Slower, "factor", 0.25)
    assert told(Slower(3)) != before[1]


def test_values_that_cannot_be_told_apart_are_named():
    holds = Slower(3)
    holds.source = (number for number in range(3))
    values, unknown = described({"x": object(), "callbacks": [Slower(2), holds], "epochs": 1})
    assert unknown == ["callbacks[1].source", "x"]
    assert values["x"] == "object"
    assert values["epochs"] == 1


def test_circles_end():
    ring = []
    ring.append(ring)
    holds = Slower(3)
    holds.itself = holds
    assert told(ring)[0]["a[0]"] == "itself"
    assert told(holds)[0]["a.itself"] == "itself"


def test_a_model_in_a_callback_counts_by_its_weights():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    holds = callback(Slower, teacher=model)
    before = told(holds)
    assert before[1] == []
    again = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    again.set_weights(model.get_weights())
    assert told(callback(Slower, teacher=again)) == before
    model.set_weights([weights + 1 for weights in model.get_weights()])
    assert told(holds) != before


def test_a_callback_that_keras_has_trained_with_is_described_as_before():
    stop = keras.callbacks.EarlyStopping("loss", patience=2, min_delta=0.1)
    before = told(stop)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(np.zeros((4, 2)), np.zeros(4), epochs=2, verbose=0, callbacks=[stop])
    assert told(stop) == before


CODE = """
import json, sys
import keras
from keras_ts.evaluation.backtests.described import described

class Slow(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        return epoch in {"a", "b", "c", "d"}

def rate(epoch, lr):
    return lr * 0.5 if str(epoch) in {"e", "f", "g"} else lr

print(json.dumps(described({"callbacks": [Slow(), keras.callbacks.LearningRateScheduler(rate)]})))
"""


def test_a_description_is_the_same_in_every_process():
    found = {run_fresh(CODE, PYTHONHASHSEED=seed).splitlines()[-1] for seed in ("1", "2")}
    assert len(found) == 1
