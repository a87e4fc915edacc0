"""The examples answer mistakes in one line; the whole run is the README's first command."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers import BACKEND

EXAMPLES = Path(__file__).parent.parent / "examples"


def call(script, *arguments):
    return subprocess.run(
        [sys.executable, EXAMPLES / script, *map(str, arguments)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "KERAS_BACKEND": BACKEND, "MPLBACKEND": "agg"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("csv")
    days = pd.date_range("2024-01-01", periods=200)
    values = np.sin(np.arange(200) / 5) + np.arange(200) / 50
    table = pd.DataFrame({"day": days, "sold": values, "city": "Oulu", "none": np.nan})
    table.loc[[3, 50, 51], "sold"] = np.nan
    table.to_csv(path / "sales.csv", index=False)
    table[:9].to_csv(path / "short.csv", index=False)
    (path / "empty.csv").write_text("")
    (path / "binary.csv").write_bytes(bytes(range(256)))
    return path


@pytest.mark.parametrize(
    ("file", "column", "says"),
    [
        ("absent.csv", "sold", "there is no such file"),
        ("sales.csv", "soldd", "is not in"),
        ("sales.csv", "city", "holds text, such as 'Oulu' in line 2"),
        ("short.csv", "sold", "too short"),
        ("empty.csv", "sold", "cannot be read as a CSV file"),
        ("binary.csv", "sold", "cannot be read as a CSV file"),
        ("sales.csv", "none", "every value of the series is missing"),
    ],
)
def test_mistakes_are_one_line_and_status_2(folder, file, column, says):
    result = call("forecast.py", "--csv", folder / file, "--column", column, "--out", folder / "o")
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.returncode == 2, result.stderr
    assert len(errors) == 1
    assert says in errors[0]
    assert "Traceback" not in result.stderr


def test_a_csv_of_ones_own(folder):
    out = folder / "out"
    result = call("forecast.py", "--csv", folder / "sales.csv", "--column", "sold", "--window", 10,
                  "--steps", 7, "--epochs", 1, "--out", out)  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    assert "200 values, 3 of them missing: 2 gaps of up to 2 in a row" in result.stdout
    assert "its predictions are the same" in result.stdout
    assert sorted(p.name for p in out.iterdir()) == [
        "forecast.png", "history.png", "model.keras", "sweep.png",
    ]  # fmt: skip


def test_course_example():
    result = call("course.py", "simple_rnn_20x2_sequence", "--epochs", 1)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "naive 5.938" in result.stdout
    assert "largest difference 0.0e+00" in result.stdout
    assert call("course.py", "lstm_99").returncode == 2
