"""A copy is trained with what the model was compiled with, at a small rate of its own."""

import json

import keras
import numpy as np
import pytest

from helpers import untraced
from keras_ts import RecurrentPreset, WindowedSeries, from_preset
from keras_ts.evaluation.tuning import settings_of, trained_further
from keras_ts.layers import LinearForecast

WINDOWS = WindowedSeries(6, horizon=2, batch_size=16)
SERIES = np.random.default_rng(0).normal(size=100).cumsum()
Schedule = keras.optimizers.schedules.CosineDecay


def dense(optimizer="sgd", loss="mse", **settings):
    past = keras.Input((6,))
    model = keras.Model(past, keras.layers.Dense(2, name="dense")(past))
    model.compile(optimizer, loss, **settings)
    return model


def rates(monkeypatch):
    """Return a list that collects the rate of every fit."""
    collected, fit = [], keras.Model.fit

    def spied(model, *arguments, **others):
        collected.append(float(model.optimizer.learning_rate))
        untraced(model)
        return fit(model, *arguments, **others)

    monkeypatch.setattr(keras.Model, "fit", spied)
    return collected


def further(model, train=None, **arguments):
    train = WINDOWS.build(SERIES) if train is None else train
    return trained_further(
        model, train, settings_of(model), name="train", **{"epochs": 1, **arguments}
    )


def test_settings_are_plain_and_whole():
    model = dense(keras.optimizers.Adam(Schedule(1e-2, 10)), keras.losses.Huber(delta=2.0))
    settings = settings_of(model)
    assert json.loads(json.dumps(settings, allow_nan=False)) == settings
    assert settings["loss"]["config"]["delta"] == 2.0
    assert settings["optimizer"]["config"]["learning_rate"]["class_name"] == "CosineDecay"
    model = dense(loss=lambda y, outputs: keras.ops.mean(y - outputs))
    assert settings_of(model) is None
    assert settings_of(keras.Sequential([keras.layers.Dense(1)])) is None


@pytest.mark.parametrize(
    ("rate", "first"),
    [
        (0.5, 0.05),
        (Schedule(0.5, 10, alpha=0.0), 0.05),
        (Schedule(0.0, 10, warmup_target=0.5, warmup_steps=64), 0.05),
        (0.0, 1e-4),
    ],
    ids=["plain", "decayed to 0", "warm-up", "0"],
)
def test_the_rate_is_small_and_never_decayed(monkeypatch, rate, first):
    """A schedule is asked for its highest rate, not for that at which the training ended."""
    collected = rates(monkeypatch)
    model = dense(keras.optimizers.SGD(rate))
    model.optimizer.iterations.assign(1000)
    tuned = further(further(model))  # Twice: the second begins from the same.
    assert collected == pytest.approx([first, first], rel=0.02)
    assert isinstance(tuned.optimizer, keras.optimizers.SGD)
    assert int(tuned.optimizer.iterations) == 0
    further(model, learning_rate=0.25)
    assert collected[-1] == 0.25


def test_a_rate_within_an_optimizer_that_scales_the_loss(monkeypatch):
    collected = rates(monkeypatch)
    inner = keras.optimizers.SGD(Schedule(0.5, 10))
    model = dense(keras.optimizers.LossScaleOptimizer(inner), auto_scale_loss=False)
    further(model)
    assert collected == pytest.approx([0.05])


def test_the_model_the_dataset_and_frozen_layers_stay():
    train = WindowedSeries(24, horizon=2, batch_size=16).build(SERIES)
    preset = RecurrentPreset(units=(3,), window_norm="last", smoothing="linear", memory=6)
    model = preset.build(train)
    from_preset("smooth_gru").recipe.compile(model, len(train))
    untraced(model).fit(train, epochs=1, verbose=0)
    state = train.state()
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]
    slots = [np.array(keras.ops.convert_to_numpy(v)) for v in model.optimizer.variables]
    tuned = further(model, train, learning_rate=1e-2)
    assert train.state() == state
    for variables, values in ((model.variables, before), (model.optimizer.variables, slots)):
        for variable, value in zip(variables, values, strict=True):
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)
    assert tuned.loss.unit == model.loss.unit
    moved = {
        layer.name
        for layer, old in zip(tuned.layers, model.layers, strict=True)
        if not all(map(np.array_equal, layer.get_weights(), old.get_weights()))
    }
    frozen = next(layer for layer in tuned.layers if isinstance(layer, LinearForecast))
    assert not frozen.trainable
    assert np.any(frozen.get_weights()[0])
    assert moved
    assert frozen.name not in moved


