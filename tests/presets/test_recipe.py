"""A recipe compiles a model as it says."""

import dataclasses

import keras
import numpy as np
import pytest

from helpers import called, run_fresh, untraced
from keras_ts import WindowedInput, WindowedSeries, from_preset
from keras_ts.interface import Interface
from keras_ts.layers import SortedQuantiles
from keras_ts.losses import MaskedLoss, QuantileLoss, StandardizedMSE
from keras_ts.metrics import IntervalCoverage, MedianMAE

RECIPE = from_preset("simple_rnn_40x2").recipe


def test_recipes_compile():
    preset = from_preset("gru_32x2")
    with pytest.raises(ValueError, match="steps_per_epoch"):
        preset.recipe.compile(preset.build())
    assert dataclasses.asdict(RECIPE)["momentum"] == 0.9
    model = preset.build()
    RECIPE.compile(model)
    assert model.optimizer.momentum == 0.9
    assert model.loss == "huber"


@pytest.mark.parametrize(("steps", "epochs"), [(1, 10), (2, 5), (3, 4), (4, 3), (5, 3), (99, 3)])
def test_few_windows_take_more_epochs_if_columns_are_known_ahead(steps, epochs):
    """The rate falls over just these epochs; without such columns there are as many as ever."""
    recipe = dataclasses.replace(from_preset("gru_32x2").recipe, epochs=3, least_updates=10)
    table = np.random.default_rng(0).normal(size=(40, 2))
    for future, expected in ((None, 3), ([1], epochs)):
        windows = WindowedSeries(5, target_columns=0, future_columns=future)
        assert recipe.epochs_for(steps, known_ahead=future is not None) == expected
        model = from_preset("gru_32x2").build(windows.build(table))
        recipe.compile(model, steps_per_epoch=steps)
        rate = model.optimizer.get_config()["learning_rate"]["config"]
        assert rate["decay_steps"] == steps * expected


@pytest.mark.parametrize(("batches", "steps"), [(30, 30), (100, 100), (340, 100), (6000, 100)])
def test_a_long_series_takes_no_more_updates_than_one_of_some_thousand_steps(batches, steps):
    recipe = from_preset("smooth_gru").recipe
    assert recipe.steps_for(batches) == steps
    assert recipe.epochs_for(steps) == 60


RELOADED = """
import sys, keras, numpy as np
import keras_ts
model = keras.saving.load_model(sys.argv[1])
train = keras_ts.load_windows(sys.argv[1]).build(np.sin(np.arange(60.0)))
before = model.get_weights()
model.run_eagerly = keras.backend.backend() == "tensorflow"
model.fit(train, epochs=1, verbose=0)
moved = [np.abs(one - two).max() for one, two in zip(before, model.get_weights())]
assert min(moved) > 1e-6, moved
"""


def test_a_model_trained_to_the_end_of_its_recipe_learns_on_when_it_is_loaded(tmp_path):
    recipe = dataclasses.replace(from_preset("gru_32x2").recipe, epochs=2, learning_rate=0.01)
    preset = dataclasses.replace(from_preset("gru_32x2"), units=(2,), recipe=recipe)
    train = WindowedSeries(5, batch_size=16).build(np.sin(np.arange(60.0)))
    model = preset.build(train)
    recipe.compile(model, steps_per_epoch=len(train))
    untraced(model).fit(train, epochs=2, verbose=0)
    np.testing.assert_allclose(float(model.optimizer.learning_rate), 1e-4, rtol=1e-6)
    model.save(tmp_path / "model.keras")
    run_fresh(RELOADED, tmp_path / "model.keras")


