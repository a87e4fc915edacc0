"""Small models and data that the tests of the sweep share."""

import keras
import numpy as np

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 6)).astype("float32")
Y = (X @ RNG.normal(size=(6, 1)) + 0.1 * RNG.normal(size=(96, 1))).astype("float32")


def dense(optimizer="sgd", *, noisy=False, **compiled):
    keras.utils.set_random_seed(1)
    hidden = [keras.layers.Dense(8, "tanh")]
    if noisy:
        hidden += [keras.layers.BatchNormalization(), keras.layers.Dropout(0.3)]
    model = keras.Sequential([keras.Input((6,)), *hidden, keras.layers.Dense(1)])
    model.compile(optimizer, "mse", **{"metrics": ["mae"], **compiled})
    return model


def state(model):
    """Return every variable of a model and its optimizer."""
    return [keras.ops.convert_to_numpy(v) for v in [*model.variables, *model.optimizer.variables]]


def assert_same_bits(state, other):
    assert len(state) == len(other)
    for a, b in zip(state, other, strict=True):
        np.testing.assert_array_equal(a, b)


def fit(sweep, *others, model=None, **arguments):
    model = model or dense("adam")
    model.fit(X, Y, batch_size=24, epochs=4, verbose=0, shuffle=False,
              callbacks=[sweep, *others], **arguments)  # fmt: skip
    return model
