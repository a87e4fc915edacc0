"""Cycles, measured against Python's datetimes. Needs no framework, as ``mutants.py`` asks."""

import json
import math
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.panel.cycles import (
    NAMED,
    Holiday,
    checked_holidays,
    cycle_names,
    dates_of_2024,
    holidays_at,
    points_of_dates,
    waves,
)

MOMENTS = st.datetimes(datetime(1600, 1, 1), datetime(2400, 1, 1))


def passed(cycle, moment):
    """The fraction of a cycle that has passed."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    begin, length = {
        "hour": (moment.replace(minute=0, second=0, microsecond=0), timedelta(hours=1)),
        "day": (midnight, timedelta(days=1)),
        "week": (midnight - timedelta(days=moment.weekday()), timedelta(days=7)),
        "year": (
            midnight.replace(month=1, day=1),
            datetime(moment.year + 1, 1, 1) - datetime(moment.year, 1, 1),
        ),
    }[cycle]
    return (moment - begin) / length


@given(st.lists(MOMENTS, max_size=5), st.permutations(NAMED), st.sampled_from(["us", "ms", "s"]))
def test_named_cycles(moments, cycles, unit):
    clock = np.array(moments, "M8[us]").astype(f"M8[{unit}]")
    table = waves(cycles, clock, None)
    assert table.shape == (len(moments), 8)
    assert table.dtype == np.float64
    for row, moment in zip(table, clock.astype("M8[us]").tolist(), strict=True):
        expected = [
            wave(2 * math.pi * passed(cycle, moment))
            for cycle in cycles
            for wave in (math.sin, math.cos)
        ]
        np.testing.assert_allclose(row, expected, atol=1e-9)


@pytest.mark.parametrize("cycle", NAMED)
def test_a_name_read_from_a_file_is_as_good_as_one_in_the_code(cycle):
    clock = np.array(["2024-05-17T13:47:11"], "M8[s]")
    read = json.loads(json.dumps(cycle))
    assert read is not cycle
    np.testing.assert_array_equal(waves([read], clock, None), waves([cycle], clock, None))


def test_dates_alone_begin_their_day():
    days = np.array(["2024-01-01", "2024-12-31", "2023-12-31", "1969-12-29"], "M8[D]")
    table = waves(["hour", "day", "week", "year"], days, None)
    np.testing.assert_array_equal(table[:, :4], [[0, 1, 0, 1]] * 4)
    np.testing.assert_allclose(table[:, 4], np.sin(2 * np.pi * np.array([0, 1, 6, 0]) / 7))
    phases = np.array([0, 365 / 366, 364 / 365, 362 / 365])
    np.testing.assert_allclose(table[:, 6], np.sin(2 * np.pi * phases), atol=1e-12)


@given(st.lists(st.integers(-(10**6), 10**6)), st.sampled_from([2, 7, 12, 365.25, 1.5]))
def test_periods(numbers, period):
    table = waves([period, 5], None, np.array(numbers, np.int64))
    for row, number in zip(table, numbers, strict=True):
        for place, length in ((0, period), (2, 5)):
            angle = 2 * math.pi * (number % length) / length
            np.testing.assert_allclose(
                row[place : place + 2], [math.sin(angle), math.cos(angle)], atol=1e-9
            )


def test_names():
    names = ["week_sin", "week_cos", "365.25_sin", "365.25_cos", "7_sin", "7_cos"]
    assert cycle_names(["week", 365.25, 7]) == names


@pytest.mark.parametrize("cycle", NAMED)
def test_nanoseconds(cycle):
    moment = np.datetime64("2023-07-19T13:47:11.123456789")
    exact = waves([cycle], moment[None], None)
    rounded = waves([cycle], moment[None].astype("M8[us]"), None)
    np.testing.assert_allclose(exact, rounded, atol=1e-8)


@pytest.mark.parametrize("unit", ["D", "h", "ns"])
def test_a_date_of_2024_is_the_same_date(unit):
    days = np.arange("1999-01-01", "2025-01-01", dtype="datetime64[D]")
    clock = days.astype(f"datetime64[{unit}]")
    clock = clock + (np.timedelta64(5, "h") if unit != "D" else np.timedelta64(0, "D"))
    dates = dates_of_2024(clock)
    assert [str(date)[4:13] for date in dates] == [str(time)[4:13] for time in clock]
    assert {str(date)[:4] for date in dates} == {"2024"}


def test_the_points_of_dates_are_those_of_every_year():
    """Each date has the points of leap years and of others; on January 1st they are one."""
    dates = np.array(["2024-01-01", "2024-02-28", "2024-02-29", "2024-03-01", "2024-12-31T06"],
                     dtype="datetime64[h]")  # fmt: skip
    points, index = points_of_dates(dates)
    for date in range(5):
        years = [2024] if date in (0, 2) else [2024, 2023]
        same = [np.datetime64(f"{year}{str(dates[date])[4:]}") for year in years]
        expected = waves(["year"], np.array(same), None)
        np.testing.assert_array_equal(points[index == date], expected)


@pytest.mark.parametrize("cycle", NAMED)
def test_the_same_moment_of_each_cycle_is_one(cycle):
    """Recurring events are counted by it: the 25th of December is one, in leap years, too."""
    count = np.arange(40)
    start = np.datetime64("1996-12-25T10:20")
    clock = {
        "hour": start + count * np.timedelta64(1, "h"),
        "day": start + count * np.timedelta64(1, "D"),
        "week": start + count * np.timedelta64(7, "D"),
        "year": np.array([f"{1996 + year}-12-25T10:20" for year in count], "M8[m]"),
    }[cycle]
    points = waves([cycle], clock, None)
    if cycle != "year":
        assert len(np.unique(points, axis=0)) == 1
        return
    [date] = np.unique(dates_of_2024(clock))
    of_date, index = points_of_dates(np.array([date]))
    assert not index.any()
    np.testing.assert_array_equal(np.unique(points, axis=0), np.unique(of_date, axis=0))


KNOWN = {"holidays:XX": {"years": (2020, 2021), "days": {"May": ("2020-05-01", "2021-05-01")}}}


def test_flags_are_those_of_a_loop_over_days():
    [holiday] = holidays_at("holidays:XX", KNOWN)
    assert holiday.columns == ["holidays:XX=May", "holidays:XX=May eve"]
    hours = np.arange("2020-04-29", "2021-05-03", dtype="datetime64[h]")
    day, eve = holiday.flags(hours)
    for flag, other, hour in zip(day, eve, hours.tolist(), strict=True):
        assert flag == (hour.month == 5 and hour.day == 1)
        assert other == (f"{hour + timedelta(days=1):%Y-%m-%d}" in (
            "2020-05-01", "2021-05-01"
        ))  # fmt: skip


@pytest.mark.parametrize(
    ("day", "weekdays", "eve"),
    [
        ("2020-05-01", False, "2020-04-30"),  # A Friday.
        ("2020-05-01", True, "2020-04-30"),
        ("2020-05-04", False, "2020-05-03"),
        ("2020-05-04", True, "2020-05-01"),
        ("2020-05-03", True, "2020-05-01"),
        ("2020-05-02", True, "2020-05-01"),
    ],
)
def test_an_eve_is_a_day_of_the_series(day, weekdays, eve):
    entry = {"years": (2020, 2020), "days": {"May": (day,)}}
    known = checked_holidays(
        {"holidays:XX": entry | {"weekdays": True} if weekdays else entry}, ["holidays:XX"]
    )
    [holiday] = holidays_at("holidays:XX", known)
    days = np.arange("2020-04-20", "2020-05-20", dtype="datetime64[D]")
    assert days[holiday.flags(days)[1] == 1].astype(str).tolist() == [eve]


@pytest.mark.parametrize(("day", "year"), [("2022-01-01", 2022), ("2019-12-31", 2019)])
def test_a_year_whose_days_are_unknown_is_refused(day, year):
    holiday = Holiday("holidays:XX", "May", ("2020-05-01",), 2020, 2021)
    with pytest.raises(ValueError, match=f"the holidays of 2020 to 2021.*a row of {year}. Train"):
        holiday.flags(np.array(["2020-06-01", day], "datetime64[D]"))
    holiday.flags(np.array(["2020-06-01", "NaT"], "datetime64[D]"))


def test_those_of_places_that_no_calendar_names_are_left_out():
    assert checked_holidays(KNOWN, ["holidays:XX"]) == KNOWN
    assert checked_holidays(KNOWN, ["week"]) is None
    assert holidays_at("holidays:YY", KNOWN) == []


@pytest.mark.parametrize(
    "holidays",
    [
        [],
        {"holidays:XX": {}},
        {"holidays:XX": {"years": [2020], "days": {"May": ["2020-05-01"]}}},
        {"holidays:XX": {"years": [2021, 2020], "days": {"May": ["2020-05-01"]}}},
        {"holidays:XX": {"years": [2020, 2021], "days": {}}},
        {"holidays:XX": {"years": [2020, 2021], "days": {"May": []}}},
        {"holidays:XX": {"years": [2020, 2021], "days": {"May": ["first"]}}},
        {"holidays:XX": {"years": [2020, 2021], "days": {"M" * 201: ["2020-05-01"]}}},
        {"holidays:XX": {"years": [2020, 2021], "days": {"May": ["2020-05-01"] * 10_001}}},
        {"holidays:XX": {"years": [2020, 2021], "days": {"May": ["2020-05-01"]}, "more": 1}},
        {"holidays:XX": {"years": [2020, 2021], "days": {"M": ["2020-05-01"]}, "weekdays": 1}},
    ],
    ids=str,
)
def test_what_no_windows_have_is_refused(holidays):
    with pytest.raises(ValueError, match="holidays must be the dict that the windows"):
        checked_holidays(holidays, ["holidays:XX"])
