"""The command: mistakes are one line, and a table of one's own becomes a judged forecast."""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import forks
from helpers import BACKEND
from keras_ts.__main__ import main
from keras_ts.windows.reading.read_once import Frames

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
    table[:0].to_csv(path / "header.csv", index=False)
    table.assign(city=table["city"].where(table.index != 3)).to_csv(
        path / "nameless.csv", index=False
    )
    table.assign(day=days.strftime("%d.%m.%Y")).to_csv(path / "german.csv", index=False)
    brief = table.assign(sold=table["sold"].where(table.index < 197))
    brief.to_csv(path / "brief.csv", index=False)
    header, first, *rows = (path / "sales.csv").read_text().splitlines()
    longer = [header, f"{first},7", *(f"{row}," for row in rows)]
    (path / "longer.csv").write_text("\n".join(longer))
    (path / "doubled.csv").write_text("\n".join([f"{header},sold", *longer[1:]]))
    zoned = days.tz_localize("Europe/Berlin")
    table.assign(day=[day.isoformat() for day in zoned]).to_csv(path / "zoned.csv", index=False)
    (path / "empty.csv").write_text("")
    (path / "binary.csv").write_bytes(bytes(range(256)))
    return path


MISTAKES = [
    ("absent.csv", "--target sold", "there is no such file"),
    ("sales.csv", "", "--target NAME is missing"),
    ("sales.csv", "--target soldd", "--target soldd is not in"),
    ("sales.csv", "--target sold --time dy", "--time dy is not in"),
    ("sales.csv", "--target city", "holds text, such as 'Oulu' in line 2"),
    ("sales.csv", "--target sold --time city", "--time city must hold dates such as"),
    ("sales.csv", "--target sold --static promotion", "static_columns='promotion' changes"),
    ("sales.csv", "--target sold --calendar moon", "calendar"),
    ("short.csv", "--target sold", "the longest series has 9 rows"),
    ("dates.csv", "--target sold --time day --id city", "there are 18 dates, and the parts to"),
    ("empty.csv", "--target sold", "cannot be read as a CSV file"),
    ("nameless.csv", "--target sold --time day --id city", "--id city has no value in line 5"),
    ("sales.csv", "--target sold --future sold", "two options name the column sold"),
    ("sales.csv", "--target sold --window 10 --period 0", "must be >= 1"),
    ("sales.csv", "--target sold --seed -1", "must be between 0 and 2**32 - 1"),
    ("twice.csv", "--target sold --time day", "repeats time"),
    ("header.csv", "--target sold", "no row below its header"),
    ("binary.csv", "--target sold", "cannot be read as a CSV file"),
    ("sales.csv", "--target none", "--target none has no value in any line"),
    ("sales.csv", "--target sold --window 10 --future promotion", "--future needs a plan"),
    ("german.csv", "--target sold --time day", "--date-format"),
    ("brief.csv", "--target sold --time day --future promotion", "future has 3 of the 7 rows"),
    ("longer.csv", "--target sold", "longer.csv has lines of more values than its header"),
    ("longer.csv", "--target sold --id city --time day", "has lines of more values than its"),
    ("doubled.csv", "--target sold", "doubled.csv has two columns sold: rename one of them"),
    ("doubled.csv", "--target sold --id city --time day", "doubled.csv has two columns sold"),
    ("zoned.csv", "--target sold --time day", "--time day mixes offsets from UTC"),
]


def call(monkeypatch, folder, file, options, *more):
    words = ["keras_ts", "forecast", str(folder / file), *options.split(), *map(str, more)]
    monkeypatch.setattr("sys.argv", words)
    return main()


@pytest.mark.parametrize(("file", "options", "message"), MISTAKES)
def test_mistakes_are_one_line_and_status_2(
    folder, monkeypatch, capsys, tmp_path, file, options, message
):
    options += " --horizon 7 --epochs 1"
    assert call(monkeypatch, folder, file, options, "--out", tmp_path / "o") == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert message in errors[0]
    assert not list(tmp_path.rglob("*.*"))  # Nothing was trained or drawn.


