"""``stride`` and ``origins`` keep the windows that a loop over timestamps keeps."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import WindowedSeries, compare, from_preset

HOURS = {"h": 1, "2h": 2, "30min": 0.5}
WEEKDAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
HALF_HOURS = [f"{hour:02}:{minute}" for hour in range(24) for minute in ("00", "30")]


def frame(begins, rows, freq, zone=None):
    """Series whose values are the numbers of their rows."""
    times = [pd.date_range(begin, periods=rows, freq=freq, tz=zone) for begin in begins]
    parts = [
        pd.DataFrame({"id": number, "time": stamps, "y": np.arange(rows, dtype=float)})
        for number, stamps in enumerate(times)
    ]
    return pd.concat(parts, ignore_index=True)


def number(moment, freq):
    """Return the steps from 1970-01-01 to a timestamp."""
    if freq in HOURS:
        utc = moment if moment.tz is None else moment.tz_convert("UTC").tz_localize(None)
        return int((utc - pd.Timestamp(0)) / pd.Timedelta(hours=HOURS[freq]))
    if freq in ("MS", "ME"):
        return (moment.year - 1970) * 12 + moment.month - 1
    day = np.datetime64(moment.date(), "D")
    return int(np.busday_count("1970-01-01", day) if freq == "B" else day.astype(int))


def kept(moment, windows, freq):
    if windows.origins is None:
        return number(moment, freq) % windows.stride == 0
    if windows.origins == "month end":
        return moment.is_month_end
    if ":" in windows.origins:
        return moment.strftime("%H:%M") == windows.origins
    return WEEKDAYS[moment.weekday()] == windows.origins


def looped(table, windows, freq):
    """Return the row of the origin of each window."""
    reach = windows.sampling_rate * (windows.window - 1)
    rows = []
    for _, series in table.groupby("id", sort=False):
        last = len(series) - windows.gap - windows.horizon
        moments = [*series["time"]]
        rows += [row for row in range(reach, last) if kept(moments[row], windows, freq)]
    return rows


@st.composite
def cases(draw):
    freq = draw(st.sampled_from(["h", "2h", "30min", "D", "B", "MS", "ME"]))
    zone = draw(st.sampled_from([None, "Europe/Berlin"])) if freq in {"D", *HOURS} else None
    days = draw(st.lists(st.integers(0, 60), min_size=1, max_size=4))
    begins = [pd.Timestamp("2023-09-20") + pd.Timedelta(days=day) for day in days]
    table = frame(begins, draw(st.integers(30, 90)), freq, zone)
    lengths = {"window": 6, "horizon": 3, "sampling_rate": 2}
    shape = {name: draw(st.integers(1, most)) for name, most in lengths.items()}
    names = ["month end", *WEEKDAYS, *HALF_HOURS]
    which = {"stride": st.integers(2, 25), "origins": st.sampled_from(names)}
    name = draw(st.sampled_from([*which]))
    shape |= {"gap": draw(st.integers(0, 2)), name: draw(which[name])}
    return table, freq, WindowedSeries(**shape, id_column="id", time_column="time")


@given(cases())
def test_origins_are_those_of_a_loop(case):
    table, freq, windows = case
    rows = looped(table, windows, freq)
    assert windows.count(table) == len(rows)
    if rows:
        inputs, _ = windows.build(table).to_numpy()
        assert inputs.reshape(len(rows), -1)[:, -1].tolist() == rows
    else:
        with pytest.raises(ValueError, match=r"leaves no window|too short"):
            windows.build(table)


HOURLY = frame(["2024-03-20 05:00"], 24 * 30, "h", "Europe/Berlin")
WINDOWS = WindowedSeries(24, 12, id_column="id", time_column="time")


def times(windows, table):
    return pd.DatetimeIndex(windows.build(table).origins).tolist()


@pytest.mark.parametrize("setting", [{"stride": 24}, {"origins": "06:00"}, {"origins": "MON"}])
def test_rows_that_are_appended_or_cut_off_move_no_origin(setting):
    windows = replace(WINDOWS, **setting)
    whole, part = times(windows, HOURLY), times(windows, HOURLY.iloc[100:-50])
    assert part == [moment for moment in whole if moment in set(part)]
    assert 0 < len(part) < len(whole)


def test_windows_of_two_lengths_are_compared():
    entries = {}
    for length in (300, 168):
        keras.utils.set_random_seed(0)
        preset = from_preset("linear", period=24)
        parts = preset.split(
            HOURLY, 24, at=-200, window=length, stride=24, id_column="id", time_column="time"
        )
        entries[str(length)] = (preset.fit(parts[0], verbose=0), *parts)
    assert set(compare(entries).verdicts) == {"300", "168"}


@pytest.mark.parametrize("missing", ["drop", "mask", "mask_targets", "keep"])
@pytest.mark.parametrize("setting", [{"stride": 6}, {"origins": "06:00"}, {"origins": "TUE"}])
def test_gaps_leave_the_origins_of_the_grid(missing, setting):
    table = HOURLY.drop(index=[*range(200, 231), 400])
    every = WindowedSeries(3, 2, id_column="id", time_column="time", missing=missing)
    some = replace(every, **setting)
    expected = [moment for moment in times(every, table) if kept(moment, some, "h")]
    assert times(some, table) == expected


def test_a_window_without_a_row_has_its_origin_one_step_before():
    table = frame(["2024-01-01"], 30, "D")
    windows = WindowedSeries(
        5, 1, id_column="id", time_column="time", missing="mask_targets", min_inputs=0
    )
    for origin, first in {"SUN": 0, "MON": 1, "SAT": 6}.items():
        _, targets = replace(windows, origins=origin).build(table).to_numpy()
        assert targets.ravel()[0] == first
    # 2023-12-31 is day 19,722.
    assert replace(windows, stride=19_722).count(table) == 1


def test_configs_of_0_3_0_count_from_the_first_row():
    old = {k: v for k, v in replace(WINDOWS, stride=7).get_config().items() if k != "origins"}
    read = WindowedSeries.from_config(old)
    assert read.origins == "first row"
    assert times(read, HOURLY)[0] == HOURLY["time"][23]
    again = WindowedSeries.from_config(replace(WINDOWS, stride=7).get_config())
    assert again == replace(WINDOWS, stride=7)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"origins": "6:00"}, "time of day"),
        ({"origins": "24:00"}, "time of day"),
        ({"origins": 6}, "time of day"),
        ({"origins": "MON", "stride": 2}, "needs stride=1"),
    ],
)
def test_other_values_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        replace(WINDOWS, **setting)


def test_names_need_dates():
    with pytest.raises(ValueError, match="needs dates"):
        WindowedSeries(3, origins="MON").build(np.arange(20.0))


def test_a_stride_that_leaves_no_window_is_named():
    """No value is missing: the few rows hold no origin."""
    hours = pd.date_range("2024-01-01 01:00", periods=20, freq="h")
    table = pd.DataFrame({"hour": hours, "units": np.arange(20.0)})
    settings = {"target_columns": "units", "time_column": "hour"}
    with pytest.raises(ValueError, match="stride=24 leaves no window"):
        WindowedSeries(3, 2, stride=24, **settings).build(table)
    with pytest.raises(ValueError, match="origins='MON' leaves no window"):
        WindowedSeries(3, 2, origins="MON", **settings).build(table.assign(
            hour=hours + pd.Timedelta("1D")))  # fmt: skip
