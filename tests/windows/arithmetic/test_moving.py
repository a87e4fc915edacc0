"""The n-th weekdays of a month are those that a calendar's pages show, and have their names."""

import calendar

import numpy as np
import pytest

from keras_ts.windows.arithmetic.cycles import waves
from keras_ts.windows.arithmetic.moving import (
    MovingEvent,
    date_names,
    nth_weekdays,
    numbered,
    observed,
)

DAYS = np.arange("1999-01-01", "2031-01-01", dtype="datetime64[D]")
NOON = np.timedelta64(12, "h")


def by_pages(month, weekday, place):
    """Return the n-th weekday of a month in each year, by the weeks that ``calendar`` prints."""
    found = []
    for year in range(1999, 2031):
        column = [week[weekday] for week in calendar.monthcalendar(year, month) if week[weekday]]
        found.append(np.datetime64(f"{year}-{month:02d}-{column[place]:02d}"))
    return found


def nth(side, month, weekday, place):
    """Return the event that holds the first of these days."""
    numbers, events = nth_weekdays(DAYS, side)
    return events[numbers[by_pages(month, weekday, place)[0] == DAYS][0]]


@pytest.mark.parametrize(
    ("side", "month", "weekday", "place", "name"),
    [
        (0, 11, 3, 3, "the fourth Thursday of November"),
        (0, 1, 0, 0, "the first Monday of January"),
        (0, 2, 4, 3, "the fourth Friday of February"),
        (1, 5, 0, -1, "the last Monday of May"),
        (1, 2, 6, -1, "the last Sunday of February"),
        (1, 8, 5, -2, "the second to last Saturday of August"),
    ],
)
def test_an_event_is_on_the_days_of_its_name(side, month, weekday, place, name):
    event = nth(side, month, weekday, place)
    assert event.name == name
    assert event.moves
    assert DAYS[event.among(DAYS)].tolist() == np.array(by_pages(month, weekday, place)).tolist()
    later = {near.name: near for near in event.neighbours()}
    # A day, two and three on either side, and the fourth after it.
    assert [(near.weekday - weekday) % 7 for near in later.values()] == [1, 6, 2, 5, 3, 4, 4]
    after = f"the {calendar.day_name[(weekday + 1) % 7]} after {name}"
    np.testing.assert_array_equal(DAYS[later[after].among(DAYS)], DAYS[event.among(DAYS)] + 1)


@pytest.mark.parametrize("moment", [np.timedelta64(0, "h"), NOON])
def test_its_points_are_those_of_the_calendar_on_its_days_alone(moment):
    for event in (nth(0, 1, 0, 0), nth(1, 2, 6, -1), next(iter(observed(DAYS[[0]])))):
        year, week = event.points(moment)
        at = waves(["week", "year"], DAYS + moment, None)
        gaps = np.abs(at[:, None] - np.concatenate([week, year], axis=1)).max(axis=2)
        # One point each: two would add the effect twice.
        np.testing.assert_array_equal((gaps < 2e-6).sum(axis=1), event.among(DAYS))


def test_a_day_has_one_number_and_fifth_weekdays_are_no_events():
    for side in (0, 1):
        numbers, events = nth_weekdays(DAYS, side)
        assert events.count(None) == 12 * 7
        for number, event in enumerate(events):
            here = numbers == number
            if event is not None:
                np.testing.assert_array_equal(event.among(DAYS), here)
            else:
                assert here.sum() < 32


def test_a_date_is_observed_around_its_weekend():
    events = list(observed(np.array(["2024-12-25"], "datetime64[D]")))
    names = ["December 25 on a Saturday", "December 25 on a Sunday", "December 26 on a Monday",
             "December 27 on a Monday", "December 24 on a Friday"]  # fmt: skip
    assert [event.name for event in events] == names
    assert not any(event.moves for event in events)
    numbers, told = numbered(DAYS, events)
    boxing = events[2].among(DAYS)
    assert DAYS[boxing][:2].astype(str).tolist() == ["2005-12-26", "2011-12-26"]
    assert {told[number] for number in numbers[boxing]} == {events[2]}
    assert told[numbers[0]] is None
    assert numbered(DAYS, events[2:3])[1] == [events[2], None]


def test_dates_have_names():
    assert date_names(np.array(["2024-02-29", "2024-07-04"], "datetime64[D]")) == [
        "February 29", "July 4",
    ]  # fmt: skip
    assert MovingEvent(0, (0, 365)).name == "January 1 on a Monday"
