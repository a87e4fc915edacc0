"""An error returns if most of those at its phase are alike, larger than noise, and no chance."""

import calendar
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.panel.cycles import waves, weekday
from keras_ts.presets.event_days import (
    MovingEvent,
    _by_chance,
    date_names,
    medians,
    noise_by_day,
    nth_weekdays,
    numbered,
    observed,
    returning,
    returning_by_step,
    working_dates,
)


def by_definition(phases, errors):
    """The same, a phase at a time."""
    count = len(set(phases.tolist()))
    bound = np.std(errors) * math.sqrt(2 * math.log(count))
    table = []
    for phase in range(count):
        here = errors[phases == phase].tolist()
        middle = [sorted(here)[(len(here) - 1) // 2], sorted(here)[len(here) // 2]]
        one_way = min(middle) > 0 or max(middle) < 0
        median = min(middle, key=abs) if one_way and len(here) > 1 else 0.0
        side = math.copysign(1, median)
        large = sum(side * error > bound for error in here)
        others = errors[phases != phase]
        share = (np.sum(side * others > bound) + 1) / (len(others) + 1)
        chance = count * math.comb(len(here), large) * share**large
        kept = count > 1 and abs(median) > bound and side * here[-1] > bound and chance <= 0.05
        table.append(median if kept else 0.0)
    return table


@given(st.integers(0, 10_000), st.integers(1, 90), st.integers(1, 30), st.floats(0, 40))
def test_what_returns_is_what_the_definition_says(seed, rows, count, size):
    """Errors with heavy tails, so that some phases are found and others not."""
    generator = np.random.default_rng(seed)
    phases = np.unique(generator.integers(0, count, rows), return_inverse=True)[1]
    errors = generator.normal(size=rows) ** 3
    errors += np.where(phases == 1, size, 0.0) - np.where(phases == 2, size / 2, 0.0)
    np.testing.assert_array_equal(returning(phases, errors), by_definition(phases, errors))


@given(st.integers(0, 10_000), st.integers(1, 90))
def test_medians_lean_to_zero(seed, rows):
    generator = np.random.default_rng(seed)
    phases = np.unique(generator.integers(0, 20, rows), return_inverse=True)[1]
    errors = generator.integers(-3, 4, rows).astype(float)
    for phase, found in enumerate(medians(phases, errors)):
        here = errors[phases == phase]
        either = np.quantile(here, 0.5, method="lower"), np.quantile(here, 0.5, method="higher")
        lone = len(here) == 1 or either[0] * either[1] <= 0
        assert found == (0 if lone else min(either, key=abs))


def days(years=3, seed=0):
    noise = np.random.default_rng(seed).normal(size=365 * years)
    return np.arange(365 * years) % 365, noise


def found(phases, errors):
    return np.flatnonzero(returning(phases, errors)).tolist()


def test_one_day_of_each_year_is_found():
    phases, errors = days()
    errors[phases == 358] -= 9
    assert found(phases, errors) == [358]
    assert returning(phases, errors)[358] == np.median(errors[phases == 358])


@pytest.mark.parametrize("added", [[9, 0, 0], [9, -9, 0], [0, 9, -9], [9, 9, 0]])
def test_what_does_not_return_or_is_over_is_no_event(added):
    phases, errors = days()
    errors[phases == 100] += added
    assert found(phases, errors) == []


def test_two_of_three_are_enough_and_one_alone_is_not():
    phases, errors = days()
    errors[phases == 100] += [9, 0, 9]
    assert found(phases, errors) == [100]
    assert found(phases[:365], errors[:365]) == []


def test_a_year_has_many_holidays():
    phases, errors = days(4)
    holidays = np.arange(10, 365, 37)
    errors[np.isin(phases, holidays)] -= 12
    assert found(phases, errors) == holidays.tolist()


@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(0, 1))
def test_chance_is_that_of_the_definition(seed, rows, share):
    generator = np.random.default_rng(seed)
    phases = np.unique(generator.integers(0, 9, rows), return_inverse=True)[1]
    large = generator.random(rows) < share
    left_out = generator.random(phases.max() + 1) < 0.3
    for phase, expected in enumerate(_by_chance(phases, large, left_out)):
        here = phases == phase
        others = ~here & ~left_out[phases]
        elsewhere = (np.sum(large[others]) + 1) / (np.sum(others) + 1)
        ways = math.comb(np.sum(here), np.sum(large[here]))
        assert expected == pytest.approx(ways * elsewhere ** np.sum(large[here]))


@pytest.mark.parametrize("size", [40, -40])
@pytest.mark.parametrize("years", [2, 3, 4])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.04, 0.08])
def test_rare_shocks_of_random_days_are_no_events(share, years, size):
    """At most one of twenty series has an event that is none."""
    told = 0
    for seed in range(20):
        phases, errors = days(years, seed)
        errors += size * (np.random.default_rng(seed + 100).random(len(errors)) < share)
        told += len(found(phases, errors))
    assert told <= 1


