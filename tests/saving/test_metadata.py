"""The settings of the windows ride inside the file, which stays Keras's own."""

import json
import zipfile

import keras
import numpy as np
import pytest

from helpers import run_fresh
from keras_ts import (
    RecurrentPreset,
    WindowedSeries,
    load_model,
    load_windows,
    save_model,
)
from keras_ts.saving import archive

WINDOWS = WindowedSeries(
    20, horizon=2, gap=1, target_columns=["a"], static_columns=["shop"], id_column="id", seed=3
)


@pytest.fixture(scope="module")
def model():
    model = RecurrentPreset(units=(4,), window=20, output_scale=100.0).build()
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
    save_model(RecurrentPreset(units=(2,), window=5).build(), path)
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
    ],
)
def test_wrong_windows_are_refused(model, tmp_path, ours):
    path = tmp_path / "model.keras"
    save_model(model, path)
    with_metadata(path, {"keras_version": keras.__version__, "keras_ts": ours})
    for load in (load_windows, load_model):
        with pytest.raises(ValueError, match="windows that make no sense") as error:
            load(path)
        assert len(str(error.value)) < 1_000
