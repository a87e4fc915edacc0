"""Series of a panel share one grid of days, whatever days some of them are closed."""

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


def test_a_stray_row_on_a_weekend_is_named():
    days, settings = OPEN["from Monday to Friday"], windows(missing="mask_targets")
    saturdays = DAYS[DAYS.day_of_week == 5]

    def with_saturdays(count):
        own = days.append(saturdays[:count]).sort_values()
        return pd.concat([store("A", own), store("B", days)])

    with pytest.warns(UserWarning, match=r"1 of 201 rows on a Saturday or Sunday, .*2024-01-06"):
        assert settings.build(with_saturdays(1)).frequency == "1 day"
    assert settings.build(with_saturdays(3)).frequency == "1 day"  # No mistake, one in a hundred.
    assert settings.build(with_saturdays(0)).frequency == "1 weekday"


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