class Subclass(keras.Model):
    def __init__(self, outputs, **settings):
        super().__init__(**settings)
        self.outputs_at_once = outputs
        self.dense = keras.layers.Dense(outputs)

    def call(self, past):
        return self.dense(past)

    def get_config(self):
        return {**super().get_config(), "outputs": self.outputs_at_once}


def test_subclasses_and_sequential_models_are_copied():
    x = np.zeros((1, 6), "float32")
    subclass = Subclass(2)
    subclass(x)
    sequential = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(2)])
    sequential(x)
    for model in (subclass, sequential):
        model.compile("sgd", "mae")
        before = model.get_weights()
        tuned = further(model, learning_rate=1e-2)
        assert type(tuned) is type(model)
        assert not np.array_equal(tuned.get_weights()[0], before[0])
        for old, now in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, now)


def test_the_order_is_random_though_the_dataset_keeps_time_order(monkeypatch):
    datasets, fit = [], keras.Model.fit

    def spied(model, dataset, *arguments, **others):
        datasets.append(dataset)
        return fit(untraced(model), dataset, *arguments, **others)

    monkeypatch.setattr(keras.Model, "fit", spied)
    train = WINDOWS.build(SERIES)
    further(dense(keras.optimizers.SGD(1e-3)), train)
    first, others = (
        np.concatenate([own[i][1] for i in range(len(own))]) for own in (train, *datasets)
    )
    assert not np.array_equal(first, others)
    assert np.array_equal(np.sort(first, axis=0), np.sort(others, axis=0))


def test_windows_are_cut_short_where_young_series_may_come(monkeypatch):
    datasets, fit = [], keras.Model.fit

    def spied(model, dataset, *arguments, **others):
        datasets.append(dataset)
        return fit(untraced(model), dataset, *arguments, **others)

    windows = WindowedSeries(6, 2, missing="mask_targets", min_inputs=2, batch_size=64)
    train = windows.build([SERIES[:50], SERIES[50:]])
    preset = from_preset("seasonal_gru", units=(2,))
    model = preset.fit(train, epochs=1, verbose=0)
    monkeypatch.setattr(keras.Model, "fit", spied)
    further(model, train)
    given, read = (
        sum(np.isfinite(own[i][0]).all(axis=1).sum() for i in range(len(own)))
        for own in (train, *datasets)
    )
    assert given == 86
    assert 40 < read < 65


@keras.saving.register_keras_serializable(package="tests")
def registered_loss(y, outputs):
    return keras.ops.mean(keras.ops.abs(y - outputs), axis=-1)


def test_losses_of_ones_own():
    assert further(dense(loss=registered_loss), learning_rate=1e-3).loss is registered_loss

    def unregistered(y, outputs):
        return registered_loss(y, outputs)

    model = dense(loss=unregistered)
    with pytest.raises(TypeError, match="Could not locate function 'unregistered'"):
        further(model)
    with keras.saving.custom_object_scope({"unregistered": unregistered}):
        assert further(model, learning_rate=1e-3).loss is unregistered


def test_mistakes():
    with pytest.raises(ValueError, match=r"diverged at learning_rate=1e\+30: .* smaller"):
        further(dense(), learning_rate=1e30, epochs=3)
    for name, value in (("epochs", 0), ("learning_rate", 0.0), ("learning_rate", np.inf)):
        with pytest.raises(ValueError, match=name):
            further(dense(), **{name: value})
    with pytest.raises(ValueError, match=r"takes 'past' of shape \(6,.*windows give \(5,"):
        further(dense(), WindowedSeries(5, 2).build(SERIES))
    with pytest.raises(ValueError, match="one value per target"):
        further(dense(), WindowedSeries(6, 3).build(SERIES))
