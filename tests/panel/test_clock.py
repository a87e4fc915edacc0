"""One clock everywhere: what hands out timestamps, and what takes them, mean the same instants."""

import datetime
import zoneinfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import WindowedSeries

ZONES = ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe",
         "America/Sao_Paulo", "Etc/GMT+5", "UTC", "+05:30"]  # fmt: skip
KINDS = ["pandas", "arrow", "polars"]


def frame_of(times, kind, **columns):
    frame = pd.DataFrame({"time": times, "value": np.arange(float(len(times))), **columns})
    if kind == "arrow":
        pytest.importorskip("pyarrow")
        frame = frame.convert_dtypes(dtype_backend="pyarrow")
    elif kind == "polars":
        zone = None if times.tz is None else str(times.tz)
        plain = times if times.tz is None else times.tz_convert("UTC").tz_localize(None)
        column = pl.Series(plain.to_numpy())
        if zone:
            column = column.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        frame = pl.DataFrame({**{n: frame[n].to_numpy() for n in frame}, "time": column})
    return frame


def windows(**settings):
    return WindowedSeries(2, time_column="time", target_columns="value", **settings)


def first_target(dataset):
    return dataset[0][1][0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_border_without_a_zone_is_read_in_the_columns(kind, zone, unit):
    if kind == "polars" and (zone == "+05:30" or unit == "s"):
        pytest.skip("polars has none such")
    days = pd.date_range("2024-09-01", periods=120, tz=zone).as_unit(unit)
    frame = frame_of(days, kind)
    for at in ("2024-10-27", datetime.date(2024, 10, 27), np.datetime64("2024-10-27"), days[56]):
        assert first_target(windows().split(frame, at)[1]) == 56


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("freq", ["D", "B", "ME", "h", "30min"])
@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"])
def test_days_are_regular_by_the_clock_and_hours_in_utc(kind, freq, zone):
    periods = 40 if freq == "ME" else 400 if freq in "DB" else 365 * 48
    times = pd.date_range("2024-03-01", periods=periods, freq=freq, tz=zone)
    assert windows().count(frame_of(times, kind)) == periods - 2
    with pytest.raises(ValueError, match="1 steps that leave out"):
        windows().count(frame_of(times.delete(periods // 2), kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_hour_that_the_clock_repeats_may_not_be_missing(kind):
    hours = pd.date_range("2024-10-27", periods=24, freq="h", tz="Europe/Berlin")
    assert windows().count(frame_of(hours, kind)) == 22
    with pytest.raises(ValueError, match=r"the first of 2 hours from .*02:00.*\+0[12]:00 to"):
        windows().count(frame_of(hours.delete(3), kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "America/Santiago", "Asia/Beirut"])
def test_days_that_begin_at_one(kind, zone):
    days = pd.date_range("2017-09-01", "2018-12-31").tz_localize(
        zone, nonexistent="shift_forward", ambiguous=True
    )
    assert (days.hour == 1).any()
    assert windows().count(frame_of(days, kind)) == len(days) - 2
    with pytest.raises(ValueError, match="1 steps that leave out"):
        windows().count(frame_of(days.delete(99), kind))


@given(
    kind=st.sampled_from(["pandas", "polars"]),
    zone=st.sampled_from(ZONES[:-1]),
    start=st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2037, 1, 1)),
    freq=st.sampled_from(["15min", "30min", "h", "D"]),
    data=st.data(),
)
def test_origins_put_back_in_split_land_where_they_came_from(kind, zone, start, freq, data):
    times = pd.date_range(start, periods=200, freq=freq, tz="UTC")
    if data.draw(st.booleans(), "around a change of the clock"):
        info = zoneinfo.ZoneInfo(zone)
        hours = pd.date_range(start, periods=366 * 24, freq="h", tz="UTC")
        offsets = [hour.astimezone(info).utcoffset() for hour in hours.to_pydatetime()[::12]]
        change = [i for i in range(1, len(offsets)) if offsets[i] != offsets[i - 1]]
        if change:
            times += hours[12 * change[-1]] - times[100]
    frame = frame_of(times.tz_convert(zone), kind)
    spec = windows(missing="keep")
    dataset = spec.build(frame)
    table = dataset.align(dataset.to_numpy()[1])
    row = data.draw(st.integers(2, 190), "window")
    for column, where in (("origin", row + 1), ("target", row + 2)):
        moment = table[column][row]
        assert moment == times[where]
        assert table[column].tolist().count(moment) == 1
        assert moment.utcoffset() == times[where].tz_convert(zone).utcoffset()
        assert first_target(spec.split(frame, moment)[1]) == where
        assert first_target(spec.split(frame, moment.isoformat())[1]) == where
    assert (table["origin"] == dataset.origins).all()
    np.testing.assert_array_equal(table["actual"], dataset.to_numpy()[1])


def test_nanoseconds_come_back_exactly():
    times = pd.date_range("2024-01-01", periods=50, freq="ns", tz="Asia/Tokyo")
    frame = frame_of(times, "pandas")
    origins = windows().build(frame).origins
    assert origins.tolist() == times[1:-1].tolist()
    for at in (origins[20], origins[20].isoformat(), str(origins[20])):
        assert first_target(windows().split(frame, at)[1]) == 21
    naive = frame_of(times.tz_localize(None), "pandas")
    origins = windows().build(naive).origins
    for at in (origins[20], str(origins[20]), pd.Timestamp(origins[20])):
        assert first_target(windows().split(naive, at)[1]) == 21


def test_the_table_of_align_is_aware_in_pandas():
    times = pd.date_range("2024-01-01", periods=9, tz="America/New_York")
    dataset = windows().build(frame_of(times, "pandas"))
    table = pd.DataFrame(dataset.align(dataset.to_numpy()[1]))
    known = pd.DataFrame({"time": times, "again": np.arange(9.0)})
    merged = table.merge(known, left_on="target", right_on="time")
    assert merged["again"].tolist() == merged["actual"].tolist() == list(range(2, 9))
    assert str(table["origin"].dt.tz) == "America/New_York"


@pytest.mark.parametrize(
    "at", ["2024-01-10+02:00", "20240110+02:00", "2024-01-10 +02", "2024-01-09Z"]
)
def test_a_date_with_an_offset_is_a_midnight(at):
    """Python takes the sign for the mark between date and time."""
    times = pd.date_range("2024-01-01", periods=400, freq="h", tz="UTC")
    instant = 8 * 24 if at[-1] == "Z" else 9 * 24 - 2
    assert first_target(windows().split(frame_of(times, "pandas"), at)[1]) == instant
    with pytest.raises(TypeError, match="has a time zone, and the time column has none"):
        windows().split(frame_of(times.tz_localize(None), "pandas"), at)


def test_marks_that_part_date_and_time():
    frame = frame_of(pd.date_range("2024-01-01", periods=400, freq="h"), "pandas")
    for at in ("2024-01-10T05:00", "2024-01-10 05:00"):
        assert first_target(windows().split(frame, at)[1]) == 9 * 24 + 5
    with pytest.raises(ValueError, match="separated by a T or a space"):
        windows().split(frame, "2024-01-10-05:00:00")


@pytest.mark.parametrize("kind", KINDS)
def test_an_hour_that_is_shown_twice_is_refused_with_both(kind):
    hours = pd.date_range("2024-10-26", periods=48, freq="h", tz="Europe/Berlin")
    frame = frame_of(hours, kind)
    for at in (
        "2024-10-27T02:00",
        np.datetime64("2024-10-27T02:30"),
        pd.Timestamp("2024-10-27 02:00"),
    ):
        with pytest.raises(
            ValueError, match=r"shown twice .*Berlin.*02:.*\+02:00 and at .*\+01:00"
        ):
            windows().split(frame, at)
    assert first_target(windows().split(frame, "2024-10-27T02:00+02:00")[1]) == 26
    assert first_target(windows().split(frame, "2024-10-27T02:00+01:00")[1]) == 27
    assert first_target(windows().split(frame, "2024-10-27T03:00")[1]) == 28
    days = pd.date_range("2024-10-20", periods=20, tz="Europe/Berlin")
    assert first_target(windows().split(frame_of(days, kind), "2024-10-27T02:30")[1]) == 8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "at",
    [
        pd.Timestamp("2024-01-11T02:00", tz="Europe/Helsinki"),
        datetime.datetime(2024, 1, 11, tzinfo=datetime.UTC),
        "2024-01-11T02:00+02:00",
        "2024-01-11T00:00Z",
    ],
)
def test_a_border_with_a_zone_needs_a_column_with_one(kind, at):
    days = pd.date_range("2024-01-01", periods=30)
    with pytest.raises(TypeError, match="has a time zone, and the time column has none"):
        windows().split(frame_of(days, kind), at)
    assert first_target(windows().split(frame_of(days.tz_localize("UTC"), kind), at)[1]) == 10


@pytest.mark.parametrize("zone", [None, "America/New_York"])
@pytest.mark.parametrize("at", ["99999", np.datetime64(10**9, "Y"), datetime.datetime.min])
def test_borders_of_another_age_are_outside(zone, at):
    days = pd.date_range("2024-01-01", periods=30, tz=zone)
    with pytest.raises(ValueError, match=r"leaves no row .*: the series run from 2024-01-01"):
        windows().split(frame_of(days, "pandas"), at)
    last = datetime.datetime.max.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-5)))
    with pytest.raises(ValueError, match="is not a timestamp that can be read"):
        windows().split(frame_of(days, "pandas"), last)
    assert first_target(windows().split(frame_of(days, "pandas"), "20240111")[1]) == 10


