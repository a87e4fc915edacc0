"""Frequencies, measured against plain loops over Python's dates: numbered, continued and named.

Needs no framework, so that ``mutants.py`` can run it in a bare interpreter.
"""

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_ts.windows.arithmetic.frequency import frequencies
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from keras_ts.windows.arithmetic.steps import BY_CLOCK, Frequency, numbering, same_steps
from regular_series import DAY, HOUR, IN_UTC, REGULAR, STARTS, on_a_clock, picking, stepping

EPOCH = datetime(1970, 1, 1)
NAMES = {
    "minutes": "1 minute",
    "half hours": "30 minutes",
    "hours": "1 hour",
    "six hours": "6 hours",
    "days": "1 day",
    "weeks": "7 days",
    "weekdays": "1 weekday",
    "fifth of the month": "day 5 of the month",
    "thirtieth or last": "day 30 of the month",
    "month ends": "month end",
    "quarter ends": "month end, every 3 months",
    "years": "month start, every 12 months",
    "last weekdays": "last weekday of the month",
    "first weekdays": "first weekday of the month",
    "third Fridays": "third Friday of the month",
    "second Mondays": "second Monday of the month",
    "twice a month": "days 1 and 15 of the month",
    "middle and end": "days 15 and last of the month",
}


def array(moments, unit="us"):
    return np.array(moments, "M8[us]").astype(f"M8[{unit}]")


def slips(found, utc, shown):
    apart = found.apart_by_clocks(utc, shown)
    return bool(found.unusual and (apart != apart[:1]).any())


def frequency_of(utc, local=None, unit="us"):
    local = None if local is None else array(local, unit)
    [found] = frequencies(array(utc, unit), np.array([0, len(utc)]), local)
    return found


@pytest.mark.parametrize("kind", REGULAR)
@settings(max_examples=8)
@given(STARTS, st.sampled_from(["s", "ms", "us", "ns"]), st.integers(25, 35))
def test_series_are_continued_and_numbered_without_a_zone(kind, start, unit, rows):
    moments = array(REGULAR[kind](start, 50), unit)
    [found] = frequencies(moments[:rows], np.array([0, rows]))
    assert str(found) == NAMES[kind]
    assert found.local is False
    ahead = found.following(moments[rows - 1], 50 - rows)
    assert ahead.dtype == f"M8[{unit}]"
    assert ahead.tolist() == moments[rows:].tolist()
    numbers = found.number(moments)
    assert (np.diff(numbers) == 1).all()
    # The last rows alone give the same numbers.
    [tail] = frequencies(moments[rows - 20 : rows], np.array([0, 20]))
    assert tail == found
    assert hash(tail) == hash(found)


@pytest.mark.parametrize("kind", [kind for kind in REGULAR if kind != "six hours"])
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
    assert found.following(clock[29], 20).tolist() == clock[30:].tolist()
    assert found.following(clock[20], 0).tolist() == []
    assert (np.diff(found.number(clock)) == 1).all()
    assert frequency_of(utc[10:30], local[10:30]) == found


def test_a_clock_that_is_not_changed_says_nothing_of_hours():
    """Steps of six hours are even by the clock of the zone only if a change of it shows that."""
    moments = REGULAR["six hours"](EPOCH, 50)
    pairs = on_a_clock(moments, moments[20], HOUR, False)
    utc, local = [utc for utc, _ in pairs], [local for _, local in pairs]
    found = frequency_of(utc, local)
    assert (str(found), found.local) == ("6 hours by the local clock", True)
    assert found.following(array(local)[-1], 1) == array(local)[-1] + np.timedelta64(6, "h")
    late = frequency_of(utc[20:], local[20:])
    assert (str(late), late.local) == ("6 hours", False)
    assert same_steps(str(found), str(late))
    assert not same_steps(str(found), "7 hours")
    # Both count in UTC; 22, 4, 10, 16 o'clock and 23, 5, 11, 17 have the same numbers.
    for hour in range(6):
        moved = [array([moment + hour * HOUR for moment in clock]) for clock in (utc, local)]
        numbers = found.numbers(*moved)
        assert numbers.tolist() == [
            (moment + hour * HOUR - EPOCH) // (6 * HOUR) for moment in utc
        ]  # fmt: skip
        np.testing.assert_array_equal(numbers, late.numbers(*moved))
        assert slips(found, *moved) is bool((np.diff(numbers) != 1).any())
        assert not late.unusual


