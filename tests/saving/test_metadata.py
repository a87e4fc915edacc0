"""The settings that a model carries ride inside the file, which stays Keras's own."""

import json
import zipfile

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
    """Files of 0.1 hold the windows alone, and those of later versions may hold more."""
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
