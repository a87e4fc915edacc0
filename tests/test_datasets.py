"""The course's series, bit for bit, and a table of stores that is what its docstring says."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import course_series
from keras_ts.datasets import store_sales


def test_course_series():
    series = course_series()
    assert series.dtype == np.float32
    assert [str(v) for v in series[:3]] == ["52.48357", "49.35275", "53.314735"]
    validation = series[1000:]
    assert abs(np.abs(np.diff(series)[999:]).mean() - 5.938) < 5e-4
    assert len(validation) == 461


@pytest.fixture(scope="module")
def frames():
    return [pd.DataFrame(columns) for columns in store_sales()]


def test_columns_and_rows(frames):
    table, plan = frames
    assert list(table.columns) == ["store", "day", "units", "promotion", "type"]
    assert list(plan.columns) == ["store", "day", "promotion", "type"]
    # Three years with three closed days each; two weeks with two.
    assert table.groupby("store").size().tolist() == [1096 - 6] * 6
    assert plan.groupby("store").size().tolist() == [14 - 2] * 6
    assert table.groupby("store", sort=False)["type"].unique().map(list).tolist() == [
        ["city"], ["mall"], ["outlet"], ["city"], ["mall"], ["outlet"],
    ]  # fmt: skip
    assert table["units"].min() >= 0
    polars = [pl.DataFrame(columns) for columns in store_sales()]
    assert polars[0]["day"].dtype == pl.Date
    assert polars[0]["units"].to_list() == table["units"].tolist()
    assert polars[1]["store"].to_list() == plan["store"].tolist()


def test_closed_days_have_no_row(frames):
    table, plan = frames
    rows = pd.concat(frames)
    assert not rows["day"].dt.strftime("%m-%d").isin(["12-25", "01-01"]).any()
    for _, days in rows.groupby("store")["day"]:
        assert days.diff().dt.days.dropna().isin([1, 2]).all()
        assert (days.diff().dt.days == 2).sum() == 8
    assert str(table["day"].max().date()) == "2024-12-20"
    first, last = (str(day.date()) for day in (plan["day"].min(), plan["day"].max()))
    assert (first, last) == ("2024-12-21", "2025-01-03")


def test_the_same_seed_gives_the_same_sales_and_a_part_of_the_stores_is_smaller():
    table, plan = store_sales(2, 30, horizon=3, seed=5)
    again, _ = store_sales(2, 30, horizon=3, seed=5)
    other, _ = store_sales(2, 30, horizon=3, seed=6)
    assert (table["units"] == again["units"]).all()
    assert (table["units"] != other["units"]).any()
    assert (len(table["units"]), len(plan["day"])) == (60, 6)
    with pytest.raises(ValueError, match="stores must be >= 1"):
        store_sales(0)


def test_what_the_sales_are_made_of(frames):
    """A regression of their logarithm finds uplift, levels, weeks, wave and noise again."""
    table, _ = frames
    large = table[table["units"] > 0]
    days = (large["day"] - large["day"].min()).dt.days.to_numpy()
    phase = 2 * np.pi * days / 365.25
    weeks = pd.get_dummies(large["type"] + large["day"].dt.day_name()).to_numpy(float)
    stores = pd.get_dummies(large["store"]).to_numpy(float)
    known = [large["promotion"], np.sin(phase), np.cos(phase)]
    inputs = np.column_stack([*known, stores, stores * days[:, None] / 365.25, weeks])
    logs = np.log(large["units"].to_numpy(float))
    found, *_ = np.linalg.lstsq(inputs, logs, rcond=None)
    assert np.exp(found[0]) == pytest.approx(1.6, abs=0.02)
    assert np.hypot(*found[1:3]) == pytest.approx(0.15, abs=0.01)
    errors = (logs - inputs @ found)[large["store"].isin(["store 5", "store 6"])]
    assert errors.std() == pytest.approx(0.08, abs=0.01)
    means = table.groupby("store")["units"].mean()
    assert means.is_monotonic_increasing
    assert means.iloc[0] < 40
    assert means.iloc[-1] > 3000


def test_promotions_last_three_to_seven_days_and_differ_by_store(frames):
    table, plan = frames
    open_days = pd.concat(frames).sort_values(["store", "day"])
    runs = []
    for _, store in open_days.groupby("store"):
        on = store.set_index("day")["promotion"].asfreq("D").ffill().to_numpy()
        edges = np.flatnonzero(np.diff(np.concatenate([[0], on, [0]])))
        runs += (edges[1::2] - edges[::2]).tolist()[1:-1]
    # A run may end or begin on a closed day.
    assert min(runs) >= 2
    assert max(runs) <= 8
    shares = table.groupby("store")["promotion"].mean()
    assert shares.between(0.2, 0.32).all()
    assert plan["promotion"].nunique() == 2
    assert (
        table.pivot(index="day", columns="store", values="promotion").corr().abs().min().min() < 0.2
    )
