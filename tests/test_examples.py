"""The examples run to their end; the README's first command is the first of them."""

import os
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
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


def verdict_by_hand(files, table, card):
    """Return what the errors of some mornings are beside a scorecard, as a loop over their rows."""
    sold = {(row.store, row.day): row.units for row in table.itertuples()}
    changes = {}
    for (shop, day), units in sold.items():
        week_ago = sold.get((shop, day - pd.Timedelta(days=7)))
        if week_ago is not None:
            changes.setdefault(shop, []).append(abs(units - week_ago))
    errors = {}
    for row in pd.concat([pd.read_csv(file, parse_dates=["day"]) for file in files]).itertuples():
        came = sold.get((row.store, row.day))
        if came is not None:
            origin = errors.setdefault(row.day - pd.Timedelta(days=row.step), {})
            scaled = abs(came - row.units) / np.mean(changes[row.store])
            origin.setdefault(row.step, {})[row.store] = scaled
    ranges = card["promised"]["errors"]
    means, lows, highs = [], [], []
    for steps in errors.values():
        last = max(steps)
        means.append(np.mean([error for step in steps.values() for error in step.values()]))
        lows.append(ranges["low"][last - 1])
        highs.append(ranges["high"][last - 1])
    error, low, high = np.mean(means), np.mean(lows), np.mean(highs)
    return "worse" if error > high else "better" if error < low else "as promised"


@pytest.mark.slow
@pytest.mark.parametrize("drift", [0, 20])
def test_thirty_mornings_of_shops_that_are_closed_on_sundays(tmp_path, drift, monkeypatch):
    """Until the model is swapped each verdict, and so the day of the alarm, is that by hand."""
    example = SimpleNamespace(**runpy.run_path(str(EXAMPLES / "every_morning.py")))
    cards, verdicts, path = [], [], tmp_path / "model.keras"

    def morning(day, table, plan, folder):
        cards[:] = cards or [scorecard(path).to_dict()]
        files = sorted(folder.glob("forecast-*.csv"))[-7:]
        verdicts.append(verdict_by_hand(files, table, cards[0]) if files else None)
        return example.morning(day, table, plan, folder)

    monkeypatch.setitem(example.main.__globals__, "morning", morning)
    arguments = ["--closed", "6", "--drift", str(drift), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["every_morning.py", *arguments])
    example.main()
    log = pd.read_csv(tmp_path / "log.csv", keep_default_na=False)
    judged = log["promised"].tolist()
    swapped = log["model"].tolist().index("swapped") if drift else 29
    assert judged[1 : swapped + 1] == verdicts[1 : swapped + 1]
    alarms = [number + 1 for number in range(7, swapped + 1) if verdicts[number] == "worse"]
    assert log["morning"][log["drift"]].tolist() == alarms
    assert bool(alarms) == bool(drift)
    assert not drift or alarms[0] == 24


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
