"""A process loads the file of a model once, and refuses another file in its place."""

import pickle
import shutil
import threading

import pytest

from keras_ts import RecurrentPreset, load_model, save_model
from keras_ts.scale import batch_forecaster
from keras_ts.scale.batch_forecaster import ModelFile
from scale_panels import saved


@pytest.fixture
def loads(monkeypatch):
    """The paths that are loaded, in a process that has loaded none."""
    paths = []

    def load(path):
        paths.append(path)
        return load_model(path)

    monkeypatch.setattr(batch_forecaster, "load_model", load)
    batch_forecaster._loaded.cache_clear()
    return paths


def test_threads_and_copies_share_one_model(tmp_path, loads):
    file = ModelFile.of(saved(tmp_path))
    models = []
    threads = [
        threading.Thread(target=lambda: models.append(pickle.loads(pickle.dumps(file)).model()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(models) == 4
    assert len(set(map(id, models))) == 1
    assert loads == [str(tmp_path / "sales.keras")]


def test_a_replaced_file_is_refused_but_by_who_has_loaded_it(tmp_path, loads):
    path = saved(tmp_path)
    file, late = ModelFile.of(path), ModelFile.of(path)
    model = file.model()
    save_model(RecurrentPreset(units=(2,)).build(window=4), path)
    assert file.model() is model
    batch_forecaster._loaded.cache_clear()
    with pytest.raises(ValueError, match="other contents than when the BatchForecaster was made"):
        late.model()
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"no such file on .* all workers can read"):
        late.model()
    assert len(loads) == 1


def test_the_same_contents_elsewhere_in_time_are_the_same_file(tmp_path, loads):
    path = saved(tmp_path)
    file = ModelFile.of(path)
    shutil.copy(path, tmp_path / "copy.keras")
    path.unlink()
    (tmp_path / "copy.keras").rename(path)
    assert file.model().name == load_model(path).name


def test_a_process_keeps_two_models(tmp_path, loads):
    files = []
    for number in range(3):
        path = tmp_path / f"{number}.keras"
        save_model(RecurrentPreset(units=(2,)).build(window=4 + number), path)
        files.append(ModelFile.of(path))
    for file in [*files, files[2], files[0]]:
        file.model()
    assert [path[-7] for path in loads] == ["0", "1", "2", "0"]


def test_folders_relative_paths_and_addresses(tmp_path, monkeypatch):
    (tmp_path / "hub").mkdir()
    saved(tmp_path).rename(tmp_path / "hub" / "model.keras")
    monkeypatch.chdir(tmp_path)
    file = ModelFile.of("hub")
    assert file.path == str(tmp_path / "hub" / "model.keras")
    assert file.windows() is not None
    assert ModelFile.of("hf://someone/sales").digest is None
    assert ModelFile.of("hf://someone/sales").windows() is None


@pytest.mark.parametrize(
    ("filepath", "error", "says"),
    [
        (3, TypeError, "filepath must be a str or a Path"),
        ("", ValueError, "filepath is empty"),
        ("absent.keras", FileNotFoundError, "'absent.keras': there is no such file"),
    ],
)
def test_wrong_paths_are_refused(filepath, error, says):
    with pytest.raises(error, match=says):
        ModelFile.of(filepath)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "notes.keras").write_text("no model")
    with pytest.raises(ValueError, match=r"notes\.keras"):
        ModelFile.of(tmp_path / "notes.keras")
