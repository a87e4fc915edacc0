"""Empty rows of weekends are named once, as they are forecast; so is a week of 7 weekdays."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import from_preset

DAYS = pd.bdate_range("2024-01-01", periods=60)
OPEN = pd.DataFrame({"day": DAYS, "orders": np.arange(60.0), "calls": np.arange(60) % 7.0})
EVERY_DAY = OPEN.set_index("day").asfreq("D").reset_index()  # NaN on Saturdays and Sundays.
ROLES = {"target_columns": ["orders", "calls"], "time_column": "day"}


def heard(table, **settings):
    """The windows of a split, and the texts of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train, _ = from_preset("linear").split(table, 5, at=-20, **(ROLES | settings))
    return train, [str(each.message) for each in caught if each.category is UserWarning]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_empty_weekends_are_warned_of(library):
    train, (said,) = heard(EVERY_DAY if library == "pandas" else pl.from_pandas(EVERY_DAY))
    assert train.frequency == "1 day"
    assert said.startswith("time_column='day' has 22 rows on a Saturday or Sunday, and none")
    assert "drop these rows: then the step is a weekday, and a week has 5." in said
    train, said = heard(OPEN if library == "pandas" else pl.from_pandas(OPEN))
    assert (train.frequency, said) == ("1 weekday", [])


def test_so_has_a_panel_of_two():
    panel = pd.concat([EVERY_DAY.assign(shop="a"), EVERY_DAY.assign(shop="b")])
    assert len(heard(panel, id_column="shop")[1]) == 1
    open_daily = EVERY_DAY.assign(shop="b", orders=1.0)
    assert heard(pd.concat([EVERY_DAY.assign(shop="a"), open_daily]), id_column="shop")[1] == []


WITHOUT = {
    "a value on a Saturday": EVERY_DAY.assign(
        calls=EVERY_DAY["calls"].mask(EVERY_DAY.index == 5, 1)
    ),
    "weeks that mostly lack a value": EVERY_DAY.assign(
        orders=EVERY_DAY["orders"].where(EVERY_DAY.index % 7 == 0),
        calls=np.nan,
    ),
    "three weeks with weekends": pd.concat([EVERY_DAY[:21], OPEN[15:]]),
    "no rows on weekends": OPEN,
    "hours": EVERY_DAY.assign(day=pd.date_range("2024-01-01", periods=len(EVERY_DAY), freq="h")),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_other_tables_have_no_warning(name):
    assert heard(WITHOUT[name])[1] == []


@pytest.mark.parametrize("settings", [{"missing": "mask_targets"}, {"future_columns": "open"}])
def test_who_chose_masks_or_plans_closed_days_knows(settings):
    table = EVERY_DAY.assign(open=(EVERY_DAY["day"].dt.day_of_week < 5) * 1.0)
    assert heard(table, **settings)[1] == []


@pytest.mark.parametrize(("period", "step", "said"), [(7, 1, 1), (5, 1, 0), (21, 1, 0), (7, 2, 0)])
def test_a_week_of_weekdays_has_five_rows(period, step, said):
    """A trading month has 21 rows."""
    preset = from_preset("seasonal_gru", period=period)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        preset.windows_for(OPEN[::step], horizon=5, **ROLES)
    texts = [str(each.message) for each in caught if each.category is UserWarning]
    assert len(texts) == said
    assert all(
        "a week of weekdays, the steps of time_column='day', has 5" in text for text in texts
    )
