"""A fit ends, is cut off or goes on, and the model is as it was."""

import keras
import numpy as np
import pytest

from helpers import BACKEND
from keras_ts import (
    ExponentialLRSweep,
    WindowedSeries,
    _keras_private,
    course_series,
    find_learning_rate,
)
from sweep_helpers import X, Y, assert_same_bits, dense, fit, state


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_also_where_the_fit_is_interrupted(error):
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 7:
                raise error

    model = dense("adam", noisy=True)
    model.optimizer.build(model.trainable_variables)
    before, random = state(model), np.random.get_state()[1].copy()
    data = WindowedSeries(6, batch_size=8, seed=2).build(course_series()[:90])
    with pytest.raises(error):
        find_learning_rate(model, data, verbose=0, callbacks=[Interrupt()])
    assert_same_bits(before, state(model))
    np.testing.assert_array_equal(np.random.get_state()[1], random)


def test_also_where_another_callback_changes_the_model_at_the_end():
    stopping = keras.callbacks.EarlyStopping("loss", patience=99, restore_best_weights=True)
    model = dense("adam")
    model.optimizer.build(model.trainable_variables)
    before = state(model)
    sweep = find_learning_rate(model, X, Y, steps=20, verbose=0, callbacks=[stopping])
    assert_same_bits(before, state(model))
    assert sweep.get_config()["restore"]
    model.fit(X, Y, verbose=0, callbacks=[stopping, ExponentialLRSweep(1e-4, 1.0, steps=3)])
    assert_same_bits(before, state(model))


@pytest.mark.parametrize("every", ["batch", "epoch"])
def test_a_fit_that_begins_at_a_later_epoch_reaches_both_ends(every):
    sweep = ExponentialLRSweep(1e-4, 1e-2, every=every, stop_factor=None)
    dense().fit(X, Y, batch_size=24, epochs=5, initial_epoch=2, verbose=0, callbacks=[sweep])
    assert sweep.stopped == "finished"
    assert len(sweep.lrs) == (12 if every == "batch" else 3)
    assert sweep.lrs[-1] == 1e-2
    assert len(find_learning_rate(dense(), X, Y, steps=12, initial_epoch=99, verbose=0).lrs) == 12


def test_restore_false_keeps_what_was_trained():
    model = dense()
    before = state(model)
    sweep = ExponentialLRSweep(1e-3, 1e-2, restore=False)
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=[sweep])
    assert np.abs(before[0] - state(model)[0]).max() > 0
    sweep.restore()
    np.testing.assert_array_equal(before[0], state(model)[0])


def test_stops_at_once_where_the_loss_is_not_finite():
    model = dense()
    target = Y.copy()
    target[8 * 8] = np.nan
    sweep = ExponentialLRSweep(1e-6, 1e-3, steps=12)
    model.fit(X, target, batch_size=8, verbose=0, shuffle=False, callbacks=[sweep])
    assert sweep.stopped == "non-finite"
    assert len(sweep.lrs) == 9


def test_a_level_loss_is_no_divergence():
    model = dense()
    sweep = find_learning_rate(
        model, X, Y, start_lr=1e-12, end_lr=1e-9, steps=60, batch_size=96, verbose=0
    )
    assert sweep.stopped == "finished"


class CutOff(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_the_sweep_of_a_second_model_puts_that_one_back():
    sweep = ExponentialLRSweep(1e-4, 1e-1, stop_factor=None)
    with pytest.raises(KeyboardInterrupt):
        fit(sweep, CutOff())
    other = dense("adam")
    other.optimizer.build(other.trainable_variables)
    other.set_weights([2 * weight for weight in other.get_weights()])
    before = state(other)
    fit(sweep, model=other, initial_epoch=1)
    assert len(sweep.lrs) == 12
    assert sweep.lrs[0] == 1e-4
    assert sweep.stopped == "finished"
    assert_same_bits(before, state(other))


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


@pytest.mark.parametrize(
    ("start", "end", "steps"), [(1e-9, 1e-2, 40), (1e-3, 1.5e-3, 2), (1e-7, 10.0, 96)]
)
def test_rates_reach_both_ends_by_equal_factors(start, end, steps):
    sweep = ExponentialLRSweep(start, end, steps=steps, stop_factor=None)
    tiny = dense(keras.optimizers.SGD(1e-3, clipvalue=1e-9))
    tiny.fit(X, Y, batch_size=1, verbose=0, callbacks=[sweep])
    rates = np.array(sweep.lrs)
    assert (len(rates), rates[0], rates[-1]) == (steps, start, end)
    factor = (end / start) ** (1 / (steps - 1))
    np.testing.assert_allclose(rates[1:] / rates[:-1], factor, rtol=1e-6)
