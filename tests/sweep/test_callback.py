"""The sweep pairs each rate with its own loss, and leaves everything as it was."""

import math

import keras
import numpy as np
import pytest

from keras_ts import (
    ExponentialLRSweep,
    WindowedSeries,
    course_series,
    find_learning_rate,
    from_preset,
)
from sweep_helpers import X, Y, assert_same_bits, dense, state


def quadratic(curvature):
    """The loss ``curvature / 2 * w**2``, w starting at 1."""
    inputs = keras.Input((1,))
    weight = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Model(inputs, weight(inputs))
    model.compile("sgd", lambda y, p: keras.ops.mean(curvature / 2 * p**2))
    return model


@pytest.mark.parametrize("curvature", [0.5, 4.0, 50.0])
def test_losses_follow_the_recurrence_and_diverge_where_theory_says(curvature):
    model = quadratic(curvature)
    sweep = ExponentialLRSweep(1e-3 / curvature, 30 / curvature, steps=100, stop_factor=None)
    ones = np.ones((100, 1), "float32")
    model.fit(ones, ones, batch_size=1, verbose=0, callbacks=[sweep], shuffle=False)
    assert len(sweep.lrs) == 100
    w, losses = 1.0, []
    for rate in sweep.lrs:
        losses.append(curvature / 2 * w * w)
        w -= rate * curvature * w
    usable = np.array(losses) > 1e-30
    np.testing.assert_allclose(np.array(sweep.losses)[usable], np.array(losses)[usable], rtol=1e-4)
    # The loss of a batch is that before its update: the rise shows one step later.
    rise = next(i for i in range(1, 100) if sweep.losses[i] > sweep.losses[i - 1])
    step = math.log(sweep.lrs[1] / sweep.lrs[0])
    assert abs(math.log(sweep.lrs[rise - 1] / (2 / curvature))) <= 1.001 * step


def largest_eigenvalue(x):
    return float(np.linalg.eigvalsh(2 * x.T @ x / len(x))[-1])


def raw_minimum(seed):
    """The rate with the lowest loss of a noisy regression, over that where theory says to rise."""
    random = np.random.default_rng(seed)
    # Directions of unequal curvature: the loss falls for as long as there is a slow one left.
    x = random.normal(size=(256 * 100, 8)).astype("float32") * np.linspace(0.25, 1, 8, dtype="f4")
    y = (x @ random.normal(size=8) + 0.1 * random.normal(size=len(x))).astype("float32")
    edge = 2 / largest_eigenvalue(x)
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(inputs))
    model.compile("sgd", "mse")
    sweep = ExponentialLRSweep(1e-3 * edge, 30 * edge, steps=100)
    model.fit(x, y, batch_size=256, verbose=0, callbacks=[sweep])
    return sweep.lrs[int(np.nanargmin(sweep.losses))] / edge


@pytest.mark.parametrize(
    "seeds", [pytest.param(40, marks=pytest.mark.slow, id="40 seeds"), pytest.param(5, id="5")]
)
def test_a_noisy_regression_is_lowest_where_it_is_about_to_diverge(seeds, record_property):
    ratios = [raw_minimum(seed) for seed in range(seeds)]
    record_property("median", float(np.median(ratios)))
    assert 0.8 <= np.median(ratios) <= 1.3


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
    swept.fit(dataset(), epochs=2, verbose=0)
    keras.utils.set_random_seed(5)
    untouched.fit(dataset(), epochs=2, verbose=0)
    assert_same_bits(state(swept), state(untouched))


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


@pytest.mark.parametrize(
    ("length", "epochs"), [(150, 8), pytest.param(1000, 100, marks=pytest.mark.slow)]
)
def test_the_courses_sweep(length, epochs):
    """Same rates and losses as ``LearningRateScheduler``, an epoch each."""
    preset = from_preset("simple_rnn_40x2_sweep", window=20)
    windows = WindowedSeries(20, batch_size=preset.recipe.batch_size, shuffle=True, seed=3)
    models = [preset.build() for _ in range(2)]
    models[1].set_weights(models[0].get_weights())
    sweep = ExponentialLRSweep(1e-8, steps_per_decade=20, every="epoch", stop_factor=None)
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-8 * 10 ** (epoch / 20))
    histories = []
    for model, callback in zip(models, (sweep, schedule), strict=True):
        model.compile(keras.optimizers.SGD(1e-8, momentum=0.9), "huber")
        data = windows.build(course_series()[:length])
        histories.append(model.fit(data, epochs=epochs, verbose=0, callbacks=[callback]))
    np.testing.assert_allclose(sweep.lrs, histories[1].history["learning_rate"], rtol=1e-6)
    np.testing.assert_allclose(sweep.losses, histories[1].history["loss"], rtol=1e-5)
    assert len(sweep.losses) == epochs


def test_stops_at_once_where_the_loss_is_not_finite():
    model = dense()
    target = Y.copy()
    target[8 * 8] = np.nan
    sweep = ExponentialLRSweep(1e-6, 1e-3, steps=12)
    model.fit(X, target, batch_size=8, verbose=0, shuffle=False, callbacks=[sweep])
    assert sweep.stopped == "non-finite"
    assert len(sweep.lrs) == 9


