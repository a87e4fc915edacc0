"""A column that tells the target is named, whatever function it is; an honest one never is."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import WindowedSeries, check_leakage
from keras_ts.checks.disguise import OpenTarget
from keras_ts.datasets import store_sales

DAYS = 240
WEEK = np.array([1.1, 1.1, 1.1, 1.15, 1.25, 0.85, 0.45])[np.arange(DAYS) % 7]


def sales(seed, noise=0.08):
    """Return daily sales with promotions, the promotions, and the generator."""
    generator = np.random.default_rng(seed)
    promotion = (generator.random(DAYS) < 0.25) * 1.0
    noisy = 1 + noise * generator.standard_normal(DAYS)
    return np.rint(200 * WEEK * (1 + 0.6 * promotion) * noisy), promotion, generator


def disguise(target, column, distances=range(-6, 8)):
    """Return what is seen of a column of one series."""
    open_target = OpenTarget(np.asarray(target, np.float64), np.array([0, len(target)]))
    return open_target.explained_by(np.asarray(column, np.float64), distances)


FUNCTIONS = {
    "with tax": lambda units: np.round(1.19 * units, 2),
    "in hundreds": lambda units: np.round(units / 100, 1),
    "logarithm": np.log1p,
    "square": lambda units: (units + 5) ** 2,
    "left in stock": lambda units: 1000 - units,
    "tiers of a bonus": lambda units: units + 0.3 * np.maximum(units - 200, 0),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
@given(seed=st.integers(0, 1000), ahead=st.integers(-6, 7))
def test_a_function_of_the_target_is_seen_with_its_distance(function, seed, ahead):
    units = sales(seed)[0]
    distance, share = disguise(units, np.roll(function(units), -ahead))
    assert distance == ahead
    assert share > 0.99


@given(st.integers(0, 1000))
def test_the_customers_of_the_day_are_seen(seed):
    units, _, generator = sales(seed, noise=0.15)
    customers = np.rint(units * 5 * (1 + 0.01 * generator.standard_normal(DAYS)))
    assert disguise(units, customers)[0] == 0


def weather(generator):
    year = 15 - 10 * np.cos(2 * np.pi * np.arange(DAYS) / 365)
    slow = np.cumsum(0.3 * generator.standard_normal(DAYS))
    return year + slow + 2 * generator.standard_normal(DAYS)


def heating(generator):
    celsius = weather(generator)
    return 100 - 3 * celsius + 2 * generator.standard_normal(DAYS), celsius


def elastic(generator):
    price = generator.uniform(3, 4, DAYS)
    return 200 - 30 * price + 2 * generator.standard_normal(DAYS), price


def sparse(generator):
    closed = generator.random(DAYS) < 0.7
    return np.where(closed, 0, 1 + generator.poisson(5, DAYS)), closed


def sparse_plan(generator):
    # How many hours the shop is open: none on most days, on which nothing is sold.
    hours = np.where(generator.random(DAYS) < 0.7, 0, generator.uniform(1, 9, DAYS))
    return np.where(hours > 0, 1 + generator.poisson(5, DAYS), 0), hours


def walk(generator, times=1):
    steps = generator.standard_normal(DAYS)
    for _ in range(times):
        steps = np.cumsum(steps)
    return steps, np.arange(DAYS)


def holiday(generator):
    units = sales(generator.integers(1000))[0]
    holidays = np.arange(DAYS) % 40 == 3
    return np.where(holidays, 0, units), holidays


HONEST = {
    "a promotion": lambda g: sales(g.integers(1000))[:2],
    "a promotion of ten times the sales": lambda g: (
        lambda p: (100 * (1 + 9 * p) * (1 + 0.03 * g.standard_normal(DAYS)), p)
    )(g.random(DAYS) < 0.3),
    "the price": elastic,
    "the weather": heating,
    "a closed day of sparse sales": sparse,
    "opening hours of sparse sales": sparse_plan,
    "a holiday": holiday,
    "the row's number beside a walk": walk,
    "the row's number beside a smooth walk": lambda g: walk(g, 2),
    "the row's number beside a smoother walk": lambda g: walk(g, 3),
    "the row's number beside a trend": lambda g: (
        np.arange(DAYS) + 0.5 * g.standard_normal(DAYS), np.arange(DAYS)
    ),
    "a trend without noise": lambda g: (5.0 * np.arange(DAYS), np.arange(DAYS)),
    "a season without noise": lambda g: (np.sin(np.arange(DAYS) / 5), np.sin(np.arange(DAYS) / 5)),
    "a smooth season": lambda g: (
        np.sin(np.arange(DAYS) / 20) + 1e-3 * g.standard_normal(DAYS), np.arange(DAYS)
    ),
    "a constant target": lambda g: (np.full(DAYS, 3.0), g.standard_normal(DAYS)),
    "a missing target": lambda g: (np.full(DAYS, np.nan), g.standard_normal(DAYS)),
    "noise": lambda g: (g.standard_normal(DAYS), g.standard_normal(DAYS)),
    "counts": lambda g: (g.poisson(1, DAYS), g.poisson(30, DAYS)),
    "the sales a week before": lambda g: (lambda u: (u[7:], u[:-7]))(sales(g.integers(1000))[0]),
}  # fmt: skip


@pytest.mark.parametrize("pair", HONEST.values(), ids=list(HONEST))
@given(seed=st.integers(0, 1000))
def test_honest_columns_are_left_alone(pair, seed):
    assert disguise(*pair(np.random.default_rng(seed))) is None


TARGETS = {
    "none or one": lambda g, n: (g.random(n) < g.uniform(0.05, 0.6)) * 1.0,
    "none or a pack of six": lambda g, n: (g.random(n) < 0.3) * 6.0,
    "none, one or two": lambda g, n: g.choice([0.0, 1.0, 2.0], n, p=[0.8, 0.19, 0.01]),
    "slow movers": lambda g, n: g.poisson(g.uniform(0.02, 3), n),
    "none or a batch": lambda g, n: np.where(g.random(n) < 0.7, 0, g.normal(1000, 50, n)),
    "a machine": lambda g, n: np.where(g.random(n) < 0.5, 0, g.normal(50, 2, n)),
    "two levels": lambda g, n: np.where(g.random(n) < 0.3, 100, 10) + g.normal(0, 0.1, n),
    "rare outliers": lambda g, n: np.where(g.random(n) < 0.02, 1e4, g.normal(0, 1, n)),
    "a rare third value": lambda g, n: np.where(np.arange(n) % 60 == 50, 100, g.random(n) < 0.3),
    "heavy tails": lambda g, n: np.exp(g.normal(0, 3, n)),
}  # fmt: skip


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
@given(seed=st.integers(0, 10_000), series=st.sampled_from([1, 1, 10]))
def test_noise_is_never_named_whatever_the_target(target, seed, series):
    generator = np.random.default_rng(seed)
    values = np.concatenate([target(generator, DAYS) for _ in range(series)]).astype(np.float64)
    open_target = OpenTarget(values, np.arange(series + 1) * DAYS)
    assert open_target.explained_by(generator.normal(15, 5, len(values)), range(-6, 8)) is None


def timetable(generator):
    slots = np.arange(DAYS) % 60
    return generator.gamma(0.5, 100, 60)[slots] * generator.normal(1, 0.01, DAYS), slots


def tickets(generator):
    """Tickets sold ahead, on 4 % of the days, beside some other sales."""
    sold = np.where(np.arange(DAYS) % 25 == 3, generator.uniform(500, 10000, DAYS), 0)
    return 50 + generator.normal(0, 10, DAYS) + sold * generator.normal(0.8, 0.02, DAYS), sold


@pytest.mark.parametrize("pair", [timetable, tickets])
@given(seed=st.integers(0, 1000))
def test_neither_the_calendar_nor_rare_events_are_named(pair, seed):
    assert disguise(*pair(np.random.default_rng(seed))) is None


def test_a_day_of_the_month_is_of_the_calendar():
    days = pd.date_range("2023-01-01", periods=730)
    generator = np.random.default_rng(0)
    values = generator.gamma(0.5, 100, 32)[days.day] * generator.normal(1, 0.01, 730)
    assert disguise(values, days.day) is None


def test_many_distances_of_many_series_are_tried_on_few_rows(monkeypatch):
    """Of the rows that a series has, most distances read some, and the likeliest three read all."""
    generator, hours, count = np.random.default_rng(0), 1024, 32
    values = generator.normal(10, 1, count * hours)
    open_target, read = OpenTarget(values, np.arange(count + 1) * hours), []

    def counting(self, x, rows, distance):
        read.append(len(rows))
        return original(self, x, rows, distance)

    original = OpenTarget._left_open
    monkeypatch.setattr(OpenTarget, "_left_open", counting)
    distance, share = open_target.explained_by(np.roll(np.log(values), -100), range(-168, 168))
    assert (distance, share > 0.99) == (100, True)
    assert len(read) == 336 + 3
    assert sum(read) < 0.05 * 336 * count * hours


def test_each_series_has_a_function_of_its_own():
    """Sales at the price of each shop: only within a shop do they tell its units."""
    shops = [sales(seed)[0] for seed in range(80)]
    offsets = np.arange(len(shops) + 1) * DAYS
    revenue = np.concatenate([(2 + price) * units for price, units in enumerate(shops)])
    open_target = OpenTarget(np.concatenate(shops), offsets)
    assert open_target.explained_by(revenue, [0]) == (0, pytest.approx(1, abs=1e-3))


def test_missing_rows_and_short_series_do_not_matter():
    units = sales(0)[0]
    column = np.sqrt(units)
    units[50:55] = np.nan
    column[100:110] = np.nan
    assert OpenTarget(units, np.array([0, 5, 20, DAYS])).explained_by(column, [0])[0] == 0
    assert OpenTarget(units[:20], np.array([0, 5, 20])).explained_by(column[:20], [0]) is None


def test_the_check_names_columns_of_tables_that_are_disguises_and_no_others():
    """Customers as known ahead, and tomorrow's in the past, are named; a promotion is not."""
    table = pd.DataFrame(store_sales(stores=3, days=200)[0])
    noise = 1 + 0.002 * np.random.default_rng(0).standard_normal(len(table))
    table["customers"] = table["units"] * noise
    table["tomorrow"] = table.groupby("store")["customers"].shift(-1)
    table = table.fillna({"tomorrow": 0.0})
    windows = WindowedSeries(
        14, 7, id_column="store", time_column="day", target_columns="units", missing="keep",
        future_columns=["customers", "promotion"], static_columns="type", calendar="week",
    )  # fmt: skip

    def predict(table):
        return windows.build(table).to_numpy()[0]["past"][:, -1, 0]

    report = check_leakage(predict, table, windows)
    assert {name: seen[:2] for name, seen in report.disguises.items()} == {
        "customers": ("units", 0),
        "tomorrow": ("units", 1),
    }
    assert not report.ok
    honest = table.drop(columns=["customers", "tomorrow"])
    windows = dataclasses.replace(windows, future_columns="promotion")
    assert check_leakage(predict, honest, windows).ok
