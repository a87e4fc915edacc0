"""A sweep sees the same losses and rates however Keras is told to train."""

import keras
import numpy as np
import pytest

from helpers import BACKEND, only_tensorflow, run_fresh
from keras_ts import ExponentialLRSweep, _keras_private, find_learning_rate
from sweep_helpers import X, Y, assert_same_bits, dense, state

schedules = keras.optimizers.schedules


def swept(model, batch_size=16, **fit_arguments):
    """Six rates, one an update, over the data in order."""
    sweep = ExponentialLRSweep(1e-3, 1e-1, steps=6, stop_factor=None)
    arguments = {"batch_size": batch_size, "verbose": 0, "shuffle": False, **fit_arguments}
    model.fit(X, Y, callbacks=[sweep], **arguments)
    assert sweep.stopped == "finished"
    return sweep


def assert_same_curve(sweep, want):
    assert sweep.lrs == want.lrs
    np.testing.assert_allclose(sweep.losses, want.losses, rtol=1e-5)


@pytest.mark.parametrize("k", [2, 4])
def test_gradient_accumulation_holds_a_rate_for_an_update(k):
    model = dense(keras.optimizers.SGD(1e-3, gradient_accumulation_steps=k))
    assert_same_curve(swept(model, batch_size=16 // k), swept(dense()))


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch refuses steps_per_execution")
def test_steps_per_execution_gives_a_point_a_group():
    """Four batches at one rate, and their mean loss: what a loop over batches gives."""
    model, twin = dense(steps_per_execution=4), dense()
    sweep = ExponentialLRSweep(1e-3, 1e-1, steps=6, stop_factor=None)
    model.fit(X, Y, batch_size=4, verbose=0, shuffle=False, callbacks=[sweep])
    losses = []
    for group, rate in enumerate(sweep.lrs):
        twin.optimizer.learning_rate = rate
        parts = [slice(16 * group + 4 * i, 16 * group + 4 * i + 4) for i in range(4)]
        each = []
        for part in parts:
            twin.reset_metrics()
            each.append(float(twin.train_on_batch(X[part], Y[part])[0]))
        losses.append(np.mean(each))
    assert sweep.stopped == "finished"
    assert len(sweep.lrs) == 6
    np.testing.assert_allclose(sweep.losses, losses, rtol=1e-5)


def scaled_loss():
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1e-3), initial_scale=2.0**10)


MODES = {
    "jit": lambda: (dense(jit_compile=True), {}),
    "no jit": lambda: (dense(jit_compile=False), {}),
    "eager": lambda: (dense(run_eagerly=True), {}),
    "loss scaling": lambda: (dense(scaled_loss()), {}),
    "schedule": lambda: (dense(keras.optimizers.SGD(schedules.CosineDecay(1e-3, 10))), {}),
    "several epochs": lambda: (dense(), {"steps_per_epoch": 2, "epochs": 3}),
    "validation data": lambda: (dense(), {"validation_data": (X, Y)}),
    "no metrics": lambda: (dense(metrics=None), {}),
}
# torch.compile wants a C compiler and a minute, and warns of what it does itself.
SLOW = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")] if BACKEND == "torch" else []
COMPILED = pytest.param("jit", marks=SLOW)


@pytest.mark.parametrize("mode", [COMPILED, *(mode for mode in MODES if mode != "jit")])
def test_equals_the_plain_run(mode):
    model, arguments = MODES[mode]()
    if "steps_per_epoch" in arguments:
        # Data that goes on from epoch to epoch, as the plain run's does.
        batches = ((X[i : i + 16], Y[i : i + 16]) for i in range(0, 96, 16))
        sweep = ExponentialLRSweep(1e-3, 1e-1, steps=6, stop_factor=None)
        model.fit(batches, verbose=0, shuffle=False, callbacks=[sweep], **arguments)
    else:
        sweep = swept(model, **arguments)
    assert_same_curve(sweep, swept(dense()))


