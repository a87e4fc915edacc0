"""Why a file did not load: at most five lines, with the file, the layer and the cure."""

import json

import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops

from helpers import run_fresh
from keras_ts import load_model
from saving_helpers import edited, only, refused, setting

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


def test_a_package_that_is_not_imported(tmp_path):
    """The error of a program that has the file of another plugin, and has not imported it."""
    run_fresh(
        "import sys, keras\n"
        "@keras.saving.register_keras_serializable('other_plugin')\n"
        "class Doubled(keras.layers.Layer):\n"
        "    __module__ = 'other_plugin'\n"
        "    def call(self, x):\n"
        "        return 2 * x\n"
        "Doubled.__module__ = 'other_plugin'\n"
        "model = keras.Sequential([keras.Input((3,)), Doubled(name='twice')])\n"
        "model.save(sys.argv[1])\n",
        tmp_path / "model.keras",
    )
    refused(
        tmp_path / "model.keras", "'twice'", "other_plugin>Doubled",
        "asks for a module 'other_plugin', which is not imported", "if you trust it",
    )  # fmt: skip
    # Anyone may have put a package of that name on the index.
    with pytest.raises(ValueError, match="other_plugin") as raised:
        load_model(tmp_path / "model.keras")
    assert "pip" not in str(raised.value)


def test_a_class_and_functions_that_are_not_registered(tmp_path):
    class Doubled(layers.Layer):
        def call(self, x):
            return 2 * x

    Doubled.__module__ = "__main__"

    def squares(y, prediction):
        return ops.mean(ops.square(y - prediction), axis=-1)

    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((3,)), Doubled(name="twice")]).save(path)
    refused(path, "'twice'", "custom_objects={'Doubled': Doubled}")
    assert load_model(path, custom_objects={"Doubled": Doubled}).built

    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", squares)
    model.save(path)
    refused(path, "loss", "custom_objects={'squares': squares}", "compile=False")
    assert load_model(path, custom_objects={"squares": squares}).loss is squares
    assert load_model(path, compile=False).built


def test_a_function_of_a_layer_is_needed_uncompiled_too(tmp_path):
    def bent(x):
        return x

    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((3,)), layers.Dense(1, bent, name="dense")]).save(path)
    with pytest.raises(ValueError, match=r"'dense' needs bent.*\n.*\{'bent': bent\}\.$"):
        load_model(path)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda(tmp_path, suffix):
    inputs = keras.Input((5,))
    x = layers.Lambda(lambda x: ops.expand_dims(x, -1), name="expand")(inputs)
    path = tmp_path / f"model{suffix}"
    keras.Model(inputs, layers.SimpleRNN(2)(x)).save(path)
    refused(path, "'expand'", "Lambda", "migrate_lambdas(filepath, {'expand': layer})")


def test_a_newer_keras(saved):
    edited(saved, setting("Dense", quantum=1), {"keras_version": "99.1.0"})
    refused(saved, "99.1.0", keras.__version__, "pip install 'keras>=99.1.0'", "quantum")


def test_a_newer_keras_that_this_one_can_read(saved):
    edited(saved, lambda layer: None, {"keras_version": "99.1.0"})
    assert load_model(saved).built


def test_a_newer_keras_ts(saved):
    edited(saved, only("ScaleOutput", registered_name="keras_ts>ScaleByPlan"))
    refused(saved, "'scale_output", "keras_ts>ScaleByPlan", "newer keras_ts: install that")


@pytest.mark.parametrize(
    "scale",
    [0, -0.0, float("nan"), float("inf"), 1e300, "5", None, True, [], [[1.0]], [1.0] * 5000],
)
def test_wrong_settings_name_the_layer(saved, scale):
    edited(saved, setting("ScaleOutput", scale=scale))
    refused(saved, "'scale_output", "scale")


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_of_another_shape(saved):
    edited(saved, setting("Dense", units=7))
    refused(saved, "Dense", "shape")


def test_a_package_that_is_imported_is_not_asked_for(saved):
    # Keras 3.12 takes a class by its name, whatever it was registered as.
    edited(saved, only("SimpleRNN", class_name="Other", registered_name="Others>Other"))
    refused(saved, "keras is imported, but holds no such name")


def test_a_wrong_setting_beside_a_custom_layer(tmp_path):
    class Mine(layers.Layer):
        def call(self, inputs):
            return inputs

    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((5,)), Mine(), layers.Dense(1)]).save(path)
    edited(path, setting("Dense", activation="reluu"))
    refused(path, "'dense", "has a wrong setting", "reluu", custom_objects={"Mine": Mine})


def test_h5_with_a_loss_that_keras_cannot_read(saved):
    path = saved.with_suffix(".h5")
    load_model(saved).save(path)
    refused(path, "compile=False")
    assert load_model(path, compile=False).built


def test_a_file_of_keras_2_keeps_its_weights_alone(tmp_path):
    """Keras 2 wrote ``time_major`` into each recurrent layer, which Keras 3 does not take."""
    path = tmp_path / "old.h5"

    def build():
        return keras.Sequential([keras.Input((5, 1)), keras.layers.LSTM(2)])

    model = build()
    model.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][-1]["config"]["time_major"] = False
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
    with pytest.raises(ValueError, match=r"model\.load_weights\(filepath\)") as refusal:
        load_model(path)
    message = "Unrecognized keyword arguments passed to LSTM: {'time_major': False}"
    assert message in str(refusal.value)
    again = build()
    again.load_weights(path)
    for expected, given in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(given, expected)
