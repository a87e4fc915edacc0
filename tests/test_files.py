"""Files are wholly written or not there, whoever else writes, and a path is a path."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import keras
import pytest

from helpers import run_fresh
from keras_ts import (
    RecurrentPreset,
    WindowedSeries,
    _files,
    load_model,
    load_windows,
    migrate_lambdas,
    save_model,
)


@pytest.fixture(scope="module")
def model():
    return RecurrentPreset(units=(2,)).build(window=5)


KILLED = """
import os, signal, sys
import keras, keras_ts

def killed(model, path):
    with open(path, "wb") as file:
        file.write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

keras.saving.save_model = killed
keras_ts.save_model(keras_ts.RecurrentPreset(units=(2,)).build(window=5), sys.argv[1])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows does not have this signal")
def test_a_process_that_is_killed_leaves_the_old_file(model, tmp_path):
    save_model(model, tmp_path / "model.keras")
    old = (tmp_path / "model.keras").read_bytes()
    run_fresh(KILLED, tmp_path / "model.keras", status=-signal.SIGKILL)
    assert (tmp_path / "model.keras").read_bytes() == old


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
    save_model(model, path, windows=WindowedSeries(5))
    assert load_windows(path) == WindowedSeries(5)


def test_what_may_not_be_replaced_is_refused_before_anything_is_written(
    model, tmp_path, monkeypatch
):
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "locked.keras").touch(mode=0o400)
    # As root, the tests may write every file.
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(keras.saving, "save_model", None)
    with pytest.raises(IsADirectoryError, match=r"folder.keras' is a folder"):
        save_model(model, tmp_path / "folder.keras")
    with pytest.raises(PermissionError, match=r"locked.keras'.*may not be written"):
        save_model(model, tmp_path / "locked.keras")


@pytest.mark.parametrize("bad", [None, 3, b"model.keras", ["model.keras"]])
def test_what_is_no_path_is_refused_by_name(model, bad):
    calls = (
        lambda: save_model(model, bad),
        lambda: load_windows(bad),
        lambda: load_model(bad),
        lambda: migrate_lambdas(bad, {}),
    )
    for call in calls:
        with pytest.raises(TypeError, match=r"^(file)?path must be a str or a Path. Received"):
            call()


@pytest.mark.parametrize(("path", "says"), [("", "is empty"), ("a\0", "holds a null character")])
def test_a_text_that_is_no_path_is_refused_by_name(model, path, says):
    for call in (load_model, load_windows):
        with pytest.raises(ValueError, match=rf"^filepath {says}: name a file"):
            call(path)
    with pytest.raises(ValueError, match=rf"^filepath {says}: name a file"):
        save_model(model, path)


def test_a_folder_is_no_file(tmp_path):
    folder = tmp_path / "folder.keras"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"folder.keras' is not a file"):
        migrate_lambdas(folder, {})
    with pytest.raises(FileNotFoundError, match=r"folder.keras': the folder holds no model.keras"):
        load_windows(folder)


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    for name, text in (("old", "old"), ("made", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mark").write_text(text)
    rename = _files.Path.rename

    def fail(path, target):
        if path.name.endswith(".new"):
            raise OSError("no space left")
        return rename(path, target)

    with monkeypatch.context() as broken:
        broken.setattr(_files.Path, "rename", fail)
        with pytest.raises(OSError, match="no space"):
            _files.put_folder(tmp_path / "made", tmp_path / "old", "mark")
    assert (tmp_path / "old" / "mark").read_text() == "old"
    _files.put_folder(tmp_path / "made", tmp_path / "old", "mark")
    assert (tmp_path / "old" / "mark").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "old"]
    with pytest.raises(FileNotFoundError, match="does not exist"):
        _files.put_folder(tmp_path / "made", tmp_path / "none" / "old", "mark")


def folder_of(path, **files):
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


def test_files_that_somebody_put_into_a_folder_are_not_lost(tmp_path):
    made = folder_of(tmp_path / "made", mark="new")
    old = folder_of(tmp_path / "old", mark="old", **{"extra/mine": "precious"})
    with pytest.raises(FileExistsError, match=r"holds files that .*, such as 'extra/mine'"):
        _files.put_folder(made, old, "mark")
    assert (old / "extra" / "mine").read_text() == "precious"
    assert (old / "mark").read_text() == "old"


def test_what_a_killed_process_left_is_removed_once_the_folder_is_there(tmp_path):
    """Killed between the two renames, it leaves the old and the new folder; others' are kept."""
    made, place = (
        folder_of(tmp_path / "made", mark="new"),
        folder_of(tmp_path / "place", mark="old"),
    )
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from keras_ts import _files\n"
        "rename = Path.rename\n"
        "def kill(path, target):\n"
        "    rename(path, target)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Path.rename = kill\n"
        "_files.put_folder(Path(sys.argv[1]), sys.argv[2], 'mark')\n"
    )
    run_fresh(code, str(made), str(place), status=-signal.SIGKILL)
    assert not place.exists()
    [left] = tmp_path.glob(".keras_ts.*.old")
    assert (left / "mark").read_text() == "old"
    _files.put_folder(made, tmp_path / "other", "mark")
    assert left.exists()
    _files.put_folder(made, place, "mark")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "other", "place"]


def test_two_that_put_a_folder_in_one_place_wait_for_each_other(tmp_path):
    places = [folder_of(tmp_path / f"made {n}", mark=str(n)) for n in range(2)]
    with ThreadPoolExecutor(2) as pool:
        calls = [
            pool.submit(_files.put_folder, place, tmp_path / "there", "mark")
            for place in places * 20
        ]
        assert [call.result() for call in calls] == [None] * 40
    assert (tmp_path / "there" / "mark").read_text() in "01"
