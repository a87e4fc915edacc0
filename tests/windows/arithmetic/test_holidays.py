"""Holidays become columns of 0 and 1 by the days that settings hold; other years are refused."""

import datetime

import numpy as np
import pytest

from keras_ts.windows.arithmetic.holidays import Holiday, checked_holidays, holidays_at

KNOWN = {"holidays:XX": {"years": (2020, 2021), "days": {"May": ("2020-05-01", "2021-05-01")}}}


def test_flags_are_those_of_a_loop_over_days():
    [holiday] = holidays_at("holidays:XX", KNOWN)
    assert holiday.columns == ["holidays:XX=May", "holidays:XX=May eve"]
    hours = np.arange("2020-04-29", "2021-05-03", dtype="datetime64[h]")
    day, eve = holiday.flags(hours)
    for flag, other, hour in zip(day, eve, hours.tolist(), strict=True):
        assert flag == (hour.month == 5 and hour.day == 1)
        assert other == ((hour + datetime.timedelta(days=1)).date() in (
            datetime.date(2020, 5, 1), datetime.date(2021, 5, 1)
        ))  # fmt: skip


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
    ],
    ids=str,
)
def test_what_no_windows_have_is_refused(holidays):
    with pytest.raises(ValueError, match="holidays must be the dict that the windows"):
        checked_holidays(holidays, ["holidays:XX"])
