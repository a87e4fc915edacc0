"""A file says if sales halve, right after and once the model has followed, and not of a season."""

import numpy as np
import pandas as pd
import pytest

from keras_ts import compare, forecast, from_preset, save_model, score, scorecard

DAYS = pd.date_range("2022-01-01", periods=420)
START = 340


def table(halved_from):
    rng, number = np.random.default_rng(0), np.arange(len(DAYS))
    year = 1 + 0.1 * np.sin(2 * np.pi * number / 365)
    parts = []
    for shop in range(8):
        week = np.exp(rng.normal(0, 0.3, 7))[number % 7]
        units = 10.0**shop * week * year * (1 + 0.2 * rng.normal(size=len(DAYS)))
        units = units * np.where(number >= halved_from, 0.5, 1)
        parts.append(pd.DataFrame({"shop": shop, "day": DAYS, "units": units}))
    return pd.concat(parts)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path, known = tmp_path_factory.mktemp("drift") / "model.keras", table(len(DAYS))
    preset = from_preset("linear", period=7)
    columns = {"target_columns": "units", "id_column": "shop", "time_column": "day"}
    train, held = preset.split(known[known["day"] < DAYS[START]], 2, at=DAYS[280], **columns)
    model = preset.fit(train, verbose=0)
    save_model(model, path, report=compare(model, train, held, period=7))
    return path, model


@pytest.mark.parametrize(("halved_from", "moved"), [
    (len(DAYS), set()), (START + 60, {"error", "bias"}), (START + 25, {"level"}),
])  # fmt: skip
def test_what_moved_is_called(file, halved_from, moved):
    path, model = file
    known, ends = table(halved_from), DAYS[START + 60 : START + 67]
    made = pd.concat(forecast(model, known[known["day"] < day]) for day in ends)
    came = known[known["day"] <= ends[-1]]
    report = score(made, came, train=known[known["day"] < DAYS[280]], filepath=path)
    assert moved <= set(report.moved)
    assert report.promised == ("changed" if moved else "as promised")
    said = str(report).splitlines()[-1]
    assert ("the first of which begins with 2023-02-05," in said) == bool(moved)
    assert all(f"the {name} is " in said for name in moved)


def test_the_scorecard_keeps_the_spread_of_means_over_runs(file):
    runs = scorecard(file[0]).to_dict()["promised"]["runs"]
    assert runs["length"] == [1, 2, 3, 5, 7, 14, 28, 56]
    assert (runs["held_out"], runs["train"]) == (60, 280)
    assert runs["error"][:5] == sorted(runs["error"][:5], reverse=True)
    assert runs["error"][5:] == runs["bias"][5:] == [None] * 3
    assert runs["coverage"] == [None] * 8
    assert runs["level"][0] > runs["level"][4] > 0
