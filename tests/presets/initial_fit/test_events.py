"""A preset with a linear map knows the days on which its forecasts have been wrong each time."""

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import untraced
from keras_ts import RecurrentPreset, WindowedSeries, from_preset
from keras_ts.layers import CalendarEvents

DAYS = pd.date_range("2021-01-01", "2023-12-31")


def shop(drop=40.0, days=DAYS, seed=0):
    """Daily sales with a week, noise, and one day of each year on which the shop is shut."""
    sold = 60 + 5 * np.sin(np.arange(len(days)) * 2 * np.pi / 7)
    sold += np.random.default_rng(seed).normal(size=len(days)) * 2
    shut = (days.month == 12) & (days.day == 25)
    return pd.DataFrame({"day": days, "sold": sold - drop * shut, "second": 10 * sold})


def windows(horizon=1, **settings):
    return WindowedSeries(
        14,
        horizon,
        **{"target_columns": "sold", "time_column": "day", "calendar": "year"} | settings,
    )


def preset(**settings):
    return RecurrentPreset(
        cell="gru", units=(2,), window_norm="last", smoothing="linear", memory=2, **settings
    )


def events(model):
    return [layer for layer in model.layers if isinstance(layer, CalendarEvents)]


def forecasts(model, spec, table):
    """Return the forecasts of every window, by the day of their first step."""
    dataset = spec.build(table)
    x, y = dataset.to_numpy()[:2]
    told = untraced(model).predict(x, batch_size=len(y), verbose=0)
    first = pd.Index(dataset.align(np.broadcast_to(0.0, y.shape))["target"])
    return pd.Series(list(told), index=first[:: spec.horizon])


@pytest.mark.parametrize(
    ("horizon", "gap", "quantiles", "weights"),
    [(1, 0, None, "inverse_scale"), (3, 2, None, None), (3, 0, (0.1, 0.5, 0.9), "inverse_scale")],
)
def test_a_day_that_is_shut_every_year_is_known_before_any_training(
    horizon, gap, quantiles, weights
):
    spec = windows(horizon, gap=gap, weighting=weights)
    train = spec.build(shop()[:-365])
    told = forecasts(preset(quantiles=quantiles).build(train), spec, shop())
    for step in range(horizon):
        shut = np.reshape(told[pd.Timestamp("2023-12-25") - pd.Timedelta(step, "D")], (horizon, -1))
        open_ = np.reshape(
            told[pd.Timestamp("2023-12-18") - pd.Timedelta(step, "D")], (horizon, -1)
        )
        np.testing.assert_allclose(shut[step], 20, atol=8)
        np.testing.assert_allclose(open_[step], 60, atol=12)


@pytest.mark.parametrize(
    "table", [shop()[:-730], shop(0.0)[:-365], shop().assign(sold=5.0)[:-365]],
    ids=["seen once", "no such day", "constant"],
)  # fmt: skip
def test_where_nothing_returns_there_is_no_event(table):
    [layer] = events(preset().build(windows().build(table)))
    assert not np.any(keras.ops.convert_to_numpy(layer.effects))


def test_each_target_has_its_own_events():
    spec = windows(2, target_columns=["second", "sold"])
    told = forecasts(preset().build(spec.build(shop()[:-365])), spec, shop())
    day = told[pd.Timestamp("2023-12-25")][0]
    np.testing.assert_allclose(day, [600, 20], rtol=0.3)


def test_windows_that_weigh_nothing_and_missing_targets_are_no_evidence():
    table = shop()[:-365]
    weights = np.where(table["day"].dt.month == 12, 0.0, 1.0)
    [layer] = events(preset().build(windows().build(table, sample_weight=weights)))
    assert not np.any(keras.ops.convert_to_numpy(layer.effects))
    holed = table.assign(sold=table["sold"].where(table["day"] != "2021-12-25"))
    [layer] = events(preset().build(windows(missing="mask").build(holed)))
    assert not np.any(keras.ops.convert_to_numpy(layer.effects))


def test_other_models_have_no_place_for_events():
    train = windows().build(shop()[:400])
    assert not events(from_preset("gru_32x2").build(train))
    assert not events(preset().build(windows(calendar=None).build(shop()[:400])))
    panel = pd.concat([shop()[:400].assign(id=name) for name in "ab"])
    assert not events(preset().build(windows(id_column="id").build(panel)))
    assert not events(preset().build())


def test_a_cycle_that_stands_still_has_no_events():
    """Days have one time of day; and the 25th has a point in leap years, too."""
    model = preset().build(windows(calendar=["day", "year"]).build(shop()[:-365]))
    effects = keras.ops.convert_to_numpy(events(model)[0].effects)
    assert [np.count_nonzero(cycle) for cycle in effects] == [0, 2]


@pytest.mark.parametrize(("spring", "frequency"), [("03-08", "D"), ("02-03", "12h")])
def test_a_date_is_the_same_in_leap_years(spring, frequency):
    """In 2024 the 8th of March stands where the middle of the 7th stands in other years."""
    days = pd.date_range("2021-01-01", "2024-12-31", freq=frequency, tz="Europe/Helsinki")
    table = shop(0.0, days)
    table.loc[days.strftime("%m-%d %H") == f"{spring} 00", "sold"] -= 40
    spec = windows()
    told = forecasts(preset().build(spec.build(table[days.year < 2024])), spec, table)
    low = told[told.map(lambda forecast: forecast[0] < 35)]
    assert [str(day)[5:10] for day in low.index if day.year == 2024] == [spring]


def test_the_day_after_is_no_event_of_forecasts_that_have_not_seen_the_holiday():
    """A forecast from the 25th misses the 26th, and one from before it does not."""
    table = shop(60.0)
    table["sold"] += 3 * np.random.default_rng(0).normal(size=len(table)).cumsum()
    one, far = (
        keras.ops.convert_to_numpy(events(preset().build(windows(steps).build(table)))[0].effects)
        for steps in (1, 7)
    )
    assert (one > 0).any()
    assert not (far > 0).any()
    assert np.count_nonzero(far < 0) == 2


def test_rows_that_some_windows_lack_are_seen_by_others():
    """A day that is missing soon after takes away the windows that begin with the holiday."""
    table = shop()[:-365]
    table.loc[table["day"].astype(str).isin(["2021-12-28", "2022-12-29"]), "sold"] = np.nan
    [layer] = events(preset().build(windows(7, missing="mask").build(table)))
    assert np.count_nonzero(keras.ops.convert_to_numpy(layer.effects)) == 2


def test_what_another_column_explains_is_no_event():
    table = shop().assign(promotion=0.0)
    assert not events(preset().build(windows(future_columns="promotion").build(table)))


@pytest.mark.parametrize(("shift", "cycle"), [("12h", "year"), ("7h", 365.25)])
def test_events_are_found_at_any_time_of_day(shift, cycle):
    table = shop()
    table["day"] += pd.Timedelta(shift)
    [layer] = events(preset().build(windows(calendar=[cycle]).build(table)))
    assert np.count_nonzero(keras.ops.convert_to_numpy(layer.effects)) == 1 + (cycle == "year")
