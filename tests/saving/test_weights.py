"""Weights are recognized in memory and in a file, however the file came to be."""

import keras
import numpy as np
import pytest

from judged_models import changed, forecaster, parts
from keras_ts import (
    WindowedInput,
    calibrate,
    compare,
    save_model,
    scorecard,
)
from keras_ts.saving.scorecard import Weights, digests_in

pytestmark = pytest.mark.usefixtures("untraced_models")


@pytest.fixture
def model():
    model = forecaster(parts()[0])
    model.fit(parts()[0], epochs=1, verbose=0)
    return model


def test_a_copy_has_the_same_and_a_trained_model_others(model):
    before = Weights.of(model)
    assert before.net
    assert before.intervals is None
    clone = keras.models.clone_model(model)
    assert Weights.of(clone) != before
    clone.set_weights(model.get_weights())
    assert Weights.of(clone) == before
    model.trainable = False
    assert Weights.of(model) == before
    assert Weights.of(changed(model)) != before


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_file_holds_them_beside_the_states_of_an_optimizer(model, tmp_path, suffix):
    path = str(tmp_path / f"model{suffix}")
    model.compile("adam", "mae")
    model.fit(parts()[0], epochs=1, verbose=0)
    model.save(path)
    assert digests_in(path) == Weights.of(model).net


def test_neither_random_states_nor_counters_count(tmp_path):
    past = keras.Input((4,))
    x = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(past))
    model = keras.Model(past, keras.layers.Dense(1, dtype="bfloat16")(x))
    model.compile("sgd", "mae", metrics=["mse"])
    model.fit(np.ones((8, 4)), np.ones(8), verbose=0)
    before = Weights.of(model)
    model.evaluate(np.ones((8, 4)), np.ones(8), verbose=0)
    assert Weights.of(model) == before
    model.save(tmp_path / "model.keras")
    assert digests_in(str(tmp_path / "model.keras")) == before.net


def test_a_calibrated_model_has_those_of_its_net(model, tmp_path):
    calibrated = calibrate(model, parts()[1], 0.8)
    weights = Weights.of(calibrated)
    assert weights.net == Weights.of(model).net
    assert len(weights.intervals) == 2
    calibrated.save(tmp_path / "model.keras")
    assert digests_in(str(tmp_path / "model.keras")) == weights.net | weights.intervals


def nested(kind):
    """A model that contains models which were compiled and trained, and so have an optimizer."""
    train = parts()[0]
    inner = [forecaster(train) for _ in range(2)]
    for model in inner:
        model.compile("adam", "mae", metrics=["mse"])
        model.fit(train, epochs=1, verbose=0)
    past = keras.Input((20,))
    if kind == "ensemble":
        return keras.Model(past, keras.layers.Average()([model(past) for model in inner]))
    if kind == "calibrated inside":
        return keras.Model(past, calibrate(inner[0], train, 0.8)(past))
    if kind == "ensemble calibrated":
        return calibrate(nested("ensemble"), train, 0.8)
    if kind == "twice":
        within = keras.Model(past, inner[0](past))
        within.compile("adam", "mae")
        within.fit(train, epochs=1, verbose=0)
        return keras.Sequential([past, within])
    own = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
    own.compile("adam", "mae")
    own.fit(np.ones((4, 1)), np.ones((4, 2)), verbose=0)
    x = WindowedInput.of(train)(past)
    steps = keras.layers.TimeDistributed(own)(keras.layers.Reshape((20, 1))(x))
    return keras.Model(past, keras.layers.Dense(3)(keras.layers.Flatten()(steps)))


KINDS = ["ensemble", "calibrated inside", "ensemble calibrated", "twice", "time distributed"]


# What Keras says of PyTorch's tensors and of HDF5.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_a_model_that_contains_models_holds_its_weights_alone(kind, tmp_path):
    model, path = nested(kind), tmp_path / "model.keras"
    weights = Weights.of(model)
    every = weights.net | (weights.intervals or frozenset())
    assert len(every) == sum(1 for weight in model.weights if "float" in weight.dtype)
    save_model(model, path, report=compare(model, *parts()))
    keras.saving.load_model(path).save(tmp_path / "again.keras")
    for saved in (path, tmp_path / "again.keras"):
        assert digests_in(str(saved)) == every
        assert Weights.of(keras.saving.load_model(saved)) == weights
        assert scorecard(saved).remarks == scorecard(keras.saving.load_model(saved)).remarks == ()
    model.save(tmp_path / "model.h5")
    assert digests_in(str(tmp_path / "model.h5")) == every
    changed(model).save(path)
    for place in (path, model):
        assert scorecard(place).remarks[0].startswith("The weights are no longer those")
