"""A series whose later values change keeps its form, its types and all that is known ahead."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import WindowedSeries, check_leakage

FRAME = pd.DataFrame({
    "day": np.repeat(pd.date_range("2024-01-01", periods=12), 2),
    "shop": ["a", "b"] * 12,
    "units": np.arange(24),
    "price": np.linspace(1, 2, 24, dtype=np.float32),
    "stock": pd.array([None, *range(23)], dtype="Int16"),
    "rate": pd.array([0.5, None] * 12, dtype="Float64"),
    "open": [True, False, False] * 8,
    "plan": np.linspace(5, 6, 24),
    "size": [1.0, 2.0] * 12,
    "kind": list("xyzz") * 6,
    "since": pd.date_range("2023-01-01", periods=24),
}).sample(frac=1, random_state=0).sort_values("day", kind="stable")  # fmt: skip
SHOPS = WindowedSeries(
    3,
    target_columns="units",
    future_columns=["plan", "made later"],
    static_columns=["size"],
    calendar=["week"],
    id_column="shop",
    time_column="day",
)


def seen(series, windows):
    """Return what a pipeline got that does not look ahead: the series twice, then changed ones."""
    calls = []

    def predict(given):
        calls.append(given)
        return windows.build(given).to_numpy()[0].sum(axis=1)

    assert check_leakage(predict, series, windows).ok
    return calls


@pytest.mark.parametrize("library", [pd.DataFrame, pl.from_pandas])
@pytest.mark.parametrize("missing", ["raise", "mask"])
def test_a_frame_keeps_its_kind_and_what_is_known(library, missing):
    """Later numbers change where there are any; types, missing values, plans and texts stay."""
    frame, calls = library(FRAME), []
    made = WindowedSeries(3, target_columns="units", id_column="shop", time_column="day")

    def predict(given):
        calls.append(given)
        return made.build(given[["shop", "day", "units"]]).to_numpy()[0].sum(axis=(1, 2))

    assert check_leakage(predict, frame, replace(SHOPS, missing=missing)).ok
    before, *after = [frame, *calls]
    if library is pl.from_pandas:
        before, *after = [given.to_pandas() for given in [frame, *calls]]
    late = before["day"] == before["day"].max()
    for called, given in zip(calls, after, strict=True):
        assert type(called) is type(frame)
        assert list(called.dtypes) == list(frame.dtypes)
        assert given.index.equals(before.index)
        assert (given.isna() == before.isna()).all(axis=None)
        for column in ("day", "shop", "plan", "size", "kind", "since"):
            assert given[column].equals(before[column])
    for column in ("units", "price", "stock", "open"):
        assert any((given[column] != before[column])[late].all() for given in after)


@pytest.mark.parametrize("make", [pd.Series, pl.Series])
def test_columns_stay_columns(make):
    column = make("x", np.arange(1, 9)) if make is pl.Series else make(np.arange(1, 9), name="x")
    first, again, *others = seen(column, WindowedSeries(2))
    assert first.to_list() == again.to_list() == column.to_list()
    assert any(called.to_list() != column.to_list() for called in others)
    for called in others:
        assert (type(called), called.dtype, called.name) == (make, column.dtype, "x")


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "uint64", "float16", "float32", "?"])
def test_values_fit_their_type_and_stay_positive(dtype):
    values = np.random.default_rng(0).uniform(0, 100, 60)
    values = values > 50 if dtype == "?" else values.astype(dtype)
    calls = seen(values, WindowedSeries(3))
    for called in calls:
        assert called.dtype == values.dtype
        assert (called >= 0).all()
        assert np.isfinite(called.astype(float)).all()
    assert any((given != values).any() for given in calls)


def test_shares_stay_shares_and_counts_that_are_never_zero_too():
    generator = np.random.default_rng(0)
    for called in seen(generator.uniform(0.1, 0.9, 60), WindowedSeries(3)):
        assert ((called > 0) & (called < 1)).all()
    for called in seen(generator.poisson(2, 60) + 1, WindowedSeries(3)):
        assert called.min() >= 1


def test_series_have_ranges_of_their_own():
    """The second series is 1,000 times as large."""
    panel = [np.random.default_rng(0).normal(size=30) * scale for scale in (1, 1000)]
    calls = seen(panel, WindowedSeries(3))
    assert max(np.abs(small).max() for small, _ in calls) < 20
    assert max(np.abs(large).max() for _, large in calls) > 3000


def test_gaps_in_time_that_are_filled():
    """Rows stand where they stood, though the windows count those that are missing, too."""
    days = pd.date_range("2024-01-01", periods=30).delete([4, 17])
    values = np.random.default_rng(0).normal(size=28)
    frame = pd.concat([pd.DataFrame({"id": i, "day": days, "y": values}) for i in range(2)])
    frame = frame.sort_values("day", kind="stable").reset_index(drop=True)
    windows = WindowedSeries(
        3, target_columns="y", id_column="id", time_column="day", missing="mask"
    )

    def predict(shift, given):
        given = given.assign(y=given.groupby("id")["y"].shift(shift).fillna(0.0))
        return np.nan_to_num(windows.build(given).to_numpy()[0]).sum(axis=(1, 2))

    assert check_leakage(partial(predict, 1), frame, windows).ok
    assert not check_leakage(partial(predict, -1), frame, windows).ok


def test_windows_that_holes_and_gaps_leave():
    """The pipeline drops windows, and makes a column that the windows name."""
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=20), "units": np.arange(20.0)})
    frame.loc[4, "units"] = np.nan
    frame = frame.drop(index=12).assign(kind="x")
    windows = WindowedSeries(
        2, target_columns="units", future_columns="lag", time_column="day", missing="drop"
    )
    totals = []
    for fill in (False, True):

        def predict(given, fill=fill):
            units = given["units"].ffill() if fill else given["units"]
            given = given[["day"]].assign(units=units, lag=given["units"].shift(1).fillna(0.0))
            return windows.build(given).to_numpy()[0]["past"][:, :, 0].sum(axis=1)

        report = check_leakage(predict, frame, windows)
        assert report.ok
        totals.append(report.forecasts)
    assert totals == [12, 15]


@pytest.mark.parametrize("columns", [{}, {"future_columns": [-1, 9], "static_columns": [7]}])
def test_columns_of_an_array(columns):
    series = np.random.default_rng(0).normal(size=(30, 4))
    before, calls = series.copy(), []

    def predict(given):
        calls.append(given.copy())
        given[:] = np.cumsum(given, axis=0)
        return given[1:-1].sum(axis=1)

    assert check_leakage(predict, series, WindowedSeries(2, target_columns=0, **columns)).ok
    assert (series == before).all()
    changed = np.any([given != series for given in calls], axis=(0, 1))
    assert changed.tolist() == [True, True, True, not columns]
