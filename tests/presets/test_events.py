"""A preset with a linear map knows the days on which its forecasts have been wrong each time."""

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import untraced
from keras_ts import CalendarEvents, RecurrentPreset, WindowedSeries, from_preset

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
    first = dataset.origins + np.timedelta64(1 + spec.gap, "D")
    return pd.Series(list(untraced(model).predict(dataset, verbose=0)), index=first)


@pytest.mark.parametrize("weights", [None, "inverse_scale"])
@pytest.mark.parametrize("quantiles", [None, (0.1, 0.5, 0.9)])
@pytest.mark.parametrize(("horizon", "gap"), [(1, 0), (3, 0), (3, 2)])
def test_a_day_that_is_shut_every_year_is_known_before_any_training(
    horizon, gap, quantiles, weights
):
    spec = windows(horizon, gap=gap)
    train = spec.build(shop()[:-365], sample_weight=weights)
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


def test_hours_of_a_week_are_found_beside_a_day_that_stands_still():
    """The time of day does not turn in a series of days; a window of one step shows no turn."""
    table = shop()[:-365]
    model = preset().build(windows(calendar=["day", "year"]).build(table))
    effects = keras.ops.convert_to_numpy(events(model)[0].effects)
    assert [np.count_nonzero(cycle) for cycle in effects] == [0, 1]
    one = RecurrentPreset(cell="gru", units=(2,), window_norm="last", smoothing="linear")
    spec = WindowedSeries(1, target_columns="sold", time_column="day", calendar="year")
    assert not events(one.build(spec.build(table)))
