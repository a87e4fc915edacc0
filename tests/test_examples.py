"""The examples answer mistakes in one line; the whole run is the README's first command."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import forks
from helpers import BACKEND, run_fresh

TURKU = r"$\Turku$"  # No formula, though matplotlib would read it as one.
EXAMPLES = Path(__file__).parent.parent / "examples"


RUN = """
import runpy, sys
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def call(script, *arguments):
    environment = {**os.environ, "KERAS_BACKEND": BACKEND, "MPLBACKEND": "agg"}
    return forks.run(RUN, [EXAMPLES / script, *arguments], environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("csv")
    days = pd.date_range("2024-01-01", periods=200)
    values = np.sin(np.arange(200) / 5) + np.arange(200) / 50
    table = pd.DataFrame({"day": days, "sold": values, "city": "Oulu", "none": np.nan})
    table["promotion"] = np.arange(200) % 9 == 0
    table.loc[[3, 50, 51], "sold"] = np.nan
    table.to_csv(path / "sales.csv", index=False)
    table[:9].to_csv(path / "short.csv", index=False)
    planned = table.copy()
    planned.loc[193:, "sold"] = np.nan
    planned = planned.drop(index=60)
    table.drop(index=60).to_csv(path / "gap.csv", index=False)
    cities = [planned.assign(city="007"), planned.assign(city=TURKU, sold=planned["sold"] * 100)]
    cities.append(planned.assign(city="Vaasa", sold=np.nan))
    pd.concat(cities).sample(frac=1, random_state=0).to_csv(path / "cities.csv", index=False)
    table[:0].to_csv(path / "header.csv", index=False)
    nameless = table.assign(city=table["city"].where(table.index != 3))
    nameless.to_csv(path / "nameless.csv", index=False)
    (path / "empty.csv").write_text("")
    (path / "binary.csv").write_bytes(bytes(range(256)))
    return path


MISTAKES = [
    ("absent.csv", "--column sold", "there is no such file"),
    ("sales.csv", "--column soldd", "--column soldd is not in"),
    ("sales.csv", "--column sold --time dy", "--time dy is not in"),
    ("sales.csv", "--column city", "holds text, such as 'Oulu' in line 2"),
    ("sales.csv", "--column sold --time city", "--time city must hold dates such as"),
    ("sales.csv", "--column sold --future city", "--future city holds text"),
    ("sales.csv", "--column sold --calendar moon", "calendar"),
    ("short.csv", "--column sold", "too short"),
    ("empty.csv", "--column sold", "cannot be read as a CSV file"),
    ("nameless.csv", "--column sold --time day --id city", "--id city has no value in line 5"),
    ("sales.csv", "--column sold --future sold", "two options name the column sold"),
    ("sales.csv", "--column sold --window 10 --horizon 7 --epochs 1 --period 1", "must be >= 2"),
    ("sales.csv", "--column sold --window 10 --horizon 7 --epochs 1 --period 180", "period=180"),
    ("header.csv", "--column sold", "no row below its header"),
    ("binary.csv", "--column sold", "cannot be read as a CSV file"),
    ("sales.csv", "--column none", "every value of the series is missing"),
    ("gap.csv", "--column sold --time day", "1 irregular step"),
    ("sales.csv", "--column sold --window 10 --horizon 7 --epochs 1 --future promotion",
     "future has 0 of the 7 rows"),
]  # fmt: skip
# TensorFlow takes most of the time of a process, so all mistakes are made in one.
IN_ONE_PROCESS = """
import contextlib, io, json, runpy, sys, traceback
results = []
for script, *arguments in json.loads(sys.argv[1]):
    sys.argv = [script, *arguments]
    errors, status = io.StringIO(), 0
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as end:
            status = end.code
        except Exception:
            status = 1
            traceback.print_exc()
    results.append([status, errors.getvalue()])
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def results(folder):
    """The exit status and the errors of every mistake."""
    calls = [
        ["forecast.py", "--csv", folder / file, *options.split(), "--out", folder / "o"]
        for file, options, _ in MISTAKES
    ]
    calls.append(["course.py", "lstm_99"])
    calls = [[str(EXAMPLES / script), *map(str, rest)] for script, *rest in calls]
    return json.loads(run_fresh(IN_ONE_PROCESS, json.dumps(calls)).splitlines()[-1])


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=[" ".join(m[:2]) for m in MISTAKES])
def test_mistakes_are_one_line_and_status_2(results, number):
    status, told = results[number]
    errors = [line for line in told.splitlines() if line.startswith("error: ")]
    assert status == 2, told
    assert len(errors) == 1
    assert MISTAKES[number][2] in errors[0]
    assert "Traceback" not in told


def test_a_plan_that_lacks_rows_is_refused_before_training(results, folder):
    assert not list((folder / "o").glob("*.png"))


def test_a_recipe_that_is_unknown_is_status_2(results):
    assert results[-1][0] == 2


@pytest.mark.slow
def test_a_csv_of_ones_own(folder):
    out = folder / "out"
    result = call("forecast.py", "--csv", folder / "sales.csv", "--column", "sold", "--window", 10,
                  "--horizon", 7, "--epochs", 1, "--out", out)  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    assert "200 rows in 1 series, 3 of them without a value" in result.stdout
    assert "given that file alone, forecasts the same" in result.stdout
    assert re.search("beats|loses to|cannot be told from", result.stdout)
    assert sorted(p.name for p in out.iterdir()) == [
        "forecast.csv", "forecast.png", "history.png", "model.keras", "sweep.png",
    ]  # fmt: skip
    assert list(pd.read_csv(out / "forecast.csv")) == [
        "step", "sold_0.1", "sold", "sold_0.9",
    ]  # fmt: skip


def test_a_panel_with_dates_and_a_plan(folder):
    out = folder / "panel"
    result = call("forecast.py", "--csv", folder / "cities.csv", "--column", "sold", "--time",
                  "day", "--id", "city", "--future", "promotion", "--calendar", "week",
                  "--period", 7, "--window", 14, "--horizon", 7, "--epochs", 1,
                  "--missing", "drop", "--out", out)  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    assert "14 rows at the end have no value yet: the plan for what follows" in result.stdout
    assert "; 1 series without any value left out" in result.stdout
    assert "seasonal naive" in result.stdout
    assert "given that file alone, forecasts the same" in result.stdout
    assert re.search("beats|loses to|cannot be told from", result.stdout)
    assert {"forecast.csv", "history.png", "model.keras"} <= {p.name for p in out.iterdir()}
    ahead = pd.read_csv(out / "forecast.csv", dtype={"city": str})
    assert ahead["city"].tolist() == [TURKU] * 7 + ["007"] * 7
    assert ahead["day"].tolist() == [f"2024-07-{day}" for day in range(12, 19)] * 2
    assert (ahead["sold"][:7].to_numpy() > 10 * ahead["sold"][7:].to_numpy()).all()


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
