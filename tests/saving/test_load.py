"""``load_model`` loads the files of Keras, and refuses in short any that is damaged or none."""

import json
import random
import re

import h5py
import keras
import numpy as np
import pytest

from keras_ts import load_model, load_windows
from keras_ts.saving import hdf5
from saving_helpers import edited, refused, setting

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


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
    with pytest.raises(ValueError, match=r"holds no windows\. Put a keras_ts\.WindowedInput"):
        load_windows(saved.with_suffix(".h5"))
    saved.with_suffix(".h5").rename(saved)
    refused(saved, "is an HDF5 file under the wrong name")


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


def test_weights_alone(saved):
    path = saved.with_suffix(".weights.h5")
    load_model(saved).save_weights(path)
    refused(path, "load_weights")


MANY = 200_000_000


@pytest.mark.parametrize(
    ("layer", "weights"),
    [
        # A kernel of 3 inputs and a bias; the first cell has a kernel of 1 input, those of its
        # state, and a bias. The rest of the model is a few dozen.
        (setting("Dense", units=MANY), 4 * MANY),
        (setting("SimpleRNN", units=14_000), 14_000 * 14_002),
        (setting("SimpleRNN", units=14_000, stateful=True), 14_000 * 14_002),
    ],
)
def test_a_small_file_that_asks_for_gigabytes_is_refused(saved, layer, weights):
    """Keras would make the weights before it sees that the file has none of their size."""
    size = saved.stat().st_size
    edited(saved, layer)
    with pytest.raises(
        ValueError, match=r"is refused: its model would have [\d,]+ weights"
    ) as raised:
        load_model(saved)
    asked = int(re.search(r"have ([\d,]+) weights", str(raised.value))[1].replace(",", ""))
    assert weights <= asked < weights + 100
    assert size < 30_000
    # What was counted is forgotten: the end of any other stateless scope would make it.
    with keras.StatelessScope():
        pass


def test_a_small_file_of_the_older_format_that_asks_for_gigabytes_is_refused(saved):
    path = saved.with_suffix(".h5")
    load_model(saved, compile=False).save(path)
    config, _ = hdf5.check_model(str(path))
    next(e for e in config["config"]["layers"] if e["class_name"] == "Dense")["config"]["units"] = (
        MANY
    )
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps(config)
    refused(path, "is refused: its model would have 800,000,0")


def test_counting_weights_changes_nothing_else(saved):
    """Keras draws seeds for initializers from Python's random numbers, once and not twice."""
    random.seed(1)
    keras.saving.load_model(saved)
    expected = random.random()
    random.seed(1)
    load_model(saved)
    assert random.random() == expected


def test_a_model_that_keeps_states_loads(tmp_path):
    cell = keras.layers.GRU(3, stateful=True)
    model = keras.Sequential([keras.Input((4, 1), batch_size=2), cell])
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    x = np.arange(8.0, dtype="float32").reshape(2, 4, 1)
    ours, theirs = (keras.ops.convert_to_numpy(each(x)) for each in (loaded, model))
    np.testing.assert_array_equal(ours, theirs)
