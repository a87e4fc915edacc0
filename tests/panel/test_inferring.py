"""The frequency and the gaps of panels, against plain loops over Python's dates and integers.

Needs no framework, so that ``mutants.py`` can run it in a bare interpreter.
"""

from collections import Counter
from datetime import date, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.panel import inferring as module
from keras_ts.panel.frequency import same_steps
from keras_ts.panel.inferring import disorder, gaps_in, inferred
from keras_ts.panel.rows import concatenated_offsets
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
HOURS = {"day": 20, "weekday": 20, "day of month": 200}
# In this order, the first of those that leave equally few gaps.
RULES = ["day of month", "day", None, "weekday"]


def of_rule(rule, days, latest):
    """Number the days of one series, or return None."""
    if rule == "day":
        return [day.toordinal() for day in days]
    if rule == "weekday" and all(day.weekday() < 5 for day in days):
        return [(day.toordinal() - 1) // 7 * 5 + day.weekday() for day in days]
    if rule == "day of month" and all(is_last(day) or day.day == latest for day in days):
        return [12 * day.year + day.month for day in days]
    return None


def numbers_by(rule, panel):
    """Number the rows of all series, or return None."""
    if rule is None:
        return [[utc for utc, _ in pairs] for pairs in panel]
    clocks = [[local for _, local in pairs] for pairs in panel]
    of_day = [m - datetime.combine(m, datetime.min.time()) for clock in clocks for m in clock]
    latest = max(m.day for clock in clocks for m in clock)
    made = []
    for pairs, clock in zip(panel, clocks, strict=True):
        ahead = [local - utc for utc, local in pairs]
        forward = [0 * DAY, *(after - before for before, after in pairwise(ahead))]
        for moment, jump in zip(clock, forward, strict=True):
            late = moment - datetime.combine(moment, datetime.min.time()) - min(of_day)
            if late not in (0 * DAY, jump):
                return None
        made.append(of_rule(rule, [moment.date() for moment in clock], latest))
    return None if None in made else made


def naive(panel, zone):
    """The rule, step and gaps of a panel of pairs of UTC and local time; None without any."""
    panel, found, fixed = [pairs for pairs in panel if pairs], [], None
    for rule in RULES if panel else ():
        if rule == "day" and not zone:
            continue
        series = numbers_by(rule, panel)
        utc = [after[0] - before[0] for pairs in panel for before, after in pairwise(pairs)]
        counts = Counter(utc)
        fixed = min(counts, key=lambda step: (-counts[step], step), default=None)
        if series is None or fixed is None or (rule and fixed < HOURS[rule] * HOUR):
            continue
        steps = [[b - a for a, b in pairwise(ticks)] for ticks in series]
        if rule and any(step <= 0 for own in steps for step in own):
            continue
        counts = Counter(step for own in steps for step in own)
        usual = min(counts, key=lambda step: (-counts[step], step))
        places = sum(sum(step // usual for step in own) + 1 for own in steps)
        often = 2 * counts[usual] > counts.total() or 2 * sum(map(len, series)) >= places
        if not often or any(step % usual for step in counts):
            continue
        gaps, begin = [], 0
        for own in steps:
            gaps += [begin + place for place, step in enumerate(own, 1) if step != usual]
            begin += len(own) + 1
        sparse = any(
            len(own) > 1 and usual not in own
            and 2 * (len(own) + 1) < sum(step // usual for step in own) + 1
            for own in steps
        )  # fmt: skip
        found.append((len(gaps), rule, usual, gaps, sparse))
    if not found:
        return None
    _, rule, usual, gaps, sparse = min(found, key=lambda one: one[0])
    return None if sparse else (rule, usual, gaps)


def found(panel, unit="us", zone=True, like=None):
    """The rule, step and gaps that are inferred of a panel of pairs."""
    flat = [pair for pairs in panel for pair in pairs]
    times = np.array([pair[0] for pair in flat], f"M8[{unit}]")
    local = np.array([pair[1] for pair in flat], f"M8[{unit}]") if zone else None
    offsets = concatenated_offsets([len(pairs) for pairs in panel])
    frequency, disagreeing = inferred(times, offsets, local, like)
    if frequency is None:
        assert (disagreeing is None) == all(len(pairs) < 2 for pairs in panel)
        return None
    step = frequency.step if frequency.rule else np.timedelta64(frequency.step, unit).item()
    clock = local if frequency.local else times
    return frequency.rule, step, gaps_in(frequency, clock, offsets).tolist(), str(frequency)


@st.composite
def regular(draw, kind=None, rows=40, lost=3):
    """A regular series on a clock without the rows that were removed, and its gaps."""
    kind = draw(st.sampled_from(list(REGULAR))) if kind is None else kind
    moments = REGULAR[kind](draw(STARTS), rows)
    forward = draw(st.sampled_from([-2, -1, 0, 1, 2])) * HOUR / 2
    change = moments[draw(st.integers(1, rows - 1))] + draw(st.sampled_from([-1, 0, 1])) * HOUR / 2
    pairs = on_a_clock(moments, change, forward, kind in IN_UTC)
    removed = draw(st.sets(st.integers(1, rows - 2), max_size=lost))
    kept = [row for row in range(rows) if row not in removed]
    places = [i for i, (before, row) in enumerate(pairwise(kept), 1) if row > before + 1]
    return kind, [pairs[row] for row in kept], places


@given(regular(), st.sampled_from(["s", "ms", "us", "ns"]))
def test_gaps_are_where_rows_were_removed(series, unit):
    kind, pairs, places = series
    assert found([pairs], unit)[2:] == (places, NAMES[kind])


@pytest.mark.parametrize("kind", REGULAR)
@pytest.mark.parametrize("block", [1, 60, 1 << 19])
def test_series_of_a_panel_have_one_frequency(kind, block, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", block)
    moments = REGULAR[kind](datetime(1969, 1, 1, 16), 40)
    pairs = list(zip(moments, moments, strict=True))
    panel = [pairs, [], pairs[30:], pairs[:1], pairs[:20] + pairs[21:], pairs[7:9]]
    for zone in (False, True):
        assert found(panel, zone=zone)[2:] == ([71], NAMES[kind])
        # A row that is late is no missing row.
        late = [*pairs[:20], (pairs[20][0] + HOUR / 60 / 2,) * 2, *pairs[21:]]
        assert found([*panel, late], zone=zone) is None


@st.composite
def disturbed(draw):
    """A few rows of a regular series, of which some are late: often regular by no count."""
    kind = draw(st.sampled_from(["days", "weekdays", "weeks", "month ends", "half hours"]))
    moments = REGULAR[kind](draw(STARTS), draw(st.integers(1, 12)))
    late = st.sampled_from([0 * DAY] * 9 + [HOUR / 2, HOUR, DAY, 3 * DAY, -DAY])
    moments = sorted({moment + draw(late) for moment in moments})
    change = draw(st.sampled_from(moments)) + draw(st.sampled_from([-1, 0, 1])) * HOUR / 2
    forward = draw(st.sampled_from([-24, -1, 0, 0.5, 1, 24])) * HOUR
    pairs = on_a_clock(moments, change, forward, draw(st.booleans()))
    return pairs if all(a[0] < b[0] for a, b in pairwise(pairs)) else pairs[:1]


@given(st.lists(disturbed(), max_size=3))
def test_a_panel_takes_the_count_that_leaves_the_fewest_gaps(panel):
    plain = [[(utc, utc) for utc, _ in pairs] for pairs in panel]
    for zone, series in ((True, panel), (False, plain)):
        made = found(series, zone=zone)
        assert (made and made[:3]) == naive(series, zone)


def test_the_hour_that_a_clock_shows_twice_may_not_be_missing():
    hours = REGULAR["hours"](datetime(2024, 10, 27), 24)
    pairs = on_a_clock(hours, hours[10], -HOUR, True)
    assert found([pairs[:10] + pairs[11:]])[2] == [10]


@pytest.mark.parametrize("hour", [0, 2])
def test_a_day_that_begins_late_is_regular(hour):
    days = REGULAR["days"](datetime(2018, 10, 20, hour), 30)
    utc = [day - HOUR * (day > days[15]) for day in days]
    local = [*days[:15], days[15] + HOUR, *days[16:]]
    pairs = list(zip(utc, local, strict=True))
    assert found([pairs])[2] == []
    assert found([pairs[:15] + pairs[16:]])[2] == [15]
    early = [*pairs[:15], (utc[15] - HOUR / 2, local[15] - HOUR / 2), *pairs[16:]]
    assert found([early]) is None


@pytest.mark.parametrize(
    ("kinds", "steps"),
    [(["days", "weeks"], (1, 41)), (["days", "hours"], (1, 41)), (["hours", "days"], (1, 41)),
     (["month ends", "fifth of the month"], (1, 2))],
)  # fmt: skip
def test_series_of_several_frequencies_have_none_together(kinds, steps):
    panel = [array(REGULAR[kind](EPOCH, 40)) for kind in kinds]
    made = inferred(np.concatenate(panel), np.array([0, 40, 80]))
    assert made.frequency is None
    assert tuple(sorted(made.disagreeing)) == steps


def test_shops_that_close_on_weekends_are_daily_beside_daily_ones():
    days, weekdays = (REGULAR[kind](datetime(2024, 1, 1), 40) for kind in ("days", "weekdays"))
    panel = [[(day, day) for day in own] for own in (weekdays, days, weekdays)]
    assert found(panel)[1] == 1
    assert found(panel)[2][:8] == [5, 10, 15, 20, 25, 30, 35, 85]
    assert found([panel[0], panel[2]])[2:] == ([], "1 weekday")


def test_a_few_rows_far_apart_have_no_frequency():
    days = stepping(DAY)(EPOCH, 60)
    assert frequency_of([days[at] for at in (0, 1, 3, 7, 9, 10, 14, 17, 19, 24, 25)]) is None
    fridays = [day for day in stepping(DAY)(datetime(2024, 1, 1), 400)
               if day.weekday() == 4 and 15 <= day.day <= 21]  # fmt: skip
    assert frequency_of(fridays) is None


def test_days_of_dates_alone():
    days = np.delete(np.arange(date(2024, 1, 1), date(2024, 2, 1), dtype="M8[D]"), 9)
    assert gaps_in(frequency_of_array(days), days, np.array([0, 30])).tolist() == [9]


# Numbers.


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float32", "float64"])
def test_numbers_have_the_most_frequent_step_if_it_divides_the_others(dtype):
    times = np.array([0, 2, 4, 10, 12, 0, 2, 8], dtype)
    offsets = np.array([0, 5, 8])
    found, _ = inferred(times, offsets)
    assert (found.step, gaps_in(found, times, offsets).tolist()) == (2, [3, 7])
    assert inferred(np.append(times, times.dtype.type(11)), np.array([0, 5, 9])) == (None, (1, 8))


def test_the_largest_numbers_have_a_step():
    for times in ([-(2**63), 2**63 - 1], [0, 2**63 - 1], [-(2**63), 0]):
        assert frequency_of_array(np.array(times)).step == times[1] - times[0]


def test_nothing_has_no_frequency():
    for kind in ("i8", "u8", "f8", "M8[s]"):
        for offsets in ([0], [0, 0, 0]):
            assert inferred(np.empty(0, kind), np.array(offsets)) == (None, None)
            assert disorder(np.empty(0, kind), np.array(offsets)) is None
        assert inferred(np.zeros(2, kind), np.array([0, 1, 2])) == (None, None)


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


# Few rows.


def test_few_rows_have_the_frequency_that_they_are_expected_to_if_they_keep_to_it():
    week = stepping(DAY)(datetime(2024, 1, 1), 5)
    for local in (None, [moment + 2 * HOUR for moment in week]):
        assert str(frequency_of(week, local)) == "1 day"
        assert str(frequency_of(week, local, like="1 weekday")) == "1 weekday"
        for like in ("2 days", "1 hour", "month end", "nothing", "7 days"):
            assert str(frequency_of(week, local, like=like)) == "1 day"
    in_utc = frequency_of(week, week, like="1 day in UTC")
    assert (str(in_utc), in_utc.local) == ("1 day in UTC", False)
    # Seven days hold a weekend, and a missing row is one by either count.
    whole = stepping(DAY)(datetime(2024, 1, 1), 7)
    assert str(frequency_of(whole, like="1 weekday")) == "1 day"
    assert str(inferred(np.arange(5), np.array([0, 5]), like="1 weekday").frequency) == "steps of 1"


def test_short_series_of_months_are_months():
    """Four years may have 365 days each, and two months 31."""
    for month, day in ((1, 1), (6, 30), (12, 31)):
        years = [datetime(year, month, day) for year in (2021, 2022, 2023)]
        assert str(frequency_of(years)).endswith(", every 12 months")
        ahead = following(frequency_of(years), array(years)[-1], 2).tolist()
        assert ahead == [datetime(2024, month, day), datetime(2025, month, day)]
    assert str(frequency_of([datetime(2023, 7, 31), datetime(2023, 8, 31)])) == "month end"
    assert str(frequency_of([datetime(2023, 2, 1), datetime(2023, 3, 1)])) == "month start"
    assert str(frequency_of(stepping(28 * DAY)(datetime(2024, 1, 5), 4))) == "28 days"


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
