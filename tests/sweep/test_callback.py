"""The sweep as people use it: its curve follows theory, its misuse is a clear error."""

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
from sweep_helpers import X, Y, dense


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


@pytest.mark.parametrize(
    ("length", "epochs"), [(150, 8), pytest.param(1000, 100, marks=pytest.mark.slow)]
)
def test_the_courses_sweep(length, epochs):
    """Same rates and losses as ``LearningRateScheduler``, an epoch each."""
    preset = from_preset("simple_rnn_40x2_sweep")
    windows = WindowedSeries(20, batch_size=preset.recipe.batch_size, shuffle=True, seed=3)
    models = [preset.build(window=20) for _ in range(2)]
    models[1].set_weights(models[0].get_weights())
    sweep = ExponentialLRSweep(1e-8, steps_per_decade=20, every="epoch", stop_factor=None)
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-8 * 10 ** (epoch / 20))
    histories = []
    for model, callback in zip(models, (sweep, schedule), strict=True):
        model.compile(keras.optimizers.SGD(1e-8, momentum=0.9), "huber")
        data = windows.build(course_series()[:length])
        fit = model.fit(data, epochs=epochs, shuffle=False, verbose=0, callbacks=[callback])
        histories.append(fit)
    np.testing.assert_allclose(sweep.lrs, histories[1].history["learning_rate"], rtol=1e-6)
    np.testing.assert_allclose(sweep.losses, histories[1].history["loss"], rtol=1e-5)
    assert len(sweep.losses) == epochs


def test_misuse():
    with pytest.raises(TypeError, match=r"callbacks=\[sweep\]"):
        dense().fit(X, Y, verbose=0, callbacks=ExponentialLRSweep(1e-4, 1.0))
    unbuilt = keras.Sequential([keras.layers.Dense(1)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"keras.Input\(shape\)"):
        find_learning_rate(unbuilt, X, Y, verbose=0)
    with pytest.raises(ValueError, match="steps_per_execution=1"):
        find_learning_rate(dense(steps_per_execution=2), X, Y)
    with pytest.raises(TypeError, match="model must be a Keras model"):
        find_learning_rate("model", X, Y)
    with pytest.raises(TypeError, match="epochs"):
        find_learning_rate(dense(), X, Y, epochs=3)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "Received neither"),
        ({"end_lr": 1.0, "steps_per_decade": 20}, "Received both"),
        ({"end_lr": 1e-9, "steps": 10}, "end_lr must be larger than start_lr"),
        ({"end_lr": 1.0, "steps": 1}, "steps must be >= 2"),
        ({"steps_per_decade": 0}, "steps_per_decade must be > 0"),
        ({"end_lr": 1.0, "smoothing": 1.0}, r"smoothing must lie in \[0, 1\)"),
        ({"end_lr": 1.0, "stop_factor": 0}, "stop_factor must be > 0"),
        ({"end_lr": 1.0, "every": "step"}, "every must be one of"),
    ],
)
def test_settings_that_make_no_sweep(settings, says):
    with pytest.raises(ValueError, match=says):
        ExponentialLRSweep(**settings)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_an_outlier_in_the_series_does_not_end_the_sweep(seed):
    """One value of 1461 is raised by 1000: one window has it as its target, twenty hold it."""
    series = course_series()
    series[500] += 1000
    keras.utils.set_random_seed(seed)
    preset = from_preset("gru_32x2")
    windows = WindowedSeries(20, batch_size=32).build(series)
    model = preset.build(window=20)
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


@pytest.mark.parametrize("every", ["batch", "epoch"])
def test_stopped_says_interrupted_until_the_sweep_has_ended(every):
    """Keras calls no callback when an exception ends a fit, so a running one looks the same."""
    seen = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(sweep.stopped)

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    sweep = ExponentialLRSweep(1e-4, 1e-2, every=every, stop_factor=None)
    assert sweep.stopped is None
    model = dense()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=48, epochs=3, verbose=0, callbacks=[sweep, Look()])
    assert seen == ["interrupted"] * 4
    assert sweep.stopped == sweep.to_dict()["stopped"] == "interrupted"
    model.fit(X, Y, batch_size=48, epochs=3, verbose=0, callbacks=[sweep])
    assert sweep.stopped == "finished"
    assert len(sweep.lrs) == (6 if every == "batch" else 3)
