"""What may be windowed, and what is refused with an error that says what to do."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers import distinct, joined, window_settings
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


def test_lists_of_frames():
    frames = [table().query("shop == 'a'")[["sold"]], table().query("shop == 'b'")[["sold"]]]
    assert WindowedSeries(4).count(frames) == 52
    with pytest.raises(ValueError, match="same columns"):
        WindowedSeries(4).count([frames[0], frames[1].rename(columns={"sold": "x"})])


@pytest.mark.parametrize(
    "series",
    [list(range(10)), tuple(range(10)), pd.Series(range(10)), pl.Series(range(10)), range(10)],
)
def test_anything_numpy_takes(series):
    x, y = WindowedSeries(9).build(series)[0]
    assert x.tolist() == [list(range(9))]
    assert y.tolist() == [9]


def test_views_that_are_not_contiguous():
    series = distinct(100, 3)[::2, 1]
    want = WindowedSeries(7).build(series.copy())[1]
    got = WindowedSeries(7).build(series)[1]
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1])


@given(window_settings(columns=2), st.data())
def test_drop_leaves_out_exactly_the_windows_that_touch_a_missing_value(windows, data):
    length = data.draw(st.integers(windows.geometry.span, 60))
    series = distinct(length, 2)
    for row, column in data.draw(
        st.lists(st.tuples(st.integers(0, length - 1), st.integers(0, 1)), max_size=4)
    ):
        series[row, column] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    config = windows.get_config()
    x, y = WindowedSeries.from_config({**config, "missing": "keep"}).build(series).to_numpy()
    whole = np.isfinite(x).all(axis=(1, 2)) & np.isfinite(y.reshape(len(y), -1)).all(axis=1)
    drop = WindowedSeries.from_config({**config, "missing": "drop"})
    assert drop.count(series) == whole.sum()
    assume(whole.any())
    got_x, got_y = drop.build(series).to_numpy()
    np.testing.assert_array_equal(got_x, x[whole])
    np.testing.assert_array_equal(got_y, y[whole])


def test_drop_cuts_at_gaps_in_time():
    frame = pd.DataFrame({"day": DAYS.delete([10, 11]), "value": np.arange(28.0)})
    windows = WindowedSeries(3, time_column="day", target_columns="value", batch_size=100)
    with pytest.raises(
        ValueError, match=r"1 irregular step, the first from 2024-01-10.*2024-01-13"
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
    with pytest.raises(ValueError, match="1 irregular step"):
        WindowedSeries(3, time_column="t").count(frame.drop(index=7))


@pytest.mark.parametrize("day", [15, 29, 30, 31])
def test_a_day_that_some_months_lack_is_their_last(day):
    first = pd.Timestamp(2022, 12, day)
    months = [first + pd.DateOffset(months=number) for number in range(40)]
    frame = pd.DataFrame({"t": months, "v": 1.0})
    assert WindowedSeries(3, time_column="t").count(frame) == 37
    with pytest.raises(ValueError, match="1 irregular step"):
        WindowedSeries(3, time_column="t").count(frame.drop(index=7))


@pytest.mark.parametrize("start", [0.0, 1.6e9])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_as_times(start, dtype):
    step = 1024.0 if dtype == "float32" and start else 0.1  # what float32 tells apart there
    frame = pd.DataFrame({"t": (start + np.arange(20) * step).astype(dtype), "v": 1.0})
    assert WindowedSeries(3, time_column="t").count(frame) == 17
    with pytest.raises(ValueError, match="1 irregular step"):
        WindowedSeries(3, time_column="t").count(frame.drop(index=7))


def of(**columns):
    return pd.DataFrame(columns)


CASES = [
    ({"window": 0}, None, ValueError, r"window must be >= 1. Received: window=0"),
    ({"window": 2.5}, None, TypeError, r"window must be an integer >= 1.*2.5"),
    ({"window": True}, None, TypeError, "window must be an integer"),
    ({"window": "20"}, None, TypeError, "window must be an integer"),
    ({"window": np.array([1, 2])}, None, TypeError, "window must be an integer"),
    ({"window": 3, "gap": 2**62}, None, ValueError, "no series is that long"),
    ({"window": 3}, {"a": distinct(9)}, TypeError, "For a panel pass a list of arrays"),
    ({"horizon": 0}, None, ValueError, "horizon must be >= 1"),
    ({"gap": -1}, None, ValueError, "gap must be >= 0. Received: gap=-1"),
    ({"stride": 0}, None, ValueError, "stride must be >= 1"),
    ({"batch_size": 0}, None, ValueError, "batch_size must be >= 1"),
    ({"sampling_rate": 0}, None, ValueError, "sampling_rate must be >= 1"),
    ({"targets": "vectors"}, None, ValueError, "targets must be one of 'vector', 'sequence'"),
    ({"missing": "ignore"}, None, ValueError, "missing must be one of"),
    ({"shuffle": 1}, None, TypeError, "shuffle must be True or False"),
    ({"seed": -1}, None, ValueError, "seed must be >= 0"),
    ({"target_columns": []}, None, ValueError, "target_columns is empty"),
    ({"target_columns": ["a", "a"]}, None, ValueError, "names a column twice"),
    ({"target_columns": 1.5}, None, TypeError, "takes column names or numbers"),
    ({"target_columns": "a", "id_column": "a"}, None, ValueError, "both name 'a'"),
    ({"id_column": 3}, None, TypeError, "id_column must be the name of a column"),
    ({}, np.arange(3.0), ValueError, "horizon=1 span 6 positions, and the longest of 1 series has 3"),
    ({}, [np.arange(3.0), np.arange(5.0)], ValueError, "the longest of 2 series has 5"),
    ({}, [], ValueError, "series is an empty list"),
    ({}, np.zeros((4, 5, 6)), ValueError, r"\(time, columns\). Received shape \(4, 5, 6\)"),
    ({}, np.zeros((9, 0)), ValueError, r"Received shape \(9, 0\)"),
    ({}, 3.0, ValueError, r"Received shape \(\)"),
    ({}, [[1, 2], [3]], ValueError, "list of rows of different lengths"),
    ({}, np.array(["a", "b"]), TypeError, "series must hold real numbers. Received dtype <U1"),
    ({}, np.zeros(9, complex), TypeError, "real numbers"),
    ({}, [np.zeros((9, 2)), np.zeros((9, 3))], ValueError, "must have the same columns"),
    ({"target_columns": 2}, np.zeros((9, 2)), ValueError, "target_columns=2 is not in the series"),
    ({"target_columns": "a"}, np.zeros((9, 2)), ValueError, "has columns 0..1"),
    ({"target_columns": 0}, np.zeros(9), ValueError, r"needs a series of shape \(time, columns\)"),
    ({"id_column": "a"}, np.zeros(9), ValueError, "needs a pandas or polars frame"),
    ({"future_columns": [0, 1]}, np.zeros((9, 2)), ValueError, "leaves no column to forecast"),
    ({"static_columns": [0]}, distinct(9, 2), ValueError, "static_columns=0 changes within"),
    ({}, np.array([1, np.nan, 3, np.inf, 5, 6.0, 7]), ValueError, "2 positions .* at position 1. Fill"),
    ({}, [np.zeros(7), np.array([0, np.nan])], ValueError, "1 position .* position 1 of series 1"),
    ({}, of(), ValueError, "series has no column to window"),
    ({"time_column": "t"}, of(t=DAYS), ValueError, "series has no column to window"),
    ({}, pl.LazyFrame({"v": [1.0] * 9}), TypeError, "collect a lazy one first"),
    ({}, of(city=["x"] * 9), TypeError, "column 'city' must hold numbers.*first value 'x'"),
    ({}, of(day=DAYS, v=1.0), TypeError, "column 'day' .*time_column"),
    ({"target_columns": "w"}, of(v=[1.0] * 9), ValueError, r"'w' is not in the series.*\['v'\]"),
    ({"time_column": "t"}, of(v=[1.0] * 9), ValueError, "time_column='t' is not in the frame"),
    ({"time_column": "t"}, of(v=1.0, t=DAYS[::-1]), ValueError, "goes back in time at position 1"),
    ({"time_column": "t"}, of(v=1.0, t=DAYS[[0, 1, 1, 2]]), ValueError, "repeats time at position 2"),
    ({"time_column": "t"}, of(v=[1.0], t=[pd.NaT]), ValueError, "1 missing timestamp, the first in row 0"),
    ({"time_column": "t"}, of(v=[1.0], t=["2024"]), TypeError, "must hold dates, times or numbers"),
    ({"id_column": "i"}, of(v=[1.0], i=[None]), ValueError, "id_column='i' has 1 missing"),
    ({"drop_remainder": True}, np.zeros(9), ValueError, "drop_remainder=True leaves no batch"),
    ({"missing": "drop"}, np.full(9, np.nan), ValueError, 'missing="drop" leaves no window'),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "series", "error", "says"), CASES)
def test_misuse_says_what_came_and_what_to_do(settings, series, error, says):
    with pytest.raises(error, match=says):
        WindowedSeries(**{"window": 5, **settings}).build(series)


def test_too_short_a_series_counts_no_window():
    assert WindowedSeries(5).count(np.arange(5.0)) == 0
    assert WindowedSeries(5).count([np.arange(5.0), np.arange(9.0)]) == 4


def test_foreign_arrays_become_plain_ones():
    big_endian = np.arange(8.0).astype(">f4")
    assert WindowedSeries(2).build(big_endian)[0][1].dtype.isnative
    masked = np.ma.masked_array(np.arange(8), mask=[0, 0, 0, 1, 0, 0, 0, 0])
    with pytest.raises(ValueError, match=r"1 position .* position 3"):
        WindowedSeries(2).build(masked)
    with pytest.raises(ValueError, match="name a column twice"):
        WindowedSeries(2, target_columns=0, future_columns=[-2]).build(np.zeros((8, 2)))
    with pytest.raises(TypeError, match="names that are strings"):
        WindowedSeries(2).build(pd.DataFrame(np.zeros((8, 2))))
