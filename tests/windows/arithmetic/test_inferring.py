"""Gaps and order of timestamps, measured against plain loops over Python's dates and integers.

Needs no framework, so that ``mutants.py`` can run it in a bare interpreter.
"""

from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.windows.arithmetic import inferring as module
from keras_ts.windows.arithmetic.frequency import Frequency, same_steps
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from keras_ts.windows.arithmetic.inferring import disorder, inferred, refitted
from regular_series import (
    DAY,
    HOUR,
    IN_UTC,
    NAMES,
    REGULAR,
    STARTS,
    array,
    following,
    frequencies,
    frequency_of,
    is_last,
    numbered,
    on_a_clock,
    stepping,
)

# The oracle: each rule numbers the days of one series, or returns None.


def months(days):
    return [12 * day.year + day.month for day in days]


def every_day(days):
    return [day.toordinal() for day in days]


def weekdays(days):
    if all(day.weekday() < 5 for day in days):
        return [(day.toordinal() - 1) // 7 * 5 + day.weekday() for day in days]
    return None


def day_of_month(days):
    latest = max(day.day for day in days)
    return months(days) if all(is_last(day) or day.day == latest for day in days) else None


EPOCH = datetime(1970, 1, 1)
# In this order, the first of those that leave equally few gaps.
RULES = [day_of_month, every_day, None, weekdays]


def gaps(times, offsets, local=None):
    return inferred(times, offsets, local)[0]


def uneven(ticks):
    """The positions that no most frequent step leads to; the shortest of several is regular."""
    steps = [after - before for before, after in pairwise(ticks)]
    counts = Counter(steps)
    usual = min(counts, key=lambda step: (-counts[step], step), default=None)
    return [position for position, step in enumerate(steps, 1) if step != usual]


def in_days(rule, clock, utc):
    """Return the days of a rule at one time of day, or later by a clock put forward."""
    of_day = [moment - datetime.combine(moment, datetime.min.time()) for moment in clock]
    late = [moment - min(of_day) for moment in of_day]
    ahead = [local - moment for local, moment in zip(clock, utc, strict=True)]
    forward = [0 * DAY, *(after - before for before, after in pairwise(ahead))]
    if any(late[i] not in (0 * DAY, forward[i]) for i in range(len(clock))):
        return None
    return rule([moment.date() for moment in clock])


def naive_gaps(series):
    """Flat positions of the gaps of some series, each a list of pairs of UTC and local time."""
    listed, begin = [], 0
    for pairs in series:
        utc, local = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        if utc:
            counts = [utc if rule is None else in_days(rule, local, utc) for rule in RULES]
            fewest = min((uneven(ticks) for ticks in counts if ticks is not None), key=len)
            listed += [begin + position for position in fewest]
        begin += len(utc)
    return listed


def found(series, unit="us", zone=True):
    """The gaps that ``gaps`` finds in some series of pairs."""
    flat = [pair for pairs in series for pair in pairs]
    times = np.array([pair[0] for pair in flat], f"M8[{unit}]")
    local = np.array([pair[1] for pair in flat], f"M8[{unit}]") if zone else None
    return gaps(times, concatenated_offsets([len(pairs) for pairs in series]), local).tolist()


@st.composite
def regular(draw, kinds=tuple(REGULAR), rows=40, lost=3):
    """A regular series on a clock without the rows that were removed, and its gaps."""
    kind, start = draw(st.sampled_from(kinds)), draw(STARTS)
    moments = REGULAR[kind](start, rows)
    forward = draw(st.sampled_from([-2, -1, 0, 1, 2])) * HOUR / 2
    change = moments[draw(st.integers(1, rows - 1))] + draw(st.sampled_from([-1, 0, 1])) * HOUR / 2
    pairs = on_a_clock(moments, change, forward, kind in IN_UTC)
    removed = draw(st.sets(st.integers(1, rows - 2), max_size=lost))
    kept = [row for row in range(rows) if row not in removed]
    places = [i for i, (before, row) in enumerate(pairwise(kept), 1) if row > before + 1]
    return [pairs[row] for row in kept], places


@given(regular(), st.sampled_from(["s", "ms", "us", "ns"]))
def test_gaps_are_where_rows_were_removed(series, unit):
    pairs, places = series
    assert found([pairs], unit) == places


@pytest.mark.parametrize("kind", REGULAR)
def test_every_rule_is_regular_and_a_missing_row_a_gap(kind):
    moments = REGULAR[kind](datetime(1969, 1, 1, 16), 40)
    pairs = list(zip(moments, moments, strict=True))
    for zone in (False, True):
        assert found([pairs], zone=zone) == []
        assert found([pairs[:20] + pairs[21:]], zone=zone) == [20]
        # The rule of the others does not hold for a series with a row that is late.
        late = [*pairs[:20], (pairs[20][0] + HOUR / 60 / 2,) * 2, *pairs[21:]]
        assert {20, 21} <= set(found([late], zone=zone))
        for days in (-2, -1, 1, 2):
            moved = [*pairs[:20], (pairs[20][0] + days * DAY,) * 2, *pairs[21:]]
            if moved[19] < moved[20] < moved[21]:
                assert found([moved], zone=zone) == naive_gaps([moved])


@given(st.lists(st.one_of(regular(rows=15, lost=1), st.integers(0, 2)), max_size=4))
def test_each_series_of_a_panel_has_a_step_of_its_own(panel):
    short = [(datetime(2000, 1, 31), datetime(2000, 1, 31, 3)), (datetime(2001, 3, 4, 5),) * 2]
    series = [(short[:one], []) if isinstance(one, int) else one for one in panel]
    begins = concatenated_offsets([len(pairs) for pairs, _ in series]).tolist()
    places = [begin + i for begin, (_, own) in zip(begins, series, strict=False) for i in own]
    assert found([pairs for pairs, _ in series]) == places


@st.composite
def disturbed(draw):
    """A few rows of a regular series, of which some are late: often regular by no count."""
    kind = draw(st.sampled_from(list(REGULAR)))
    moments = REGULAR[kind](draw(STARTS), draw(st.integers(1, 12)))
    late = st.sampled_from([0 * DAY] * 6 + [HOUR / 2, HOUR, DAY, 3 * DAY, -DAY])
    moments = sorted({moment + draw(late) for moment in moments})
    change = draw(st.sampled_from(moments)) + draw(st.sampled_from([-1, 0, 1])) * HOUR / 2
    forward = draw(st.sampled_from([-24, -1, 0, 0.5, 1, 24])) * HOUR
    pairs = on_a_clock(moments, change, forward, draw(st.booleans()))
    return pairs if all(a[0] < b[0] for a, b in pairwise(pairs)) else pairs[:1]


@given(st.lists(disturbed(), max_size=3))
def test_a_series_takes_the_count_that_leaves_the_fewest_gaps(series):
    assert found(series) == naive_gaps(series)
    plain = [[(utc, utc) for utc, _ in pairs] for pairs in series]
    assert found(plain, zone=False) == naive_gaps(plain)


def test_the_hour_that_a_clock_shows_twice_may_not_be_missing():
    hours = REGULAR["hours"](datetime(2024, 10, 27), 24)
    pairs = on_a_clock(hours, hours[10], -HOUR, True)
    assert found([pairs[:10] + pairs[11:]]) == [10]


@pytest.mark.parametrize("hour", [0, 2])
def test_a_day_that_begins_late_is_regular(hour):
    days = REGULAR["days"](datetime(2018, 10, 20, hour), 30)
    utc = [day - HOUR * (day > days[15]) for day in days]
    local = [*days[:15], days[15] + HOUR, *days[16:]]
    pairs = list(zip(utc, local, strict=True))
    assert found([pairs]) == []
    assert found([pairs[:15] + pairs[16:]]) == [15]
    assert found([pairs[:9], pairs[14:]]) == []
    early = [*pairs[:15], (utc[15] - HOUR / 2, local[15] - HOUR / 2), *pairs[16:]]
    assert found([early]) == naive_gaps([early]) != []
    # The change of the clock excuses no other day, and none of the next series.
    before = pairs[:4] + pairs[5:9]
    ahead = [(day + 400 * DAY, day + 400 * DAY + HOUR) for day in days]
    ahead[0] = (ahead[0][0] + HOUR, ahead[0][1] + HOUR)
    panel = [before, ahead, before, ahead]
    assert found(panel) == naive_gaps(panel) == [4, 9, 42, 47]


def test_days_of_dates_alone():
    days = np.arange(date(2024, 1, 1), date(2024, 2, 1), dtype="M8[D]")
    assert gaps(np.delete(days, 9), np.array([0, 30])).tolist() == [9]


# Numbers.


@given(st.data(), st.sampled_from(["int64", "uint64"]))
def test_the_regular_step_of_numbers_is_the_most_frequent(data, dtype):
    ends = np.iinfo(dtype)
    extreme = st.sampled_from([ends.min, ends.min + 1, ends.max // 2, ends.max - 1, ends.max])
    number = st.one_of(st.integers(0, 12), extreme)
    series = data.draw(st.lists(st.sets(number, max_size=8).map(sorted), max_size=4))
    flat = np.array([value for values in series for value in values], dtype)
    offsets = concatenated_offsets([len(values) for values in series])
    begins = offsets.tolist()
    places = [b + i for b, values in zip(begins, series, strict=False) for i in uneven(values)]
    assert gaps(flat, offsets).tolist() == places


@given(st.lists(st.sets(st.integers(-1000, 1000), max_size=9).map(sorted), max_size=4))
def test_floats_are_whole_numbers(series):
    flat = np.array([value for values in series for value in values], np.int64)
    offsets = concatenated_offsets([len(values) for values in series])
    for dtype in ("float32", "float64"):
        assert gaps(flat.astype(dtype), offsets).tolist() == gaps(flat, offsets).tolist()


def test_nothing_has_no_gaps():
    for kind in ("i8", "u8", "f8", "M8[s]"):
        for offsets in ([0], [0, 0, 0]):
            assert gaps(np.empty(0, kind), np.array(offsets)).tolist() == []
            assert disorder(np.empty(0, kind), np.array(offsets)) is None


@given(st.lists(st.lists(st.integers(0, 9) | st.sampled_from([250, 255])), max_size=4), st.data())
def test_disorder_is_the_first_duplicate_or_step_back(series, data):
    if data.draw(st.booleans(), "mostly in order"):
        series = [sorted(set(values)) for values in series]
        if data.draw(st.booleans(), "but for one row") and any(series):
            own = data.draw(st.sampled_from([values for values in series if values]))
            own.insert(data.draw(st.integers(0, len(own))), own[-1])
    expected, flat = None, []
    for values in series:
        for i, value in enumerate(values):
            if expected is None and i and value <= values[i - 1]:
                kind = "duplicate" if value == values[i - 1] else "backwards"
                expected = kind, len(flat)
            flat.append(value)
    offsets = concatenated_offsets([len(values) for values in series])
    for dtype in ("uint8", "int64", "float64", "M8[s]"):
        assert disorder(np.array(flat, "int64").astype(dtype), offsets) == expected


def test_few_rows_have_the_frequency_that_they_are_expected_to_if_they_keep_to_it():
    week = np.arange("2024-01-01", "2024-01-06", dtype="M8[D]").astype("M8[us]")
    fall = np.array(["2024-10-26T00", "2024-10-27T00", "2024-10-28T00"], "M8[us]")
    times, offsets = np.concatenate([week, fall]), np.array([0, 5, 5, 8])
    local = times + np.timedelta64(2, "h")
    for zoned in (None, local):
        _, own = inferred(times, offsets, zoned)
        assert [one and str(one) for one in own] == ["1 day", None, "1 day"]
        for like in ("1 weekday", refitted(times, offsets, zoned, own, "1 weekday")[0]):
            found = refitted(times, offsets, zoned, own, like)
            assert [one and str(one) for one in found] == ["1 weekday", None, "1 day"]
        for like in ("2 days", "1 hour", "month end", "nothing", "7 days"):
            assert [*refitted(times, offsets, zoned, own, like)] == [*own]
    found = refitted(times, offsets, local, inferred(times, offsets, local)[1], "1 day in UTC")
    assert [one and one.local for one in found] == [False, None, False]
    assert [one and str(one) for one in found] == ["1 day in UTC", None, "1 day in UTC"]
    # Seven days hold a weekend, and a missing row is one by either count.
    whole = np.arange("2024-01-01", "2024-01-08", dtype="M8[D]").astype("M8[us]")
    _, days = inferred(whole, np.array([0, 7]))
    assert [*refitted(whole, np.array([0, 7]), None, days, "1 weekday")] == [*days]
    numbers = np.arange(5)
    _, steps = inferred(numbers, np.array([0, 5]))
    assert refitted(numbers, np.array([0, 5]), None, steps, "1 weekday") is steps


@pytest.mark.parametrize("block", [1, 9, 1000])
def test_blocks_of_series_change_nothing(block, monkeypatch):
    days = np.arange("2024-01-01", "2024-02-10", dtype="M8[D]").astype("M8[us]")
    parts = [days, days[:0], days[::2], days[[0, 1, 2, 5, 6]], days[:0], days[[0, 1, 2, 3, 9]]]
    times, offsets = np.concatenate(parts), concatenated_offsets([len(part) for part in parts])
    monkeypatch.setattr(module, "_BLOCK", block)
    assert gaps(times, offsets).tolist() == [63, 69]
    for local in (None, times):
        names = inferred(times, offsets, local)[1].per_series(str, None).tolist()
        assert names == ["1 day", None, "2 days", "1 day", None, "1 day"]


# The frequency of each series.


def test_short_series_of_months_are_months():
    """Four years may have 365 days each, and two months 31."""
    for month, day in ((1, 1), (6, 30), (12, 31)):
        years = [datetime(year, month, day) for year in (2021, 2022, 2023)]
        assert str(frequency_of(years)).endswith(", every 12 months")
        ahead = following(frequency_of(years), array(years)[-1], 2).tolist()
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
    assert numbered(found, array(local))[0] == (datetime(2024, 5, 2) - EPOCH).days
    assert frequency_of(utc).local is False


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
    assert found.in_utc
    assert same_steps(str(found), "1 day")
    assert not same_steps(str(found), "2 days")
    assert (np.diff(found.numbers(array(utc), array(local))) == 1).all()


def test_no_regular_step_no_frequency():
    assert [*frequencies(np.array([5]), np.array([0, 1]))] == [None]
    assert [*frequencies(np.array([0, 1, 3]), np.array([0, 3]))] == [None]
    assert [*frequencies(np.array([0, 1, 2, 4]), np.array([0, 4]))] == [Frequency(1)]
    assert [*frequencies(np.array([0, 1, 2, 4, 6]), np.array([0, 5]))] == [None]
    assert [*frequencies(np.array([0.0, 1, 3]), np.array([0, 3]))] == [None]
    assert [*frequencies(np.array([0, 1, 3, 6, 10, 15]), np.array([0, 6]))] == [None]
    assert [*frequencies(np.array([], "M8[s]"), np.array([0, 0, 0]))] == [None, None]


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
