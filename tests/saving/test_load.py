"""``load_model`` loads the files of Keras, and refuses in short any that is damaged or none."""

import json
import random
import re
import zipfile

import h5py
import keras
import numpy as np
import pytest

from helpers import run_fresh
from keras_ts import (
    RecurrentPreset,
    WindowedInput,
    WindowedSeries,
    load_model,
    load_windows,
    save_model,
)
from keras_ts.interface import carried_by
from keras_ts.saving import archive
from keras_ts.windows.carried import Carried, columns_of
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
        with pytest.raises(FileNotFoundError, match=f"{name}.*there is no such file"):
            load_model(tmp_path / name)
    (tmp_path / "model.txt").write_text("hello")
    refused(tmp_path / "model.txt", "end in .keras or .h5")
    (tmp_path / "model.h5").write_text("hello")
    refused(tmp_path / "model.h5", "damaged")
    (tmp_path / "model.keras").touch()
    refused(tmp_path / "model.keras", "is empty")


@pytest.mark.parametrize("bad", ["x", 3, [1]])
def test_custom_objects_that_are_no_dict(saved, bad):
    with pytest.raises(TypeError, match="custom_objects must be a Mapping or None"):
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
    config, _ = archive.check_hdf5(str(path))
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


WINDOWS = WindowedSeries(
    20, horizon=2, gap=1, target_columns=["a"], static_columns=["shop"], id_column="id", seed=3
)


@pytest.fixture(scope="module")
def model():
    model = RecurrentPreset(units=(4,), output_scale=100.0).build(window=20)
    model.compile("adam", "huber")
    model.fit(np.ones((4, 20)), np.ones((4, 1)), verbose=0)
    return model


def with_metadata(path, metadata):
    archive.rewrite(path, path, {archive.METADATA: json.dumps(metadata).encode()})


def test_windows_survive_a_fresh_process_and_a_second_save(model, tmp_path):
    save_model(model, tmp_path / "first.keras", windows=WINDOWS)
    out = run_fresh(
        "import sys, keras_ts\n"
        "model = keras_ts.load_model(sys.argv[1] + '/first.keras')\n"
        "keras_ts.save_model(model, sys.argv[1] + '/second.keras')\n"
        "print(hash(keras_ts.load_windows(sys.argv[1] + '/second.keras').window))",
        tmp_path,
    )
    assert out.split()[-1] == "20"
    assert load_windows(tmp_path / "second.keras") == WINDOWS


def test_plain_keras_opens_the_file_and_finds_nothing_to_unpack(model, tmp_path):
    path = tmp_path / "model.keras"
    save_model(model, path, windows=WINDOWS)
    again = keras.saving.load_model(path)
    x = np.ones((2, 20), "float32")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert int(again.optimizer.iterations) == 1
    with zipfile.ZipFile(path) as opened:
        # A fourth member would make Keras unpack them all to disk.
        assert len(opened.namelist()) == 3
        assert opened.testzip() is None


def test_new_windows_take_the_place_of_old_ones(model, tmp_path):
    path = tmp_path / "model.keras"
    save_model(model, path, windows=WINDOWS)
    save_model(load_model(path), path, windows=WindowedSeries(5))
    assert load_windows(path) == WindowedSeries(5)
    save_model(load_model(path), path)
    assert load_windows(path) == WindowedSeries(5)


def test_a_model_without_windows(tmp_path):
    path = tmp_path / "model.keras"
    save_model(RecurrentPreset(units=(2,)).build(window=5), path)
    assert load_model(path).output_shape == (None, 1)
    with pytest.raises(ValueError, match=r"holds no windows.*windows=\.\.\."):
        load_windows(path)


