"""A recipe compiles a model as it says."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_ts import (
    IntervalCoverage,
    MedianMAE,
    QuantileLoss,
    SortedQuantiles,
    WindowedInput,
    WindowedSeries,
    from_preset,
)

RECIPE = from_preset("simple_rnn_40x2").recipe


def test_recipes_compile():
    preset = from_preset("gru_32x2", window=5)
    with pytest.raises(ValueError, match="steps_per_epoch"):
        preset.recipe.compile(preset.build())
    assert dataclasses.asdict(RECIPE)["momentum"] == 0.9
    model = preset.build()
    RECIPE.compile(model)
    assert model.optimizer.momentum == 0.9
    assert model.loss == "huber"


@pytest.mark.parametrize(("steps", "epochs"), [(1, 10), (2, 5), (3, 4), (4, 3), (5, 3), (99, 3)])
def test_few_windows_take_more_epochs_over_which_the_rate_falls(steps, epochs):
    recipe = dataclasses.replace(from_preset("gru_32x2").recipe, epochs=3, least_updates=10)
    assert recipe.epochs_for(steps) == epochs
    model = from_preset("gru_32x2", window=5).build()
    recipe.compile(model, steps_per_epoch=steps)
    rate = model.optimizer.get_config()["learning_rate"]["config"]
    assert rate["decay_steps"] == steps * epochs


def ends_in(*layers):
    return keras.Sequential([keras.Input((4,)), *layers])


def quantiles(levels):
    return ends_in(keras.layers.Dense(len(levels)), SortedQuantiles(levels))


@pytest.mark.parametrize(
    "model",
    [
        quantiles([0.1, 0.5, 0.9]),
        ends_in(quantiles([0.1, 0.5, 0.9])),
        ends_in(
            WindowedInput(WindowedSeries(4), levels=[0.1, 0.5, 0.9]),
            keras.layers.Dense(3),
        ),
        ends_in(
            WindowedInput(WindowedSeries(4), levels=[0.1, 0.5, 0.9]),
            quantiles([0.1, 0.5, 0.9]),
        ),
    ],
)
def test_quantiles_take_their_own_loss_and_metrics(model):
    RECIPE.compile(model)
    assert isinstance(model.loss, QuantileLoss)
    assert model.loss.levels == (0.1, 0.5, 0.9)
    x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    result = model.evaluate(x, x[:, 0], verbose=0, return_dict=True)
    outputs = model.predict(x, verbose=0)
    for metric in (MedianMAE([0.1, 0.5, 0.9]), IntervalCoverage([0.1, 0.5, 0.9])):
        metric.update_state(x[:, 0], outputs)
        np.testing.assert_allclose(result[metric.name], float(metric.result()), rtol=1e-5)
    assert set(result) == {"loss", "mae", "coverage"}


def test_a_median_alone_covers_nothing():
    model = quantiles([0.5])
    RECIPE.compile(model)
    x = np.ones((2, 4))
    assert set(model.evaluate(x, x[:, 0], verbose=0, return_dict=True)) == {"loss", "mae"}


def test_a_model_that_carries_windows_alone_gives_a_point():
    model = ends_in(WindowedInput(WindowedSeries(4)), keras.layers.Dense(1))
    RECIPE.compile(model)
    assert model.loss == "huber"


def test_levels_that_differ_are_refused_with_both():
    model = ends_in(WindowedInput(WindowedSeries(4), levels=[0.5]), quantiles([0.1, 0.5]))
    with pytest.raises(ValueError, match=r"levels=\(0\.5,\).*SortedQuantiles\(\(0\.1, 0\.5\)\)"):
        RECIPE.compile(model)


@pytest.mark.parametrize(
    ("targets", "outputs", "windows", "crashes"),
    [
        ((), (3,), 32, True),
        ((7,), (7, 3), 32, True),
        ((), (3,), 3, False),
        ((), (3,), 1, False),
        ((1,), (3,), 32, False),
        ((3,), (3, 3), 3, False),
    ],
)
def test_stock_mae_crashes_or_broadcasts(targets, outputs, windows, crashes):
    """The docstring of ``Recipe.compile`` says so; a Keras that does better would be news."""
    model = ends_in(keras.layers.Dense(int(np.prod(outputs))), keras.layers.Reshape(outputs))
    model.compile("sgd", "mae")
    x, y = np.ones((windows, 4)), np.ones((windows, *targets))
    if crashes:
        with pytest.raises((ValueError, RuntimeError), match=r"shape|Dimension|size"):
            model.evaluate(x, y, verbose=0)
    else:
        assert np.isfinite(model.evaluate(x, y, verbose=0))
