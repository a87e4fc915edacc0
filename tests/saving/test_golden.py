"""Files of every release so far load with this code, and give what they gave then."""

import gzip
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_ts import WindowedSeries, load_model, load_windows

SAVED = Path(__file__).parents[1] / "saved_models"
VERSIONS = sorted(path.parent for path in SAVED.glob("*/made_with.json"))
MODELS = sorted(
    path.with_suffix("").with_suffix("")
    for folder in VERSIONS
    for path in folder.glob("*.keras.gz")
)
OBJECTS = [
    pytest.param(entry, id=f"{folder.name}-{name}")
    for folder in VERSIONS
    for name, entry in json.loads((folder / "objects.json").read_text()).items()
]


def unpacked(model, suffix, folder):
    """Keras's file, and the arrays that were put down beside it."""
    path = folder / f"{model.name}{suffix}"
    path.write_bytes(gzip.decompress(model.with_name(f"{path.name}.gz").read_bytes()))
    return path, np.load(model.with_suffix(".npz"))


def same(model, truth):
    predictions = model.predict(truth["x"], verbose=0)
    np.testing.assert_allclose(predictions, truth["predictions"], rtol=1e-5, atol=1e-5)


def test_there_are_files_of_a_release():
    assert [folder.name for folder in VERSIONS][:1] == ["0.1.0"]
    assert len(MODELS) >= 8 * len(VERSIONS)
    assert len(OBJECTS) >= 7 * len(VERSIONS)


@pytest.mark.parametrize("model", MODELS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_keras_files(model, tmp_path):
    path, truth = unpacked(model, ".keras", tmp_path)
    again = load_model(path)
    same(again, truth)
    metrics = again.evaluate(truth["x"], truth["y"], verbose=0)
    np.testing.assert_allclose(metrics, truth["metrics"], rtol=1e-5)
    for number, variable in enumerate(again.optimizer.variables):
        np.testing.assert_array_equal(variable.numpy(), truth[f"slot{number}"])
    assert load_windows(path) == WindowedSeries(8, seed=51)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_h5_files_and_weights(model, tmp_path):
    if model.name != "by_hand":
        path, truth = unpacked(model, ".h5", tmp_path)
        same(keras.saving.load_model(path, compile=False), truth)
    path, truth = unpacked(model, ".weights.h5", tmp_path)
    empty = keras.models.model_from_json(model.with_suffix(".json").read_text())
    empty.load_weights(path)
    same(empty, truth)


@pytest.mark.parametrize("entry", OBJECTS)
def test_objects(entry):
    item = keras.saving.deserialize_keras_object(json.loads(json.dumps(entry)))
    assert keras.saving.get_registered_name(type(item)) == entry["registered_name"]
    config = json.loads(json.dumps(item.get_config()))
    wanted = dict(entry["config"])
    if "drop_remainder" in wanted:  # Said by another argument since.
        wanted["remainder"] = "drop" if wanted.pop("drop_remainder") else "keep"
    assert {name: config.get(name) for name in wanted} == wanted
