"""A process loads the file of a model once, and refuses another file in its place."""

import pickle

import pytest

from keras_ts import RecurrentPreset, load_model, save_model
from keras_ts.scale import BatchForecaster, batch_forecaster
from scale_panels import marked, rows, saved


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


def test_copies_share_one_model(tmp_path, loads):
    forecaster = BatchForecaster(saved(tmp_path), future="planned")
    assert not loads
    for one in (forecaster, pickle.loads(pickle.dumps(forecaster))):
        one(marked(*rows()))
    assert loads == [str(tmp_path / "sales.keras")]


def test_a_replaced_file_is_refused_but_by_who_has_loaded_it(tmp_path, loads):
    path = saved(tmp_path)
    forecaster = BatchForecaster(path, future="planned")
    forecaster(marked(*rows()))
    save_model(RecurrentPreset(units=(2,)).build(window=4), path)
    forecaster(marked(*rows()))
    batch_forecaster._loaded.cache_clear()
    with pytest.raises(ValueError, match="other contents than when the BatchForecaster was made"):
        forecaster(marked(*rows()))
    assert len(loads) == 1


def test_folders_and_relative_paths(tmp_path, monkeypatch, loads):
    (tmp_path / "hub").mkdir()
    saved(tmp_path).rename(tmp_path / "hub" / "model.keras")
    monkeypatch.chdir(tmp_path)
    BatchForecaster("hub", future="planned")(marked(*rows()))
    assert loads == [str(tmp_path / "hub" / "model.keras")]


@pytest.mark.parametrize(
    ("filepath", "error"), [(3, TypeError), ("", ValueError), ("absent.keras", FileNotFoundError)]
)
def test_wrong_paths_are_refused(filepath, error):
    with pytest.raises(error):
        BatchForecaster(filepath)
