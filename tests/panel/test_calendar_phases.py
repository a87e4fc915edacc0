"""The phase of a row is its own: whatever rows stand beside it, in training and in forecasts."""

import zoneinfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from forecasting_models import adding
from keras_ts import WindowedSeries, calendar_features, forecast
from keras_ts.panel.panel import Panel

ZONES = sorted(zoneinfo.available_timezones() - {"localtime", "Factory", "posixrules"})
STEPS = ["30min", "1h", "2h", "3h", "4h", "6h", "8h", "12h", "36h", "24h", "48h", "168h"]
HOUR, DAY = (pd.Timedelta(1, unit) for unit in ("h", "D"))


@st.composite
def regular(draw):
    """Times in a zone, even in UTC or (whole days) by its clock; and their numbers by the rule."""
    zone = zoneinfo.ZoneInfo(draw(st.sampled_from(ZONES)))
    step = pd.Timedelta(draw(st.sampled_from(STEPS)))
    start = pd.Timestamp(draw(st.integers(-20 * 8766, 66 * 8766)) * HOUR.value)
    rows = draw(st.integers(40, 300))
    times = pd.date_range(start, periods=rows, freq=step)
    if draw(st.booleans()) and step % DAY == 0 * DAY:
        times = times.tz_localize(zone, ambiguous=np.ones(rows, bool), nonexistent="shift_forward")
    else:
        times = times.tz_localize("UTC").tz_convert(zone)
    assume(times.is_monotonic_increasing and times.is_unique)
    if step % DAY == 0 * DAY:
        return times, times.tz_localize(None).floor("D").asi8 // step.value
    return times, times.asi8 // step.value


def columns_of(times, period):
    """Calendar columns, or None if the clock's changes leave the count no number for a step."""
    try:
        return calendar_features(times, period)
    except ValueError as error:
        if "whole days apart only in UTC" in str(error):
            return None
        raise


@settings(max_examples=150)
@given(regular(), st.data())
def test_any_rows_have_the_phases_of_their_own_times(case, data):
    times, numbers = case
    begin = data.draw(st.integers(0, len(times) - 12))
    end = data.draw(st.integers(begin + 12, len(times)))
    angle = 2 * np.pi * (numbers % 5) / 5
    wanted = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    whole, part = columns_of(times, 5), columns_of(times[begin:end], 5)
    for made, rows in ((whole, slice(None)), (part, slice(begin, end))):
        if made is not None:
            np.testing.assert_allclose(made, wanted[rows], atol=1e-5)
    if whole is not None:
        assert part is not None
        # Nor does another series of a panel move them.
        both = [pd.DataFrame({"id": n, "t": t, "y": 1.0})
                for n, t in enumerate((times, times[begin:end]))]  # fmt: skip
        windows = WindowedSeries(2, id_column="id", time_column="t", calendar=5, missing="keep")
        panel = Panel.of(pd.concat(both), windows).read()
        np.testing.assert_allclose(panel.values[:, 1:], [*wanted, *wanted[begin:end]], atol=1e-5)


@pytest.mark.filterwarnings("ignore:the last window of .* far outside")
@pytest.mark.filterwarnings("ignore:.*Nothing is forecast of such series")
def test_days_in_utc_alone_are_refused_with_the_cure():
    times = pd.date_range("2024-01-01 04:30", periods=500, freq="24h", tz="UTC")
    times = times.tz_convert("America/New_York")
    says = (
        r"counts days by the clock of the time zone, and rows are whole days apart only in UTC.*"
        r"convert the timestamps to UTC"
    )
    frame = pd.concat(
        [
            pd.DataFrame({"id": name, "t": t, "y": np.arange(len(t)) * 1.0})
            for name, t in (("a", times[:30]), ("b", times))
        ]
    )
    windows = WindowedSeries(
        4, 2, id_column="id", time_column="t", calendar=[4], target_columns="y", missing="keep"
    )
    with pytest.raises(ValueError, match=says):
        windows.build(frame)
    model = adding(windows.build(frame[frame["id"] == "a"]))
    with pytest.raises(ValueError, match=says):
        forecast(model, frame)
    cured = times.tz_convert("UTC")
    np.testing.assert_array_equal(columns_of(cured[-60:], 4), columns_of(cured, 4)[-60:])
