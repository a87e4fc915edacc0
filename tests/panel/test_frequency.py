"""Frequencies against plain loops over Python's dates: read, numbered, continued and named.

Needs no framework, so that ``mutants.py`` can run it in a bare interpreter.
"""

from dataclasses import FrozenInstanceError
from datetime import datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_ts.panel.frequency import RULES, Frequency, numbering
from regular_series import (
    DAY,
    HOUR,
    IN_UTC,
    NAMES,
    REGULAR,
    STARTS,
    array,
    following,
    frequency_of,
    frequency_of_array,
    is_last,
    numbered,
    on_a_clock,
    stepping,
)

EPOCH = datetime(1970, 1, 1)


@pytest.mark.parametrize("kind", REGULAR)
@settings(max_examples=8)
@given(STARTS, st.sampled_from(["s", "ms", "us", "ns"]), st.integers(25, 35))
def test_series_are_continued_and_numbered_without_a_zone(kind, start, unit, rows):
    moments = array(REGULAR[kind](start, 50), unit)
    found = frequency_of_array(moments[:rows])
    assert str(found) == NAMES[kind]
    assert found.local is False
    ahead = following(found, moments[rows - 1], 50 - rows)
    assert ahead.dtype == f"M8[{unit}]"
    assert ahead.tolist() == moments[rows:].tolist()
    numbers = numbered(found, moments)
    assert (np.diff(numbers) == 1).all()
    # The last rows alone give the same numbers.
    tail = frequency_of_array(moments[rows - 20 : rows])
    assert tail == found
    assert hash(tail) == hash(found)


@pytest.mark.parametrize("kind", REGULAR)
@settings(max_examples=8)
@given(
    STARTS,
    st.integers(1, 49),
    st.sampled_from([-1, 0, 1]),
    st.sampled_from([-3, -1, 0, 1, 3]),
)
def test_and_by_the_clock_of_a_zone(kind, start, at, forward, behind):
    moments = REGULAR[kind](start, 50)
    pairs = on_a_clock(moments, moments[at], forward * HOUR, kind in IN_UTC)
    utc, local = [utc + behind * HOUR for utc, _ in pairs], [local for _, local in pairs]
    found = frequency_of(utc[:30], local[:30])
    assert str(found) == NAMES[kind]
    assert found.local is (kind not in IN_UTC)
    clock = array(local if found.local else utc)
    assert following(found, clock[29], 20).tolist() == clock[30:].tolist()
    assert following(found, clock[20], 0).tolist() == []
    assert (np.diff(numbered(found, clock)) == 1).all()
    assert frequency_of(utc[10:30], local[10:30]) == found


@pytest.mark.parametrize(
    "kind", [kind for kind in REGULAR if kind not in ("weeks", "quarter ends")]
)
def test_the_first_step_of_1970_has_number_0(kind):
    moments = REGULAR[kind](datetime(1960, 1, 1), 2000 if kind in IN_UTC else 400)
    first = next((row for row, moment in enumerate(moments) if moment >= EPOCH), None)
    found = frequency_of(moments[:100])
    if first is None:
        first, moments = 0, REGULAR[kind](EPOCH, 100)
    numbers = numbered(found, array(moments))
    assert numbers.tolist() == [row - first for row in range(len(moments))]


def test_rows_between_two_steps_have_the_number_of_the_one_before():
    found = frequency_of(stepping(6 * HOUR)(EPOCH, 9))
    odd = array([EPOCH - HOUR, EPOCH, EPOCH + 5 * HOUR, EPOCH + 13 * HOUR])
    assert numbered(found, odd).tolist() == [-1, 0, 0, 2]


def test_a_day_that_begins_late_does_not_move_the_others():
    days = stepping(DAY)(datetime(2018, 10, 20), 30)
    utc = [day - HOUR * (day > days[15]) for day in days]
    local = [*days[:15], days[15] + HOUR, *days[16:]]
    found = frequency_of(utc[:16], local[:16])
    assert following(found, array(local)[15], 14).tolist() == days[16:]


def test_a_month_without_that_day_ends_earlier():
    found = frequency_of(REGULAR["thirtieth or last"](datetime(2023, 3, 1), 24))
    ahead = following(found, np.datetime64("2025-01-30T00:00"), 3).astype("M8[D]").astype(str)
    assert ahead.tolist() == ["2025-02-28", "2025-03-30", "2025-04-30"]


