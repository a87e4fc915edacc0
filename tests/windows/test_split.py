"""Splits share no target, leak no value, and lose only windows that straddle a border."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers import distinct, joined, window_settings
from keras_ts import WindowedSeries


@given(window_settings(), st.data())
def test_parts_hold_exactly_the_windows_whose_targets_they_hold(windows, data):
    span = windows.geometry.span
    length = data.draw(st.integers(2 * span + 1, 4 * span + 12))
    at = data.draw(st.integers(span, length - span))
    context = data.draw(st.booleans())
    series = distinct(length)
    x, y = windows.build(series).to_numpy()
    first = y.reshape(len(y), -1).min(axis=1)
    last = y.reshape(len(y), -1).max(axis=1)
    before = last < at
    after = (first >= at) & (context | (x[:, 0] >= at))
    if not (before.any() and after.any()):
        with pytest.raises(ValueError, match="without a window"):
            windows.split(series, at, context=context)
        return
    train, validation = windows.split(series, at, context=context)
    np.testing.assert_array_equal(train.to_numpy()[0], x[before])
    np.testing.assert_array_equal(validation.to_numpy()[0], x[after])
    np.testing.assert_array_equal(validation.to_numpy()[1], y[after])
    np.testing.assert_array_equal(joined(list(validation))[0], x[after])


@given(window_settings(columns=2), st.booleans(), st.integers(0, 10**6))
def test_nothing_after_the_border_reaches_training(windows, context, seed):
    rng = np.random.default_rng(seed)
    panel = [rng.normal(size=(rng.integers(60, 90), 2)) for _ in range(2)]
    poisoned = [series.copy() for series in panel]
    borders = [round(len(series) * 0.6) for series in panel]
    for series, border in zip(poisoned, borders, strict=True):
        series[border:] = np.nan
    keep = WindowedSeries.from_config({**windows.get_config(), "missing": "keep"})
    clean = keep.split(panel, 0.6, context=context)[0]
    dirty = keep.split(poisoned, 0.6, context=context)[0]
    for (x, y), (poisoned_x, poisoned_y) in zip(clean, dirty, strict=True):
        np.testing.assert_array_equal(x, poisoned_x)
        np.testing.assert_array_equal(y, poisoned_y)


def test_the_usual_validation_set_begins_at_the_border():
    train, validation = WindowedSeries(20).split(distinct(1461), 1000)
    assert validation.num_windows == 461
    assert train.num_windows == 980
    assert validation[0][1][0] == 1000


def test_several_borders_and_shuffling():
    windows = WindowedSeries(3, shuffle=True, seed=1, batch_size=100)
    train, validation, test = windows.split(distinct(100), [60, 0.8])
    assert (np.diff(joined(list(train))[1]) < 0).any()
    for part, first, last in ((validation, 60, 79), (test, 80, 99)):
        y = joined(list(part))[1]
        np.testing.assert_array_equal(y, np.arange(first, last + 1))


def test_in_a_panel_positions_are_each_series_own():
    panel = [distinct(30), distinct(50) + 1000, distinct(12) + 2000]
    _, validation = WindowedSeries(3).split(panel, 20)
    y = joined(list(validation))[1]
    assert y.tolist() == [*range(20, 30), *range(1020, 1050)]
    _, validation = WindowedSeries(3).split(panel, 0.5)
    y = joined(list(validation))[1]
    assert y.tolist() == [*range(15, 30), *range(1025, 1050), *range(2006, 2012)]


def test_negative_positions_count_from_each_series_end():
    panel = [distinct(30), distinct(50) + 1000, distinct(4) + 2000]
    train, validation = WindowedSeries(3).split(panel, -6)
    assert joined(list(validation))[1].tolist() == [*range(24, 30), *range(1044, 1050), 2003]
    assert joined(list(train))[1].max() == 1043
    _, middle, last = WindowedSeries(3).split(distinct(100), [-40, -10])
    assert (middle.num_windows, last.num_windows) == (30, 10)
    with pytest.raises(ValueError, match="at must increase"):
        WindowedSeries(3).split(distinct(100), [-10, -40])


@pytest.mark.parametrize(
    "at",
    [
        "2024-01-21",
        datetime.datetime(2024, 1, 21),
        datetime.date(2024, 1, 21),
        np.datetime64("2024-01-21"),
        pd.Timestamp("2024-01-21"),
        pd.DatetimeIndex(["2024-01-21"]),
        pd.Series([pd.Timestamp("2024-01-21")], index=[7]),
        np.array("2024-01-21", "datetime64[D]"),
    ],
)
def test_timestamps_are_common_to_a_panel(at):
    days = pd.date_range("2024-01-01", periods=40)
    frame = pd.DataFrame({"day": [*days, *days[10:]], "id": ["a"] * 40 + ["b"] * 30})
    frame["value"] = np.arange(70.0)
    windows = WindowedSeries(3, id_column="id", time_column="day", target_columns="value")
    _, validation = windows.split(frame, at)
    y = joined(list(validation))[1]
    assert y.tolist() == [*range(20, 40), *range(50, 70)]
    assert validation.origins[0] == np.datetime64("2024-01-20")


@pytest.mark.parametrize("polars", [False, True])
@pytest.mark.parametrize(
    ("freq", "local", "border"),
    [
        ("D", "2024-03-20", 19),
        ("D", "2024-05-01", 61),
        ("h", "2024-03-31T02:00", 30 * 24 + 2),  # no clock shows it: 03:00 comes next
        ("h", "2024-05-01", 61 * 24 - 1),
    ],
)
def test_times_of_a_zone_with_summer_time(polars, freq, local, border):
    """Days are regular by the zone's clock, hours by UTC; ``at`` without a zone is in the zone."""
    times = pd.date_range("2024-03-01", "2024-11-05", freq=freq, tz="Europe/Berlin")
    frame = pd.DataFrame({"time": times, "value": np.arange(float(len(times)))})
    if polars:
        pl = pytest.importorskip("polars")
        utc = pl.Series(times.tz_convert("UTC").tz_localize(None).to_numpy())
        aware = utc.dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
        frame = pl.DataFrame({"time": aware, "value": frame["value"].to_numpy()})
    windows = WindowedSeries(3, time_column="time", target_columns="value")
    for at in (local, times[border]):
        _, validation = windows.split(frame, at)
        assert validation[0][1][0] == border
    assert validation.origins[0] == times[border - 1]
    assert validation.origins[0].utcoffset() == times[border - 1].utcoffset()


