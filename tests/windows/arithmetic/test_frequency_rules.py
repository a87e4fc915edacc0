"""Frequency rules against plain loops over Python's dates: numbers, days of numbers, marks.

Needs no framework, so that ``mutants.py`` can run it in a bare interpreter.
"""

from dataclasses import FrozenInstanceError
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keras_ts.windows.arithmetic.frequency_rules import (
    FREQUENCY_RULES,
    first_rows,
    in_days,
    in_time,
    per_row,
)
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from regular_series import HOUR, is_first_weekday, is_last, is_last_weekday

EVERY_DAY = [date(1967, 12, 31) + timedelta(days=number) for number in range(4000)]

# Days of a rule with their marks: the oracle says which days they are.
CHOSEN = [
    ("day", (), lambda day: True),
    ("weekday", (), lambda day: day.weekday() < 5),
    ("day of month", (0,), lambda day: day.day == 1),
    ("day of month", (14,), lambda day: day.day == 15),
    ("day of month", (29,), lambda day: day.day == 30 or (is_last(day) and day.day < 30)),
    ("day of month", (30,), is_last),
    ("last weekday", (), is_last_weekday),
    ("first weekday", (), is_first_weekday),
    ("numbered weekday", (15,), lambda day: day.weekday() == 4 and 15 <= day.day <= 21),
    ("numbered weekday", (0,), lambda day: day.weekday() == 3 and day.day <= 7),
    ("numbered weekday", (27,), lambda day: day.weekday() == 2 and 22 <= day.day <= 28),
    ("twice a month", (0, 14), lambda day: day.day in (1, 15)),
    ("twice a month", (14, 30), lambda day: day.day == 15 or is_last(day)),
    ("twice a month", (14, 29), lambda day: day.day in (15, 30) or (is_last(day) and day.day < 30)),
    ("twice a month", (9, 27), lambda day: day.day in (10, 28)),
    ("twice a month", (9, 21), lambda day: day.day in (10, 22)),
]
KINDS = [(name, marks, [day for day in EVERY_DAY if chosen(day)]) for name, marks, chosen in CHOSEN]


def array(days):
    return np.array(days, "M8[D]")


@pytest.mark.parametrize(("name", "marks", "days"), KINDS)
def test_days_are_numbered_from_1970_and_found_again(name, marks, days):
    rule = FREQUENCY_RULES[name]
    numbers = rule.number(array(days), marks)
    assert numbers.dtype == np.int64
    before = sum(day < date(1970, 1, 1) for day in days)
    assert numbers.tolist() == list(range(-before, len(days) - before))
    assert rule.day(numbers, marks).tolist() == days
    # No other day is the day of its number.
    every = array(EVERY_DAY)
    kept = rule.day(rule.number(every, marks), marks) == every
    assert every[kept].tolist() == days
    # A day in between has the number of a neighbour: numbers never fall.
    assert (np.diff(rule.number(every, marks)) >= 0).all()


@pytest.mark.parametrize(("name", "marks", "days"), KINDS)
def test_marks_are_read_off_the_days(name, marks, days):
    read = FREQUENCY_RULES[name].marks(array(days), np.array([0, len(days)]))
    assert read.shape == (len(marks), 1)
    assert tuple(read[:, 0].tolist()) == marks


SHORT = [
    (["2023-02-28", "2023-04-30"], 30), (["2023-04-30", "2023-06-30"], 30),
    (["2023-02-27", "2023-04-30"], 29), (["2024-02-28", "2024-03-28"], 27),
]  # fmt: skip


def halves(days):
    return ["2023-02-14", days[0], "2023-04-14", days[1]]


@pytest.mark.parametrize(("days", "mark"), SHORT)
def test_a_series_without_long_months_may_end_them(days, mark):
    read = FREQUENCY_RULES["day of month"].marks(np.array(days, "M8[D]"), np.array([0, 2]))
    assert read.tolist() == [[mark]]
    read = FREQUENCY_RULES["twice a month"].marks(np.array(halves(days), "M8[D]"), np.array([0, 4]))
    assert read.tolist() == [[13], [mark]]