def test_errors_name_times_by_the_columns_own_clock():
    days = pd.date_range("2024-01-01", periods=30, tz="Asia/Kolkata")
    with pytest.raises(ValueError, match=r"from 2024-01-10 00:00:00\+05:30 to 2024-01-12 00"):
        windows().build(frame_of(days.delete(10), "pandas"))
    with pytest.raises(ValueError, match=r"run from 2024-01-01 00:00:00\+05:30 to 2024-01-30"):
        windows().split(frame_of(days, "pandas"), "2025")
    with pytest.raises(ValueError, match=r"position 2 \(2024-01-02 00:00:00\+05:30\)"):
        windows().build(frame_of(days[[0, 1, 1, 2]], "pandas"))


FREQUENCIES = ["D", "2D", "W", "4W", "B", "2B", "C", "MS", "ME", "2ME", "QS", "QE", "QE-JAN", "YS",
               "YE", "h", "6h", "15min", "s"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hour", [0, 16])
@pytest.mark.parametrize("freq", FREQUENCIES)
@pytest.mark.parametrize("start", ["1958-01-29", "2023-02-28"])
def test_calendars_are_regular_and_a_missing_row_is_a_gap(kind, hour, freq, start):
    times = pd.date_range(f"{start} {hour}:00", periods=60, freq=freq)
    assert windows().count(frame_of(times, kind)) == 58
    before, after = times[30].date(), times[32].date()
    with pytest.raises(ValueError, match=f"1 steps that leave .*{before}.*{after}"):
        windows().count(frame_of(times.delete(31), kind))
    late = times.to_series()
    late.iloc[31] += pd.Timedelta("1ms" if freq == "s" else "1min")
    with pytest.raises(ValueError, match="must have one frequency"):
        windows().count(frame_of(pd.DatetimeIndex(late), kind))
