"""The folder of a model goes to a hub and comes back, by the lines of the guide."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

import loopback_hub
from helpers import BACKEND, run_fresh
from keras_ts import RecurrentPreset, WindowedSeries, compare, course_series, forecast, save_model

pytest.importorskip("huggingface_hub")

GUIDE = Path(__file__).parents[2] / "docs" / "use" / "sharing.md"
# What the guide shows of the hub: to publish, to load, and to load a pinned revision.
PUBLISH, LOAD, PINNED = re.findall(r"^```text\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)
SERIES = course_series()[:400]

FORECAST = """
import json, numpy as np, keras_ts
from keras_ts import course_series, forecast, scorecard
print(json.dumps([forecast(model, course_series()[:400]).tolist(), scorecard(model).ok]))
"""


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on loopback, which huggingface_hub uses in fresh processes."""
    with loopback_hub.running() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        monkeypatch.chdir(tmp_path)
        yield served


def saved(units):
    """Save an untrained model with its card; return its forecast."""
    train, held_out = WindowedSeries(10, 3).split(SERIES, at=-100)
    model = RecurrentPreset(units=(units,), window_norm="last").build(train)
    save_model(model, "sales", report=compare(model, train, held_out))
    return forecast(model, SERIES)


def loaded(code, **environment):
    """Return the forecast of the model that some lines load in a fresh process."""
    ahead, ok = json.loads(run_fresh(code + FORECAST, **environment).splitlines()[-1])
    assert ok
    return np.array(ahead)


def test_the_lines_of_the_guide_publish_and_load_a_folder(hub):
    """Card and license are in the repository, and its model forecasts as the one saved."""
    ahead = saved(3)
    run_fresh(PUBLISH)
    files = hub.commits["you/sales"][-1]
    assert sorted(files) == ["README.md", "model.keras"]
    assert "license: apache-2.0\n" in files["README.md"].decode()
    assert files["README.md"].decode().partition("# ")[2].startswith("model\n")
    np.testing.assert_allclose(loaded(LOAD), ahead, rtol=1e-5)


def test_a_pinned_revision_stays_the_model_that_it_was(hub):
    first = saved(3)
    commit = run_fresh(PUBLISH + "print(commit)").split()[-1]
    second = saved(4)
    run_fresh(PUBLISH)
    assert not np.allclose(first, second, rtol=1e-3)
    np.testing.assert_allclose(loaded(LOAD), second, rtol=1e-5)
    imports = "".join(LOAD.splitlines(keepends=True)[:2])
    pinned = loaded(f"{imports}commit = {commit!r}\n{PINNED}")
    np.testing.assert_allclose(pinned, first, rtol=1e-5)


def test_a_cache_loads_without_any_hub(hub):
    """A machine without a network loads what was downloaded before."""
    ahead = saved(3)
    run_fresh(PUBLISH)
    loaded(LOAD)
    hub.commits.clear()
    np.testing.assert_allclose(loaded(LOAD, HF_HUB_OFFLINE="1"), ahead, rtol=1e-5)


HF_ADDRESS = """
import sys
if "blocked" in sys.argv:
    sys.modules["tensorflow"] = None
import keras, keras_ts
try:
    keras.saving.load_model("hf://you/sales")
except Exception as error:
    print(type(error).__name__, error)
"""


def test_what_the_guide_says_of_keras_own_address_holds(hub):
    """If one of these fails, Keras has learned to load such a folder: change the guide."""
    saved(3)
    run_fresh(PUBLISH)
    if importlib.util.find_spec("tensorflow"):
        assert "config.json" in run_fresh(HF_ADDRESS)
    if BACKEND != "tensorflow":
        assert "requires installing TensorFlow" in run_fresh(HF_ADDRESS, "blocked")