@pytest.mark.parametrize(
    ("name", "arguments", "window"),
    [
        ("simple_rnn_40x2", {"steps": 1000}, 20),
        ("simple_rnn_40x2", {"steps": 15, "horizon": 3}, 12),
        ("smooth_gru", {"steps": 1000}, 62),
        ("smooth_gru", {"steps": 50}, 12),
        ("smooth_gru", {"steps": 10}, 9),
        ("smooth_gru", {"steps": 10**6}, 300),
        ("seasonal_gru", {"steps": 126, "horizon": 18, "period": 12}, 72),
        ("seasonal_gru", {"steps": 60, "horizon": 18, "period": 12}, 36),
        ("seasonal_gru", {"steps": 20, "horizon": 18, "period": 12}, 24),
        ("seasonal_gru", {"steps": 100, "horizon": 8, "period": 4}, 24),
        ("seasonal_gru", {"steps": 100, "horizon": 8, "period": 5}, 30),
        ("seasonal_gru", {"steps": 41, "horizon": 6}, 12),
        ("seasonal_gru", {"steps": 1000, "horizon": 24, "period": 168}, 336),
        ("smooth_gru", {"steps": 1000, "period": 365}, 730),
    ],
)
def test_recipes_say_the_window(name, arguments, window):
    assert from_preset(name).recipe.window_for(**arguments) == window


def test_windows_that_no_recipe_gives_are_refused():
    with pytest.raises(ValueError, match="leave no window before a horizon of 6"):
        from_preset("seasonal_gru").recipe.window_for(6, horizon=6)
    with pytest.raises(ValueError, match="names no window"):
        dataclasses.replace(RECIPE, window=None).window_for(100)
    with pytest.raises(ValueError, match="window_share must lie"):
        dataclasses.replace(RECIPE, window_share=1.0)
    with pytest.raises(ValueError, match="window"):
        dataclasses.replace(RECIPE, window=0)
    with pytest.raises(TypeError, match="window_periods"):
        dataclasses.replace(RECIPE, window_periods=0.5)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_the_recipe_for_a_long_series_trains_alike_in_every_unit(unit):
    """A squared error in units of 1e-12 would be nothing to the optimizer, and of 1e25 infinite."""
    series = np.random.default_rng(0).normal(size=150).cumsum()
    errors = []
    for factor in (1.0, unit):
        keras.utils.set_random_seed(0)
        dataset = WindowedSeries(12, batch_size=32).build(series * factor)
        preset = from_preset("smooth_gru", units=(4,), memory=3)
        model = untraced(preset.build(dataset))
        preset.recipe.compile(model, steps_per_epoch=len(dataset))
        untraced(model).fit(dataset, epochs=1, verbose=0)
        x, y = dataset.to_numpy()
        errors.append(np.abs(called(model, x)[:, 0] - y).mean() / factor)
    assert errors[1] == pytest.approx(errors[0], rel=1e-2)


def test_small_weights_train_as_far_as_large_ones():
    """A loss a million times smaller is still more to the optimizer than nothing."""
    series = np.random.default_rng(0).normal(size=150).cumsum()
    moved = []
    for weight in (1.0, 1e-6):
        keras.utils.set_random_seed(0)
        windows = WindowedSeries(12, batch_size=32)
        dataset = windows.build(series, sample_weight=np.full(150, weight))
        preset = from_preset("smooth_gru", units=(4,), memory=3)
        model = untraced(preset.build(dataset))
        preset.recipe.compile(model, steps_per_epoch=len(dataset))
        before = np.concatenate([w.ravel() for w in model.get_weights()])
        untraced(model).fit(dataset, epochs=1, verbose=0)
        after = np.concatenate([w.ravel() for w in model.get_weights()])
        moved.append(np.abs(after - before).mean())
    assert moved[0] > 1e-4
    assert moved[1] == pytest.approx(moved[0], rel=0.3)


def test_a_model_without_units_is_refused_where_the_loss_needs_them():
    preset = from_preset("smooth_gru", smoothing=None)
    with pytest.raises(ValueError, match="only a model with smoothing keeps"):
        preset.recipe.compile(preset.build(), steps_per_epoch=2)


