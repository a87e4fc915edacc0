"""Errors of loading: at most five lines, with the file, the layer and the cure."""

import json

import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops

from helpers import run_fresh
from keras_ts import RecurrentPreset, load_model, load_windows
from keras_ts.saving import archive

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


@pytest.fixture
def saved(tmp_path):
    model = RecurrentPreset(units=(3,), window=5, output_scale=100.0).build()
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def refused(path, *words, **arguments):
    with pytest.raises(ValueError, match="model") as error:
        load_model(path, **arguments)
    text = str(error.value)
    for word in (str(path), *words):
        assert word in text
    assert len(text.splitlines()) <= 5
    assert max(map(len, text.splitlines())) < 600


def edited(path, edit, metadata=None):
    """Rewrite the config of the layers in a saved model."""
    with archive.opened(path) as opened:
        config = archive.read_json(opened, archive.CONFIG)
        meta = archive.read_json(opened, archive.METADATA) | (metadata or {})
    for layer in config["config"]["layers"]:
        edit(layer)
    members = {archive.CONFIG: config, archive.METADATA: meta}
    archive.rewrite(path, path, {n: json.dumps(v).encode() for n, v in members.items()})


def only(class_name, /, **changes):
    def edit(layer):
        if layer["class_name"] == class_name:
            layer.update(changes)

    return edit


def setting(class_name, **settings):
    def edit(layer):
        if layer["class_name"] == class_name:
            layer["config"].update(settings)

    return edit


def test_loads_what_keras_loads(saved):
    ours, theirs = load_model(saved), keras.saving.load_model(saved)
    x = np.ones((2, 5), "float32")
    np.testing.assert_array_equal(ours.predict(x, verbose=0), theirs.predict(x, verbose=0))
    assert ours.compiled
    assert not load_model(saved, compile=False).compiled
    keras.saving.save_model(theirs, saved.with_suffix(""), zipped=False)
    assert load_model(saved.with_suffix("")).count_params() == theirs.count_params()


def test_a_file_of_the_other_format(saved):
    saved.rename(saved.with_suffix(".h5"))
    refused(saved.with_suffix(".h5"), "is a .keras file under the wrong name")
    load_model(saved.with_suffix(".h5").rename(saved), compile=False).save(saved.with_suffix(".h5"))
    with pytest.raises(ValueError, match=r"an HDF5 file, and only \.keras files hold"):
        load_windows(saved.with_suffix(".h5"))
    saved.with_suffix(".h5").rename(saved)
    refused(saved, "is an HDF5 file under the wrong name")


def test_a_package_that_is_not_imported(tmp_path):
    """What someone meets who has the file and not the import: here, of another plugin."""
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
    refused(tmp_path / "model.keras", "'twice'", "other_plugin>Doubled", "`import other_plugin`")


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
    refused(path, "'expand'", "Lambda", "migrate_lambdas(path)", "{'expand': layer}")


def test_a_newer_keras(saved):
    edited(saved, setting("Dense", quantum=1), {"keras_version": "99.1.0"})
    refused(saved, "99.1.0", keras.__version__, "pip install 'keras>=99.1.0'", "quantum")


def test_a_newer_keras_that_this_one_can_read(saved):
    edited(saved, lambda layer: None, {"keras_version": "99.1.0"})
    assert load_model(saved).built


def test_a_newer_keras_ts(saved):
    edited(saved, only("ScaleOutput", registered_name="keras_ts>ScaleByPlan"))
    refused(saved, "'scale_output", "keras_ts>ScaleByPlan", "upgrade keras-ts")


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


def test_cut_off_and_bit_flipped(saved):
    content = saved.read_bytes()
    for length in range(0, len(content), len(content) // 12):
        saved.write_bytes(content[:length])
        refused(saved)
    flipped = bytearray(content)
    # In the weights: Keras itself loads them, wrong as they are.
    flipped[content.index(b"model.weights.h5") + 9_000] ^= 1
    saved.write_bytes(flipped)
    refused(saved, "damaged")


def test_no_file(tmp_path):
    for name in ("model.keras", "model.h5"):
        with pytest.raises(FileNotFoundError, match=f"{name}.*no such file"):
            load_model(tmp_path / name)
    (tmp_path / "model.txt").write_text("hello")
    refused(tmp_path / "model.txt", "end in .keras or .h5")
    (tmp_path / "model.h5").write_text("hello")
    refused(tmp_path / "model.h5", "damaged")
    (tmp_path / "model.keras").touch()
    refused(tmp_path / "model.keras", "is empty")


@pytest.mark.parametrize("bad", ["x", 3, [1], {"A": "x"}, {1: int}])
def test_custom_objects_that_are_no_dict_of_classes(saved, bad):
    with pytest.raises(TypeError, match=r"^custom_objects must .*by (the|their) names.*Received"):
        load_model(saved, custom_objects=bad)


def test_folders(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    refused(folder, "is a folder", "Keras says")
    (folder / "saved_model.pb").touch()
    refused(folder, "is a SavedModel", "TFSMLayer")


def test_a_package_that_is_imported_is_not_asked_for(saved):
    # Keras 3.12 takes a class by its name, whatever it was registered as.
    edited(saved, only("SimpleRNN", class_name="Other", registered_name="Others>Other"))
    refused(saved, "keras is imported and knows no such thing")


def test_a_wrong_setting_beside_a_custom_layer(tmp_path):
    class Mine(layers.Layer):
        def call(self, inputs):
            return inputs

    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((5,)), Mine(), layers.Dense(1)]).save(path)
    edited(path, setting("Dense", activation="reluu"))
    refused(path, "'dense", "holds a wrong setting", "reluu", custom_objects={"Mine": Mine})


def test_weights_alone(saved):
    path = saved.with_suffix(".weights.h5")
    load_model(saved).save_weights(path)
    refused(path, "load_weights")


def test_h5_with_a_loss_that_keras_cannot_read(saved):
    path = saved.with_suffix(".h5")
    load_model(saved).save(path)
    refused(path, "compile=False")
    assert load_model(path, compile=False).built


def hostile_weights(saved, change):
    """Put weights into a saved model that ``change`` has been at."""
    with archive.opened(saved) as opened:
        content = archive.read(opened, archive.WEIGHTS)
    path = saved.with_suffix(".hdf5")
    path.write_bytes(content)
    with h5py.File(path, "r+") as file:
        change(file, next(name for name in _datasets(file) if "dense" in name))
    archive.rewrite(saved, saved, {archive.WEIGHTS: path.read_bytes()})


def _datasets(file):
    names = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    return names


def _huge(file, name):
    del file[name]
    file.create_dataset(name, (1 << 33,), "float32", chunks=True)


def _external(file, name):
    shape = file[name].shape
    del file[name]
    file.create_dataset(name, shape, "float32", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def _virtual(file, name):
    shape = file[name].shape
    del file[name]
    layout = h5py.VirtualLayout(shape, "float32")
    layout[:] = h5py.VirtualSource("/etc/hostname", "data", shape)
    file.create_virtual_dataset(name, layout)


def _link(file, name):
    del file[name]
    file[name] = h5py.ExternalLink("/etc/hostname", "data")


@pytest.mark.parametrize("change", [_huge, _external, _virtual, _link])
def test_weights_that_point_elsewhere_or_claim_too_much(saved, change):
    hostile_weights(saved, change)
    refused(saved, "dense", "is refused")
