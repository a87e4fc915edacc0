"""Each rate gets the loss of exactly its own batches, however Keras is told to train."""

from pathlib import Path

import keras
import numpy as np
import pytest

from helpers import BACKEND, only_tensorflow, run_fresh
from keras_ts import ExponentialLRSweep, WindowedSeries, find_learning_rate
from sweep_helpers import X, Y, dense


def test_history_is_that_of_the_fit():
    class Fixed(ExponentialLRSweep):
        """A ladder so flat that it is one rate."""

    histories = []
    for callbacks in ([], [Fixed(1e-3, 1e-3 * (1 + 1e-12), restore=False, stop_factor=None)]):
        model = dense(keras.optimizers.SGD(1e-3))
        history = model.fit(X, Y, batch_size=8, epochs=3, verbose=0, shuffle=False,
                            callbacks=callbacks, validation_data=(X, Y))  # fmt: skip
        histories.append(history.history)
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-6)


def test_each_loss_is_its_batchs_own():
    model, twin = dense(), dense()
    sweep = ExponentialLRSweep(1e-4, 1e-2, stop_factor=None)
    weights = np.linspace(0.5, 2, len(X))
    model.fit(X, Y, batch_size=10, epochs=2, sample_weight=weights, verbose=0, shuffle=False,
              callbacks=[sweep])  # fmt: skip
    losses = []
    for step, rate in enumerate(sweep.lrs):
        part = slice(10 * (step % 10), 10 * (step % 10) + 10)
        twin.optimizer.learning_rate = rate
        twin.reset_metrics()
        losses.append(float(twin.train_on_batch(X[part], Y[part], weights[part])[0]))
    np.testing.assert_allclose(sweep.losses, losses, rtol=1e-5)


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_padded_batch_has_the_loss_of_its_windows(shuffle):
    """The last batch of an epoch has 3 windows and 5 rows that repeat others; the rate is held."""
    panel = [np.sin(np.arange(17.0)), np.cos(np.arange(18.0))]
    windows = WindowedSeries(6, 3, batch_size=8, remainder="pad", shuffle=shuffle, seed=1)
    dataset = windows.build(panel)
    assert (dataset.num_windows, len(dataset)) == (19, 3)
    model, twin = (keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)]) for _ in range(2))
    twin.set_weights(model.get_weights())
    for net in (model, twin):
        net.compile("sgd", "mse")
    sweep = ExponentialLRSweep(1e-3, 1e-1, steps=9, stop_factor=None)
    position = dataset.state()
    model.fit(dataset, epochs=3, verbose=0, shuffle=False, callbacks=[sweep])
    losses = []
    for epoch in range(3):
        dataset.restore({**position, "epoch": epoch})
        for number in range(len(dataset)):
            x, y, weights = dataset[number]
            real = weights.ravel() > 0
            assert real.sum() == (3 if number == 2 else 8)
            twin.optimizer.learning_rate = sweep.lrs[len(losses)]
            twin.reset_metrics()
            losses.append(float(twin.train_on_batch(x[real], y[real])))
    assert len(sweep.losses) == len(losses) == 9
    np.testing.assert_allclose(sweep.losses, losses, rtol=1e-5)


class OwnStep(keras.Model):
    """A model whose training step is its own: it returns the loss, and keeps no mean of it."""

    def __init__(self, named="loss", tracked=None):
        super().__init__()
        self.layer = keras.layers.Dense(1)
        self.named, self.tracked = named, tracked
        self.own = keras.metrics.Mean(name=tracked or "loss")
        self.part = keras.metrics.Mean(name="part")

    def build(self, shape):
        self.layer.build(shape)

    def call(self, x):
        return self.layer(x)

    def logs(self, loss):
        if self.tracked:
            self.own.update_state(loss)
            self.part.update_state(loss / 2)
            return {"loss": self.own.result(), "part": self.part.result(), "last": loss}
        return {self.named: loss}

    if keras.backend.backend() == "jax":

        def train_step(self, state, data):
            (x, y), (trainable, frozen, optimizer, metrics) = data, state

            def loss_of(trainable):
                predicted, _ = self.stateless_call(trainable, frozen, x)
                return keras.ops.mean((y - predicted) ** 2)

            import jax

            loss, gradients = jax.value_and_grad(loss_of)(trainable)
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
            pairs = list(zip(self.metrics_variables, metrics, strict=True))
            with keras.StatelessScope(state_mapping=pairs) as scope:
                logs = self.logs(loss)
            metrics = [scope.get_current_value(v) for v in self.metrics_variables]
            return logs, (trainable, frozen, optimizer, metrics)

    elif keras.backend.backend() == "tensorflow":

        def train_step(self, data):
            import tensorflow as tf

            x, y = data
            with tf.GradientTape() as tape:
                loss = keras.ops.mean((y - self(x)) ** 2)
            variables = self.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            return self.logs(loss)

    else:

        def train_step(self, data):
            x, y = data
            self.zero_grad()
            loss = keras.ops.mean((y - self(x)) ** 2)
            loss.backward()
            variables = self.trainable_weights
            self.optimizer.apply([v.value.grad for v in variables], variables)
            return self.logs(loss.detach())


