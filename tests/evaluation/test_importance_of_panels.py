"""Importance in panels, of text, in sequences, of several targets, and with missing values."""

import keras
import numpy as np
import pandas as pd
import polars
import pytest
from keras import ops

from importance_tables import increases, model_of, sales, verdicts
from keras_ts import WindowedSeries, compare, from_preset, importance
from keras_ts.datasets import store_sales
from keras_ts.panel.settings import HANDLING


def test_columns_in_a_panel_come_from_the_same_series_and_static_ones_from_another():
    rng = np.random.default_rng(0)
    levels = 10.0 ** np.arange(8)

    def series(number):
        level = np.full(60, levels[number])
        units = level * (1 + 0.1 * rng.normal(size=60))
        return np.stack([units, level, np.full(60, number % 2)], axis=1)

    windows = WindowedSeries(4, target_columns=0, static_columns=2)
    validation = windows.build([series(number) for number in range(8)])

    def predict(x):
        return x["past"][:, -1, 1:2] * (1 + 0.2 * x["static"])

    report = importance(model_of(validation, predict), validation, repeats=2, verbose=0)
    # From another series, the level would have made the error thousands of times as large.
    assert verdicts(report)[1] == "never changes in validation"
    assert verdicts(report)[0] == "no forecast depends on it"
    assert report.table["part"][report.table["column"].tolist().index(2)] == "static"
    assert np.isfinite(increases(report)[2])
    assert report.by == "mase"
    # No series decides: in MAE the largest one alone does.
    assert 0.3 < report.error < 3
    assert importance(model_of(validation, predict), validation, by="mae",
                      verbose=0).error > 1e4  # fmt: skip


@pytest.mark.parametrize("library", [pd.DataFrame, polars.DataFrame])
def test_a_column_of_text_is_one_column(library):
    table, _ = store_sales(6, 120)
    windows = WindowedSeries(
        7,
        id_column="store",
        time_column="day",
        target_columns="units",
        future_columns="promotion",
        static_columns="type",
        missing="drop",
    )
    validation = windows.build(library(table))
    model = model_of(validation, lambda x: x["past"][:, -1, :1] * ops.sum(
        x["static"], axis=-1, keepdims=True))  # fmt: skip
    report = importance(model, validation, repeats=2, verbose=0)
    # One type goes, another comes: their sum is 1 in any case.
    assert verdicts(report)["type"] == "no forecast depends on it"
    assert verdicts(report)["units"] == "matters"
    assert set(verdicts(report)) == {"units", "promotion", "type"}


def test_sequences_are_judged_at_their_last_step():
    series = np.random.default_rng(0).normal(size=(300, 2)).astype("float32")
    series[1:, 0] = series[:-1, 1] + 0.1 * series[1:, 0]
    reports = []
    for targets in ("vector", "sequence"):
        windows = WindowedSeries(5, 2, targets=targets, target_columns=0)
        validation = windows.build(series)

        def predict(x, targets=targets):
            ahead = ops.repeat(x["past"][..., 1:], 2, axis=-1)
            return ahead if targets == "sequence" else ahead[:, -1]

        model = model_of(validation, predict)
        reports.append(importance(model, validation, repeats=2, verbose=0))
    assert verdicts(reports[0])[1] == "matters"
    assert str(reports[0]) == str(reports[1])


def test_several_targets_have_a_past_each():
    rng = np.random.default_rng(0)
    series = np.cumsum(rng.normal(size=(300, 2)), axis=0).astype("float32")
    windows = WindowedSeries(5, 2)
    validation = windows.build(series)
    model = model_of(validation, lambda x: ops.repeat(x["past"][:, -1:], 2, axis=1))
    report = importance(model, validation, repeats=2, verbose=0)
    assert verdicts(report) == {0: "matters", 1: "matters"}
    assert report.table["part"].tolist() == ["target", "target"]