@pytest.mark.parametrize("columns", [None, 1, [2, 0]])
@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("weight", [None, "inverse_scale"])
def test_the_recipe_for_a_long_series_trains_every_shape_of_targets(columns, horizon, weight):
    table = np.random.default_rng(0).normal(size=(40, 3)) * [1.0, 1e3, 1e-3]
    windows = WindowedSeries(8, horizon, target_columns=columns, weighting=weight)
    dataset = windows.build(table)
    preset = from_preset("smooth_gru", units=(3,), memory=3)
    model = untraced(preset.build(dataset))
    preset.recipe.compile(model, steps_per_epoch=len(dataset))
    losses = untraced(model).fit(dataset, epochs=1, verbose=0).history["loss"]
    assert np.isfinite(losses).all()


def test_several_targets_count_alike_in_the_standardized_error():
    table = np.random.default_rng(0).normal(size=(50, 2)) * [1e3, 1e-3]
    dataset = WindowedSeries(8, 3).build(table)
    preset = from_preset("smooth_gru", units=(3,))
    model = preset.build(dataset)
    preset.recipe.compile(model, steps_per_epoch=len(dataset))
    assert isinstance(model.loss, StandardizedMSE)
    np.testing.assert_allclose(model.loss.unit, table[:].std(axis=0), rtol=0.1)
    alone = from_preset("smooth_gru").build(window=8)
    preset.recipe.compile(alone, steps_per_epoch=2)
    assert alone.loss.unit == 1.0
    # A model around another has what that has.
    wrapped = keras.Sequential([keras.Input((8, 2)), model])
    assert Interface.of(wrapped).units == Interface.of(model).units == list(model.loss.unit)
    preset.recipe.compile(wrapped, steps_per_epoch=len(dataset))
    assert wrapped.loss.unit == model.loss.unit


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
            WindowedInput(WindowedSeries(4), quantiles=[0.1, 0.5, 0.9]),
            keras.layers.Dense(3),
        ),
        ends_in(
            WindowedInput(WindowedSeries(4), quantiles=[0.1, 0.5, 0.9]),
            quantiles([0.1, 0.5, 0.9]),
        ),
    ],
)
def test_quantiles_take_their_own_loss_and_metrics(model):
    RECIPE.compile(model)
    assert isinstance(model.loss, QuantileLoss)
    assert model.loss.quantiles == (0.1, 0.5, 0.9)
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
    model = ends_in(WindowedInput(WindowedSeries(4), quantiles=[0.5]), quantiles([0.1, 0.5]))
    with pytest.raises(ValueError, match=r"quantiles=\(0\.5,\).*SortedQuantiles\(\(0\.1, 0\.5\)\)"):
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


@pytest.mark.parametrize("missing", ["mask", "mask_targets"])
def test_missing_targets_are_left_out(missing):
    windows = WindowedSeries(4, missing=missing)
    model = ends_in(WindowedInput(windows), keras.layers.Dense(1))
    RECIPE.compile(model)
    masked = missing == "mask_targets"
    assert isinstance(model.loss, MaskedLoss) == masked
    assert not masked or model.loss.loss == RECIPE.loss
    x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    result = model.evaluate(x, x[:, 0], verbose=0, return_dict=True)
    y = np.where(np.arange(6) < 3, x[:, 0], np.nan)
    part = model.evaluate(x, y, verbose=0, return_dict=True)
    assert result.keys() == part.keys() == {"loss", "mae"}
    assert np.isfinite(part["mae"]) == masked
    if masked:
        expected = np.abs(model.predict(x[:3], verbose=0)[:, 0] - x[:3, 0]).mean()
        assert part["mae"] == pytest.approx(expected, rel=1e-5)


def test_losses_that_leave_missing_targets_out_stay():
    windows = WindowedInput(WindowedSeries(4, missing="mask_targets"))
    model = ends_in(windows, keras.layers.Dense(3), SortedQuantiles([0.1, 0.5, 0.9]))
    RECIPE.compile(model)
    assert isinstance(model.loss, QuantileLoss)
