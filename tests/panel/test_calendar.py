"""Calendar columns: made from timestamps, known ahead, the same from the last rows."""

import json
import re
from datetime import datetime

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import BACKEND
from keras_ts import WindowedSeries, calendar_features
from keras_ts.forecasting.history import Following
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.panel import Panel

FREQUENCIES = ["D", "2D", "W", "4W", "B", "2B", "C", "MS", "ME", "2ME", "QS", "QE", "QE-JAN", "YS",
               "YE", "h", "6h", "15min", "s"]  # fmt: skip
ZONES = [None, "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]


def frame_of(times, **columns):
    return pd.DataFrame({"time": times, "value": np.arange(float(len(times))), **columns})


def following(clock, count):
    panel = FlatSeries(np.zeros(len(clock.times)), clock.offsets, False, clock=clock)
    ahead = Following.of(panel, 0, count)
    return ahead.times, ahead.shown


def expected(times, cycles):
    """The columns of named cycles, from what pandas reads off the clock."""
    seconds = times.hour * 3600.0 + times.minute * 60 + times.second
    phases = {
        "hour": seconds % 3600 / 3600,
        "day": seconds / 86400,
        "week": (times.day_of_week + seconds / 86400) / 7,
        "year": (times.day_of_year - 1 + seconds / 86400) / (365 + times.is_leap_year),
    }
    waves = [wave(2 * np.pi * phases[cycle]) for cycle in cycles for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=1)


@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2032, 1, 1)),  # pytz ends in 2037.
    st.sampled_from(["7min", "h", "D", "B", "ME"]),
    st.sampled_from(ZONES),
    st.permutations(["hour", "day", "week", "year"]),
)
def test_named_cycles_by_the_local_clock(start, freq, zone, cycles):
    times = pd.date_range(pd.Timestamp(start).floor("s"), periods=50, freq=freq, tz="UTC")
    times = times.tz_convert(zone) if zone else times.tz_localize(None)
    made = calendar_features(times, cycles)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected(times, cycles), atol=2e-6)
    series = times.to_series()
    ours = [series, pl.Series(series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
            .dt.replace_time_zone("UTC").dt.convert_time_zone(zone)] if zone else [
            times.to_numpy(), pl.Series(times.to_numpy())]  # fmt: skip
    for column in ours:
        np.testing.assert_array_equal(calendar_features(column, cycles), made)
    if zone and freq == "ME":  # Months of UTC are no months of another zone.
        return
    frame = frame_of(times)
    spec = WindowedSeries(2, time_column="time", calendar=cycles, missing="keep")
    x, _ = spec.build(frame).to_numpy()
    np.testing.assert_allclose(x["past"][:, 0, 1:], made[:-2], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(x["future"][:, 0], made[2:], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("freq", FREQUENCIES)
def test_future_timestamps_are_those_of_pandas(freq, zone):
    for start in ("1958-01-29", "2023-02-28"):
        times = pd.date_range(start, periods=160, freq=freq, tz=zone)
        for rows in (12, 60, 100):
            clock = Panel.of(frame_of(times[:rows]), _timed()).read().clock
            [utc], [local] = following(clock, 60)
            wanted = times[rows : rows + 60]
            assert local.tolist() == wanted.tz_localize(None).to_numpy().tolist()
            if zone:
                wanted = wanted.tz_convert("UTC").tz_localize(None)
            assert utc.tolist() == wanted.to_numpy().tolist()


@pytest.mark.parametrize("zone", [None, "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("every", ["1d", "1w", "1mo", "1q", "1y", "1h", "15m", "1s"])
def test_future_timestamps_are_those_of_polars(every, zone):
    start = pd.Timestamp("2019-10-01")
    end = start + {"1d": 170, "1w": 1200, "1mo": 5000, "1q": 15000, "1y": 60000,
                   "1h": 7, "15m": 2, "1s": 1}[every] * pd.Timedelta("1D")  # fmt: skip
    times = pl.datetime_range(start, end, every, time_zone=zone, eager=True)[:160]
    frame = pl.DataFrame({"time": times, "value": np.zeros(len(times))})
    clock = Panel.of(frame[:100], _timed()).read().clock
    _, [local] = following(clock, 60)
    assert local.tolist() == times[100:160].dt.replace_time_zone(None).to_numpy().tolist()


def _timed(**settings):
    return WindowedSeries(2, time_column="time", **settings)


def test_days_that_begin_late_and_hours_that_come_twice():
    days = pd.date_range("2018-10-01", "2018-12-31").tz_localize(
        "America/Sao_Paulo", nonexistent="shift_forward"
    )
    assert (days.hour == 1).sum() == 1
    clock = Panel.of(frame_of(days[:30]), _timed()).read().clock
    [utc], _ = following(clock, 60)
    assert utc.tolist() == days[30:90].tz_convert("UTC").tz_localize(None).to_numpy().tolist()
    hours = pd.date_range("2024-10-26", periods=60, freq="h", tz="Europe/Berlin")
    clock = Panel.of(frame_of(hours[:20]), _timed()).read().clock
    _, [local] = following(clock, 40)
    assert local.tolist() == hours[20:].tz_localize(None).to_numpy().tolist()


@given(st.sampled_from(FREQUENCIES), st.sampled_from([None, "Europe/Berlin"]), st.data())
def test_the_last_hundred_rows_give_the_phases_of_all(freq, zone, data):
    start = data.draw(st.sampled_from(["1958-01-29", "2023-02-28"]))
    times = pd.date_range(start, periods=260, freq=freq, tz=zone, unit="us")
    rows = data.draw(st.integers(100, 260))
    cycles = data.draw(st.permutations([7, 365.25, "week"]))
    made = calendar_features(times, cycles)
    np.testing.assert_array_equal(
        calendar_features(times[:rows][-100:], cycles), made[rows - 100 : rows]
    )
    place = 2 * cycles.index(7)
    angle = np.unwrap(np.arctan2(made[:, place].astype(float), made[:, place + 1].astype(float)))
    np.testing.assert_allclose(np.diff(angle), 2 * np.pi / 7, atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [("float32", "float32"), ("float64", "float64"), ("int64", "float64"), ("int16", "float32"),
     ("bool", "float32")],
)  # fmt: skip
def test_a_series_with_a_calendar(dtype, kept):
    series = np.arange(40).astype(dtype)
    frame = pd.DataFrame({"time": range(40), "value": series})
    settings = {"horizon": 3, "target_columns": "value", "batch_size": 4}
    dataset = _timed(calendar=[7, 365.25], **settings).build(frame)
    x, y = dataset[0]
    assert sorted(x) == ["future", "past"]
    assert x["past"].shape == (4, 2, 5)
    assert x["future"].shape == (4, 3, 4)
    assert x["past"].dtype == x["future"].dtype == y.dtype == kept
    np.testing.assert_array_equal(y, [series[i + 2 : i + 5] for i in range(4)])
    np.testing.assert_array_equal(x["past"][..., 0], [series[i : i + 2] for i in range(4)])
    names = ["7_sin", "7_cos", "365.25_sin", "365.25_cos"]
    assert dataset.columns == {
        "past": ["value", *names], "future": names, "static": [], "target": ["value"]
    }  # fmt: skip


def test_frequency():
    def panel(*freqs):
        parts = [frame_of(pd.date_range("2024-01-31", periods=20, freq=freq), id=str(number))
                 for number, freq in enumerate(freqs)]  # fmt: skip
        return _timed(id_column="id", missing="keep").build(pd.concat(parts))

    assert _timed().build(
        frame_of(pd.date_range("2024-01-31", periods=9, freq="ME"))
    ).frequency == ("month end")
    assert panel("D", "D").frequency == "1 day"
    one = pd.concat([frame_of(pd.date_range("2024-01-31", periods=9), id="a"),
                     frame_of(pd.to_datetime(["2024-01-31"]), id="b")])  # fmt: skip
    assert _timed(id_column="id").build(one).frequency == "1 day"


def test_a_series_of_one_row_goes_by_the_frequency_of_the_others():
    days = frame_of(pd.date_range("2024-01-31", periods=9), id="a")
    one = pd.concat([days, frame_of(pd.to_datetime(["2024-01-31"]), id="b")])
    assert _timed(id_column="id", calendar=7).build(one).num_windows == 7
    with pytest.raises(ValueError, match=r"calendar=\[7\].* no series has two rows"):
        _timed(id_column="id", calendar=7).build(one[9:])
    assert _timed(id_column="id", calendar="week").count(one) == 7
    assert calendar_features(days["time"][:1], "year").shape == (1, 2)


def test_a_missing_row_is_counted():
    times = pd.date_range("2024-01-01", periods=50).delete(20)
    made = calendar_features(times, 7)
    np.testing.assert_array_equal(made, np.delete(calendar_features(
        pd.date_range("2024-01-01", periods=50), 7), 20, axis=0))  # fmt: skip


@pytest.mark.parametrize(
    ("given", "kept"),
    [("week", ("week",)), (7, (7,)), (7.0, (7,)), (365.25, (365.25,)), (["year", 7], ("year", 7)),
     (np.array([7, 12]), (7, 12)), (np.float32(2.5), (2.5,)), (("day",), ("day",)), (None, None)],
)  # fmt: skip
def test_settings_are_kept_as_a_tuple(given, kept):
    spec = _timed(calendar=given)
    assert spec.calendar == kept
    config = json.loads(json.dumps(spec.get_config(), allow_nan=False))
    assert WindowedSeries.from_config(config) == spec
    assert hash(WindowedSeries.from_config(config)) == hash(spec)
    del config["calendar"]  # As old files have it.
    assert WindowedSeries.from_config(config) == _timed()


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [("month", ValueError, "must be one of 'hour', 'day', 'week', 'year'. Received"),
     ([], ValueError, "calendar is empty"), ("", ValueError, "must be one of"),
     (1, ValueError, "must be > 1"), (-7, ValueError, "must be > 1"), (0.5, ValueError, "> 1"),
     (float("nan"), ValueError, "must be finite"), (True, TypeError, "must be a finite number"),
     ([[7]], TypeError, "must be a finite number"), ({"week": 7}, TypeError, "finite number"),
     ([7, 7.0], ValueError, "names a cycle twice"), (["week", "week"], ValueError, "twice"),
     ([None], TypeError, "must be a finite number")],
)  # fmt: skip
def test_wrong_cycles_are_refused(given, error, words):
    with pytest.raises(error, match=re.escape(words)):
        _timed(calendar=given)
    with pytest.raises(error, match=re.escape(words.replace("calendar", "cycles"))):
        calendar_features(np.arange(9).astype("M8[D]"), given)


def test_what_a_calendar_needs():
    numbers = pd.DataFrame({"time": range(20), "value": 1.0})
    x, _ = _timed(calendar=4).build(numbers.assign(time=range(10, 50, 2))).to_numpy()
    np.testing.assert_allclose(x["past"][0, :, 1], [1, 0], atol=1e-7)
    clash = frame_of(pd.date_range("2024-01-01", periods=9), week_cos=1.0)
    for settings in ({}, {"static_columns": "week_cos"}, {"future_columns": "week_cos"}):
        with pytest.raises(ValueError, match="makes a column 'week_cos', and the series has one"):
            _timed(calendar="week", **settings).build(clash)


@pytest.mark.parametrize("ahead", [{"calendar": 7}, {"future_columns": 1}])
@pytest.mark.parametrize(("setting", "value"), [("gap", 1), ("sampling_rate", 2)])
def test_sequences_with_columns_known_ahead_have_no_gap_and_no_rate(ahead, setting, value):
    with pytest.raises(
        ValueError, match=f"{next(iter(ahead))} needs {setting}=.*{setting}={value}"
    ):
        WindowedSeries(3, targets="sequence", **ahead, **{setting: value})
    assert WindowedSeries(3, **ahead, **{setting: value})
    assert WindowedSeries(3, targets="sequence", **ahead)
    assert WindowedSeries(3, targets="sequence", static_columns=1, **{setting: value})


def test_a_memory_map_is_refused_with_the_cure(tmp_path):
    series = np.memmap(tmp_path / "series", np.float32, "w+", shape=(40,))
    with pytest.raises(ValueError, match=r"see calendar_features.*future_columns"):
        WindowedSeries(3, calendar=7).build(series)
    table = np.memmap(tmp_path / "table", np.float32, "w+", shape=(40, 2))
    with pytest.raises(ValueError, match="would read a memory map whole"):
        WindowedSeries(3, calendar=7).build(table)


@pytest.mark.parametrize("remainder", ["keep", "pad"])
def test_keras_trains_on_it(remainder):
    times = pd.date_range("2024-01-01", periods=70, tz="Europe/Berlin")
    frame = frame_of(times, price=1.0).astype({"value": "float32", "price": "float32"})
    spec = _timed(horizon=3, batch_size=16, target_columns="value", future_columns="price",
                  calendar=["week", 365.25], remainder=remainder)  # fmt: skip
    dataset = spec.build(frame)
    past, future = keras.Input((2, 6), name="past"), keras.Input((3, 5), name="future")
    flat = [keras.layers.Flatten()(part) for part in (past, future)]
    steps = keras.layers.Dense(3)(keras.layers.Concatenate()(flat))
    model = keras.Model({"past": past, "future": future}, steps)
    model.compile("sgd", "mae")
    assert np.isfinite(model.fit(dataset, verbose=0).history["loss"]).all()
    x, y = spec.build(frame).to_numpy()[:2]
    whole = model.evaluate(x, y, batch_size=16, verbose=0)
    if remainder == "pad":  # Keras counts the last batch as full.
        errors = np.abs(model.predict(x, verbose=0) - y).mean(axis=1)
        whole = np.mean([errors[begin : begin + 16].mean() for begin in range(0, len(y), 16)])
    np.testing.assert_allclose(model.evaluate(dataset, verbose=0), whole, rtol=1e-6)
    if BACKEND == "tensorflow":
        spec_of = dataset.to_tf().element_spec[0]
        assert spec_of["future"].shape.as_list()[1:] == [3, 5]


def test_an_empty_frame_is_too_short():
    for calendar in ("week", 7):
        with pytest.raises(ValueError, match="series is too short"):
            _timed(calendar=calendar).build(frame_of(pd.date_range("2024-01-01", periods=0)))


@pytest.mark.parametrize("period", [2**62, 2**63, 1e300])
def test_a_period_longer_than_any_series_hardly_moves(period):
    spec = _timed(calendar=period)
    config = json.loads(json.dumps(spec.get_config(), allow_nan=False))
    assert WindowedSeries.from_config(config) == spec
    x, _ = spec.build(frame_of(pd.date_range("2024-01-01", periods=30))).to_numpy()
    np.testing.assert_allclose(x["past"][..., 1], 0, atol=1e-12)
    np.testing.assert_allclose(x["past"][..., 2], 1)
