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


def dated(model):
    """Return the effect of each date of a year that is no leap year that has one."""
    [layer] = events(model)
    effects = keras.ops.convert_to_numpy(layer.effects)[-1]
    sin, cos = keras.ops.convert_to_numpy(layer.points)[-1].T
    numbers = np.arctan2(sin, cos) / (2 * np.pi) % 1 * 365
    return {
        str(np.datetime64("2023-01-01") + round(number))[5:]: effect
        for number, effect in zip(numbers.tolist(), effects, strict=True)
        if effect.any() and abs(number - round(number)) < 1e-3
    }


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
    # Only the dates of a year are the same for all series.
    for calendar in ("week", [365]):
        spec = windows(id_column="id", calendar=calendar)
        assert not events(preset().build(spec.build(panel)))
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
    """A forecast from the 25th misses the 26th and the next days, and one from before does not."""
    table = shop(60.0)
    table["sold"] += 3 * np.random.default_rng(0).normal(size=len(table)).cumsum()
    near, far = (dated(preset().build(windows(steps).build(table))) for steps in (1, 7))
    assert near["12-25"] < 0 < near["12-26"]
    assert (far.pop("12-25") < 0).all()
    for date, effect in far.items():
        year = 2023 + (date < "12-25")
        after = (np.datetime64(f"{year}-{date}") - np.datetime64("2023-12-25")).astype(int)
        assert (effect[:after] >= 0).all()
        assert not effect[after:].any()


def test_rows_that_some_windows_lack_are_seen_by_others():
    """A day that is missing soon after takes away the windows that begin with the holiday."""
    table = shop()[:-365]
    table.loc[table["day"].astype(str).isin(["2021-12-28", "2022-12-29"]), "sold"] = np.nan
    [layer] = events(preset().build(windows(7, missing="mask").build(table)))
    assert np.count_nonzero(keras.ops.convert_to_numpy(layer.effects).all(axis=2)) == 2


def promoted(seed=0):
    """Return daily sales with promotions of three days, one of them on each 10th of May."""
    table = shop()
    generator = np.random.default_rng(seed)
    starts = generator.choice(np.arange(0, len(table), 20), 30, replace=False)
    promotion = np.zeros(len(table))
    for start in [*starts, *np.flatnonzero(table["day"].dt.strftime("%m-%d") == "05-10")]:
        promotion[start : start + 3] = 1.0
    return table.assign(sold=table["sold"] + 30 * promotion, promotion=promotion)


@pytest.mark.parametrize("horizon", [1, 5])
def test_what_another_column_explains_is_no_event(horizon):
    table = promoted()
    alone = dated(preset().build(windows(horizon).build(table)))
    assert {"05-10", "12-25"} <= alone.keys()
    spec = windows(horizon, future_columns="promotion")
    beside = dated(preset().build(spec.build(table)))
    assert "12-25" in beside
    assert not {"05-10", "05-11", "05-12", "05-13"} & beside.keys()
    np.testing.assert_allclose(beside["12-25"].ravel()[-1] * table["sold"].std(), -40, atol=5)


def test_an_event_that_is_a_column_is_not_counted_twice():
    table = shop()
    table["shut"] = 1.0 * (table["day"].dt.strftime("%m-%d") == "12-25")
    assert dated(preset().build(windows(3, future_columns="shut").build(table))) == {}


def test_columns_that_explain_nothing_change_nothing():
    table = shop()
    prices = np.random.default_rng(1).normal(size=len(table))
    table = table.assign(price=prices, other=3.0)
    table.loc[[50, 51], "sold"] = np.nan
    table.loc[50, "price"] = np.nan
    spec = windows(3, future_columns=["price", "other"], missing="mask_targets")
    assert dated(preset().build(spec.build(table))).keys() == {"12-25"}


WEEK = [f"12-{day}" for day in range(24, 32)] + ["01-01"]


def test_each_day_of_a_week_that_is_shut_is_an_event_to_forecasts_from_before():
    """Forecasts from within the week know that it is shut, and not when it is over."""
    days = pd.date_range("2019-11-01", "2024-01-20")
    table = shop(0.0, days)
    shut = days.strftime("%m-%d").isin(WEEK)
    table["sold"] = table["sold"].where(~shut, 0.0)
    spec = windows(14)
    model = preset().build(spec.build(table[days < "2023-12-01"]))
    told = forecasts(model, spec, table)
    for first in ("2023-12-20", "2023-12-24", "2023-12-28", "2024-01-01", "2024-01-02"):
        actual = table["sold"][days.get_loc(first) :][:14]
        np.testing.assert_allclose(told[pd.Timestamp(first)], actual, atol=17)


