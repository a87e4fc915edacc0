"""Files that count on masks from layer to layer forecast the same where no layer passes one on."""

import json
import warnings
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from helpers import called
from keras_ts import WindowedSeries, fine_tune, load_model, save_model
from keras_ts.layers import MaskMissing
from keras_ts.saving import archive
from keras_ts.saving.load import MASKS_MARK, pass_masks_on

# On each Keras a model that is called with a mask warns that it passes none on.
pytestmark = pytest.mark.filterwarnings("ignore:Layer 'sequential:UserWarning")

SERIES = np.random.default_rng(0).normal(size=60).cumsum()
SERIES[[9, 30, 31, 40, 50]] = np.nan
DATASET = WindowedSeries(6, missing="mask").build(SERIES)
X = DATASET.to_numpy()[0]


def passing(layer):
    """Let a layer pass its mask on, as all do on Keras 3.15."""
    layer.supports_masking = True
    return layer


def stack():
    return [
        passing(layers.GRU(3, return_sequences=True)),
        passing(layers.Bidirectional(layers.GRU(2))),
        layers.Dense(1),
    ]


def sequential():
    return keras.Sequential([keras.Input((6, 1)), MaskMissing(), *stack()])


def masked_from_outside():
    inputs = keras.Input((6, 1))
    inner = passing(keras.Sequential([keras.Input((6, 1)), *stack()]))
    return keras.Model(inputs, inner(MaskMissing()(inputs)))


def pooled():
    steps = [MaskMissing(), *stack()[:1], layers.GlobalAveragePooling1D(), layers.Dense(1)]
    return keras.Sequential([keras.Input((6, 1)), *steps])


def is_of(path, version):
    """Let a file say that this version of Keras wrote it."""
    archive.update_json(path, archive.METADATA, {"keras_version": version})


@pytest.fixture(params=[sequential, masked_from_outside, pooled])
def old(request, tmp_path):
    """A file of Keras 3.15, and what its model gives."""
    model = request.param()
    generator = np.random.default_rng(1)
    model.set_weights([generator.normal(size=w.shape, scale=0.7) for w in model.get_weights()])
    model.compile("sgd", "mae")
    model.save(tmp_path / "old.keras")
    is_of(tmp_path / "old.keras", "3.15.1")
    return tmp_path / "old.keras", called(model, X)


def test_the_forecasts_are_the_same_and_nothing_warns(old, next_keras):
    path, expected = old
    next_keras()
    np.testing.assert_allclose(called(load_model(path), X), expected, rtol=1e-5, atol=1e-6)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* does not support masking")
        plain = called(keras.saving.load_model(path), X)
    assert np.abs(plain - expected).max() > 1e-3


def test_they_stay_so_saved_again_and_trained_further(old, next_keras, tmp_path):
    path, expected = old
    next_keras()
    again = load_model(path)
    save_model(again, tmp_path / "again.keras")
    is_of(tmp_path / "again.keras", "3.16.0")
    for model in (
        load_model(tmp_path / "again.keras"),
        fine_tune(again, DATASET, epochs=1, learning_rate=1e-12),
    ):
        np.testing.assert_allclose(called(model, X), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Layer '(bi|gru):UserWarning")
def test_a_model_of_the_version_to_come_is_left_as_it_was(next_keras, tmp_path):
    next_keras()
    steps = [layers.GRU(3, return_sequences=True), layers.GRU(2)]
    model = keras.Sequential([keras.Input((6, 1)), MaskMissing(), *steps])
    save_model(model, tmp_path / "model.keras")
    is_of(tmp_path / "model.keras", "3.16.0")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(called(loaded, X), called(model, X))
    assert not any(layer.supports_masking for layer in loaded.layers[-2:])


def test_only_a_model_whose_layers_were_told_is_marked(next_keras, tmp_path):
    def marked(model):
        save_model(model, tmp_path / "model.keras")
        with zipfile.ZipFile(tmp_path / "model.keras") as opened:
            return MASKS_MARK.items() <= json.loads(opened.read(archive.METADATA)).items()

    def bare():
        return keras.Sequential([keras.Input((6, 1)), layers.Bidirectional(layers.GRU(2))])

    assert not marked(bare())
    next_keras()
    model = bare()
    assert not marked(model)
    pass_masks_on(model)
    assert marked(model)