def test_a_panel_with_dates_and_a_plan(folder, monkeypatch, capsys, tmp_path):
    options = (
        "--target sold --time day --id city --future promotion --static type --calendar week "
        "--period 7 --window 14 --horizon 7 --epochs 1 --minimum -99"
    )
    files, frames = [], []
    read_csv, opened = pd.read_csv, Frames.__init__

    def reading(file, **settings):
        files.append(settings.get("nrows"))
        return read_csv(file, **settings)

    def opening(self, *arguments, **settings):
        frames.append(arguments)
        opened(self, *arguments, **settings)

    monkeypatch.setattr(pd, "read_csv", reading)
    monkeypatch.setattr(Frames, "__init__", opening)
    assert call(monkeypatch, folder, "cities.csv", options, "--out", tmp_path) == 0
    monkeypatch.undo()
    # The file and its frame are read once; before that, its header.
    assert (files, len(frames)) == ([1, None], 1)
    printed = capsys.readouterr().out
    assert "12 rows at the end have no value yet: the plan that the forecast follows" in printed
    assert "; 1 series without any value: left out" in printed
    assert re.search(r"Training for 1 epochs of \d+ batches takes about \d+ s on", printed)
    assert "seasonal naive" in printed
    assert "A season is 7 rows, by --period: MASE is scaled by it." in printed
    assert "2 steps have no forecast: the plan lacks their row" in printed
    assert re.search("beats|loses to|cannot be told from", printed)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "forecast.csv", "forecast_1_Turku.png", "forecast_2_007.png", "history.png", "model.keras",
        "scores.csv", "verdict.png",
    ]  # fmt: skip
    scores = pd.read_csv(tmp_path / "scores.csv", dtype={"city": str})
    assert sorted(scores["city"]) == [TURKU, "007"]
    assert re.search(r"Worst series, by skill over .* All 2 are in .*scores\.csv\.", printed)
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
    assert "200 rows in 1 series; 3 of them without a value." in result.stdout
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
        call(monkeypatch, folder, "sales.csv", options, "--out", tmp_path)


@pytest.mark.parametrize(("preset", "left_out"), [("linear", 1), ("smooth_gru", 0)])
def test_a_linear_model_is_not_judged_beside_itself(
    folder, monkeypatch, capsys, tmp_path, preset, left_out
):
    """The command has no option to take the baseline "linear regression" out."""
    options = f"--target sold --time day --horizon 7 --window 14 --epochs 1 --preset {preset}"
    assert call(monkeypatch, folder, "sales.csv", options, "--out", tmp_path) == 0
    printed = capsys.readouterr().out
    assert ("\nlinear regression " in printed) == (not left_out)
    assert "\nseasonal naive " in printed
    assert "both forecast the same" not in printed
    assert "leave it out of baselines=" not in printed


class FittedError(Exception):
    """Stops the command where it would train."""


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--preset linear", "\nA linear regression is solved, not trained."),
        ("--preset smooth_gru --epochs 6", r"6 epochs of 8 batches, after 15 that weigh .* takes"),
        ("--preset gru_32x2 --epochs 6", r"6 epochs of \d batches takes about"),
    ],
)
def test_how_long_training_takes(monkeypatch, capsys, tmp_path, options, says):
    def fit(*_, **__):
        raise FittedError

    monkeypatch.setattr("keras_ts.command.run.RecurrentPreset.fit", fit)
    days = pd.date_range("2024-01-01", periods=400)
    table = pd.DataFrame({"day": days, "sold": np.sin(np.arange(400) / 5)})
    table.to_csv(tmp_path / "long.csv", index=False)
    options = f"--target sold --time day --horizon 7 --window 14 {options}"
    with pytest.raises(FittedError):
        call(monkeypatch, tmp_path, "long.csv", options, "--out", tmp_path)
    printed = capsys.readouterr().out
    assert re.search(says, printed)
    assert ("takes about" in printed) == ("linear" not in options)


def test_an_hour_that_the_clock_repeats(monkeypatch, capsys, tmp_path):
    """Each of the two errors says how a file is written that the command reads."""
    hours = pd.date_range("2024-10-20", periods=400, freq="h", tz="Europe/Berlin")
    zoned = pd.DataFrame({"hour": hours, "sold": np.sin(np.arange(400) / 4)})
    local = zoned.assign(hour=hours.tz_localize(None))
    mean = local.groupby("hour", as_index=False).mean()
    utc = zoned.assign(hour=hours.tz_convert("UTC"))
    says = "write local times without an offset, and one row with the mean for an hour that"
    options = "--target sold --time hour --horizon 6 --window 24 --preset linear"
    for name, table, message in [
        ("zoned", zoned, says), ("local", local, says), ("mean", mean, ""), ("utc", utc, ""),
    ]:  # fmt: skip
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        status = call(monkeypatch, tmp_path, f"{name}.csv", options, "--out", tmp_path / name)
        assert status == (2 if message else 0)
        assert message in capsys.readouterr().err


def test_ids_like_na_and_local_times_are_read(monkeypatch, capsys, tmp_path):
    days = pd.date_range("2024-01-01", periods=120, tz="Europe/Berlin")
    table = pd.DataFrame({"day": days, "id": "NA", "sold": np.arange(120.0)})
    table.to_csv(tmp_path / "zoned.csv", index=False)
    options = "--target sold --time day --id id --horizon 7"
    assert call(monkeypatch, tmp_path, "zoned.csv", options) == 2
    assert "--time day mixes offsets from UTC" in capsys.readouterr().err
    local = table.assign(day=days.tz_localize(None))
    local.to_csv(tmp_path / "local.csv", index=False)
    local.to_csv(tmp_path / "semicolons.csv", index=False, sep=";")
    assert call(monkeypatch, tmp_path, "local.csv", f"{options} --seed -1") == 2
    assert "Seed must be" in capsys.readouterr().err  # The table was read.
    assert call(monkeypatch, tmp_path, "semicolons.csv", options) == 2
    assert "Separate its columns by commas" in capsys.readouterr().err
