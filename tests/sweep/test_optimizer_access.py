"""The rate is the sweep's while it runs; whatever set it before sets it afterwards."""

import keras
import numpy as np
import pytest

from keras_ts import (
    ExponentialLRSweep,
    _keras_private,
    find_learning_rate,
)
from sweep_helpers import X, Y, assert_same_bits, dense, state

schedules = keras.optimizers.schedules


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_schedule_is_swept_and_comes_back(trained, wrapped):
    """The same object, and training that goes on as if there had been no sweep."""

    class Rate(schedules.LearningRateSchedule):
        """One of the many in the wild that have no get_config."""

        def __call__(self, step):
            return 1e-2 / (1.0 + keras.ops.cast(step, "float32"))

    def model():
        inner = keras.optimizers.Adam(Rate())
        optimizer = keras.optimizers.LossScaleOptimizer(inner) if wrapped else inner
        made = dense(optimizer, noisy=True)
        if trained:
            made.fit(X, Y, batch_size=16, verbose=0)
        return made, inner

    (swept_model, inner), (untouched, _) = model(), model()
    if not trained:
        swept_model.optimizer.build(swept_model.trainable_variables)
    schedule, found = _keras_private.schedule_of(inner), state(swept_model)
    keras.utils.set_random_seed(5)
    sweep = find_learning_rate(swept_model, X, Y, end_lr=0.1, steps=20, batch_size=16, verbose=0)
    assert _keras_private.schedule_of(inner) is schedule
    assert_same_bits(found, state(swept_model))
    assert len(sweep.lrs) == 20
    swept_model.fit(X, Y, epochs=2, batch_size=16, verbose=0)
    keras.utils.set_random_seed(5)
    untouched.fit(X, Y, epochs=2, batch_size=16, verbose=0)
    assert_same_bits(state(untouched), state(swept_model))


def test_a_schedule_comes_back_where_the_sweep_was_cut_off():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    schedule = schedules.CosineDecay(1e-3, 10)
    model = dense(keras.optimizers.SGD(schedule))
    with pytest.raises(KeyboardInterrupt):
        find_learning_rate(model, X, Y, verbose=0, callbacks=[Interrupt()])
    assert _keras_private.schedule_of(model.optimizer) is schedule
    sweep = ExponentialLRSweep(1e-3, 1e-1, steps=6, restore=False)
    for interruptions in ([Interrupt()], []):
        try:
            model.fit(X, Y, batch_size=16, verbose=0, callbacks=[sweep, *interruptions])
        except KeyboardInterrupt:
            assert sweep.stopped == "interrupted"
    assert sweep.stopped == "finished"
    assert _keras_private.schedule_of(model.optimizer) is schedule


@pytest.mark.parametrize("every", ["batch", "epoch"])
@pytest.mark.parametrize("skipped", [False, True])
def test_under_a_schedule_each_batch_trains_at_the_rate_that_is_recorded(every, skipped):
    """Also after a batch that a loss-scaling optimizer skips and does not count."""
    moved = []

    class Moves(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            moved.append(keras.ops.convert_to_numpy(self.model.weights[0]).copy())

    schedule = schedules.CosineDecay(1e-3, 10)
    inner = keras.optimizers.SGD(schedule)
    optimizer = keras.optimizers.LossScaleOptimizer(inner) if skipped else inner
    layer = keras.layers.Dense(1, kernel_initializer="zeros", use_bias=False)
    model = keras.Sequential([keras.Input(X.shape[1:]), layer])
    model.compile(optimizer, "mean_absolute_error")
    x, y = X.copy(), np.full_like(Y, 1e6)  # The gradient is the mean of the inputs.
    if skipped:
        x[16:32] = 1e38  # The second batch: its scaled gradients are infinite, its loss is not.
    before = model.get_weights()[0]
    sweep = ExponentialLRSweep(1e-4, 1e-1, steps=4, every=every, stop_factor=None, restore=False)
    model.fit(x, y, batch_size=16, epochs=4, shuffle=False, verbose=0, callbacks=[sweep, Moves()])
    held = len(moved) // 4 if every == "epoch" else 1
    steps = np.diff([before, *moved], axis=0)
    for number, step in enumerate(steps):
        batch = number % (len(X) // 16)
        if skipped and batch == 1:
            np.testing.assert_array_equal(step, 0)
        else:
            rate = sweep.lrs[number // held]
            gradient = x[16 * batch : 16 * (batch + 1)].mean(axis=0)
            np.testing.assert_allclose(step[:, 0], rate * gradient, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("seen", [2, 3])
def test_a_sweep_keeps_to_the_updates_wherever_it_begins(seen):
    model = dense(keras.optimizers.SGD(0.5, gradient_accumulation_steps=2))
    model.fit(X[: 16 * seen], Y[: 16 * seen], batch_size=16, verbose=0)
    rates = []

    class Rates(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

    sweep = ExponentialLRSweep(1e-3, 1e-1, steps=3, stop_factor=None)
    model.fit(X, Y, batch_size=16, verbose=0, callbacks=[sweep, Rates()])
    want = [1e-3, 1e-3, 1e-2, 1e-2, 1e-1, 1e-1][seen % 2 :]
    np.testing.assert_allclose(rates[: len(want)], want, rtol=1e-6)


@pytest.mark.parametrize("every", ["batch", "epoch"])
@pytest.mark.parametrize("first", [False, True])
def test_other_callbacks_do_not_set_the_rate(every, first):
    """The callbacks come first or last; an update may straddle epochs."""
    rates = []

    class Rates(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

    others = [keras.callbacks.LearningRateScheduler(lambda epoch: 0.5)]
    others.append(keras.callbacks.ReduceLROnPlateau(monitor="loss", min_delta=99.0, patience=0))
    sweep = ExponentialLRSweep(1e-4, 1e-2, steps=4, every=every, stop_factor=None)
    model = dense(keras.optimizers.SGD(1e-3, gradient_accumulation_steps=2))
    callbacks = [*others, sweep] if first else [sweep, *others]
    model.fit(X, Y, batch_size=32, epochs=4, verbose=0, callbacks=[*callbacks, Rates()])
    want = np.repeat(sweep.lrs, 3 if every == "epoch" else 2)
    np.testing.assert_allclose(rates, want, rtol=1e-6)
    assert len(want) == (12 if every == "epoch" else 8)


def test_a_sweep_of_another_model_puts_the_schedule_back_where_it_was():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    schedule = schedules.CosineDecay(1e-3, 10)
    one, other = dense(keras.optimizers.SGD(schedule)), dense(keras.optimizers.SGD(0.5))
    sweep = ExponentialLRSweep(1e-3, 1e-1, steps=6)
    with pytest.raises(KeyboardInterrupt):
        one.fit(X, Y, verbose=0, callbacks=[sweep, Interrupt()])
    other.fit(X, Y, batch_size=16, verbose=0, callbacks=[sweep])
    assert _keras_private.schedule_of(one.optimizer) is schedule
    assert float(other.optimizer.learning_rate) == 0.5
