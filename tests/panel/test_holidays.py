"""Holidays of a country in a calendar: read once, kept in the windows from then on."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import WindowedSeries, calendar_features
from keras_ts.exporting import description
from keras_ts.panel import cycles, frequency
from keras_ts.windows.carried import Carried

country = pytest.importorskip("holidays").country_holidays
PLACE = "holidays:DE-BY"
DAYS = pd.date_range("2019-01-01", "2021-12-31")
TABLE = pd.DataFrame({"day": DAYS, "units": np.arange(len(DAYS)) % 7.0})
WINDOWS = WindowedSeries(
    7, 3, target_columns="units", time_column="day", calendar=["week", PLACE], seed=1
)
NAMED = country("DE", subdiv="BY", years=range(2019, 2033), language="en_US")


@pytest.fixture(scope="module")
def parts():
    return WINDOWS.split(TABLE, "2021-01-01")


def test_columns_are_those_of_the_package(parts):
    train, later = parts
    names = train.columns["future"]
    assert names[:4] == [
        "week_sin",
        "week_cos",
        f"{PLACE}=All Saints' Day",
        f"{PLACE}=All Saints' Day eve",
    ]
    assert later.windows == train.windows
    assert train.windows.holidays[PLACE]["years"] == (2019, 2031)
    future = later.to_numpy()[0]["future"]
    assert len(future) == 363
    for window, first in zip(future, pd.date_range("2021-01-01", periods=363), strict=True):
        for step, row in enumerate(window):
            for name, flag in zip(names[2:], row[2:], strict=True):
                day = first + pd.Timedelta(days=step + name.endswith(" eve"))
                wanted = name.removesuffix(" eve").removeprefix(f"{PLACE}=")
                assert flag == (wanted in NAMED.get_list(day.date()))


def test_a_holiday_that_the_training_part_lacks_gets_no_column():
    train, _ = WINDOWS.split(TABLE[DAYS >= "2020-11-02"], "2021-04-01")
    assert list(train.windows.holidays[PLACE]["days"]) == [
        "Christmas Day", "Epiphany", "New Year's Day", "Second Day of Christmas"
    ]  # fmt: skip
    folds = list(WINDOWS.folds(TABLE, 3))
    assert folds[0][0].columns == folds[-1][1].columns
    with pytest.raises(ValueError, match="none of its holidays falls on a row of the training"):
        WINDOWS.split(TABLE[DAYS >= "2021-06-10"], "2021-08-01")
    with pytest.raises(ValueError, match="none of its holidays falls on a row of the series"):
        WINDOWS.build(TABLE[(DAYS >= "2021-06-10") & (DAYS < "2021-08-01")])


def test_a_holiday_has_one_name_in_all_years():
    """The package names days that are estimated, or taken for another day, by the year."""
    days = pd.date_range("2024-01-01", "2024-12-31")
    table = pd.DataFrame({"day": days, "units": 1.0})
    windows = WindowedSeries(7, time_column="day", calendar=["holidays:ID", "holidays:CN"])
    known = windows.build(table).windows.holidays
    eids = known["holidays:ID"]["days"]["Eid al-Fitr"]
    assert {day[:4] for day in eids} == {str(year) for year in range(2024, 2036)}
    names = [name for of in known.values() for name in of["days"]]
    assert "Day off" in names
    assert not any("estimated" in name or "substituted" in name for name in names)


def test_a_day_on_which_a_holiday_is_observed_counts_as_the_holiday():
    days = pd.date_range("2021-01-01", "2022-12-31", freq="B")
    places = [f"holidays:{code}" for code in ("US", "GG", "LA", "AO", "CI", "KR")]
    windows = WindowedSeries(7, time_column="day", calendar=places)
    known = windows.build(pd.DataFrame({"day": days, "units": 1.0})).windows.holidays
    christmas = known["holidays:US"]["days"]["Christmas Day"]
    assert christmas[:4] == ("2021-12-24", "2021-12-25", "2022-12-25", "2022-12-26")
    names = [name for of in known.values() for name in of["days"]]
    assert len(names) > 50
    words = ("observed", "substitute", "in lieu", "Day off for", "Day after the", "Alternative")
    assert not [name for name in names if any(word in name for word in words)]


WEEKDAYS = TABLE[DAYS.day_of_week < 5]


def test_in_series_of_weekdays_the_eve_of_a_monday_is_friday():
    train, later = WINDOWS.split(WEEKDAYS, "2021-01-01")
    names = train.columns["future"]
    future = later.to_numpy()[0]["future"][:, 0]
    rows = WEEKDAYS["day"][WEEKDAYS["day"] >= "2021-01-01"][: len(future)]
    for name in names[3::2]:
        holiday = name.removesuffix(" eve").removeprefix(f"{PLACE}=")
        of_name = pd.to_datetime([day for day in NAMED if holiday in NAMED.get_list(day)])
        eves = of_name - pd.offsets.BusinessDay()
        np.testing.assert_array_equal(future[:, names.index(name)] == 1, rows.isin(eves), name)
        assert rows.isin(eves).any() == (holiday != "New Year's Day")
    assert WindowedSeries.from_config(train.windows.get_config()) == train.windows


@pytest.mark.parametrize("code", ["NYSE", "XNYS"])
def test_an_exchange_has_its_closed_days(code, monkeypatch):
    """Its days have no row in the table, but the regular step of weekdays has."""
    exchange = pytest.importorskip("holidays").financial_holidays(code, years=range(2018, 2024))
    days = pd.date_range("2018-01-01", "2023-12-29", freq="B")
    table = pd.DataFrame({"day": [day for day in days if day not in exchange], "units": 1.0})
    place, closed = f"holidays:{code}", pd.DatetimeIndex(list(exchange))
    windows = replace(WINDOWS, calendar=place, missing="mask_targets")
    train, later = windows.split(table, "2022-07-01")
    names = train.columns["future"]
    assert f"{place}=Good Friday eve" in names
    assert not any("Columbus" in name or "observed" in name for name in names)  # A day of trading.
    future = later.to_numpy()[0]["future"]
    rows = days[days >= "2022-07-01"][: len(future)]
    np.testing.assert_array_equal(future[:, 0, ::2].any(axis=1), rows.isin(closed))
    eves = closed - pd.offsets.BusinessDay()
    np.testing.assert_array_equal(future[:, 0, 1::2].any(axis=1), rows.isin(eves))
    with pytest.raises(ValueError, match='missing="mask_targets", which adds the rows'):
        replace(windows, missing="drop").build(table)
    monkeypatch.setitem(sys.modules, "holidays", None)
    again = WindowedSeries.from_config(train.windows.get_config()).build(table)
    np.testing.assert_array_equal(again.to_numpy()[0]["future"][-len(future) :], future)


def test_another_working_week_is_a_row_of_each_table(monkeypatch):
    """What depends on the days off follows from the two rows."""
    monkeypatch.setitem(cycles.WEEKS, "workdays", "1111001")
    rule = frequency._of_week("workdays", "Sundays to Thursdays from 1970-01-01 on, before {}")
    monkeypatch.setitem(frequency.RULES, "workday", rule)
    table = TABLE[~DAYS.day_of_week.isin([4, 5])]
    train = replace(WINDOWS, calendar=PLACE).build(table)
    assert train.frequency == "1 workday"
    assert train.num_windows == len(table) - 9
    known = train.windows.holidays[PLACE]
    assert known["workdays"] is True
    assert "weekdays" not in known
    assert WindowedSeries.from_config(train.windows.get_config()) == train.windows
    holiday = cycles.holidays_at(PLACE, {PLACE: {**known, "days": {"May": ("2020-11-01",)}}})[0]
    assert str(holiday.eves[0]) == "2020-10-29"  # That Sunday comes after a Thursday.
    about = description._cycle(holiday, SimpleNamespace(interface=SimpleNamespace(windows=None)))
    assert about["columns"][f"{PLACE}=May eve"] == "1 on the workday before, else 0"
    friday = pd.concat([table, TABLE[3:4]]).sort_values("day")
    with pytest.warns(UserWarning, match="a Friday or Saturday, .*2019-01-04.*is a workday"):
        assert replace(WINDOWS, missing="mask").build(friday).frequency == "1 day"


def test_settings_say_what_an_eve_is():
    """A file may tell nothing of weekdays."""
    train, _ = WINDOWS.split(WEEKDAYS, "2021-01-01")
    known = train.windows.holidays[PLACE]
    old = replace(
        train.windows, holidays={PLACE: {name: known[name] for name in ("years", "days")}}
    )
    dataset, easter = old.build(WEEKDAYS), f"{PLACE}=Easter Monday eve"
    of_weekdays = dataset.to_numpy()[0]["future"][:, 0]
    assert not of_weekdays[:, dataset.columns["future"].index(easter)].any()
    differ = Carried(old).disagreement(Carried.of(train))
    assert "weekdays" in differ


def test_a_config_needs_no_package(parts, monkeypatch):
    monkeypatch.setitem(sys.modules, "holidays", None)
    windows = WindowedSeries.from_config(parts[0].windows.get_config())
    assert windows == parts[0].windows
    again = windows.build(pl.from_pandas(TABLE)).to_numpy()[0]["future"]
    np.testing.assert_array_equal(again[-363:], parts[1].to_numpy()[0]["future"])
    with pytest.raises(ImportError, match="pip install holidays"):
        WINDOWS.build(TABLE)


def test_windows_by_hand_keep_what_the_model_knows(parts):
    carried = Carried.of(parts[0])
    assert carried.disagreement(Carried(WINDOWS)) is None
    assert carried.of_windows(WINDOWS).windows == parts[0].windows
    days = pd.date_range("2019-01-01", "2022-12-31")
    later, _ = WINDOWS.split(pd.DataFrame({"day": days, "units": 1.0}), "2022-12-01")
    assert later.windows != parts[0].windows
    assert carried.disagreement(Carried.of(later)) is None


def test_days_are_those_of_the_local_clock():
    hours = pd.date_range("2020-12-20", "2020-12-31", freq="h", tz="UTC")
    table = pd.DataFrame({"day": hours.tz_convert("Pacific/Auckland"), "units": 1.0})
    built = WINDOWS.build(table)
    place = built.columns["future"].index(f"{PLACE}=Christmas Day")
    flags = built.to_numpy()[0]["future"][:, 0, place]
    local = table["day"].iloc[7 : 7 + len(flags)]
    np.testing.assert_array_equal(flags == 1, local.dt.strftime("%m-%d") == "12-25")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: WINDOWS.build(TABLE[::7]),
            "'holidays:DE-BY' marks days, and the rows of the series are 7 days or more apart",
        ),
        (lambda: WindowedSeries(3, calendar="holidays:Germany"), 'as "holidays:DE", or of a part'),
        (
            lambda: WindowedSeries(3, time_column="day", calendar="holidays:XX").build(TABLE),
            "calendar='holidays:XX': the package holidays says: .*XX",
        ),
        (
            lambda: WindowedSeries(3, time_column="day", calendar="holidays:DEU").build(TABLE),
            "calendar='holidays:DEU': the package holidays knows no exchange DEU. .* two letters",
        ),
        (
            lambda: WindowedSeries(3, time_column="day", calendar="holidays:NYSE-X").build(TABLE),
            "calendar='holidays:NYSE-X': the package holidays says: .*X",
        ),
        (lambda: calendar_features(DAYS, [PLACE]), "names holidays. Only the windows of a"),
        (
            lambda: WindowedSeries(3, calendar=PLACE).build(np.arange(9.0)),
            "holidays:DE-BY.* needs timestamps",
        ),
    ],
)
def test_refusals(call, says):
    with pytest.raises(ValueError, match=says):
        call()
