"""Files of every release so far load with this code, and give what they gave then."""

import gzip
import json
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_ts
from helpers import arrays
from keras_ts import Rollout, WindowedSeries, load_model, load_windows, scorecard
from keras_ts.exporting.description import describe
from keras_ts.interface import Interface, carried_by
from keras_ts.panel.columns import Columns
from keras_ts.windows.carried import Carried
from registered import REGISTERED

pytestmark = pytest.mark.usefixtures("untraced_models")

SAVED = Path(__file__).parents[1] / "saved_models"
VERSIONS = sorted(path.parent for path in SAVED.glob("*/made_with.json"))


def names(ending):
    """Return the files of releases that end so, without the ending."""
    return sorted(
        path.with_name(path.name.removesuffix(ending))
        for folder in VERSIONS
        for path in folder.glob(f"*{ending}")
    )


# Beside models there are their weights alone; beside forecasters, what they say of themselves.
MODELS, FORECASTERS = names(".weights.h5.gz"), names(".about.json")
LEVELS = (0.1, 0.5, 0.9)
SALES = WindowedSeries(
    8, 2, target_columns="sales", future_columns=["plan"], calendar="week", time_column="day"
)
QUANTILES = Carried(
    SALES,
    Columns.of(SALES, ["sales", "plan"]).with_calendar(["week_sin", "week_cos"]),
    "1 day",
    LEVELS,
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
    return path, arrays(model.with_suffix(".npz"))


def same(model, truth):
    predictions = model.predict(truth["x"], verbose=0)
    np.testing.assert_allclose(predictions, truth["predictions"], rtol=1e-5, atol=1e-5)


def test_there_are_files_of_a_release():
    assert [folder.name for folder in VERSIONS][:1] == ["0.3.0"]
    assert keras_ts.__version__ in [folder.name for folder in VERSIONS]
    assert len(MODELS) >= 8 * len(VERSIONS)
    assert len(OBJECTS) >= 7 * len(VERSIONS)
    assert len(FORECASTERS) >= 7
    assert {path.parent / path.name.split(".")[0] for path in SAVED.glob("[0-9]*/*.keras.gz")} == {
        *MODELS,
        *FORECASTERS,
    }


def test_the_newest_files_hold_every_registered_class():
    stored = json.loads((SAVED / keras_ts.__version__ / "objects.json").read_text())
    assert {entry["registered_name"] for entry in stored.values()} == set(REGISTERED)


@pytest.mark.parametrize("model", MODELS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_keras_files(model, tmp_path):
    path, truth = unpacked(model, ".keras", tmp_path)
    again = load_model(path)
    same(again, truth)
    metrics = again.evaluate(truth["x"], truth["y"], verbose=0)
    np.testing.assert_allclose(metrics, truth["metrics"], rtol=1e-5)
    for number, variable in enumerate(again.optimizer.variables):
        np.testing.assert_array_equal(variable.numpy(), truth[f"slot{number}"])
    plain = Carried(WindowedSeries(8, seed=51))
    kept = QUANTILES if model.name == "quantiles" else plain
    assert load_windows(path) == kept.windows
    assert carried_by(again) == kept


def test_the_loss_and_the_layers_of_quantiles(tmp_path):
    path, truth = unpacked(SAVED / "0.3.0" / "quantiles", ".keras", tmp_path)
    again = load_model(path)
    assert again.loss.quantiles == LEVELS
    assert again.layers[-1].quantiles == LEVELS
    assert truth["predictions"].shape == (6, 2, 3)
    names = again.evaluate(truth["x"], truth["y"], verbose=0, return_dict=True)
    assert set(names) == {"loss", "mae", "coverage"}


@pytest.mark.parametrize("model", FORECASTERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_forecasters(model, tmp_path):
    """Each gives the same forecasts, and says the same of itself and in an exported file."""
    path, truth = unpacked(model, ".keras", tmp_path)
    about = json.loads(model.with_suffix(".about.json").read_text())
    again = load_model(path)
    inputs = {name[6:]: truth[name] for name in truth if name.startswith("input_")}
    predictions = again.predict(inputs if len(inputs) > 1 else inputs["past"], verbose=0)
    np.testing.assert_allclose(predictions, truth["predictions"], rtol=1e-5, atol=1e-4)
    carried = carried_by(again)
    assert load_windows(path) == carried.windows
    config = json.loads(json.dumps(carried.windows.get_config()))
    assert _only(about["windows"], config) == about["windows"]
    assert carried.columns.by_part() == about["columns"]
    assert carried.frequency == about["frequency"]
    assert carried.quantiles == (about["quantiles"] and tuple(about["quantiles"]))
    described = json.loads(json.dumps(describe(Rollout(again))))
    versions = about["description"].pop("versions")
    assert versions["keras_ts"] == model.parent.name
    assert _only(about["description"], described) == about["description"]
    if "intervals" in about:  # Beside widths these hold sample paths, and what has followed.
        layer = json.loads(json.dumps(Interface.of(again).last_layer.get_config()))
        assert _only(about["intervals"], layer) == about["intervals"]
    if "scorecard" in about:
        for source in (again, path):
            card = json.loads(json.dumps(scorecard(source).to_dict()))
            assert _only(about["scorecard"], card) == about["scorecard"]


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
    wanted.pop("model", None)  # Of a Rollout: Keras's own words, which change.
    assert _only(wanted, config) == wanted


def _only(names, config):
    """Return what a config says of ``names``: a class may have learned other settings since."""
    if isinstance(names, list) and isinstance(config, list) and len(names) == len(config):
        return [_only(*pair) for pair in zip(names, config, strict=True)]
    if not isinstance(names, dict) or not isinstance(config, dict):
        return config
    return {name: _only(value, config.get(name)) for name, value in names.items()}
