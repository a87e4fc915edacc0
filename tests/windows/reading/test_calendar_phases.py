"""The phase of a row is its own: whatever rows stand beside it, in training and in forecasts."""

import zoneinfo

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from forecasting_models import adding
from keras_ts import WindowedInput, WindowedSeries, calendar_features, forecast
from keras_ts.windows.reading.panel import read_panel

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
        frames = [pd.DataFrame({"t": t, "y": 1.0}) for t in (times, times[begin:end])]
        panel = read_panel(frames, WindowedSeries(2, time_column="t", calendar=5, missing="keep"))
        np.testing.assert_allclose(panel.values[:, 1:], [*wanted, *wanted[begin:end]], atol=1e-5)


@pytest.mark.filterwarnings("ignore:the last window of .* far outside")
@pytest.mark.filterwarnings("ignore:.*Nothing is forecast of such series")
def test_days_in_utc_alone_are_refused_with_the_cure():
    times = pd.date_range("2024-01-01 04:30", periods=500, freq="24h", tz="UTC")
    times = times.tz_convert("America/New_York")
    says = (
        r"counts days by the clock of the time zone, and rows of series '[ab]' are whole days "
        r"apart only in UTC.*pass time_column='t' in UTC"
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


@st.composite
def panels(draw):
    """Arrays whose second column is known ahead, and rows to put in front of all of them."""
    lengths = draw(st.lists(st.integers(3, 20), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    panel = [rng.normal(size=(rows, 3)) for rows in lengths]
    for array in panel:
        array[1:-1][rng.random(len(array) - 2) < draw(st.sampled_from([0, 0.3])), 0] = np.nan
        array[:, 2] = rng.normal()
    return panel, draw(st.integers(0, 9))


PADDED = WindowedSeries(
    8, 2, calendar=[4, 2.5], missing="mask", target_columns=0, future_columns=[1],
    static_columns=[2],
)  # fmt: skip


@given(panels(), st.booleans())
def test_rows_in_front_move_no_phase_of_arrays(case, alone):
    panel, rows = case
    given_, padded = panel, [
        np.concatenate([np.tile([np.nan, *array[0, 1:]], (rows, 1)), array]) for array in panel
    ]  # fmt: skip
    if alone:
        given_, padded = panel[0], padded[0]
    short, long = read_panel(given_, PADDED), read_panel(padded, PADDED)
    own = np.concatenate([np.arange(n) >= rows for n in long.lengths])
    np.testing.assert_array_equal(long.values[own][:, 2:], short.values[:, 2:])
    begin = short.offsets[:-1]
    np.testing.assert_allclose(short.values[begin, 2::2], 0)


@pytest.fixture(scope="module")
def model():
    """Adds up what is known ahead and the phases of the last row."""
    rows = np.random.default_rng(0).normal(size=(40, 3))
    dataset = PADDED.build([rows * [1, 1, 0] + [0, 0, size] for size in (-5.0, 5.0)])
    shapes = {"past": (8, 6), "future": (2, 5), "static": (1,)}
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    past = WindowedInput.of(dataset)(inputs["past"])
    phases = keras.ops.concatenate([past[:, -2:, 2:], inputs["future"]], axis=2)
    phases = phases * np.arange(1.0, 10.0) + 0 * keras.ops.expand_dims(inputs["static"], 1)
    return keras.Model(inputs, keras.ops.sum(phases, axis=2))


@pytest.mark.filterwarnings("ignore:.* rows of a window. The model was trained on windows")
@settings(max_examples=25)
@given(case=panels(), alone=st.booleans())
def test_forecasts_know_no_rows_in_front(model, case, alone):
    """``start`` counts the rows before those that are given."""
    panel, rows = case
    series = panel[0] if alone else panel
    future = np.random.default_rng(1).normal(size=(2, 1) if alone else (len(panel), 2, 1))
    wanted = forecast(model, series, future=future)
    front = [np.tile([np.nan, 0.0, array[0, 2]], (rows, 1)) for array in panel]
    longer = [np.concatenate(pair) for pair in zip(front, panel, strict=True)]
    longer = longer[0] if alone else longer
    np.testing.assert_array_equal(forecast(model, longer, future=future), wanted)
    tail = [array[-2:] for array in panel]
    starts = [len(array) - 2 for array in panel]
    tail, starts = (tail[0], starts[0]) if alone else (tail, starts)
    if np.isfinite(np.asarray(tail)).all():
        ahead = forecast(model, tail, future=future, start=starts)
        np.testing.assert_allclose(ahead, wanted, rtol=1e-5, atol=1e-5)


def test_values_that_are_missing_first_in_some_series_alone_are_no_rows_in_front():
    model = adding(WindowedSeries(3, calendar=4, missing="mask").build(np.arange(9.0)))
    panel = [np.arange(9.0), np.r_[np.nan, np.arange(1.0, 9.0)]]
    says = r"calendar=.*series 0 has 0 before that row, but series 1 has 1"
    with pytest.raises(ValueError, match=says):
        WindowedSeries(3, calendar=4, missing="mask").build(panel)
    with pytest.raises(ValueError, match=says + ".*Pass start=0"):
        forecast(model, panel)
    assert np.ptp(forecast(model, panel, start=0)) == 0
    assert forecast(model, panel, start=[0, 1]).tolist() != forecast(model, panel, start=0).tolist()
    # A series without any value has no phase.
    gone = [np.arange(9.0), np.full(9, np.nan)]
    assert WindowedSeries(3, calendar=4, missing="mask").count(gone) == 6
