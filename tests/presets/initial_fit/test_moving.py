"""Days that move, such as the last Monday of May, are known before any training."""

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import untraced
from keras_ts import WindowedSeries, from_preset
from keras_ts.layers import CalendarEvents

NAMES = {
    "the last Monday of May",
    "the fourth Thursday of November",
    "the Friday after the fourth Thursday of November",
    "the first Monday of September",
    "December 25",
    "July 4",
}


def shop(days, on=(), seed=0, size=20.0):
    """Return daily sales with a week, noise, and days on which more is sold."""
    week = 5 * np.sin(days.day_of_week * 2 * np.pi / 7)
    sold = 60 + week + np.random.default_rng(seed).normal(size=len(days)) * 2
    return pd.DataFrame({"day": days, "sold": sold + sum(size * here for here in on)})


def moving(days, **settings):
    """Return sales with three n-th weekdays, the day after one of them, and two dates."""
    month, day, weekday = days.month, days.day, days.day_of_week
    here = [
        (month == 5) & (weekday == 0) & (day > 24),
        (month == 11) & (weekday == 3) & (day > 21) & (day < 29),
        (month == 11) & (weekday == 4) & (day > 22) & (day < 30),
        (month == 9) & (weekday == 0) & (day < 8),
        (month == 12) & (day == 25),
        (month == 7) & (day == 4),
    ]
    return shop(days, here, **settings)


def windows(horizon=3, **settings):
    calendar = ["week", "year"]
    return WindowedSeries(
        14, horizon, target_columns="sold", time_column="day", calendar=calendar, **settings
    )


def built(table, name="smooth_gru", **settings):
    """Return the untrained model, and its layer of events."""
    season = {"period": 7} if name == "seasonal_gru" else {}
    model = from_preset(name, units=(2,), **season).build(windows(**settings).build(table))
    [layer] = [layer for layer in model.layers if isinstance(layer, CalendarEvents)]
    return model, layer


@pytest.mark.parametrize("frequency", ["D", "B"])
def test_days_that_move_are_known_before_any_training(frequency):
    days = pd.date_range("2016-02-01", "2024-12-31", freq=frequency)
    table = moving(days)
    model, layer = built(table[days < "2023-02-01"])
    assert set(layer.names) == NAMES
    dataset = windows(batch_size=1024).build(table)
    told = dataset.align(untraced(model).predict(dataset, verbose=0))
    first = told["step"] == 1
    told = pd.Series(told["prediction"][first], pd.Index(told["target"][first]))
    for day in ("2023-05-29", "2024-05-27", "2024-09-02", "2023-11-24", "2024-11-28"):
        assert told[pd.Timestamp(day)] > 70
    # The fourth Monday of May is not always the last one.
    for day in ("2023-05-22", "2023-11-30", "2023-09-11"):
        assert told[pd.Timestamp(day)] < 70


def test_shops_share_days_that_move_and_files_keep_them(tmp_path):
    days = pd.date_range("2019-02-01", "2023-12-30")
    parts = {name: moving(days, seed=seed) for seed, name in enumerate("abc")}
    panel = pd.concat([part.assign(id=name) for name, part in parts.items()])
    panel["sold"] *= panel["id"].map({"a": 1.0, "b": 10.0, "c": 100.0})
    model, layer = built(panel, "seasonal_gru", id_column="id", horizon=7)
    # A week later forecasts err, too, since their window has seen the day.
    assert set(layer.names) >= NAMES
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    [again] = [layer for layer in loaded.layers if isinstance(layer, CalendarEvents)]
    assert again.names == layer.names
    x = windows(7, id_column="id").build(panel).to_numpy()[0]
    x = {key: part[:400] for key, part in x.items()}
    np.testing.assert_array_equal(*(untraced(each).predict_on_batch(x) for each in (model, loaded)))
    parts |= {name: shop(days, seed=seed) for seed, name in enumerate("bc", 10)}
    one = pd.concat([part.assign(id=name) for name, part in parts.items()])
    assert built(one, "seasonal_gru", id_column="id", horizon=7)[1].names == ()


def test_a_date_is_no_weekday_and_half_days_do_not_move():
    days = pd.date_range("2015-01-01", "2022-12-31")
    week = [(days.month == 12) & (days.day > 23)]
    names = built(shop(days, week), horizon=14)[1].names
    assert set(names) >= {f"December {day}" for day in range(24, 32)}
    assert not [name for name in names if " of " in name]
    halves = pd.date_range("2021-01-01", "2023-12-31", freq="12h")
    layer = built(shop(halves, [(halves.month == 12) & (halves.day == 25)]))[1]
    assert layer.moving is None
    assert layer.names.count("December 25") == 1


def test_a_date_has_another_effect_on_a_sunday_and_is_observed_on_monday():
    days = pd.date_range("2000-01-01", "2020-12-31")
    christmas, sunday = (days.month == 12) & (days.day == 25), days.day_of_week == 6
    monday = (days.month == 12) & (days.day == 26) & (days.day_of_week == 0)
    names = built(shop(days, [christmas & ~sunday, monday]))[1].names
    assert set(names) == {"December 25", "December 25 on a Sunday", "December 26 on a Monday"}


def test_a_date_of_working_days_is_found_though_the_latest_was_on_a_sunday():
    days = pd.date_range("2008-06-01", "2018-01-10")
    table = shop(days, [(days.month == 12) & (days.day == 25) & (days.day_of_week < 5)])
    model, layer = built(table[days < "2017-03-01"])  # The latest was on Sunday, December 25, 2016.
    assert layer.names == ("December 25 from Monday to Friday",)
    dataset = windows(batch_size=1024).build(table)
    told = dataset.align(untraced(model).predict(dataset, verbose=0))
    told = pd.Series(told["prediction"], pd.Index(told["target"]))
    assert (told[pd.Timestamp("2017-12-25")] > 70).all()
    assert (told[pd.Timestamp("2016-12-25")] < 70).all()


@pytest.mark.parametrize("wild", ["Saturdays", "summers"])
def test_days_that_are_wilder_than_others_are_no_events(wild):
    days = pd.date_range("2019-04-17", periods=1461)
    times = np.where(days.day_of_week == 5, 5, 1)
    if wild == "summers":
        times = np.exp(1.2 * np.sin(2 * np.pi * days.day_of_year / 365.25))
    for seed in range(3):
        noise = np.random.default_rng(100 + seed).normal(size=len(days))
        table = pd.DataFrame({"day": days, "sold": 100 + times * noise})
        assert built(table)[1].names == ()
    # One that stands out among them is found.
    table["sold"] += 60.0 * ((days.month == 7) & (days.day == 4))
    assert "July 4" in built(table)[1].names


@pytest.mark.parametrize("frequency", ["D", "B"])
def test_where_nothing_moves_nothing_is_found(frequency):
    """At most one of twenty series has an event by chance."""
    days = pd.date_range("2016-02-01", "2020-12-31", freq=frequency)
    assert sum(bool(built(shop(days, seed=seed))[1].names) for seed in range(3)) == 0