def test_each_step_has_its_own_effect():
    """Late forecasts of day 100 know it, early ones do not; those of day 101 are the other way."""
    phases, noise = days()
    errors = noise[:, None] + 0.1 * np.random.default_rng(1).normal(size=(len(noise), 4))
    errors[phases == 100, 1:] -= 20
    errors[phases == 101, 0] += 20
    effects = returning_by_step(phases, errors)
    assert np.argwhere(effects).tolist() == [[100, 1], [100, 2], [100, 3], [101, 0]]
    medians_there = np.median(errors[phases == 100, 1:], axis=0)
    np.testing.assert_array_equal(effects[100, 1:], medians_there)


def test_large_events_hide_no_smaller_ones():
    phases, errors = days()
    errors[phases < 9] -= 40
    errors[phases == 200] += 12
    assert found(phases, errors - np.median(errors)) == list(range(9))
    effects = returning_by_step(phases, errors[:, None])
    assert np.flatnonzero(effects).tolist() == [*range(9), 200]
    assert np.sign(effects[[0, 8, 200], 0]).tolist() == [-1, -1, 1]


@pytest.mark.parametrize(("years", "shut"), [(2, 9), (3, 25)])
def test_days_in_a_row_are_no_chance_to_one_another(years, shut):
    phases, errors = days(years)
    errors[phases < shut] -= 80
    assert found(phases, errors) == []
    effects = returning_by_step(phases, errors[:, None])
    assert np.flatnonzero(effects).tolist() == list(range(shut))


def test_what_late_forecasts_show_holds_for_early_ones_that_err_more():
    """Where early forecasts do not deny it: a day whose early forecasts are right is left alone."""
    phases, errors = days()
    far = 15 * np.random.default_rng(1).normal(size=len(errors))
    shown = {100: [-25, -30, -15], 101: [0, 5, -5], 102: [-12, -14, -5], 103: [-8, -9, -5]}
    for day, of_day in shown.items():
        errors[phases == day] -= 20
        far[phases == day] = of_day
    effects = returning_by_step(phases, np.stack([errors, far], axis=1))
    late = effects[[*shown], 0]
    assert (late < -16).all()
    # Half as large an error is no denial, and less is.
    assert effects[[*shown], 1].tolist() == [late[0], 0, -12, 0]
    assert np.count_nonzero(effects) == 6
    swapped = returning_by_step(phases, np.stack([far, errors], axis=1))
    np.testing.assert_array_equal(swapped, effects[:, ::-1])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.04])
def test_rare_shocks_are_no_events_of_walks(share):
    """Errors of early forecasts are sums of shocks, which neighbouring days share."""
    told = 0
    for seed in range(20):
        phases, steps = days(3, seed)
        steps += 40 * (np.random.default_rng(seed + 100).random(len(steps)) < share)
        sums = np.cumsum(steps - steps.mean())
        errors = np.stack([sums - np.roll(sums, lag) for lag in range(1, 8)], axis=1)[8:]
        phases = np.unique(phases[8:], return_inverse=True)[1]
        told += returning_by_step(phases, errors).any()
    assert told <= 1


