"""Frames of pandas, polars and Arrow: columns by name, ids as they are, gaps in time."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from helpers import joined
from keras_ts import WindowedSeries

DAYS = pd.date_range("2024-01-01", periods=30)


def table():
    frame = pd.DataFrame({"shop": np.repeat(["b", "a"], 30), "day": [*DAYS, *DAYS]})
    frame["sold"] = np.arange(60.0)
    frame["price"] = np.arange(60.0) + 0.5
    frame["size"] = np.repeat([7.0, 9.0], 30)
    return frame


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_long_frames(kind):
    frame = table()
    interleaved = frame.sample(frac=1, random_state=1).sort_values("day", kind="stable")
    if kind == "polars":
        interleaved = pl.DataFrame({name: list(interleaved[name]) for name in interleaved})
    windows = WindowedSeries(
        4, horizon=2, batch_size=1000, target_columns="sold", future_columns=["price"],
        static_columns="size", id_column="shop", time_column="day",
    )  # fmt: skip
    dataset = windows.build(interleaved)
    x, y = dataset[0]
    assert x["past"].shape == (50, 4, 2)
    order = np.argsort(y[:, 0])
    arrays = [frame[frame["shop"] == shop][["sold", "price"]].to_numpy() for shop in "ba"]
    want_x, _ = WindowedSeries(4, horizon=2, target_columns=0).build(arrays).to_numpy()
    np.testing.assert_array_equal(x["past"][order], want_x)
    np.testing.assert_array_equal(x["future"][order][:, :, 0], y[order] + 0.5)
    np.testing.assert_array_equal(x["static"][order][:, 0], [7.0] * 25 + [9.0] * 25)
    assert dataset.origins[0] == np.datetime64("2024-01-04")


def test_drop_cuts_at_gaps_in_time():
    frame = pd.DataFrame({"day": DAYS.delete([10, 11]), "value": np.arange(28.0)})
    windows = WindowedSeries(3, time_column="day", target_columns="value", batch_size=100)
    with pytest.raises(
        ValueError, match=r"1 steps that .* the first of 3 days from 2024-01-10.*2024-01-13"
    ):
        windows.build(frame)
    drop = WindowedSeries.from_config({**windows.get_config(), "missing": "drop"})
    assert joined(list(drop.build(frame)))[1].tolist() == [*range(3, 10), *range(13, 28)]
    keep = WindowedSeries.from_config({**windows.get_config(), "missing": "keep"})
    assert keep.count(frame) == 25


@pytest.mark.parametrize("freq", ["D", "W", "MS", "ME", "QE", "YE", "B", "h", "15min"])
def test_calendars_are_regular(freq):
    frame = pd.DataFrame({"t": pd.date_range("2023-01-31", periods=40, freq=freq), "v": 1.0})
    assert WindowedSeries(3, time_column="t").count(frame) == 37
    with pytest.raises(ValueError, match="1 steps that leave out"):
        WindowedSeries(3, time_column="t").count(frame.drop(index=7))


@pytest.mark.parametrize("day", [15, 29, 30, 31])
def test_a_day_that_some_months_lack_is_their_last(day):
    first = pd.Timestamp(2022, 12, day)
    months = [first + pd.DateOffset(months=number) for number in range(40)]
    frame = pd.DataFrame({"t": months, "v": 1.0})
    assert WindowedSeries(3, time_column="t").count(frame) == 37
    with pytest.raises(ValueError, match="1 steps that leave out"):
        WindowedSeries(3, time_column="t").count(frame.drop(index=7))


@pytest.mark.parametrize("start", [0.0, 1.6e9])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_numbers_as_times(start, dtype):
    # float32 tells no smaller steps apart.
    frame = pd.DataFrame({"t": (start + np.arange(20) * 1024.0).astype(dtype), "v": 1.0})
    assert WindowedSeries(3, time_column="t").count(frame) == 17
    with pytest.raises(ValueError, match="1 steps that leave out"):
        WindowedSeries(3, time_column="t").count(frame.drop(index=7))


def test_a_column_of_dates_that_is_no_number_is_said_to_be_a_time_column():
    months = pd.period_range("2024-01", periods=9, freq="M")
    for column in (months, months.to_timestamp()):
        with pytest.raises(TypeError, match=r"column 'month' must hold numbers.*in time_column\."):
            WindowedSeries(3).build(pd.DataFrame({"month": column, "v": 1.0}))


def test_two_columns_of_one_name_are_refused():
    frame = pd.DataFrame(np.zeros((9, 3)), columns=["a", "b", "a"])
    with pytest.raises(ValueError, match=r"unique column names(.|\n)*'a' 2 times"):
        WindowedSeries(3).build(frame)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_midnight_is_written_as_a_date(unit):
    def error(times):
        frame = pd.DataFrame({"day": times.as_unit(unit), "value": 1.0})
        with pytest.raises(ValueError, match="1 steps that leave out") as caught:
            WindowedSeries(3, time_column="day").build(frame)
        return str(caught.value)

    assert "of 2 days from 2024-01-10 to 2024-01-12: the frequency" in error(DAYS.delete(10))
    hours = pd.date_range("2024-01-10 22:00", periods=9, freq="h").delete(1)
    assert "from 2024-01-10T22:00:00 to 2024-01-11: the frequency" in error(hours)
    halves = pd.date_range("2024-01-01", periods=9, freq="500ms").delete(2)
    if unit != "s":
        written = "of 1 second from 2024-01-01T00:00:00.500"
        assert written in error(halves)
