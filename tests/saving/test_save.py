"""A file is saved with its windows or not at all."""

import pytest

from keras_ts import (
    RecurrentPreset,
    WindowedSeries,
    load_windows,
    save_model,
)
from keras_ts.saving import archive

WINDOWS = WindowedSeries(5)


@pytest.fixture(scope="module")
def model():
    return RecurrentPreset(units=(2,), window=5).build()


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


def test_misuse(model, tmp_path):
    with pytest.raises(ValueError, match=r"must end in .keras"):
        save_model(model, tmp_path / "model.h5")
    with pytest.raises(TypeError, match="WindowedSeries, a WindowDataset or None"):
        save_model(model, tmp_path / "model.keras", windows={"window": 5})
    with pytest.raises(TypeError, match="must be a Keras model"):
        save_model("model", tmp_path / "model.keras")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        save_model(model, tmp_path / "nowhere" / "model.keras")
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_windows(tmp_path / "model.keras")