def own_step(rate=0.01, **settings):
    model = OwnStep(**settings)
    model.build((None, 6))
    model.set_weights([np.full((6, 1), 0.1, "float32"), np.zeros(1, "float32")])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


@pytest.mark.parametrize("tracked", [None, "loss", "total_loss"])
def test_a_training_step_of_ones_own(tracked):
    """The same losses as Keras's own step, whether or not it keeps a mean, of whatever name."""
    plain = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    plain.set_weights([np.full((6, 1), 0.1, "float32"), np.zeros(1, "float32")])
    plain.compile("sgd", "mse")
    curves = []
    for model in (own_step(tracked=tracked), plain):
        sweep = ExponentialLRSweep(1e-3, 1e-1, stop_factor=None)
        model.fit(X, Y, batch_size=16, epochs=2, verbose=0, shuffle=False, callbacks=[sweep])
        curves.append(sweep.losses)
    assert len(curves[0]) == 12
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-5)


def test_a_training_step_without_a_loss_says_so():
    with pytest.raises(
        ValueError, match=r"return \{'loss': loss\}. Received logs with the keys \['error'\]"
    ):
        find_learning_rate(own_step(named="error"), X, Y, verbose=0)


def test_a_loss_that_is_not_finite_at_once_is_a_clear_error():
    sweep = find_learning_rate(dense(), X, np.full_like(Y, np.nan), verbose=0)
    assert sweep.stopped == "non-finite"
    assert len(sweep.lrs) == 1
    with pytest.raises(ValueError, match=r"The sweep begins with 0.*not finite from rate 1e-07 on"):
        sweep.suggest()


schedules = keras.optimizers.schedules


def swept(model, batch_size=16, **fit_arguments):
    """Six rates, one an update, over the data in order."""
    sweep = ExponentialLRSweep(1e-3, 1e-1, steps=6, stop_factor=None)
    arguments = {"batch_size": batch_size, "verbose": 0, "shuffle": False, **fit_arguments}
    model.fit(X, Y, callbacks=[sweep], **arguments)
    assert sweep.stopped == "finished"
    return sweep


@pytest.fixture(scope="module")
def plain():
    return swept(dense())


def assert_same_curve(sweep, want):
    assert sweep.lrs == want.lrs
    np.testing.assert_allclose(sweep.losses, want.losses, rtol=1e-5)


@pytest.mark.parametrize("k", [2, 4])
def test_gradient_accumulation_holds_a_rate_for_an_update(plain, k):
    model = dense(keras.optimizers.SGD(1e-3, gradient_accumulation_steps=k))
    assert_same_curve(swept(model, batch_size=16 // k), plain)


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
def test_equals_the_plain_run(plain, mode):
    model, arguments = MODES[mode]()
    if "steps_per_epoch" in arguments:
        # Data that goes on from epoch to epoch, as the plain run's does.
        batches = ((X[i : i + 16], Y[i : i + 16]) for i in range(0, 96, 16))
        sweep = ExponentialLRSweep(1e-3, 1e-1, steps=6, stop_factor=None)
        model.fit(batches, verbose=0, shuffle=False, callbacks=[sweep], **arguments)
    else:
        sweep = swept(model, **arguments)
    assert_same_curve(sweep, plain)


@only_tensorflow
def test_two_replicas_equal_the_plain_run():
    code = """
import tensorflow as tf
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, numpy as np
from keras_ts import ExponentialLRSweep
from sweep_helpers import X, Y, assert_same_bits, dense, state

def sweep_in(scope, schedule):
    with scope:
        rate = 1e-3
        if schedule:
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
for schedule in (False, True):
    two, after, trained = sweep_in(strategy.scope(), schedule)
    with strategy.scope():
        untouched = dense(keras.optimizers.Adam(1e-3))
    assert_same_bits(after[:4], state(untouched)[:4])
    one, _, alone = sweep_in(tf.distribute.get_strategy().scope(), schedule)
    assert two.lrs == one.lrs and two.stopped == one.stopped == "finished"
    np.testing.assert_allclose(two.losses, one.losses, rtol=1e-5)
    for a, b in zip(trained, alone, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    print("same")
"""

    tests = str(Path(__file__).parent.parent)
    told = run_fresh(code, PYTHONPATH=tests, TF_CPP_MIN_LOG_LEVEL="3")
    assert told.split().count("same") == 2


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