@pytest.mark.parametrize(
    "kind", [kind for kind in REGULAR if kind not in ("weeks", "quarter ends")]
)
def test_the_first_step_of_1970_has_number_0(kind):
    moments = REGULAR[kind](datetime(1960, 1, 1), 2000 if kind in IN_UTC else 400)
    first = next((row for row, moment in enumerate(moments) if moment >= EPOCH), None)
    found = frequency_of(moments[:100])
    if first is None:
        first, moments = 0, REGULAR[kind](EPOCH, 100)
    numbers = found.number(array(moments))
    assert numbers.tolist() == [row - first for row in range(len(moments))]


def test_rows_between_two_steps_have_the_number_of_the_one_before():
    found = frequency_of(stepping(6 * HOUR)(EPOCH, 9))
    odd = array([EPOCH - HOUR, EPOCH, EPOCH + 5 * HOUR, EPOCH + 13 * HOUR])
    assert found.number(odd).tolist() == [-1, 0, 0, 2]


def test_short_series_of_months_are_months():
    """Four years may have 365 days each, and two months 31."""
    for month, day in ((1, 1), (6, 30), (12, 31)):
        years = [datetime(year, month, day) for year in (2021, 2022, 2023)]
        assert str(frequency_of(years)).endswith(", every 12 months")
        ahead = frequency_of(years).following(array(years)[-1], 2).tolist()
        assert ahead == [datetime(2024, month, day), datetime(2025, month, day)]
    assert str(frequency_of([datetime(2023, 7, 31), datetime(2023, 8, 31)])) == "month end"
    assert str(frequency_of([datetime(2023, 2, 1), datetime(2023, 3, 1)])) == "month start"
    four_weeks = stepping(28 * DAY)(datetime(2024, 1, 5), 4)
    assert str(frequency_of(four_weeks)) == "28 days"
    assert str(frequency_of(stepping(DAY)(datetime(2024, 1, 1), 5))) == "1 day"


def test_days_of_a_zone_go_by_its_clock_even_if_that_is_not_changed_in_them():
    utc = stepping(DAY)(datetime(2024, 5, 1, 22), 9)
    local = [moment + 2 * HOUR for moment in utc]
    found = frequency_of(utc, local)
    assert (found.rule, found.local, found.time_of_day) == ("day", True, 0)
    assert found.number(array(local))[0] == (datetime(2024, 5, 2) - EPOCH).days
    assert frequency_of(utc).local is False


def test_months_in_utc_of_a_zone():
    """The clock of the zone shows other days, and no rule holds for those."""
    utc = REGULAR["month ends"](datetime(2024, 1, 1, 20), 30)
    local = [moment + (3 + row % 3) * HOUR for row, moment in enumerate(utc)]
    found = frequency_of(utc, local)
    assert (found.rule, found.local) == ("day of month", False)
    assert str(found) == "month end in UTC"
    # The time of day is that in UTC, too.
    assert found.following(array(utc)[27], 2).tolist() == utc[28:]


def test_rules_by_the_clock_go_before_those_in_utc():
    local = REGULAR["last weekdays"](datetime(2024, 1, 1, 12), 30)
    found = frequency_of([moment - HOUR for moment in local], local)
    assert (found.rule, found.local) == ("last weekday", True)


def test_steps_shorter_than_those_of_a_rule_are_none_of_its_days():
    """Half a day stays half a day, even if the clock is put forward over the other half."""
    found = frequency_of([EPOCH, EPOCH + DAY / 2], [EPOCH, EPOCH + DAY])
    assert (str(found), found.rule) == ("12 hours", None)


def test_a_day_that_a_clock_leaves_out_is_no_missing_row():
    """Samoa had no 30 December 2011: by its clock one day is skipped, and none in UTC."""
    utc = stepping(DAY)(datetime(2011, 12, 26, 10), 9)
    local = [moment + DAY * (moment.day < 20 or moment.day > 29) for moment in utc]
    found = frequency_of(utc, local)
    assert (str(found), found.rule, found.local) == ("1 day in UTC", None, False)
    assert slips(found, array(utc), array(local))
    numbers = frequency_of(utc[:3], local[:3]).number(array(local))
    assert found.numbers(array(utc), array(local)).tolist() == numbers.tolist()


