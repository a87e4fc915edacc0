"""The command: mistakes are one line, and a table of one's own becomes a judged forecast."""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import forks
from helpers import BACKEND
from keras_ts.command.run import main

pytestmark = pytest.mark.usefixtures("untraced_models")

TURKU = r"$\Turku$"  # No formula, though matplotlib would read it as one.


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("csv")
    days = pd.date_range("2024-01-01", periods=200)
    values = np.sin(np.arange(200) / 5) + np.arange(200) / 50
    table = pd.DataFrame({"day": days, "sold": values, "city": "Oulu", "none": np.nan})
    table["promotion"] = np.arange(200) % 9 == 0
    table["type"] = "mall"
    table.loc[[3, 50, 51], "sold"] = np.nan
    table.to_csv(path / "sales.csv", index=False)
    table[:9].to_csv(path / "short.csv", index=False)
    turns = table[:18].assign(city=["Oulu", "Turku"] * 9)  # Two series of nine rows each.
    turns.to_csv(path / "dates.csv", index=False)
    planned = table.copy()
    planned.loc[193:, "sold"] = np.nan
    planned = planned.drop(index=[60, 196])  # Closed, on a day of the plan too.
    cities = [planned.assign(city="007"), planned.assign(city=TURKU, sold=planned["sold"] * 100)]
    cities[0]["type"] = "outlet"
    cities[1].loc[192, "sold"] = np.nan  # Missing, and no row of the plan.
    cities.append(planned.assign(city="Vaasa", sold=np.nan))
    pd.concat(cities).sample(frac=1, random_state=0).to_csv(path / "cities.csv", index=False)
    pd.concat([table, table[7:8]]).to_csv(path / "twice.csv", index=False)
    dates = table["day"].where(table.index != 7)
    table.assign(day=dates).to_csv(path / "undated.csv", index=False)
    table.assign(city=table["city"].where(table.index != 7)).to_csv(
        path / "nameless.csv", index=False
    )
    doubled = table.rename(columns={"none": "sold"})
    doubled.to_csv(path / "doubled.csv", index=False)
    table.assign(day=days.strftime("%d.%m.%Y")).to_csv(path / "german.csv", index=False)
    brief = table.assign(sold=table["sold"].where(table.index < 197))
    brief.to_csv(path / "brief.csv", index=False)
    return path


MISTAKES = [
    ("absent.csv", "--target sold", "No such file"),
    ("sales.csv", "--target soldd", "lacks soldd; it has day, sold,"),
    ("sales.csv", "--target sold --time dy", "lacks dy; it has"),
    ("sales.csv", "--target sold --sep ;", "lacks sold; it has day,sold"),
    ("sales.csv", "--target city", "number"),
    ("sales.csv", "--target sold --time city", "Oulu"),
    ("sales.csv", "--target sold --static promotion", "static_columns='promotion' changes"),
    ("sales.csv", "--target sold --calendar moon", "calendar"),
    ("short.csv", "--target sold", "--horizon 7 leaves too few of 9 rows"),
    ("dates.csv", "--target sold --time day --id city", "--horizon 7 leaves too few of 18 rows"),
    ("nameless.csv", "--target sold --time day --id city", "city"),
    ("undated.csv", "--target sold --time day", "day"),
    ("sales.csv", "--target sold --seed -1", "must be between 0 and 2**32 - 1"),
    ("twice.csv", "--target sold --time day", "repeats time"),
    ("sales.csv", "--target none", "row"),
    ("sales.csv", "--target sold --window 10 --future promotion", "future"),
    ("sales.csv", "--target sold --preset simple_rnn_20x2", "no recipe"),
    ("doubled.csv", "--target sold", "doubled.csv has several columns named sold."),
    ("german.csv", "--target sold --time day", "01.01.2024"),
    ("brief.csv", "--target sold --time day --future promotion", "future has 3 of the 7 rows"),
]


def call(folder, file, options, *more):
    return main(["forecast", str(folder / file), *options.split(), *map(str, more)])


@pytest.mark.parametrize(("file", "options", "message"), MISTAKES)
def test_mistakes_are_one_line_and_status_2(folder, capsys, tmp_path, file, options, message):
    options += " --horizon 7 --epochs 1"
    assert call(folder, file, options, "--out", tmp_path / "o") == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert message in errors[0]
    assert not list(tmp_path.rglob("*.*"))  # Nothing was trained or drawn.


