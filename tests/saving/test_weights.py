"""Weights are recognized in memory and in a file, however the file came to be."""

import keras
import numpy as np
import pytest

from judged_models import changed, forecaster, parts
from keras_ts import calibrate, save_portable
from keras_ts.saving.weights import Weights, digests_in


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


def test_a_portable_model_has_the_same(model, tmp_path):
    save_portable(model, tmp_path / "portable.keras")
    assert digests_in(str(tmp_path / "portable.keras")) == Weights.of(model).net
