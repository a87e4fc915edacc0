"""Folds that code of people trains are resumed by the key that they give it, or not at all."""

import json

import keras
import pytest

from backtest_helpers import build, equal, run
from keras_ts import Recipe, RecurrentPreset, course_series
from keras_ts.evaluation.backtests.training import Trainer

pytestmark = pytest.mark.usefixtures("untraced_models")


@pytest.fixture(scope="module")
def series():
    return course_series(90)


SETTINGS = {"units": 2}
RECIPE = Recipe("mae", "adamw", 1e-2, 16, 1, window=6)
PRESET = RecurrentPreset(cell="gru", units=(2,), recipe=RECIPE)


def core():
    """What it makes depends on a dict that no digest of its code would see."""
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(SETTINGS["units"])])


CODE = {
    "build": {"maker": build},
    "core": {"maker": PRESET, "core": core},
    "callbacks[0]": {"maker": PRESET, "callbacks": [keras.callbacks.Callback()]},
}


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")  # Of Keras.
@pytest.mark.parametrize("place", CODE)
def test_code_is_resumed_with_a_key_alone(place, series, tmp_path, monkeypatch):
    trained, fit = [], Trainer.model
    monkeypatch.setattr(Trainer, "model", lambda *own: trained.append(1) or fit(*own))
    arguments = {"epochs": 1, **CODE[place], "folder": tmp_path / "new"}
    for number in (1, 2):
        with pytest.warns(UserWarning, match="would not be noticed: pass a key") as said:
            table = run(series, **arguments, key=None).table
        assert f"the code in {place} would" in str(said[0].message)
        assert len(trained) == 2 * number
    assert not arguments["folder"].exists()
    for _ in range(2):
        assert equal(table, run(series, **arguments, key="a").table)
        assert len(trained) == 6
    with pytest.raises(TypeError, match=r"key must be a text, or None\. Received: key=1"):
        run(series, **arguments, key=1)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")  # Of Keras.
def test_folds_of_an_older_version_are_refused(series, tmp_path):
    run(series, folder=tmp_path)
    path = tmp_path / "backtest.json"
    settings = json.loads(path.read_text())
    del settings["key"]  # Up to 0.2 there was a digest of the code in its place.
    path.write_text(json.dumps(settings))
    with pytest.raises(ValueError, match="holds a backtest with key=None, and this one has key="):
        run(series, folder=tmp_path)
