"""Timestamps of NumPy, pandas, polars and Arrow: instants, and what the clock of the zone shows."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import WindowedSeries, calendar_features
from keras_ts.panel.timestamps import read_timestamps


def windows(**settings):
    return WindowedSeries(2, time_column="time", target_columns="value", **settings)


DAYS = pd.date_range("2024-03-29", periods=4, tz="Europe/Berlin")
UTC = ["2024-03-28T23", "2024-03-29T23", "2024-03-30T23", "2024-03-31T22"]
LOCAL = ["2024-03-29", "2024-03-30", "2024-03-31", "2024-04-01"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("kind", ["index", "column", "arrow", "polars"])
def test_instants_are_in_utc_and_beside_them_stands_what_the_clock_shows(kind, unit):
    column = DAYS.as_unit(unit)
    if kind == "arrow":
        column = column.to_series().astype(f"timestamp[{unit}, tz=Europe/Berlin][pyarrow]")
    elif kind == "column":
        column = column.to_series()
    elif kind == "polars":
        unit = "us" if unit == "s" else unit  # polars has no seconds.
        utc = pl.Series(np.array(UTC, f"M8[{unit}]"))
        column = utc.dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
    clock = read_timestamps(column)
    assert clock.times.dtype == clock.local_times.dtype == f"M8[{unit}]"
    assert clock.times.tolist() == np.array(UTC, f"M8[{unit}]").tolist()
    assert clock.local_times.tolist() == np.array(LOCAL, f"M8[{unit}]").tolist()
    zone = clock.zone
    assert zone.library == ("polars" if kind == "polars" else "pandas")
    assert zone.shown(np.array(["2024-07-01"], "M8[s]")).tolist() == [
        datetime.datetime(2024, 7, 1, 2)
    ]


@pytest.mark.parametrize("read", [np.asarray, pd.Series, pd.DatetimeIndex, pl.Series, list])
def test_without_a_zone_there_is_one_clock(read):
    times = np.array(LOCAL, "M8[us]")
    clock = read_timestamps(read(times))
    assert clock.times.tolist() == times.tolist()
    assert (clock.local_times, clock.zone) == (None, None)
    assert clock.offsets.tolist() == [0, 4]


def test_dates_of_polars_are_days():
    dates = pl.Series([datetime.date(2024, 2, 28), datetime.date(2024, 2, 29)])
    assert read_timestamps(dates).times.tolist() == dates.to_list()


def test_arrow_tables():
    pa = pytest.importorskip("pyarrow")
    for zone in ("America/New_York", "+05:30"):
        days = pd.date_range("2024-01-01", periods=30, tz=zone)
        table = pa.Table.from_pandas(pd.DataFrame({"time": days, "value": np.arange(30.0)}))
        _, later = windows().split(table, "2024-01-11")
        assert later.origins[0] == days[9]
        assert windows().split(table, later.origins[0])[1].origins[0] == days[8]


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint32", "int64", "uint64", "float32"]
)
def test_numbers_of_any_type_are_times(dtype):
    times = np.arange(-120, 120, 10) if dtype[0] in "if" else np.arange(10, 250, 10)
    frame = pd.DataFrame({"time": times.astype(dtype), "value": 1.0})
    for one in (frame, pl.DataFrame({name: frame[name].to_numpy() for name in frame})):
        assert windows().count(one) == 22
    with pytest.raises(ValueError, match="1 steps that leave out rows"):
        windows().count(frame.drop(index=range(5, 19)))  # 150: more than an int8 holds
    with pytest.raises(ValueError, match="goes back in time at position 1"):
        windows().count(frame[::-1])


def test_the_largest_numbers_are_times():
    unsigned = np.uint64(2**64 - 24) + np.arange(24, dtype="u8")
    frame = pd.DataFrame({"time": unsigned, "value": 1.0})
    assert windows(missing="keep").build(frame).origins[0] == unsigned[1]
    steps = np.array([-(2**63), -(2**62), 0, 2**62], "i8")
    assert windows().count(pd.DataFrame({"time": steps, "value": 1.0})) == 2


NAN = float("nan")


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"time": [1.0, 2.0, NAN, NAN, 5.0], "value": 1.0}),
        pl.DataFrame({"time": [1.0, 2.0, None, None, 5.0], "value": 1.0}),
        pl.DataFrame({"time": [1.0, 2.0, float("inf"), NAN, 5.0], "value": 1.0}),
        pl.DataFrame({"time": [1, 2, None, None, 5], "value": 1.0}),
        pl.DataFrame({"time": pl.Series([1, 2, None, None, 5]).cast(pl.Date), "value": 1.0}),
        pd.DataFrame({"time": [1.0, 2.0, NAN, NAN, 5.0], "value": 1.0}),
        pd.DataFrame({"time": pd.array([1, 2, None, None, 5], "Int64"), "value": 1.0}),
        pd.DataFrame({"time": pd.to_datetime(["2024", "2025", None, None, "2027"]), "value": 1.0}),
    ],
)
def test_missing_timestamps_are_named(frame):
    words = "'time' has 2 missing or infinite timestamps, the first in row 2"
    with pytest.raises(ValueError, match=words):
        windows().build(frame)


@pytest.mark.parametrize(
    ("timestamps", "words"),
    [(np.arange(9), "must be an array of datetime64"), (["2024-01-01"], "must be an array of"),
     (np.zeros((3, 3), "M8[s]"), r"shape \(3, 3\)"), (7, r"int64 of shape \(\)"),
     (pd.Series(["2024-01-01"]), "must hold dates, timestamps or numbers"),
     (pd.Series([1, 2, 3]), "must hold dates. Received int64"),
     (pd.DataFrame({"time": [1]}), r"int64 of shape \(1, 1\)")],
)  # fmt: skip
def test_what_holds_no_timestamps_is_refused(timestamps, words):
    with pytest.raises(TypeError, match=words):
        calendar_features(timestamps, "week")


def test_missing_and_unordered_timestamps():
    for read in (np.asarray, pd.Series, pl.Series):
        with pytest.raises(
            ValueError, match="timestamps has 1 missing or infinite timestamps, the first in row 1"
        ):
            calendar_features(read(np.array(["2024-01-01", "NaT"], "M8[us]")), "week")
    backwards = np.array(["2024-01-03", "2024-01-02", "2024-01-01"], "M8[D]")
    with pytest.raises(ValueError, match="timestamps must increase"):
        calendar_features(backwards, 7)
    assert calendar_features(backwards, "week").shape == (3, 2)
    assert calendar_features(backwards[:0], ["week"]).shape == (0, 2)
    assert calendar_features(backwards[:0], 7).shape == (0, 2)


def test_coarse_units_are_days():
    for unit in ("Y", "M", "W"):
        times = (np.datetime64("2024", unit) + np.arange(4)).astype(f"M8[{unit}]")
        np.testing.assert_array_equal(
            calendar_features(times, ["week", "day"]),
            calendar_features(times.astype("M8[D]"), ["week", "day"]),
        )
    assert str(read_timestamps(np.arange(30).astype("M8[M]")).frequency) == "month start"


@pytest.mark.parametrize(
    ("column", "received"),
    [(pd.Series(pd.period_range("2024-01", periods=9, freq="M")), "period[M], first value Period("),
     (pd.Series(pd.to_timedelta(range(9), "D")), "Duration"),
     (pl.Series([datetime.time(hour) for hour in range(9)]), "Time"),
     (pd.Series([False] * 9), "Boolean"),
     (pd.Series(["2024-01-01"] * 9), "String, first value '2024-01-01'"),
     (pl.Series(["2024-01-01"] * 9), "String, first value '2024-01-01'"),
     (pd.Series([datetime.date(2024, 1, 1)] * 9, dtype=object), "Object")],
)  # fmt: skip
def test_columns_that_hold_no_timestamps_are_refused(column, received):
    frame = (pd if isinstance(column, pd.Series) else pl).DataFrame({"time": column, "value": 1.0})
    for name, read in (
        ("time_column='time'", lambda: windows().build(frame)),
        ("timestamps", lambda: calendar_features(column, "week")),
    ):
        with pytest.raises(TypeError, match="must hold dates, timestamps or numbers") as caught:
            read()
        assert str(caught.value).startswith(name)
        assert f"Received {received}" in str(caught.value)
