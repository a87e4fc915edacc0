"""MASE has one scale, that of all rows before the first border, whoever asks and by whatever."""

import keras
import numpy as np
import pandas as pd
import pytest

from keras_ts import WindowedSeries, backtest, compare, importance, score
from keras_ts.losses import MaskedLoss
from keras_ts.panel.settings import HANDLING

DAY = pd.Timedelta(days=1)


def linear(train):
    """Return an untrained linear model that takes missing values for 0."""
    inputs = keras.Input((train.windows.window, 1))
    known = keras.layers.Flatten()(keras.ops.nan_to_num(inputs))
    model = keras.Model(inputs, keras.layers.Dense(train.windows.horizon)(known))
    model.compile("sgd", MaskedLoss("mae"))
    return model


def random_table(seed):
    """Shops with closed days, days without a row and without a value; one opens late."""
    rng = np.random.default_rng(seed)
    parts = []
    for shop, (size, opens) in enumerate([(1, 0), (30, 0), (5, 60)]):
        days = pd.date_range("2024-01-01", periods=110)[opens:]
        units = size * rng.normal(np.sin(2 * np.pi * days.day_of_week / 7), 0.2).cumsum()
        part = pd.DataFrame({"shop": f"shop {shop}", "day": days, "units": units})
        part.loc[rng.random(len(days)) < 0.1, "units"] = np.nan
        kept = rng.random(len(days)) > 0.05
        kept[0] = True
        closed = days.day_of_week == rng.integers(7)
        parts.append(part[kept & (~closed if shop < 2 else True)])
    return pd.concat(parts, ignore_index=True)


def scales_by_a_loop(table, period):
    """Return the mean of |y[day] - y[day - period]| of each shop, over the days that have both."""
    scales = {}
    for shop, own in table.groupby("shop"):
        values = dict(zip(own["day"], own["units"], strict=True))
        steps = [abs(y - values.get(day - period * DAY, np.nan)) for day, y in values.items()]
        scales[shop] = np.mean([step for step in steps if np.isfinite(step)])
    return scales


@pytest.mark.parametrize("missing", ["mask", "mask_targets"])
@pytest.mark.parametrize("horizon", range(1, 8))
def test_all_ways_lead_to_one_mase(horizon, missing):
    table, period = random_table(horizon), [2, 3, 7][horizon % 3]
    settings = {"target_columns": "units", "id_column": "shop", "time_column": "day"}
    if horizon % 2:
        settings |= {"min_inputs": 1}
    windows = WindowedSeries(6, horizon, stride=1 + horizon // 5, missing=missing, **settings)
    sizes = {"n_splits": 1, "test_size": 30, "max_train_size": 70}
    report = backtest(linear, table, windows, **sizes, period=period, epochs=1, verbose=0)
    made = pd.DataFrame({name: report.table[name] for name in ("origin", "step")})
    made.insert(0, "day", report.table["target"])
    made.insert(0, "shop", report.table["series"])
    made["units"] = report.table["prediction"]

    first = table["day"].max() - 29 * DAY
    before = table[(table["day"] < first) & (table["day"] >= first - 70 * DAY)]
    scales = scales_by_a_loop(before, period)
    errors = np.abs(report.table["prediction"] - report.table["actual"])
    errors /= np.array([scales[shop] for shop in report.table["series"]])
    expected = np.mean(errors[np.isfinite(errors)])

    [(train, validation)] = windows.folds(table, **sizes)
    names = {"baselines": ["naive"], "period": period}
    by_compare = compare({"it": made}, train, validation, **names).table["mase"][0]
    found = [report.scores()["mase"][0], by_compare]
    found += [score(made, table, rows, period=period).table["mase"][0] for rows in (before, train)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("missing", HANDLING)
def test_neither_windows_nor_later_rows_change_a_scale(missing):
    """Sundays are closed: 7 days are one weekday, however missing days are read."""
    days = pd.date_range("2024-01-01", periods=84)
    table = pd.DataFrame({"day": days, "y": np.arange(84.0) ** 2})
    if missing != "raise":
        table = table[days.day_of_week != 6]
    # Of the 56 days before the border: (t + 7)^2 - t^2 = 14 t + 49.
    expected = [14 * t + 49 for t in range(49) if missing == "raise" or t % 7 != 6]
    for settings in ({}, {"stride": 5}, {"gap": 2}, {"horizon": 3}, {"window": 4}):
        windows = WindowedSeries(
            **{"window": 2} | settings, missing=missing, time_column="day",
            target_columns="y",
        )  # fmt: skip
        for part in windows.split(table, at=["2024-02-26", "2024-03-11"]):
            found = compare(None, part, part, period=7, baselines=["naive"]).table
            np.testing.assert_allclose(found["mae"] / found["mase"], np.mean(expected))


def test_importance_is_in_units_of_the_rows_before_the_border():
    table = random_table(0)
    windows = WindowedSeries(
        6, 2, missing="mask_targets", target_columns="units", id_column="shop", time_column="day"
    )
    train, validation = windows.split(table, at="2024-03-20")
    model = linear(train)
    scales = scales_by_a_loop(table[table["day"] < "2024-03-20"], 1)
    made = validation.align(model.predict(validation, verbose=0))
    errors = np.abs(made["actual"] - made["prediction"])
    errors /= np.array([scales[shop] for shop in made["series"]])
    report = importance(model, validation, by="mase", verbose=0)
    np.testing.assert_allclose(report.error, np.nanmean(errors), rtol=1e-6)


def test_series_that_train_lacks_are_named():
    """Two shops: the one that train does not have counts for MAE and not for MASE."""
    days = pd.date_range("2024-01-01", periods=6)
    rows = pd.DataFrame(
        {"shop": ["a"] * 6 + ["b"] * 6, "day": [*days, *days], "y": [0.0, 2, 0, 2, 0, 2] * 2}
    )
    ahead = rows[rows["day"] == days[-1]].assign(y=[3.0, 7.0])
    ahead.insert(2, "step", 1)
    before = rows[(rows["shop"] == "a") & (rows["day"] < days[-1])]
    report = score(ahead, rows, before)
    # Errors of 1 and 5; the steps of shop a are 2.
    assert report.table["mae"].tolist() == [3.0]
    assert report.table["mase"].tolist() == [0.5]
    sentence = "missing or constant in train; WAPE does not. Without a scale: 'b'."
    assert sentence in str(report)
    windows = WindowedSeries(2, target_columns="y", id_column="shop", time_column="day")
    train = windows.build(before)
    _, validation = windows.split(rows, at=days[-2])
    assert sentence in str(compare(None, train, validation, baselines=["naive"]))
    assert "MASE leaves out" not in str(score(ahead, rows, rows))
    assert "MASE leaves out" not in str(score(ahead, rows))