@only_tensorflow
@pytest.mark.parametrize("optimizer", ["plain", "schedule"])
def test_two_replicas_equal_the_plain_run(optimizer):
    code = """
import sys, tensorflow as tf
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, numpy as np
from keras_ts import ExponentialLRSweep
from sweep_helpers import X, Y, assert_same_bits, dense, state

def sweep_in(scope):
    with scope:
        rate = 1e-3
        if sys.argv[1] == "schedule":
            rate = keras.optimizers.schedules.CosineDecay(1e-3, 10)
        model = dense(keras.optimizers.Adam(rate))
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    sweep = ExponentialLRSweep(1e-3, 1e-1, steps=6, stop_factor=None)
    model.fit(data, verbose=0, callbacks=[sweep])
    after = state(model)
    model.fit(data, verbose=0)
    return sweep, after, state(model)

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
two, after, trained = sweep_in(strategy.scope())
with strategy.scope():
    untouched = dense(keras.optimizers.Adam(1e-3))
assert_same_bits(after[:4], state(untouched)[:4])
one, _, alone = sweep_in(tf.distribute.get_strategy().scope())
assert two.lrs == one.lrs and two.stopped == one.stopped == "finished"
np.testing.assert_allclose(two.losses, one.losses, rtol=1e-5)
for a, b in zip(trained, alone, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
print("same")
"""
    from pathlib import Path

    tests = str(Path(__file__).parent.parent)
    assert "same" in run_fresh(code, optimizer, PYTHONPATH=tests, TF_CPP_MIN_LOG_LEVEL="3")


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


def test_keras_still_keeps_the_rate_and_the_seeds_where_we_look():
    """Should this fail, keras_ts/_keras_private.py needs another way."""
    plain = keras.optimizers.SGD(0.5)
    assert _keras_private.schedule_of(plain) is None
    schedule = schedules.CosineDecay(1e-3, 10)
    optimizer = keras.optimizers.SGD(schedule, momentum=0.9)
    optimizer.build([keras.Variable([1.0])])
    names = [variable.path for variable in optimizer.variables]
    assert names[0].endswith("iteration")
    _keras_private.set_aside_schedule(optimizer)
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25
    assert len(optimizer.variables) == len(names) + 1
    optimizer.learning_rate = schedule
    assert [variable.path for variable in optimizer.variables] == names
    keras.utils.set_random_seed(1)
    assert _keras_private.global_seed_generator() is None
    keras.random.normal((1,))
    assert isinstance(_keras_private.global_seed_generator(), keras.random.SeedGenerator)


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


@pytest.mark.parametrize(("k", "batch_size"), [(3, 10), (2, 20)])
def test_updates_that_straddle_epochs_leave_history_alone(k, batch_size):
    histories = []
    for callbacks in ([], [ExponentialLRSweep(1e-12, 1.1e-12, stop_factor=None)]):
        model = dense(keras.optimizers.SGD(1e-12, gradient_accumulation_steps=k))
        fit = model.fit(X, Y, batch_size=batch_size, epochs=3, verbose=0, shuffle=False,
                        callbacks=callbacks)  # fmt: skip
        histories.append(fit.history["loss"])
        for sweep in callbacks:
            assert sweep.stopped == "finished"
            assert sweep.lrs[-1] == 1.1e-12
    # The last rate ends the fit, in the middle of the last epoch where updates straddle.
    np.testing.assert_allclose(histories[1][:2], histories[0][:2], rtol=1e-6)


def test_all_steps_run_under_accumulation():
    model = dense(keras.optimizers.SGD(1e-3, gradient_accumulation_steps=4))
    sweep = find_learning_rate(model, X, Y, end_lr=1e-5, steps=12, batch_size=96, verbose=0,
                               stop_factor=None)  # fmt: skip
    assert sweep.stopped == "finished"
    assert len(sweep.lrs) == 12


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


@pytest.mark.parametrize("every", ["batch", "epoch"])
@pytest.mark.parametrize("first", [False, True])
def test_other_callbacks_do_not_set_the_rate(every, first):
    """Whether they come first or last, also where an update straddles epochs."""
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
