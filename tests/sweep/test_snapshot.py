"""Everything that a fit changes is put back bit for bit."""

import keras
import numpy as np
import pytest

from helpers import BACKEND
from keras_ts import (
    WindowedSeries,
    _keras_private,
    course_series,
    find_learning_rate,
)
from sweep_helpers import X, Y, assert_same_bits, dense, state


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_sweep_leaves_no_trace(optimizer):
    swept, untouched = dense(optimizer, noisy=True), dense(optimizer, noisy=True)

    def dataset():
        windows = WindowedSeries(6, batch_size=8, shuffle=True, seed=2)
        return windows.build(course_series()[:90])

    keras.utils.set_random_seed(5)
    before = state(swept)
    sweep = find_learning_rate(swept, dataset(), steps=30, verbose=0)
    assert len(sweep.lrs) >= 10
    for a, b in zip(before, state(swept), strict=False):
        np.testing.assert_array_equal(a, b)
    swept.fit(dataset(), epochs=2, shuffle=False, verbose=0)
    keras.utils.set_random_seed(5)
    untouched.fit(dataset(), epochs=2, shuffle=False, verbose=0)
    assert_same_bits(state(swept), state(untouched))


@pytest.mark.parametrize("drawn", [False, True])
def test_the_seeds_of_draws_without_a_seed_come_back(drawn):
    class Draw(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            keras.random.normal((1,))

    def next_draws(sweep):
        # Keras 3.12 keeps its generator where a seed is set.
        keras.utils.clear_session()
        keras.utils.set_random_seed(5)
        if drawn:
            keras.random.normal((1,))
        if sweep:
            find_learning_rate(dense(), X, Y, steps=10, verbose=0, callbacks=[Draw()])
            # dense() itself sets the seed to 1.
        else:
            dense()
        return keras.ops.convert_to_numpy(keras.random.normal((3,)))

    np.testing.assert_array_equal(next_draws(sweep=True), next_draws(sweep=False))


@pytest.mark.parametrize("wrap", [lambda layer: layer, keras.layers.Bidirectional])
def test_the_states_of_recurrent_layers_come_back(wrap):
    keras.utils.set_random_seed(1)
    recurrent = wrap(keras.layers.SimpleRNN(4, stateful=True))
    model = keras.Sequential([keras.Input((6, 1), batch_size=16), recurrent, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X[..., None], Y, batch_size=16, verbose=0)
    within = _keras_private.layers_within(model)
    layers = [each for each in within if isinstance(each, keras.layers.RNN)]
    assert len(layers) == (2 if wrap is keras.layers.Bidirectional else 1)

    def states():
        return [np.array(keras.ops.convert_to_numpy(each.states[0])) for each in layers]

    before = states()
    # On JAX, Keras itself leaves them at zero.
    assert BACKEND == "jax" or all(np.abs(each).max() > 0 for each in before)
    find_learning_rate(model, X[..., None], Y, steps=10, batch_size=16, verbose=0)
    assert_same_bits(before, states())