def test_other_series_of_a_panel_do_not_change_whether_a_series_ends_its_months():
    days = np.array([day for own, _ in SHORT for day in own], "M8[D]")
    read = FREQUENCY_RULES["day of month"].marks(days, np.arange(0, 9, 2))
    assert read.tolist() == [[mark for _, mark in SHORT]]
    days = np.array([day for own, _ in SHORT for day in halves(own)], "M8[D]")
    read = FREQUENCY_RULES["twice a month"].marks(days, np.arange(0, 17, 4))
    assert read.tolist() == [[13] * 4, [mark for _, mark in SHORT]]


def test_every_series_of_a_panel_has_marks_of_its_own():
    for name, rule in FREQUENCY_RULES.items():
        own = [(marks, days[:40]) for other, marks, days in KINDS if other == name]
        panel = array([day for _, days in own for day in days])
        offsets = concatenated_offsets([len(days) for _, days in own])
        want = [marks for marks, _ in own]
        assert [tuple(read) for read in rule.marks(panel, offsets).T.tolist()] == want
        rows = per_row(rule.marks(panel, offsets), offsets)
        numbers = rule.number(panel, rows)
        assert rule.day(numbers, rows).tolist() == panel.tolist()
        assert all((np.diff(numbers[a:b]) == 1).all() for a, b in pairwise(offsets))


@pytest.mark.parametrize(
    ("early", "late", "half"),
    [(1, 12, False), (1, 13, True), (1, 19, True), (1, 20, False), (16, 31, True),
     (17, 31, False), (14, 28, True)],
)  # fmt: skip
def test_days_that_are_not_half_a_month_apart_are_no_half_months(early, late, half):
    days = [
        day for day in EVERY_DAY if day.day in (early, late) or (is_last(day) and day.day < late)
    ]
    rule = FREQUENCY_RULES["twice a month"]
    marks = rule.marks(array(days), np.array([0, len(days)]))[:, 0]
    kept = rule.day(rule.number(array(days), marks), marks) == array(days)
    assert kept.all() == half
    assert (marks.tolist() == [-1, -1]) is not half
    # Another series of the panel, of half months or not, does not change that.
    for other in ([1, 12], [1, 15]):
        more = [date(2024, month, day) for month in (1, 2, 3) for day in other]
        panel, offsets = array([*days, *more]), np.array([0, len(days), len(days) + 6])
        assert (rule.marks(panel, offsets)[:, 0] == marks).all()
        assert (rule.marks(panel, offsets)[0, 1] == -1) == (other == [1, 12])


def test_no_two_days_are_closer_than_their_rule_says():
    """A clock is put forward by a few hours at most."""
    for name, _, days in KINDS:
        closest = min(after - before for before, after in pairwise(days))
        assert FREQUENCY_RULES[name].hours <= closest / HOUR - 4


NAMES = {
    ("day of month", (0,)): "month start",
    ("day of month", (30,)): "month end",
    ("day of month", (14,)): "day 15 of the month",
    ("last weekday", ()): "last weekday of the month",
    ("first weekday", ()): "first weekday of the month",
    ("numbered weekday", (0,)): "first Thursday of the month",
    ("numbered weekday", (15,)): "third Friday of the month",
    ("numbered weekday", (34,)): "fifth Wednesday of the month",
    ("twice a month", (0, 14)): "days 1 and 15 of the month",
    ("twice a month", (14, 30)): "days 15 and last of the month",
}


@pytest.mark.parametrize(("name", "marks"), NAMES)
def test_names(name, marks):
    assert FREQUENCY_RULES[name].name(marks) == NAMES[name, marks]


