"""The settings of the windows ride inside the file, which stays Keras's own."""

import json
import os
import subprocess
import sys
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
    migrate_lambdas,
    save_model,
    save_portable,
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


def test_a_failed_save_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(archive, "update_json", fail)
    with pytest.raises(OSError, match="no space"):
        save_model(model, path, windows=WINDOWS)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


KILLED = """
import os, signal, sys
import keras, keras_ts

def killed(model, path):
    with open(path, "wb") as file:
        file.write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

keras.saving.save_model = killed
keras_ts.save_model(keras_ts.RecurrentPreset(units=(2,), window=5).build(), sys.argv[1])
"""

WAITING = """
import sys
import keras, keras_ts

write = keras.saving.save_model

def waiting(model, path):
    print("writing", flush=True)
    sys.stdin.readline()
    write(model, path)

keras.saving.save_model = waiting
keras_ts.save_model(keras_ts.RecurrentPreset(units=(2,), window=5).build(), sys.argv[1])
"""


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither this signal nor these locks")
def test_what_a_killed_process_leaves_is_cleared_by_the_next_save(model, tmp_path):
    with start(KILLED, tmp_path / "model.keras") as process:
        assert process.wait() == -9
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"half"]
    (tmp_path / ".keras_ts.mine.keras").touch()
    save_model(model, tmp_path / "model.keras")
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", ".keras_ts.mine.keras"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_two_processes_that_save_at_once_leave_each_other_alone(model, tmp_path):
    with start(WAITING, tmp_path / "theirs.keras") as process:
        assert process.stdout.readline() == "writing\n"
        save_model(model, tmp_path / "ours.keras")
        assert len(list(tmp_path.iterdir())) == 2
        process.communicate("\n")
    assert process.returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"ours.keras", "theirs.keras"}
    assert load_model(tmp_path / "theirs.keras").input_shape == (None, 5)


def test_a_link_stays_and_so_do_permissions(model, tmp_path):
    kept, link = tmp_path / "kept", tmp_path / "link.keras"
    kept.touch(mode=0o600)
    link.symlink_to(kept)
    save_model(model, link)
    assert link.is_symlink()
    assert load_model(link).output_shape == (None, 1)
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_name_as_long_as_any_can_be(model, tmp_path):
    path = tmp_path / ("x" * 249 + ".keras")
    save_model(model, path, windows=WINDOWS)
    assert load_windows(path) == WINDOWS


def test_what_may_not_be_replaced_is_refused_before_anything_is_written(
    model, tmp_path, monkeypatch
):
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "locked.keras").touch(mode=0o400)
    # Where the tests run as root, every file may be written.
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(keras.saving, "save_model", None)
    with pytest.raises(IsADirectoryError, match=r"folder.keras' is a folder"):
        save_model(model, tmp_path / "folder.keras")
    with pytest.raises(PermissionError, match=r"locked.keras'.*may not be written"):
        save_model(model, tmp_path / "locked.keras")


def test_settings_that_would_not_load_are_not_saved(model, tmp_path):
    windows = WindowedSeries(5, target_columns=["c" * 1_000 + str(i) for i in range(5_000)])
    with pytest.raises(ValueError, match=r"would take 5,.* loads up to 4,194,304"):
        save_model(model, tmp_path / "model.keras", windows=windows)
    assert not list(tmp_path.iterdir())


def test_misuse(model, tmp_path):
    with pytest.raises(ValueError, match=r"must end in .keras"):
        save_model(model, tmp_path / "model.h5")
    with pytest.raises(TypeError, match="WindowedSeries or None"):
        save_model(model, tmp_path / "model.keras", windows={"window": 5})
    with pytest.raises(TypeError, match="must be a Keras model"):
        save_model("model", tmp_path / "model.keras")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        save_model(model, tmp_path / "nowhere" / "model.keras")
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_windows(tmp_path / "model.keras")


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


@pytest.mark.parametrize("bad", [None, 3, b"model.keras", ["model.keras"]])
def test_what_is_no_path_is_refused_by_name(model, bad):
    calls = (
        lambda: save_model(model, bad),
        lambda: save_portable(model, bad),
        lambda: load_windows(bad),
        lambda: load_model(bad),
        lambda: migrate_lambdas(bad),
    )
    for call in calls:
        with pytest.raises(TypeError, match=r"^(file)?path must be a str or a Path. Received"):
            call()


def test_an_empty_path_is_refused_by_name(model):
    for call in (load_model, load_windows, migrate_lambdas):
        with pytest.raises(ValueError, match=r"^(file)?path is empty: name a file"):
            call("")
    for call in (save_model, save_portable):
        with pytest.raises(ValueError, match=r"^(file)?path is empty: name a file"):
            call(model, "")


def test_a_folder_is_no_file(model, tmp_path):
    folder = tmp_path / "folder.keras"
    folder.mkdir()
    for call in (load_windows, migrate_lambdas):
        with pytest.raises(ValueError, match=r"folder.keras' is not a file"):
            call(folder)
    with pytest.raises(IsADirectoryError, match=r"folder.keras' is a folder"):
        save_portable(model, folder)