@pytest.mark.parametrize(
    ("at", "error", "says"),
    [
        (0, ValueError, "at=0 is outside the series: .* a border lies between 1 and 99"),
        (100, ValueError, "at=100 is outside"),
        (-100, ValueError, "at=-100 is outside the series: .* from the end, -1 and -99"),
        (1.0, ValueError, "a fraction lies between 0 and 1"),
        (float("nan"), ValueError, "a fraction lies between 0 and 1"),
        ([80, 60], ValueError, "at must increase"),
        ([60, 60], ValueError, "at must increase"),
        ([], ValueError, "at is empty"),
        (np.array(0.01), ValueError, "leaves part 0 without a window"),
        (np.array(True), TypeError, "at must be a position"),
        ([[60, 80]], TypeError, r"at must be a position.*Received: at=\[60, 80\]"),
        (np.array([[60, 80]]), TypeError, "at must be a position"),
        (True, TypeError, "at must be a position"),
        (None, TypeError, "at must be a position"),
        ("2024-01-01", TypeError, "a timestamp needs a frame and time_column"),
        (
            2,
            ValueError,
            "leaves part 0 without a window: .* make the window shorter. .* min_inputs=",
        ),
    ],
)
def test_bad_borders(at, error, says):
    with pytest.raises(error, match=says):
        WindowedSeries(5).split(np.arange(100.0), at)


@pytest.mark.parametrize(
    ("settings", "context", "says"),
    [
        ({}, True, "make the horizon shorter"),
        ({}, False, "make the window shorter"),
        ({"targets": "sequence"}, True, "make the window shorter"),
    ],
)
def test_a_part_without_a_window_says_which_length_is_in_the_way(settings, context, says):
    windows = WindowedSeries(5, horizon=7, **settings)
    with pytest.raises(ValueError, match=f"leaves part 1 without a window: .* {says}"):
        windows.split(np.arange(100.0), 95, context=context)


@pytest.mark.parametrize(
    ("at", "says"),
    [
        (pd.NaT, "at=NaT leaves no row from it on"),
        ("NaT", "at='NaT' leaves no row"),
        ("", "at='' leaves no row"),
        (np.datetime64("NaT", "ns"), "leaves no row"),
        ("21.01.2024", r"is not a timestamp that can be read: .* Write it as 2024-05-31"),
        (pd.Timedelta("1D"), "is not a timestamp that can be read"),
        ("2024-02-01T00:00", "leaves no row from it on: the series run from 2024-01-01 to"),
        ("2024-01-01", "leaves no row before it: the series run from 2024-01-01 to"),
    ],
)
def test_bad_timestamps(at, says):
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=31), "value": 1.0})
    with pytest.raises(ValueError, match=says):
        WindowedSeries(3, time_column="day").split(frame, at)


@given(window_settings(columns=2), st.data())
def test_drop_leaves_out_exactly_the_windows_that_touch_a_missing_value(windows, data):
    length = data.draw(st.integers(windows.geometry.span, 60))
    series = distinct(length, 2)
    for row, column in data.draw(
        st.lists(st.tuples(st.integers(0, length - 1), st.integers(0, 1)), max_size=4)
    ):
        series[row, column] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    config = windows.get_config()
    kept = np.where(np.isinf(series), np.nan, series)  # "keep" lets NaN through alone.
    x, y = WindowedSeries.from_config({**config, "missing": "keep"}).build(kept).to_numpy()
    whole = np.isfinite(x).all(axis=(1, 2)) & np.isfinite(y.reshape(len(y), -1)).all(axis=1)
    drop = WindowedSeries.from_config({**config, "missing": "drop"})
    assert drop.count(series) == whole.sum()
    assume(whole.any())
    got_x, got_y = drop.build(series).to_numpy()
    np.testing.assert_array_equal(got_x, x[whole])
    np.testing.assert_array_equal(got_y, y[whole])


def test_a_date_written_as_a_number_is_told_of():
    days = pd.date_range("2024-01-01", periods=30)
    dated = WindowedSeries(3, time_column="t")
    with pytest.raises(ValueError, match=r"at=20240115 is outside.*write a date as '2024-05-31'"):
        dated.split(pd.DataFrame({"t": days, "v": 1.0}), 20240115)
    for frame in (pd.DataFrame({"t": range(30), "v": 1.0}), np.zeros(30)):
        windows = dated if isinstance(frame, pd.DataFrame) else WindowedSeries(3)
        with pytest.raises(ValueError, match=r"from the end, -1 and -29\.$"):
            windows.split(frame, 20240115)


def test_what_a_series_runs_from_and_to_is_written_without_a_fraction():
    days = pd.date_range("2024-01-01 12:00", periods=30, freq="12h")
    with pytest.raises(ValueError, match=r"run from 2024-01-01T12:00:00 to 2024-01-16\.$"):
        WindowedSeries(3, time_column="t").split(pd.DataFrame({"t": days, "v": 1.0}), "2025")
