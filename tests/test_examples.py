"""The examples run to their end; the README's first command is the first of them."""

import os
import re
from pathlib import Path

import pandas as pd
import pytest

import forks
from helpers import BACKEND
from keras_ts import scorecard

EXAMPLES = Path(__file__).parent.parent / "examples"


RUN = """
import runpy, sys
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def call(script, *arguments, folder="."):
    environment = {**os.environ, "KERAS_BACKEND": BACKEND, "MPLBACKEND": "agg"}
    return forks.run(RUN, [EXAMPLES / script, *arguments], environment, folder)


def test_a_recipe_that_is_unknown_is_status_2():
    result = call("course.py", "lstm_99")
    assert result.returncode == 2
    assert "NAME must be one of simple_rnn_20x2" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_forecast_example(tmp_path):
    result = call("forecast.py", folder=tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    assert re.search("beats|loses to|cannot be told from", result.stdout)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "forecast.csv", "forecast.png", "history.png", "model.keras",
    ]  # fmt: skip
    assert len((EXAMPLES / "forecast.py").read_text().splitlines()) <= 80


@pytest.mark.slow
def test_every_morning_example(tmp_path):
    """It ends with an error unless the drift is called within a week, and the model is swapped."""
    result = call("every_morning.py", "--out", tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    assert len(list(tmp_path.glob("forecast-*.csv"))) == 30
    assert (tmp_path / "every_morning.svg").exists()
    (remark,) = scorecard(tmp_path / "model.keras").remarks
    assert remark.startswith("Its bands were updated by values since 2024-12-")


@pytest.mark.slow
@pytest.mark.parametrize("drift", [0, 20])
def test_thirty_mornings_of_shops_that_are_closed_on_sundays(tmp_path, drift):
    result = call("every_morning.py", "--closed", 6, "--drift", drift, "--out", tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    log = pd.read_csv(tmp_path / "log.csv", keep_default_na=False)
    alarms = log["morning"][log["drift"]].tolist()
    assert bool(alarms) == bool(drift)
    assert not drift or 20 < alarms[0] <= 27


def test_weather_example(tmp_path):
    result = call("weather.py", "--epochs", 1, "--out", tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "future: year_sin, year_cos" in result.stdout
    assert "temp_max_0.1" in result.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["weather.keras", "weather.png"]


def test_course_example():
    result = call("course.py", "simple_rnn_20x2_sequence", "--epochs", 1)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "naive 5.938" in result.stdout
    assert "largest difference 0.0e+00" in result.stdout