def shops(shut, count=6, days=DAYS, seed=0):
    """Return daily sales of shops of several sizes, a share of which is shut on the 25th."""
    parts = []
    for number in range(count):
        sold = 10.0 ** (number % 4) * shop(40.0 * (number < shut), days, seed + number)["sold"]
        parts.append(pd.DataFrame({"day": days, "sold": sold, "id": f"shop {number}"}))
    return pd.concat(parts, ignore_index=True)


def seasonal():
    return RecurrentPreset(
        cell="gru", units=(2,), window_norm="seasonal", period=7, smoothing="mixed", memory=2
    )


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("make", [preset, seasonal])
def test_shops_that_are_shut_on_the_same_day_are_each_forecast_in_their_units(make, horizon):
    table = shops(shut=6)
    spec = windows(horizon, id_column="id")
    train = spec.build(table[table["day"] < "2023-01-01"])
    model = make().build(train)
    dataset = spec.build(table[table["day"] >= "2023-12-01"])
    told = untraced(model).predict(dataset, verbose=0)
    aligned = dataset.align(told if horizon > 1 else told[:, 0])
    christmas = aligned["target"] == np.datetime64("2023-12-25")
    assert np.count_nonzero(christmas) == 6 * horizon
    actual, told = aligned["actual"][christmas], aligned["prediction"][christmas]
    np.testing.assert_allclose(told, actual, rtol=0.6)


@pytest.mark.parametrize(
    ("shut", "found"), [(6, {"12-25"}), (5, {"12-25"}), (3, set()), (1, set())]
)
def test_most_shops_must_share_an_event(shut, found):
    """The largest is shut in all of these panels."""
    spec = windows(3, id_column="id")
    train = spec.build(shops(shut))
    shown = dated(preset().build(train))
    assert {date for date, effect in shown.items() if effect.min() < -0.3} == found


def test_one_large_shop_makes_no_event_even_if_it_is_the_only_one_on_a_date():
    table = shops(shut=0, count=3)
    table.loc[table["id"] == "shop 0", "sold"] = 1e6 * shop()["sold"].to_numpy()
    table = table[(table["id"] == "shop 0") | (table["day"] >= "2023-01-01")]
    assert dated(preset().build(windows(3, id_column="id").build(table))) == {}


@pytest.mark.parametrize("make", [preset, seasonal])
def test_panels_without_events_have_none(make):
    """At most one of twenty has an event by chance."""
    count = 0
    for seed in range(6):
        table = shops(shut=0, count=4, seed=10 * seed)
        # Series begin on different days.
        begins = pd.Timestamp("2021-01-01") + table["id"].str[-1].astype(int) * pd.Timedelta("150D")
        spec = windows(3, id_column="id")
        count += len(dated(make().build(spec.build(table[table["day"] >= begins]))))
    assert count <= 1


def test_days_without_rows_are_no_events_and_hide_none():
    """Shops that are shut on Christmas have no row there, and all sell less on the 6th of May."""
    table = shops(shut=0)
    table.loc[table["day"].dt.strftime("%m-%d") == "05-06", "sold"] *= 0.3
    table = table[table["day"].dt.strftime("%m-%d") != "12-25"]
    spec = windows(3, id_column="id", missing="mask_targets", min_inputs=5)
    found = dated(seasonal().build(spec.build(table)))
    assert "05-06" in found
    assert "12-25" not in found
    np.testing.assert_allclose(found["05-06"][-1], -0.7, atol=0.1)


@pytest.mark.parametrize(("shift", "cycle"), [("12h", "year"), ("7h", 365.25)])
def test_events_are_found_at_any_time_of_day(shift, cycle):
    table = shop()
    table["day"] += pd.Timedelta(shift)
    [layer] = events(preset().build(windows(calendar=[cycle]).build(table)))
    assert np.count_nonzero(keras.ops.convert_to_numpy(layer.effects)) == 1 + (cycle == "year")


def test_holidays_of_a_country_leave_events_nothing_to_find():
    """Also those that move, such as Thanksgiving, which are no dates of a year."""
    country = pytest.importorskip("holidays").country_holidays("US", years=range(2019, 2024))
    days = pd.date_range("2019-01-01", "2023-12-31")
    shut = np.array([day.date() in country for day in days])
    table = shop(0.0, days).assign(sold=lambda rows: rows["sold"] - 30.0 * shut)
    errors = []
    for calendar in (["year"], ["year", "holidays:US"]):
        train, later = windows(calendar=calendar).split(table, "2023-01-01")
        model = preset().build(train)
        missed = np.abs(model.predict(later, verbose=0)[:, 0] - later.to_numpy()[1])
        errors.append(missed[shut[days.year == 2023]].mean())
    assert errors[1] < 0.4 * errors[0]
    assert not dated(model)