def test_a_day_that_begins_late_does_not_move_the_others():
    days = stepping(DAY)(datetime(2018, 10, 20), 30)
    utc = [day - HOUR * (day > days[15]) for day in days]
    local = [*days[:15], days[15] + HOUR, *days[16:]]
    found = frequency_of(utc[:16], local[:16])
    assert found.following(array(local)[15], 14).tolist() == days[16:]


def test_a_month_without_that_day_ends_earlier():
    found = frequency_of(REGULAR["thirtieth or last"](datetime(2023, 3, 1), 24))
    ahead = found.following(np.datetime64("2025-01-30T00:00"), 3).astype("M8[D]").astype(str)
    assert ahead.tolist() == ["2025-02-28", "2025-03-30", "2025-04-30"]
    chosen = picking(lambda day: day.day in (14, 28))(datetime(2023, 1, 1), 24)
    assert str(frequency_of(chosen)) == "days 14 and 28 of the month"


WEEK = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@pytest.mark.parametrize("weekday", range(7))
@pytest.mark.parametrize("week", range(4))
def test_numbered_weekdays(week, weekday):
    chosen = picking(lambda day: (day.weekday(), (day.day - 1) // 7) == (weekday, week))
    moments = chosen(datetime(2001, 1, 1, 7), 60)
    found = frequency_of(moments[:40])
    ordinal = ["first", "second", "third", "fourth"][week]
    assert str(found) == f"{ordinal} {WEEK[weekday]} of the month"
    assert found.following(array(moments)[39], 20).tolist() == moments[40:]


@pytest.mark.parametrize(
    ("step", "unit", "name"),
    [(1, "D", "1 day"), (14, "D", "14 days"), (24, "h", "1 day"), (36, "h", "36 hours"),
     (60, "s", "1 minute"), (90, "s", "90 seconds"), (500, "ms", "500 milliseconds"),
     (3_600_000_000, "us", "1 hour"), (25, "us", "25 microseconds"),
     (1_000_000_000, "ns", "1 second"), (1, "ns", "1 nanosecond"), (120, "m", "2 hours"),
     (1000, "ns", "1 microsecond"), (10**6, "ns", "1 millisecond")],
)  # fmt: skip
def test_names_of_steps_in_time(step, unit, name):
    times = np.datetime64(10**6, unit) + np.arange(5) * np.timedelta64(step, unit)
    [found] = frequencies(times, np.array([0, 5]))
    assert str(found) == name


def test_names_of_steps_by_frequency_rules():
    assert str(Frequency(2, "weekday", unit="s")) == "2 weekdays"
    assert str(Frequency(2, "day", unit="s")) == "2 days"
    assert (
        str(Frequency(2, "last weekday", unit="s")) == "last weekday of the month, every 2 months"
    )
    assert str(Frequency(3, "day of month", unit="s", marks=(1,))) == (
        "day 2 of the month, every 3 months"
    )
    assert str(Frequency(5)) == "steps of 5"
    assert str(Frequency(0.25)) == "steps of 0.25"


def test_days_begin_at_midnight_unless_told():
    ahead = Frequency(2, "day", unit="s").following(np.datetime64("2024-02-28T00:00:00"), 2)
    assert ahead.tolist() == [datetime(2024, 3, 1), datetime(2024, 3, 3)]


# Numbers.


@given(
    st.sampled_from(["int64", "uint64", "float64", "float32"]),
    st.integers(0, 1000), st.integers(1, 50), st.integers(2, 30),
)  # fmt: skip
def test_numbers(dtype, first, step, rows):
    times = (first + step * np.arange(rows + 5)).astype(dtype)
    [found] = frequencies(times[:rows], np.array([0, rows]))
    assert found.step == step
    ahead = found.following(times[rows - 1], 5)
    np.testing.assert_array_equal(ahead, times[rows:])
    numbers = found.number(times)
    np.testing.assert_allclose(np.diff(numbers), 1)
    if dtype[0] != "f":
        assert numbers[0] == first // step


def test_floats_count_fractions_and_rounding_does_not_add_up():
    seconds = 1.7e9 + 0.1 * np.arange(2000)
    [found] = frequencies(seconds, np.array([0, 2000]))
    [tail] = frequencies(seconds[-100:], np.array([0, 100]))
    assert found.step == tail.step == 0.1
    np.testing.assert_allclose(found.number(seconds)[0], 1.7e10)
    np.testing.assert_allclose(found.following(seconds[-1], 2), seconds[-1] + [0.1, 0.2])


def test_the_largest_numbers():
    unsigned = np.uint64(2**64 - 24) + np.arange(24, dtype="u8")
    [found] = frequencies(unsigned, np.array([0, 24]))
    assert found.number(unsigned).tolist() == unsigned.tolist()
    far = np.array([-(2**63), 0])
    [found] = frequencies(far, np.array([0, 2]))
    assert found.step == 2**63
    assert found.number(far).tolist() == [-1, 0]
    ends = np.array([-(2**63), 2**63 - 1])
    [found] = frequencies(ends, np.array([0, 2]))
    assert found.step == 2**64 - 1
    np.testing.assert_allclose(found.number(ends), [-0.5, 0.5])
    steps = np.array([0, 2**63 - 1])
    [found] = frequencies(steps, np.array([0, 2]))
    assert found.number(steps).tolist() == [0, 1]
    # Integers that fit are divided as integers.
    assert found.number(np.array([2**62])).tolist() == [0]


def test_no_regular_step_no_frequency():
    assert [*frequencies(np.array([5]), np.array([0, 1]))] == [None]
    assert [*frequencies(np.array([0, 1, 3]), np.array([0, 3]))] == [None]
    assert [*frequencies(np.array([0, 1, 2, 4]), np.array([0, 4]))] == [Frequency(1)]
    assert [*frequencies(np.array([0, 1, 2, 4, 6]), np.array([0, 5]))] == [None]
    assert [*frequencies(np.array([0.0, 1, 3]), np.array([0, 3]))] == [None]
    assert [*frequencies(np.array([0, 1, 3, 6, 10, 15]), np.array([0, 6]))] == [None]
    assert [*frequencies(np.array([], "M8[s]"), np.array([0, 0, 0]))] == [None, None]
    far = np.array([-1.7e308, 1.7e308])
    assert [*frequencies(far, np.array([0, 1, 2]))] == [None, None]


@given(st.lists(st.sampled_from([*REGULAR, "none", "one"]), max_size=5), st.booleans())
def test_each_series_of_a_panel_has_its_own(kinds, zone):
    series = [
        []
        if kind == "none"
        else REGULAR.get(kind, REGULAR["days"])(EPOCH, 50)[: 1 if kind == "one" else 50]
        for kind in kinds
    ]
    flat = array([moment for moments in series for moment in moments])
    offsets = concatenated_offsets([len(moments) for moments in series])
    local = flat if zone else None
    alone = [
        frequencies(flat[a:b], np.array([0, b - a]), local if local is None else local[a:b])[0]
        for a, b in pairwise(offsets)
    ]
    assert [*frequencies(flat, offsets, local)] == alone
    assert [None if one is None else str(one) for one in alone] == [
        NAMES.get(kind) for kind in kinds
    ]


def test_rows_that_are_missing_or_late_do_not_hide_it():
    days = stepping(DAY)(EPOCH, 40)
    kept = [day + timedelta(minutes=3) * (row == 30) for row, day in enumerate(days) if row != 7]
    assert str(frequency_of(kept)) == "1 day"
    months = REGULAR["month ends"](EPOCH, 40)
    assert str(frequency_of(months[:10] + months[11:])) == "month end"


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
    "third Fridays": ("12 * (year - 1970) + month - 1, of t", months),
    "quarter ends": (
        "(12 * (year - 1970) + month - 1, of t) / 3, rounded down",
        lambda t: months(t) // 3,
    ),
    "middle and end": (
        "2 * (12 * (year - 1970) + month - 1) + (1 after day 15 of the month, else 0), of t",
        lambda t: 2 * months(t) + (t.day > 15),
    ),
}


@pytest.mark.parametrize("kind", BY_WORDS)
def test_numbers_in_words_are_those_that_are_computed(kind):
    words, number = BY_WORDS[kind]
    moments = REGULAR[kind](datetime(2023, 2, 1), 30)
    found = frequency_of(moments)
    assert numbering(str(found), "t") == numbering(str(found) + BY_CLOCK, "t") == words
    assert found.number(array(moments)).tolist() == [number(moment) for moment in moments]


def test_numbers_in_words_without_dates():
    assert numbering("1 day", None).startswith("the rows of the series before this one")
    assert numbering(None, "t").startswith("the steps of the series' own frequency from 1970")
    assert numbering("steps of 2", "t") == "t / 2, rounded down if t is whole"
    assert numbering("2 weekdays", "t").endswith("before t) / 2, rounded down")