@pytest.mark.parametrize(
    ("step", "unit", "name"),
    [(1, "D", "1 day"), (14, "D", "14 days"), (24, "h", "1 day"), (36, "h", "36 hours"),
     (60, "s", "1 minute"), (90, "s", "90 seconds"), (500, "ms", "500 milliseconds"),
     (3_600_000_000, "us", "1 hour"), (25, "us", "25 microseconds"),
     (1_000_000_000, "ns", "1 second"), (1, "ns", "1 nanosecond"), (120, "m", "2 hours"),
     (1000, "ns", "1 microsecond"), (10**6, "ns", "1 millisecond")],
)  # fmt: skip
def test_names_of_steps_in_time(step, unit, name):
    """Saved models hold them: ``same_steps`` has to take an old name for a new one."""
    times = np.datetime64(10**6, unit) + np.arange(5) * np.timedelta64(step, unit)
    found = frequency_of_array(times)
    assert str(found) == name


def test_names_of_steps_by_frequency_rules():
    assert str(Frequency(2, "weekday", unit="s")) == "2 weekdays"
    assert str(Frequency(2, "day", unit="s")) == "2 days"
    assert str(Frequency(3, "day of month", unit="s", mark=1)) == (
        "day 2 of the month, every 3 months"
    )
    assert str(Frequency(5)) == "steps of 5"
    assert str(Frequency(1_234_567)) == "steps of 1.23457e+06"


def test_days_begin_at_midnight_unless_told():
    ahead = following(Frequency(2, "day", unit="s"), np.datetime64("2024-02-28T00:00:00"), 2)
    assert ahead.tolist() == [datetime(2024, 3, 1), datetime(2024, 3, 3)]


# Numbers.


@given(
    st.sampled_from(["int64", "uint64", "float64", "float32"]),
    st.integers(0, 1000), st.integers(1, 50), st.integers(2, 30),
)  # fmt: skip
def test_numbers(dtype, first, step, rows):
    times = (first + step * np.arange(rows + 5)).astype(dtype)
    found = frequency_of_array(times[:rows])
    assert found.step == step
    ahead = following(found, times[rows - 1], 5)
    np.testing.assert_array_equal(ahead, times[rows:])
    numbers = numbered(found, times)
    np.testing.assert_allclose(np.diff(numbers), 1)
    if dtype[0] != "f":
        assert numbers[0] == first // step


def test_the_largest_numbers():
    unsigned = np.uint64(2**64 - 24) + np.arange(24, dtype="u8")
    found = frequency_of_array(unsigned)
    assert numbered(found, unsigned).tolist() == unsigned.tolist()
    far = np.array([-(2**63), 0])
    found = frequency_of_array(far)
    assert found.step == 2**63
    assert numbered(found, far).tolist() == [-1, 0]
    ends = np.array([-(2**63), 2**63 - 1])
    found = frequency_of_array(ends)
    assert found.step == 2**64 - 1
    np.testing.assert_allclose(numbered(found, ends), [-0.5, 0.5])
    steps = np.array([0, 2**63 - 1])
    found = frequency_of_array(steps)
    assert numbered(found, steps).tolist() == [0, 1]
    # Integers that fit are divided as integers.
    assert numbered(found, np.array([2**62])).tolist() == [0]


def months(t):
    return 12 * (t.year - 1970) + t.month - 1


BY_WORDS = {
    "half hours": (
        "(t - 1970-01-01 00:00) / (30 minutes), rounded down; in UTC if there is a time zone",
        lambda t: (t - EPOCH) // (HOUR / 2),
    ),
    "weeks": (
        "(t - 1970-01-01 00:00) / (7 days), rounded down; by the local clock",
        lambda t: (t - EPOCH) // (7 * DAY),
    ),
    "weekdays": (
        "Mondays to Fridays from 1970-01-01 on, before t",
        lambda t: sum(day.weekday() < 5 for day in stepping(DAY)(EPOCH, (t - EPOCH).days)),
    ),
    "month ends": ("12 * (year - 1970) + month - 1, of t", months),
    "quarter ends": (
        "(12 * (year - 1970) + month - 1, of t) / 3, rounded down",
        lambda t: months(t) // 3,
    ),
}


