"""Old models with Lambdas: opened without running them, with the same predictions."""

import json

import keras
import numpy as np
import pytest

from helpers import called, run_fresh, unpacked_lambdas
from keras_ts import ExpandSeries, ScaleOutput, migrate_lambdas

X = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")
SUFFIXES = ["keras", "h5"]
# Keras says of its own .h5 format that it is old.
pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")


def course():
    return keras.Sequential([
        keras.Input((None,)),
        keras.layers.Lambda(lambda x: keras.ops.expand_dims(x, axis=-1), name="front"),
        keras.layers.GRU(3),
        keras.layers.Dense(1),
        keras.layers.Lambda(lambda x: x * 100.0, name="back"),
    ])  # fmt: skip


def nested():
    series = keras.Input((6,), name="series")
    x = keras.layers.Lambda(lambda x: keras.ops.expand_dims(x, -1), name="front")(series)
    x = keras.layers.Bidirectional(keras.layers.LSTM(2, return_sequences=True))(x)
    x = keras.layers.Lambda(lambda x: 2 * x, name="back")(x)
    inner = keras.Model(series, x, name="inner")
    series = keras.Input((6,))
    x = keras.layers.Dense(1)(keras.layers.Flatten()(inner(series)))
    return keras.Model(series, keras.layers.Lambda(lambda x: x * 10.0, name="back")(x))


def error(y, prediction):
    return keras.ops.mean(y - prediction)


FRONT_AND_BACK = {"front": ExpandSeries(), "back": ScaleOutput(100.0)}
NESTED = {"front": ExpandSeries(), "inner/back": ScaleOutput(2.0), "back": ScaleOutput(10.0)}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("build", "layers"), [(course, FRONT_AND_BACK), (nested, NESTED)])
def test_files_of_keras_3(build, layers, suffix, tmp_path):
    model, path = build(), tmp_path / f"old.{suffix}"
    # A loss that only this notebook has is not needed.
    model.compile("adam", error)
    model.save(path)
    again = migrate_lambdas(path, layers)
    np.testing.assert_allclose(called(again, X), called(model, X), rtol=1e-6)
    assert [layer.name for layer in again._flatten_layers()] == [
        layer.name for layer in model._flatten_layers()
    ]
    assert not again.compiled


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_of_keras_2_saved_again_need_no_migration(suffix, tmp_path):
    path, truth = unpacked_lambdas("course", suffix, tmp_path)
    layers = {"lambda": ExpandSeries(), "lambda_1": ScaleOutput(100.0)}
    migrate_lambdas(path, layers).save(tmp_path / "new.keras")
    predictions = run_fresh(
        "import sys, json, keras, numpy as np, keras_ts\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "print(json.dumps(model.predict(np.array(json.loads(sys.argv[2])), verbose=0).tolist()))",
        tmp_path / "new.keras",
        json.dumps(truth["x"].tolist()),
    )
    np.testing.assert_allclose(json.loads(predictions), truth["y"], rtol=1e-4, atol=1e-5)


@keras.saving.register_keras_serializable("tests")
class Sine(keras.layers.Layer):
    def call(self, inputs):
        return keras.ops.sin(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape


class Unregistered(Sine):
    pass


def sine(name):
    return keras.layers.Lambda(lambda x: keras.ops.sin(x), name=name)


@pytest.mark.parametrize("layer", [Sine, Unregistered])
def test_layers_of_ones_own_by_name_and_by_path(layer, tmp_path):
    models = []
    for name in ("first", "second"):
        inner = keras.Input((4, 1))
        models.append(keras.Model(inner, sine("wave")(inner), name=name))
    series = keras.Input((4, 1))
    x = sine("wave")(models[1](models[0](series)))
    model = keras.Model(series, keras.layers.TimeDistributed(sine("step"), name="steps")(x))
    model.save(tmp_path / "other.keras")
    layers = {name: layer() for name in ("wave", "first/wave", "second/wave", "step")}
    again = migrate_lambdas(tmp_path / "other.keras", layers)
    x = X[:, :4, None]
    np.testing.assert_allclose(called(again, x), called(model, x), rtol=1e-6)


@pytest.mark.parametrize(
    ("layers", "error", "says"),
    [
        ([ExpandSeries()], TypeError, "layers must be a Mapping. Received"),
        ({"front": ExpandSeries}, TypeError, "must be a Layer. Received: .*<class"),
        ({"front": lambda x: x}, TypeError, "must be a Layer. Received: .*<function"),
        ({}, ValueError, r"must name a layer for each Lambda\. Missing: 'front', 'back'\."),
        ({"front": ExpandSeries()}, ValueError, r"Missing: 'back'\."),
        ({"fornt": ExpandSeries()}, ValueError, r"\['fornt'\] fits 0 .*: 'front', 'back'\."),
        ({**FRONT_AND_BACK, "front": sine("again")}, ValueError, "'front' is a Lambda"),
        ({**FRONT_AND_BACK, "front": ScaleOutput(2.0)}, ValueError, "old.keras.* could not be"),
        ({**FRONT_AND_BACK, "back": keras.layers.Dense(3)}, ValueError, "'back' expected 2 vari"),
    ],
)
def test_refuses(layers, error, says, tmp_path):
    course().save(tmp_path / "old.keras")
    with pytest.raises(error, match=f"(?s){says}") as caught:
        migrate_lambdas(tmp_path / "old.keras", layers)
    assert len(str(caught.value)) < 700


def test_a_layer_with_weights_is_refused_from_h5(tmp_path):
    course().save(tmp_path / "old.h5")
    with pytest.raises(ValueError, match="Layer count mismatch"):
        migrate_lambdas(tmp_path / "old.h5", {**FRONT_AND_BACK, "back": keras.layers.Dense(3)})


def test_a_name_that_several_have(tmp_path):
    models = []
    for name in ("first", "second"):
        inner = keras.Input((4,))
        models.append(keras.Model(inner, sine("wave")(inner), name=name))
    keras.Sequential([keras.Input((4,)), *models]).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"fits 2 of its Lambdas: 'first/wave', 'second/wave'"):
        migrate_lambdas(tmp_path / "model.keras", {"wave": Sine()})


def test_no_lambda_and_no_file(tmp_path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]).save(tmp_path / "plain.keras")
    with pytest.raises(ValueError, match=r"holds no Lambda: load it with keras_ts.load_model"):
        migrate_lambdas(tmp_path / "plain.keras", {})
    with pytest.raises(FileNotFoundError, match="no such file"):
        migrate_lambdas(tmp_path / "none.keras", {})