def test_settings_that_would_not_load_are_not_saved(model, tmp_path):
    windows = WindowedSeries(5, target_columns=["c" * 1_000 + str(i) for i in range(5_000)])
    with pytest.raises(ValueError, match=r"would take 5,.* loads up to 4,194,304"):
        save_model(model, tmp_path / "model.keras", windows=windows)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "ours",
    [
        7,
        {"windows": 7},
        {"windows": {}},
        {"windows": {"window": 0}},
        {"windows": {"window": "5"}},
        {"windows": {"window": 5, "command": "x"}},
        {"windows": {"window": 5, "target_columns": [[["a"]]]}},
        {"windows": {"window": 5, "id_column": "x" * 1_000_000, "time_column": 5}},
        {"windows": {"window": float("nan")}},
        {"windows": {"window": 5}, "columns": ["a"]},
        {"windows": {"window": 5}, "columns": {"past": ["a"]}},
        {"windows": {"window": 5}, "frequency": 7},
        {"windows": {"window": 5}, "frequency": "x" * 1_000_000},
        {"windows": {"window": 5}, "quantiles": [0.9, 0.1]},
        {"windows": {"window": 5}, "quantiles": [0.5] * 100_000},
        {"windows": {"window": 5}, "scorecard": "good"},
        {"windows": {"window": 5}, "scorecard": {"mae": float("nan")}},
        {"windows": {"window": 5}, "scorecard": {"mae": [0.5] * 500_000}},
    ],
)
def test_wrong_windows_are_refused(model, tmp_path, ours):
    path = tmp_path / "model.keras"
    save_model(model, path)
    with_metadata(path, {"keras_version": keras.__version__, "keras_ts": ours})
    for load in (load_windows, load_model):
        with pytest.raises(ValueError, match="invalid windows") as error:
            load(path)
        assert len(str(error.value)) < 1_000


def test_windows_of_another_version_load_as_far_as_they_are_known(model, tmp_path):
    """Files of other versions may hold the windows alone, or more than this one knows."""
    path = tmp_path / "model.keras"
    save_model(model, path)
    for more in ({}, {"command": "x"}):
        ours = {"windows": {"window": 5}, **more}
        with_metadata(path, {"keras_version": keras.__version__, "keras_ts": ours})
        assert load_windows(path) == WindowedSeries(5)
        assert carried_by(load_model(path)) == Carried(WindowedSeries(5))


B = WindowedSeries(4, horizon=2, target_columns="b")
CARRIED = Carried(
    B,
    columns_of(B, {"past": ["a", "b"], "future": [], "static": [], "target": ["b"]}),
    "1 day",
    (0.1, 0.5, 0.9),
)


def carrier(*layers):
    past = keras.Input((4, 2))
    x = past
    for layer in layers:
        x = layer(x)
    return keras.Model(past, keras.layers.Dense(2)(x))


def windowed(carried=CARRIED, **settings):
    return WindowedInput(**{**carried.get_config(), **settings})


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_layer_is_read_from_plain_keras_files(suffix, tmp_path):
    path = tmp_path / f"model{suffix}"
    carrier(carrier(windowed())).save(path)
    assert load_windows(path) == CARRIED.windows
    assert carried_by(load_model(path)) == CARRIED
    assert carried_by(keras.saving.load_model(path)) == CARRIED


def test_a_layer_comes_before_the_metadata(tmp_path):
    path = tmp_path / "model.keras"
    model = carrier(windowed())
    model.save(path)
    with_metadata(
        path, {"keras_version": keras.__version__, "keras_ts": {"windows": {"window": 9}}}
    )
    assert load_windows(path) == CARRIED.windows
    assert carried_by(load_model(path)) == CARRIED


def test_layers_that_differ_are_refused_and_equal_ones_are_not(tmp_path):
    path = tmp_path / "model.keras"
    carrier(windowed(), windowed()).save(path)
    assert load_windows(path) == CARRIED.windows
    carrier(windowed(), windowed(frequency="1 hour")).save(path)
    for load in (load_windows, load_model):
        with pytest.raises(ValueError, match="layers that carry different windows; keep one"):
            load(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"windows": 7},
        {"windows": {"window": 0}},
        {"windows": {"window": 5, "command": "x"}},
        {"columns": {"past": ["b"], "future": [], "static": [], "target": ["a"]}},
        {"frequency": ["1 day"]},
        {"quantiles": [0.1, 0.9]},
    ],
)
def test_a_wrong_layer_is_refused_without_building_the_model(tmp_path, settings):
    path = tmp_path / "model.keras"
    carrier(windowed()).save(path)
    with archive.opened(path) as opened:
        config = archive.read_json(opened, archive.CONFIG)
    layer = next(e for e in config["config"]["layers"] if e["class_name"] == "WindowedInput")
    layer["config"].update(settings)
    # A layer that nobody knows would stop a loader that builds.
    config["config"]["layers"][0]["registered_name"] = "nobody>Knows"
    archive.rewrite(path, path, {archive.CONFIG: json.dumps(config).encode()})
    for load in (load_windows, load_model):
        with pytest.raises(ValueError, match="invalid windows") as error:
            load(path)
        assert len(str(error.value)) < 1_000