def test_nothing_comes_of_nothing():
    assert returning(np.zeros(0, int), np.zeros(0)).tolist() == []
    assert returning(np.arange(20) % 5, np.zeros(20)).tolist() == [0.0] * 5
    assert returning(np.zeros(9, int), np.full(9, 3.0)).tolist() == [0.0]


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
    assert [(near.weekdays[0] - weekday) % 7 for near in later.values()] == [1, 6, 2, 5, 3, 4, 4]
    after = f"the {calendar.day_name[(weekday + 1) % 7]} after {name}"
    np.testing.assert_array_equal(DAYS[later[after].among(DAYS)], DAYS[event.among(DAYS)] + 1)


@pytest.mark.parametrize("moment", [np.timedelta64(0, "h"), NOON])
def test_its_points_are_those_of_the_calendar_on_its_days_alone(moment):
    whole = working_dates(DAYS)[1][1]
    for event in (nth(0, 1, 0, 0), nth(1, 2, 6, -1), next(iter(observed(DAYS[[0]]))), whole):
        year, week = event.points(moment)
        at = waves(["week", "year"], DAYS + moment, None)
        gaps = np.abs(at[:, None] - np.concatenate([week, year], axis=1)).max(axis=2)
        # One point each: two would add the effect twice.
        np.testing.assert_array_equal((gaps < 2e-6).sum(axis=1), event.among(DAYS))


def test_a_day_has_one_number_and_fifth_weekdays_are_no_events():
    for tried in (nth_weekdays(DAYS, 0), nth_weekdays(DAYS, 1), working_dates(DAYS)):
        numbers, events = tried
        assert events.count(None) in (12 * 7, 1)
        for number, event in enumerate(events):
            here = numbers == number
            if event is not None:
                np.testing.assert_array_equal(event.among(DAYS), here)
            elif len(events) == 367:  # dates
                np.testing.assert_array_equal(~np.is_busday(DAYS), here)
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
    assert MovingEvent((0,), (0, 365)).name == "January 1 on a Monday"
    whole = MovingEvent((0, 1, 2, 3, 4), (358, 724))
    assert whole.name == "December 25 from Monday to Friday"
    beside = [near.name for near in whole.neighbours()]
    assert beside[0] == "December 26 from Tuesday to Saturday"
    assert beside[1] == "December 24 from Sunday to Thursday"
    assert beside[7:9] == ["December 25 on a Saturday", "December 25 on a Sunday"]


def test_noise_is_that_of_wild_weekdays_and_seasons():
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(len(DAYS), 2, 2))
    np.testing.assert_array_equal(noise_by_day(DAYS, errors), np.ones((len(DAYS), 1, 2)))
    np.testing.assert_array_equal(noise_by_day(DAYS, errors * 0), np.ones((len(DAYS), 1, 2)))
    saturday = weekday(DAYS) == 5
    errors[saturday, :, 0] *= 4
    errors[saturday, :, 0] += 1000 * (rng.random(saturday.sum()) < 0.1)[:, None]  # events
    noise = noise_by_day(DAYS, errors)
    np.testing.assert_allclose(noise[saturday, 0, 0], 4, rtol=0.3)
    np.testing.assert_array_equal(noise[~saturday], 1)
    np.testing.assert_array_equal(noise[..., 1], 1)
    month = DAYS.astype("datetime64[M]").astype(int) % 12
    summer = np.isin(month, [5, 6, 7])
    errors[summer] *= 3
    again = noise_by_day(DAYS, errors)
    assert (again[summer, 0] / noise[summer, 0]).min() > 1.5
    assert (again[month == 6, 0] / noise[month == 6, 0]).min() > 2
    np.testing.assert_array_equal(
        again[DAYS.astype("datetime64[M]").astype(int) % 12 == 0, 0, 1], 1
    )