def test_a_plain_series_has_its_own_past():
    validation = WindowedSeries(5).build(np.cumsum(np.random.default_rng(0).normal(size=300)))
    inputs = keras.Input((5,))
    report = importance(keras.Model(inputs, inputs[:, -1:]), validation, repeats=2, verbose=0)
    assert verdicts(report) == {0: "matters"}


@pytest.mark.parametrize("missing", [name for name in HANDLING if HANDLING[name].series])
def test_missing_values_travel_with_their_column(missing):
    """Where the last noise is missing, the model here adds 5, also if another window brought it."""
    handling, table = HANDLING[missing], sales()[["day", "units", "offer", "noise"]]
    table.loc[table.index % 50 == 7, "units"] = np.nan
    windows = WindowedSeries(
        3,
        target_columns="units",
        future_columns="offer",
        time_column="day",
        missing=missing,
        min_inputs=2 if handling.masked else None,
    )
    if handling.complete != "none":
        table.loc[table["units"].isna(), "offer"] = np.nan
    if handling.inputs:
        table.loc[table.index % 20 == 3, "noise"] = np.nan
    validation = windows.build(table)

    def predict(x):
        hole = ops.cast(ops.isnan(x["past"][:, -1, 2:]), "float32")
        return 20 + 10 * x["future"][:, 0] + 5 * hole

    report = importance(model_of(validation, predict), validation, repeats=2, verbose=0)
    assert verdicts(report)["offer"] == "matters"
    assert np.isfinite(report.error)
    assert verdicts(report)["noise"] == (
        "cannot be told from noise" if handling.inputs else "no forecast depends on it"
    )
    assert handling.inputs == (increases(report)["noise"] != 0)


def test_targets_that_are_missing_count_nowhere():
    table = sales()[["units", "offer"]].to_numpy()
    windows = WindowedSeries(3, 4, target_columns=0, future_columns=1, missing="mask_targets")
    holes = table.copy()
    holes[::9, 0] = np.nan
    validation = windows.build(holes)
    ahead = model_of(validation, lambda x: 20 + 10 * x["future"][..., 0])
    report = importance(ahead, validation, repeats=2, verbose=0)
    _, targets = validation.to_numpy()
    forecasts = ahead.predict(validation, verbose=0)
    assert report.error == pytest.approx(np.nanmean(np.abs(targets - forecasts)), rel=1e-5)


def test_series_of_one_window_give_nothing_to_shuffle():
    panel = [np.cumsum(np.random.default_rng(n).normal(size=(20, 2)), axis=0) for n in range(7)]
    for number, series in enumerate(panel):
        series[:, 1] = number
    windows = WindowedSeries(4, 2, target_columns=0, static_columns=1)
    validation = windows.split(panel, at=-2)[1]
    model = model_of(validation, lambda x: ops.repeat(
        x["past"][:, -1] * (1 + 0.1 * x["static"]), 2, axis=1))  # fmt: skip
    report = importance(model, validation, repeats=2, verbose=0)
    assert verdicts(report)[0] == "never changes in validation"
    assert np.isfinite(report.table["low"][report.table["column"].tolist().index(1)])
    assert "Each series is judged at a single time" in str(report)


def test_mase_is_that_of_compare():
    """A model that carries a period is scaled by steps as far apart, in both."""
    days = pd.date_range("2024-01-01", periods=90)
    noise = np.random.default_rng(0).normal(size=(3, 90))
    table = pd.concat([
        pd.DataFrame({"shop": name, "day": days, "sold": np.arange(90) % 7 + of})
        for name, of in zip("abc", noise, strict=True)
    ])  # fmt: skip
    preset = from_preset("seasonal_gru", period=7, units=(2,))
    train, held = preset.split(
        table, horizon=3, at=-15, target_columns="sold", id_column="shop", time_column="day"
    )
    model = preset.build(train)
    report = importance(model, held, verbose=0, repeats=1)
    assert report.by == "mase"
    assert report.error == pytest.approx(compare(model, train, held).table["mase"][0], rel=1e-5)
