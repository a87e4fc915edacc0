"""Series of a panel share the grid that most of its rows have, where their timestamps lie on it."""

import numpy as np
import pandas as pd
import pytest

from keras_ts import RecurrentPreset, WindowedSeries, forecast

DAYS = pd.date_range("2024-01-01", periods=140)
WEEK = np.array([10.0, 20, 30, 40, 50, 90, 80])


def store(name, days):
    return pd.DataFrame({"id": name, "t": days, "y": WEEK[days.day_of_week]})


def windows(**settings):
    return WindowedSeries(
        14, 7, target_columns="y", id_column="id", time_column="t", **settings
    )  # fmt: skip


def by_hand(part, days):
    whole = part.set_index("t").reindex(days).rename_axis("t").reset_index()
    return whole.assign(id=part["id"].iloc[0])


OPEN = {
    "from Monday to Friday": DAYS[DAYS.day_of_week < 5],
    "every other day": DAYS[::2],
    "on two days, around a closed one": DAYS[[50, 52]],
    "on three days, around a closed one": DAYS[[22, 23, 25]],
}


@pytest.mark.parametrize("days", OPEN.values(), ids=OPEN)
@pytest.mark.parametrize("missing", ["mask", "mask_targets"])
def test_a_store_beside_daily_ones_is_read_day_by_day(days, missing):
    table = pd.concat([store("A", DAYS), store("B", days), store("C", DAYS)])
    span = pd.date_range(days[0], days[-1])
    filled = pd.concat([store("A", DAYS), by_hand(store("B", days), span), store("C", DAYS)])
    settings = windows(missing=missing, min_inputs=1)
    ours, theirs = settings.build(table), settings.build(filled)
    assert ours.frequency == "1 day"
    np.testing.assert_array_equal(ours.origins, theirs.origins)
    for one, other in zip(ours.to_numpy(), theirs.to_numpy(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_most_series_may_be_closed_on_weekends():
    table = pd.concat([store("A", DAYS), *(store(n, OPEN["from Monday to Friday"]) for n in "BCD")])
    assert windows(missing="mask_targets").build(table).frequency == "1 day"


@pytest.mark.parametrize("step", ["h", "7D"])
def test_hours_and_weeks_keep_their_own_steps_beside_days(step):
    other = store("B", pd.date_range("2024-01-01", periods=40, freq=step))
    dataset = windows(missing="mask").build(pd.concat([store("A", DAYS), other]))
    assert len(set(dataset.frequency)) == 2
    assert dataset.num_windows == 140 - 20 + 40 - 20
    assert np.isfinite(dataset.to_numpy()[0]).all()


def test_a_series_keeps_its_own_time_of_day():
    late = OPEN["from Monday to Friday"] + pd.Timedelta(hours=6)
    dataset = windows(missing="mask_targets").build(pd.concat([store("A", DAYS), store("B", late)]))
    assert dataset.frequency == "1 day"
    hours = pd.DatetimeIndex(dataset.origins).hour
    assert sorted(set(hours)) == [0, 6]


def test_a_forecast_goes_on_day_by_day():
    table = pd.concat([store("A", DAYS), store("B", OPEN["from Monday to Friday"])])
    model = RecurrentPreset(units=(2,), window_norm="last").build(
        windows(missing="mask_targets").build(table)
    )
    ahead = forecast(model, table)
    assert (ahead.groupby("id")["t"].diff().dropna() == pd.Timedelta(days=1)).all()
    friday = by_hand(store("B", OPEN["from Monday to Friday"]), DAYS[:-2])
    filled = forecast(model, pd.concat([store("A", DAYS), friday]))
    pd.testing.assert_frame_equal(ahead, filled)
