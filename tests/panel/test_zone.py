"""A time zone shows what the column's own library shows, and reads that back."""

import zoneinfo
from datetime import datetime, timedelta

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_ts import WindowedSeries, forecast
from keras_ts.panel.clock import Zone
from keras_ts.panel.timestamps import read_timestamps

NAMES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
HOUR = timedelta(hours=1)
PERSIST = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])


@settings(max_examples=40)
@given(
    st.sampled_from(NAMES),
    st.datetimes(datetime(1950, 1, 1), datetime(2036, 1, 1)),
    st.sampled_from(["polars", "pyarrow", "pandas"]),
)
def test_readings_are_those_of_python(name, start, library):
    pytest.importorskip(library)
    info = zoneinfo.ZoneInfo(name)
    hours = [start + 5 * row * HOUR for row in range(60)]
    # Around a change, if the year has one.
    year = [start + row * HOUR for row in range(9000)]
    ahead = [moment.replace(tzinfo=info).utcoffset() for moment in year]
    changes = [row for row in range(1, 9000) if ahead[row] != ahead[row - 1]]
    hours += [year[row] + k * HOUR / 2 for row in changes[:2] for k in range(-6, 6)]
    zone = Zone(info if library == "pandas" else name, library)
    first, second = zone.readings(np.array(hours, "M8[us]"))
    for made, fold in ((first, 0), (second, 1)):
        moments = [moment.replace(tzinfo=info, fold=fold) for moment in hours]
        assert made.tolist() == [
            moment.replace(tzinfo=None) - moment.utcoffset() for moment in moments
        ]
    shown = zone.shown(first)
    assert (shown[first == second] == np.array(hours, "M8[us]")[first == second]).all()


def monthly(kind, name):
    """A monthly series until 2036, as a library holds it."""
    months = pd.date_range("2034-01-31", periods=36, freq="ME")
    frame = pd.DataFrame({"t": months.tz_localize(name), "y": np.arange(36.0)})
    if kind == "zoneinfo":
        return frame.assign(t=frame["t"].dt.tz_convert(zoneinfo.ZoneInfo(name)))
    if kind == "polars":
        plain = pl.DataFrame({"t": months.to_numpy(), "y": frame["y"].to_numpy()})
        return plain.with_columns(pl.col("t").dt.replace_time_zone(name))
    if kind == "pandas":
        return frame
    pyarrow = pytest.importorskip("pyarrow")
    stamps = pyarrow.timestamp("us", name)
    if kind == "arrow":
        return frame.astype({"t": pd.ArrowDtype(stamps)})
    plain = pyarrow.array(frame["t"].dt.tz_convert("UTC").dt.tz_localize(None))
    return pyarrow.table({"t": plain.cast("timestamp[us]").cast(stamps), "y": [*range(36)]})


@pytest.mark.parametrize("name", NAMES[:2])
@pytest.mark.parametrize("kind", ["pandas", "zoneinfo", "polars", "arrow", "table"])
def test_months_end_at_midnight_after_2037_too(kind, name):
    """By pytz, as in pandas 2, there is no summer time then; by others there is."""
    frame = monthly(kind, name)
    ahead = forecast(PERSIST, frame, WindowedSeries(3, time_column="t", target_columns="y"), 90)
    months = pd.date_range("2037-01-31", periods=90, freq="ME")
    shown = read_timestamps(ahead["t"]).local_times.astype("M8[s]")
    assert shown.tolist() == months.to_numpy().astype("M8[s]").tolist()


@pytest.mark.parametrize("unit", ["us", "ms"])
@pytest.mark.parametrize("year", ["-002", "0000", "10000"])
@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_years_that_no_clock_shows_are_refused_by_name(kind, year, unit):
    days = (np.datetime64(f"{year}-03-01") + np.arange(20)).astype(f"M8[{unit}]")
    if kind == "pandas":
        times = pd.DatetimeIndex(days, tz="UTC").tz_convert("Europe/Berlin")
        frame = pd.DataFrame({"t": times, "y": np.arange(20.0)})
    else:
        column = pl.Series(days).dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
        frame = pl.DataFrame({"t": column, "y": np.arange(20.0)})
    windows = WindowedSeries(3, time_column="t")
    with pytest.raises(ValueError, match=rf"time_column='t' has a time zone, and holds {year}-03"):
        windows.build(frame)
    plain = pl.DataFrame({"t": days, "y": np.arange(20.0)})
    assert windows.count(plain) == 17


@pytest.mark.parametrize(
    ("last", "unit", "zone"),
    [("2260-01-01", "ns", None), ("9990-01-01", "us", "America/New_York")],
)
def test_times_that_end_before_the_forecast_does_are_refused(last, unit, zone):
    years = (np.datetime64(last, "Y") + np.arange(-9, 1)).astype(f"M8[{unit}]")
    column = pl.Series(years).dt.replace_time_zone(zone)
    frame = pl.DataFrame({"t": column, "y": np.arange(10.0)})
    windows = WindowedSeries(3, time_column="t", target_columns="y")
    assert len(forecast(PERSIST, frame, windows, steps=2)) == 2
    with pytest.raises(ValueError, match=r"cannot hold the 12 steps after the end of the series"):
        forecast(PERSIST, frame, windows, steps=12)