def test_a_panel_with_dates_and_a_plan(folder, capsys, tmp_path):
    options = (
        "--target sold --time day --id city --future promotion --static type --calendar week "
        "--period 7 --window 14 --horizon 7 --epochs 1 --minimum -99"
    )
    assert call(folder, "cities.csv", options, "--out", tmp_path) == 0
    printed = capsys.readouterr().out
    assert "12 rows at the end have no value yet: the plan that the forecast follows" in printed
    assert "seasonal naive" in printed
    assert "2 steps have no forecast" in printed
    assert re.search("beats|loses to|cannot be told from", printed)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "forecast.csv", "forecast_1_Turku.png", "forecast_2_007.png", "history.png", "model.keras",
        "scores.csv", "verdict.png",
    ]  # fmt: skip
    scores = pd.read_csv(tmp_path / "scores.csv", dtype={"series": str})
    assert sorted(scores["series"]) == [TURKU, "007"]
    assert scores["name"].tolist() == ["model"] * 2
    assert scores["skill"].is_monotonic_increasing
    ahead = pd.read_csv(tmp_path / "forecast.csv", dtype={"city": str})
    assert list(ahead) == ["city", "day", "step", "sold_0.1", "sold", "sold_0.9"]
    assert ahead["city"].tolist() == [TURKU] * 7 + ["007"] * 7
    assert ahead["day"].tolist() == [f"2024-07-{day}" for day in range(12, 19)] * 2
    sold = ahead["sold"].to_numpy().reshape(2, 7)
    assert np.isnan(sold[:, 3]).all()  # The closed day of the plan.
    assert (np.delete(sold[0], 3) > 10 * np.delete(sold[1], 3)).all()


@pytest.mark.slow
def test_one_series_without_dates_in_a_process_of_its_own(folder, tmp_path):
    environment = {**os.environ, "KERAS_BACKEND": BACKEND, "MPLBACKEND": "agg"}
    words = ["forecast", folder / "sales.csv", "--target", "sold", "--horizon", 7, "--window", 10,
             "--epochs", 1, "--out", tmp_path]  # fmt: skip
    code = "import runpy, sys; runpy.run_module('keras_ts', run_name='__main__')"
    result = forks.run(code, words, environment)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "200 rows in 1 series." in result.stdout
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == [
        "forecast.csv", "forecast.png", "history.png", "model.keras", "verdict.png",
    ]  # fmt: skip
    assert list(pd.read_csv(tmp_path / "forecast.csv")) == ["step", "sold_0.1", "sold", "sold_0.9"]


class JudgedError(Exception):
    """Stops the command where it judges the baselines, before it trains."""


@pytest.mark.parametrize(
    ("options", "period"),
    [("", 7), ("--preset smooth_gru", 7), ("--preset seasonal_gru", 7), ("--period 5", 5)],
)
def test_the_season_of_the_verdict_does_not_depend_on_the_preset(
    folder, monkeypatch, tmp_path, options, period
):
    def judged(*parts, **settings):
        raise JudgedError(settings["period"])

    monkeypatch.setattr("keras_ts.command.run.compare", judged)
    options = f"--target sold --time day --horizon 7 {options}"
    with pytest.raises(JudgedError, match=str(period)):
        call(folder, "sales.csv", options, "--out", tmp_path)


@pytest.mark.parametrize(("preset", "left_out"), [("linear", 1), ("smooth_gru", 0)])
def test_a_linear_model_is_not_judged_beside_itself(folder, capsys, tmp_path, preset, left_out):
    """The command has no option to take the baseline "linear regression" out."""
    options = f"--target sold --time day --horizon 7 --window 14 --epochs 1 --preset {preset}"
    assert call(folder, "sales.csv", options, "--out", tmp_path) == 0
    printed = capsys.readouterr().out
    assert ("\nlinear regression " in printed) == (not left_out)
    assert "\nseasonal naive " in printed
    assert ("baseline of that name is left out" in printed) == bool(left_out)
    assert "both forecast the same" not in printed
    assert "leave it out of baselines=" not in printed