@pytest.mark.parametrize("kind", BY_WORDS)
def test_numbers_in_words_are_those_that_are_computed(kind):
    words, number = BY_WORDS[kind]
    moments = REGULAR[kind](datetime(2023, 2, 1), 30)
    found = frequency_of(moments)
    assert numbering(str(found), "t") == numbering(f"{found} in UTC", "t") == words
    assert numbered(found, array(moments)).tolist() == [number(moment) for moment in moments]


def test_numbers_in_words_without_dates():
    assert numbering(None, "t").startswith("the steps of the series' own frequency from 1970")
    assert numbering("steps of 2", "t") == "t / 2, rounded down if t is whole"
    assert numbering("2 weekdays", "t").endswith("before t) / 2, rounded down")


# The rules.

EVERY_DAY = [datetime(1967, 12, 31) + number * DAY for number in range(4000)]
# Days of a rule with their mark: the oracle says which days they are.
CHOSEN = [
    ("day", 0, lambda day: True),
    ("weekday", 0, lambda day: day.weekday() < 5),
    ("day of month", 0, lambda day: day.day == 1),
    ("day of month", 14, lambda day: day.day == 15),
    ("day of month", 29, lambda day: day.day == 30 or (is_last(day) and day.day < 30)),
    ("day of month", 30, is_last),
]
KINDS = [(name, mark, [day for day in EVERY_DAY if chosen(day)]) for name, mark, chosen in CHOSEN]


def test_days_of_every_rule_are_tried():
    assert {name for name, *_ in CHOSEN} == set(RULES)


@pytest.mark.parametrize(("name", "mark", "days"), KINDS)
def test_days_are_numbered_from_1970_and_found_again(name, mark, days):
    rule, own = RULES[name], array(days, "D")
    numbers = rule.number(own)
    assert numbers.dtype == np.int64
    before = sum(day < EPOCH for day in days)
    assert numbers.tolist() == list(range(-before, len(days) - before))
    assert rule.day(numbers, mark).tolist() == own.tolist()
    assert rule.mark([own[:9], own[9:]]) == mark
    # No other day is the day of its number, and numbers never fall.
    every = array(EVERY_DAY, "D")
    assert every[rule.day(rule.number(every), mark) == every].tolist() == own.tolist()
    assert (np.diff(rule.number(every)) >= 0).all()
    # A clock is put forward by a few hours at most.
    assert rule.hours <= min(after - day for day, after in pairwise(days)) / HOUR - 4


@pytest.mark.parametrize(
    ("mark", "days"),
    [(30, ["2023-02-28", "2023-04-30"]), (29, ["2023-02-27", "2023-04-30"]),
     (27, ["2024-02-28", "2024-03-28"])],
)  # fmt: skip
def test_a_series_without_long_months_may_end_them(mark, days):
    assert RULES["day of month"].mark([np.array([day], "M8[D]") for day in days]) == mark


@pytest.mark.parametrize("item", [*RULES.values(), Frequency(1)])
def test_rules_do_not_change(item):
    """Every series of a process goes by the same ones."""
    with pytest.raises(FrozenInstanceError):
        item.hours = item.step = 1


@pytest.mark.parametrize(
    ("frequency", "times", "steps"),
    [
        (Frequency(2, unit="D"), "2024-01-01 2024-01-03 2024-01-09", [1, 3]),
        (Frequency(1, "weekday", "D"), "2024-01-05 2024-01-08 2024-01-10", [1, 2]),
        (Frequency(1, "day of month", "D"), "2024-01-01 2024-02-01 2024-05-01", [1, 3]),
    ],
)
def test_steps_between_rows_are_counted(frequency, times, steps):
    days = np.array(times.split(), "datetime64[D]")
    assert frequency.between(days[:-1], days[1:]).tolist() == steps


def test_steps_between_rows_have_a_bound_that_sums_of_them_keep():
    for last in (1 << 40, (1 << 63) - 1):
        assert Frequency(1).between(np.array([0]), np.array([last])).tolist() == [1 << 40]
    apart = np.array([5, (1 << 63) + 5], np.uint64)
    assert Frequency(1).between(apart[:1], apart[1:]).tolist() == [1 << 40]