@pytest.mark.parametrize("rule", FREQUENCY_RULES.values())
def test_rules_do_not_change(rule):
    """Every series of a process goes by the same ones."""
    with pytest.raises(FrozenInstanceError):
        rule.hours = 1


def test_days_without_marks_go_by_their_tick():
    assert (FREQUENCY_RULES["day"].name, FREQUENCY_RULES["day"].tick) == (None, "day")
    assert (FREQUENCY_RULES["weekday"].name, FREQUENCY_RULES["weekday"].tick) == (None, "weekday")
    assert FREQUENCY_RULES["twice a month"].tick == "half month"
    assert {FREQUENCY_RULES[name].tick for name, *_ in KINDS} == {
        "day", "weekday", "month", "half month",
    }  # fmt: skip


# A rule's days are all at one time of day, or later by as much as the clock is put forward.


def clock_array(moments):
    """Moments in whole hours, so that a day may also be late by one tick."""
    return np.array(moments, "M8[h]")


@given(st.lists(st.lists(st.tuples(st.sampled_from([0, 0, 0, 1, 2]), st.sampled_from([0, 0, 1])),
                         min_size=1, max_size=6), min_size=1, max_size=3))  # fmt: skip
@example([[(0, 0)], [(1, 0), (0, 0)]])
def test_a_day_may_begin_late_by_as_much_as_the_clock_is_put_forward(panel):
    utc, local, want = [], [], []
    for series in panel:
        usual, ahead = min(late for late, _ in series), 0
        for row, (late, forward) in enumerate(series):
            moment = datetime(2024, 1, 1 + row) + late * HOUR
            before, ahead = ahead, ahead + forward if row else 0
            local.append(moment)
            utc.append(moment - ahead * HOUR)
            want.append(late - usual in ((0, ahead - before) if row else (0,)))
    offsets = concatenated_offsets([len(series) for series in panel])
    number, holds = in_days(FREQUENCY_RULES["day"], clock_array(local), clock_array(utc), offsets)
    assert holds.tolist() == want
    assert number.tolist() == clock_array(local).astype("M8[D]").astype(int).tolist()
    same = clock_array(local)
    alone = in_days(FREQUENCY_RULES["day"], same, same, offsets)[1]
    lowest = [min(late for late, _ in series) for series in panel]
    assert alone.tolist() == [late == low for series, low in zip(panel, lowest, strict=True)
                              for late, _ in series]  # fmt: skip


def test_other_days_than_those_of_the_rule_do_not_hold():
    moments = clock_array([datetime(2024, 1, day, 7) for day in (5, 6, 7, 8)])
    number, holds = in_days(FREQUENCY_RULES["weekday"], moments, moments, np.array([0, 4]))
    assert holds.tolist() == [True, False, False, True]
    assert number[3] - number[0] == 1


@given(st.lists(st.lists(st.tuples(st.integers(1, 5), st.integers(-4, 4)), min_size=1, max_size=6),
                min_size=1, max_size=3))  # fmt: skip
def test_a_step_in_time_is_longer_than_the_change_of_the_clock(panel):
    utc, local, want = [], [], []
    for series in panel:
        moment, ahead = 0, 0
        for row, (step, change) in enumerate(series):
            moment, ahead = moment + step, ahead + change
            utc.append(moment)
            local.append(moment + ahead)
            want.append(row == 0 or step + change > abs(change))
    offsets = concatenated_offsets([len(series) for series in panel])
    ticks, holds = in_time(np.array(local, "M8[h]"), np.array(utc, "M8[h]"), offsets)
    assert ticks.astype(int).tolist() == local
    assert holds.tolist() == want


@given(st.lists(st.lists(st.booleans(), max_size=5)))
def test_the_first_flagged_row_of_each_series(series):
    offsets = concatenated_offsets([len(flags) for flags in series])
    wanted = [flags.index(True) if any(flags) else len(flags) for flags in series]
    assert (
        first_rows(np.array([flag for flags in series for flag in flags], bool), offsets).tolist()
        == wanted
    )