def test_misuse():
    with pytest.raises(TypeError, match=r"callbacks=\[sweep\]"):
        dense().fit(X, Y, verbose=0, callbacks=ExponentialLRSweep(1e-4, 1.0))
    unbuilt = keras.Sequential([keras.layers.Dense(1)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"keras.Input\(shape\)"):
        find_learning_rate(unbuilt, X, Y, verbose=0)
    with pytest.raises(ValueError, match="not compiled"):
        find_learning_rate(keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)]), X, Y)
    with pytest.raises(TypeError, match="model must be a Keras model"):
        find_learning_rate("model", X, Y)
    for name, ends in (("start_lr", (1e-300, 1.0)), ("end_lr", (1.0, 1e300))):
        with pytest.raises(ValueError, match=f"{name} must be a rate that float32 can hold"):
            ExponentialLRSweep(*ends)
    with pytest.raises(ValueError, match="Received neither"):
        ExponentialLRSweep()
    with pytest.raises(ValueError, match="end_lr must be larger"):
        ExponentialLRSweep(1.0, 0.1)
    with pytest.raises(TypeError, match="epochs is decided by steps"):
        find_learning_rate(dense(), X, Y, epochs=3)


def test_out_and_back_the_same_bits(tmp_path):
    sweep = ExponentialLRSweep(1e-4, 1e9, steps=60, stop_factor=None)
    dense().fit(X, Y, batch_size=8, epochs=5, verbose=0, callbacks=[sweep])
    assert sweep.stopped == "non-finite"
    path = tmp_path / "sweep.json"
    sweep.to_json(path)
    again = ExponentialLRSweep.from_json(path)
    assert again.get_config() == sweep.get_config()
    assert again.stopped == sweep.stopped
    np.testing.assert_array_equal(again.losses, sweep.losses)
    np.testing.assert_array_equal(again.smoothed_losses, sweep.smoothed_losses)
    assert again.lrs == sweep.lrs
    sweep.to_csv(tmp_path / "sweep.csv")
    table = np.genfromtxt(tmp_path / "sweep.csv", delimiter=",", names=True)
    np.testing.assert_array_equal(table["loss"], sweep.losses)
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(FileNotFoundError, match="does not exist"):
        sweep.to_json(tmp_path / "no" / "sweep.json")


def test_a_level_loss_is_no_divergence():
    model = dense()
    sweep = find_learning_rate(
        model, X, Y, start_lr=1e-12, end_lr=1e-9, steps=60, batch_size=96, verbose=0
    )
    assert sweep.stopped == "finished"


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


@pytest.mark.parametrize("tracked", ["loss", "total_loss"])
def test_a_training_step_of_ones_own_keeps_its_history(tracked):
    histories = []
    for callbacks in ([], [ExponentialLRSweep(1e-12, 1.1e-12, restore=False, stop_factor=None)]):
        history = own_step(tracked=tracked, rate=1e-12).fit(
            X, Y, batch_size=20, epochs=2, verbose=0, shuffle=False, callbacks=callbacks
        )
        histories.append(history.history)
    assert histories[0].keys() == histories[1].keys() == {"loss", "part", "last"}
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-6)


def test_a_training_step_without_a_loss_says_so():
    with pytest.raises(ValueError, match=r"returns \{'loss': loss\}. It returned \['error'\]"):
        find_learning_rate(own_step(named="error"), X, Y, verbose=0)


def test_a_loss_that_is_not_finite_at_once_is_a_clear_error():
    sweep = find_learning_rate(dense(), X, np.full_like(Y, np.nan), verbose=0)
    assert sweep.stopped == "non-finite"
    assert len(sweep.lrs) == 1
    with pytest.raises(ValueError, match=r"0 usable points.*not finite from rate 1e-07 on"):
        sweep.suggest()


def test_too_few_points_say_so():
    sweep = find_learning_rate(dense(), X, Y, steps=9, verbose=0)
    with pytest.raises(ValueError, match="9 usable points, and a suggestion needs 10"):
        sweep.suggest()
    with pytest.raises(ValueError, match="steps must be >= 2"):
        find_learning_rate(dense(), X, Y, steps=1)
    with pytest.raises(ValueError, match="steps=None takes the length of the fit, which is 1"):
        dense().fit(X, Y, batch_size=96, verbose=0, callbacks=[ExponentialLRSweep(1e-3, 1e-1)])


@pytest.mark.parametrize("seed", [0, 1])
def test_an_outlier_in_the_series_does_not_end_the_sweep(seed):
    """One value of 1461 is raised by 1000: one window has it as its target, twenty hold it."""
    series = course_series()
    series[500] += 1000
    keras.utils.set_random_seed(seed)
    preset = from_preset("gru_32x2", window=20)
    windows = WindowedSeries(20, batch_size=32).build(series)
    model = preset.build()
    preset.recipe.compile(model, len(windows))
    sweep = find_learning_rate(model, windows, verbose=0)
    assert max(sweep.losses) > 5 * np.median(sweep.losses)
    assert sweep.lrs[-1] > 1e-2


@pytest.mark.parametrize("batches", [(0,), (5,), (5, 6), (0, 20, 40)])
def test_outlying_batches_do_not_move_the_suggestion(batches):
    """Their losses are raised by 1000, which no gradient sees."""

    def raised(y, predicted):
        return keras.ops.mean((y[:, :1] - predicted) ** 2 + y[:, 1:], axis=-1)

    rates = []
    for raise_by in (0.0, 1000.0):
        rows = np.resize(np.arange(len(X)), 800)
        targets = np.concatenate([Y[rows], np.zeros((800, 1), "float32")], axis=1)
        for batch in batches:
            targets[8 * batch : 8 * batch + 8, 1] = raise_by
        model = dense("sgd", metrics=None)
        model.compile("sgd", raised)
        sweep = ExponentialLRSweep(1e-5, 10.0, steps=100)
        model.fit(X[rows], targets, batch_size=8, verbose=0, shuffle=False, callbacks=[sweep])
        assert sweep.lrs[-1] > 0.1
        rates.append(sweep.suggest())
    assert abs(math.log10(rates[1] / rates[0])) < 0.2
