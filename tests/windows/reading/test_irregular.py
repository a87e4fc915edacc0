"""A table without a frequency is one error: the steps that disagree, and a line that mends them."""

import re
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import WindowedInput, WindowedSeries, calendar_features, forecast

WINDOWS = WindowedSeries(2, id_column="id", time_column="t", target_columns="y", missing="mask")
RNG = np.random.default_rng(0)


def table(*times):
    parts = [
        pd.DataFrame({"id": number, "t": own, "y": np.arange(len(own)) * 1.0, "note": "x"})
        for number, own in enumerate(times)
    ]
    return pd.concat(parts, ignore_index=True)


def jittered(grid, share, begin=0.0):
    step = (grid[1] - grid[0]).total_seconds()
    late = pd.to_timedelta(RNG.uniform(begin, begin + share, len(grid)) * step, "s")
    return (grid + late).round("s")


def refused(frame, windows=WINDOWS):
    with pytest.raises(ValueError, match="time_column='t'") as caught:
        windows.build(frame.drop(columns="note") if hasattr(frame, "loc") else frame.drop("note"))
    return str(caught.value)


def mended(frame, message):
    """The frame after the line of an error."""
    [line] = re.findall(r"(frame(?:\['t'\])? = frame.*?\))(?:, or, if|\. ?(?:Or|$))", message)
    scope = {"frame": frame, "pl": pl}
    exec(line, scope)
    return scope["frame"]


HOURS = pd.date_range("2024-01-02", periods=60, freq="h")
SCATTERED = pd.Timestamp("2024-03-01") + pd.to_timedelta(RNG.exponential(4, 60).cumsum(), "h")
IRREGULAR = {
    "jitter by hours": (jittered(HOURS, 0.2, -0.1), "The times jitter.", "1 hour"),
    "jitter by minutes": (
        jittered(pd.date_range("2024-01-02", periods=60, freq="15min"), 0.2, -0.1),
        "The times jitter.",
        "15 minutes",
    ),
    "jitter within days": (
        jittered(pd.date_range("2024-01-02", periods=60), 0.4, 0.3),
        "The times jitter.",
        "1 day",
    ),
    "events": (SCATTERED.round("s"), "Resample them to a regular step", None),
    "many missing rows": (
        pd.date_range("2024-01-01", periods=60, freq="D")[[0, 1, 3, 7, 9, 10, 14, 17, 19, 24, 25]],
        "Resample them to a regular step",
        "1 day",
    ),
    "Mondays, Wednesdays and Fridays": (
        pd.bdate_range("2024-01-01", periods=60, freq="C", weekmask="Mon Wed Fri"),
        "Resample them to a regular step",
        "1 day",
    ),
    "Tuesdays and Thursdays": (
        pd.bdate_range("2024-01-01", periods=60, freq="C", weekmask="Tue Thu"),
        "Resample them to a regular step",
        "1 day",
    ),
    "third Fridays": (
        pd.date_range("2024-01-01", periods=20, freq="WOM-3FRI"),
        "month:",
        "month start",
    ),
    "last weekdays": (pd.date_range("2024-01-01", periods=20, freq="BME"), "month:", "month start"),
    "quarters by weekdays": (
        pd.date_range("2024-01-01", periods=20, freq="BQE"),
        "month:",
        "month start, every 3 months",
    ),
    "months that sold": (
        pd.date_range("2020-01-01", periods=60, freq="MS")[[0, 3, 4, 9, 10, 17, 25, 26, 31, 40]],
        "or fill those with 0",
        "month start",
    ),
    "months in UTC": (
        pd.date_range("2024-01-01", periods=20, freq="ME", tz="UTC").tz_convert("Europe/Berlin"),
        "They are regular in UTC",
        "month end",
    ),
    "six hours by the local clock": (
        pd.date_range("2024-01-01", periods=600, freq="6h").tz_localize("Europe/Berlin"),
        "They are regular without their zone",
        "6 hours",
    ),
    "jitter of few rows": (
        pd.date_range("2024-01-02", periods=300, freq="10min")
        + pd.to_timedelta(3 * (np.arange(300) % 50 == 7), "s"),
        "The times jitter. Round",
        "10 minutes",
    ),
    "jitter by nearly half a step": (
        jittered(pd.date_range("2024-01-02", periods=300, freq="10min"), 0.8, -0.4),
        "The times jitter. Round",
        "10 minutes",
    ),
}


@pytest.mark.parametrize("name", IRREGULAR)
@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("ids", [True, False])
def test_the_line_of_the_error_mends_the_table(name, library, ids):
    times, cause, frequency = IRREGULAR[name]
    windows = WINDOWS
    frame = table(*[times] * (1 + ids))
    if not ids:
        windows = WindowedSeries(2, time_column="t", target_columns="y", missing="mask")
        frame = frame.drop(columns="id")
    frame = frame if library == "pandas" else pl.from_pandas(frame)
    message = refused(frame, windows)
    assert cause in message
    assert "irregular step" in message
    assert ('missing="keep"' in message) == (not cause.startswith("The times jitter"))
    again = mended(frame, message)
    assert isinstance(again, type(frame))
    again = (
        again.drop(columns="note", errors="ignore")
        if library == "pandas"
        else again.drop("note", strict=False)
    )
    dataset = windows.build(again)
    assert frequency in (None, dataset.frequency)
    assert dataset.num_windows


def test_readings_of_evenings_are_not_rounded_to_the_next_day():
    evenings = pd.date_range("2024-01-01 20:00", periods=60)
    assert "round(" not in refused(table(evenings + pd.to_timedelta([0, 0, 0, 5, -6] * 12, "h")))


def test_weekdays_in_utc_are_days_with_missing_rows_or_mended():
    times = pd.date_range("2024-01-01", periods=40, freq="B", tz="UTC")
    frame = table(times.tz_convert("America/New_York")).drop(columns="note")
    assert WINDOWS.build(frame).frequency == "1 day"
    windows = WindowedSeries.from_config({**WINDOWS.get_config(), "missing": "raise"})
    with pytest.raises(ValueError, match="They are regular in UTC") as caught:
        windows.build(frame)
    assert windows.build(mended(frame, str(caught.value))).frequency == "1 weekday"


@pytest.mark.parametrize("name", ["third Fridays", "months in UTC", "six hours by the local clock"])
def test_other_kinds_have_no_frequency_also_where_rows_are_counted(name):
    """Their most frequent step would continue them wrongly."""
    windows = WindowedSeries.from_config({**WINDOWS.get_config(), "missing": "keep"})
    frame = table(IRREGULAR[name][0]).drop(columns="note")
    assert windows.build(frame).frequency is None
    with pytest.raises(ValueError, match=r"calendar=\(?\[?4.*own frequency, and series 0 has none"):
        WindowedSeries.from_config({**windows.get_config(), "calendar": [4]}).build(frame)
    with pytest.raises(ValueError, match=r"cycles=.*own frequency, and the series has none"):
        calendar_features(frame["t"], 4)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("static", ["kind", "size"])
@pytest.mark.parametrize("times", [SCATTERED.round("s"), HOURS.repeat(2)])
def test_the_line_keeps_columns_that_never_change(library, static, times):
    frame = table(times, times).drop(columns="note")
    frame[static] = frame["id"].map({0: "a", 1: "b"} if static == "kind" else {0: 1.0, 1: 2.0})
    frame = frame if library == "pandas" else pl.from_pandas(frame)
    windows = replace(WINDOWS, static_columns=static)
    with pytest.raises(ValueError, match="time_column='t'") as caught:
        windows.split(frame, -4)
    train, _ = windows.split(mended(frame, str(caught.value)), -4)
    assert len(set(train.to_numpy()[0]["static"][:, 0].tolist())) == 2


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_several_rows_at_one_time_are_aggregated(library):
    frame = table(HOURS[:9].repeat(2), HOURS[:9])
    frame = frame if library == "pandas" else pl.from_pandas(frame)
    message = refused(frame)
    assert "repeats time at position 1 (2024-01-02) of series 0. Aggregate the rows" in message
    frame = mended(frame, message)
    assert frame["note"].to_list() == ["x"] * 18
    dataset = WINDOWS.build(frame[["id", "t", "y"]])
    assert dataset.frequency == "1 hour"
    assert dataset.to_numpy()[0][0, :, 0].tolist() == [0.5, 2.5]


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(
    ("step", "says"),
    [("1h", "repeats time at position 27 (2023-10-29T02:00:00) of series 0. If"),
     ("15min", "108 (2023-10-29T02:00:00) of series 0, which has the time of position 104")],
)  # fmt: skip
def test_an_hour_that_the_clock_shows_twice_stays_two_hours(library, step, says):
    hours = pd.date_range("2023-10-28", "2023-10-30", freq=step, tz="Europe/Paris")
    frame = table(hours.tz_localize(None), hours.tz_localize(None))
    frame = frame if library == "pandas" else pl.from_pandas(frame)
    message = refused(frame)
    assert says in message
    [line] = re.findall(r"name their zone, (.*\))\. Else [ak]", message)
    scope = {"frame": frame, "pl": pl}
    exec(line, scope)
    dataset = WINDOWS.build(scope["frame"][["id", "t", "y"]])
    assert dataset.num_windows == 2 * (len(hours) - 2)


@pytest.mark.parametrize(
    "times",
    [HOURS[:9].repeat(2), HOURS[[0, 1, 2, 2, 2, 3]], HOURS[[0, 1, 1, 2, 2, 3]],
     HOURS[[0, 1, 1]].normalize(), HOURS[[0, 1, 1, 2]].tz_localize("UTC")],
)  # fmt: skip
def test_other_rows_at_one_time_are_no_change_of_the_clock(times):
    assert "change of the clock" not in refused(table(times))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_rows_out_of_order_are_sorted(library):
    frame = table(HOURS[:9]).iloc[::-1]
    frame = frame if library == "pandas" else pl.from_pandas(frame)
    message = refused(frame)
    assert "goes back in time at position 1 (2024-01-02T07:00:00) of series 0. Sort" in message
    again = mended(frame, message)[["id", "t", "y"]]
    assert WINDOWS.count(again) == 7


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_row_that_comes_again_at_the_end_is_named(library):
    frame = table(HOURS[:9])
    frame = pd.concat([frame, frame.iloc[[3]]])
    message = refused(frame if library == "pandas" else pl.from_pandas(frame))
    assert "9 (2024-01-02T03:00:00) of series 0, which has the time of position 3" in message
    assert "Keep one of them, and sort the rows: frame = frame.sort" in message


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("below", [True, False])
@pytest.mark.parametrize("begin", [0, 3])
def test_two_series_of_one_id_need_ids_of_their_own(library, below, begin):
    """Shops of one name in two regions: a row less, or a mean, would be a wrong number."""
    frame = pd.concat([table(HOURS[begin:9], HOURS[:9]), table(HOURS[:9], HOURS[:9])])
    frame = frame if below else frame.sort_values(["t", "id"])
    message = refused(frame if library == "pandas" else pl.from_pandas(frame))
    assert message.endswith("), or, if these are two series, make their ids unique.")


@pytest.mark.parametrize("again", [HOURS[3:4], HOURS[[1, 0, 2]], HOURS[[8, 8]], HOURS[8:12]])
def test_a_row_or_two_that_come_again_are_of_one_series(again):
    assert "ids unique" not in refused(table(HOURS[:9].append(again)))


def test_the_two_steps_that_disagree_are_shown():
    message = refused(table(HOURS[:9], HOURS[[0, 1, 2, 4, 6, 9, 14]]))
    assert (
        "time_column='t' has 4 irregular steps in series 1: 1 hour from 2024-01-02 to "
        "2024-01-02T01:00:00, but 2 hours from 2024-01-02T02:00:00 to 2024-01-02T04:00:00, and "
        "no step is regular. Resample"
    ) in message


@pytest.mark.parametrize("missing", ["raise", "mask"])
def test_a_row_off_the_steps_is_shown(missing):
    days = pd.date_range("2024-01-01", periods=9)
    windows = WindowedSeries.from_config({**WINDOWS.get_config(), "missing": missing})
    message = refused(table([*days, pd.Timestamp("2024-01-11 05:00")]), windows)
    assert "the frequency is '1 day', and this step is no whole multiple of it. Each" in message
    assert 'correct the timestamp, or drop it. Or pass missing="drop"' in message


def test_missing_rows_have_their_choices():
    windows = WindowedSeries.from_config({**WINDOWS.get_config(), "missing": "raise"})
    message = refused(table(HOURS.delete(range(7, 10))), windows)
    assert "the frequency is '1 hour', and this step is 4 times that. Insert the missing" in message
    assert 'missing="mask"' in message


@pytest.mark.parametrize(
    "times", [np.array([0, 1, 3, 6, 10]), HOURS[[0, 1, 3]][:2].append(HOURS[[4]])]
)
def test_numbers_and_few_rows_have_the_steps_alone(times):
    message = refused(table(times))
    assert "no step is regular" in message


def test_a_model_of_a_kind_that_went_loads_and_says_so_in_a_forecast(tmp_path):
    days = table(HOURS[:20]).drop(columns="note")
    dataset = WINDOWS.build(days)
    inputs = keras.Input((2, 1))
    kind = "third Friday of the month"
    read = WindowedInput(WINDOWS, columns=dataset.columns, frequency=kind)(inputs)
    keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(read))).save(
        tmp_path / "model.keras"
    )
    model = keras.saving.load_model(tmp_path / "model.keras")
    message = "which keras_ts no longer takes as a frequency"
    with pytest.raises(ValueError, match=rf"'{kind}', {message}"):
        forecast(model, days)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_readings_of_business_days_stay_business_days(library):
    """Two readings on some days: their means have no rows of Saturdays and Sundays."""
    days = pd.bdate_range("2024-01-01", periods=60)
    times = jittered(days, 0.3, begin=0.5)
    times = times.union(times[::9] + pd.Timedelta(minutes=40))
    frame = table(times).drop(columns="note")
    frame = frame if library == "pandas" else pl.from_pandas(frame)
    with pytest.raises(ValueError, match="Resample them") as caught:
        WINDOWS.build(frame)
    means = mended(frame, str(caught.value))
    assert len(means) == len(days)
    regular = table(days).drop(columns="note")
    assert WINDOWS.build(means).frequency == WINDOWS.build(regular).frequency


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_sensor_that_strays_and_repeats_itself_is_rounded_then_aggregated(library):
    """Each error's own line leads to the next, and the last to the grid."""
    times = jittered(pd.date_range("2024-01-01", periods=300, freq="10min"), 0.25)
    frame = table(times.union(times[50:51] + pd.Timedelta(seconds=9)).delete(range(100, 120)))
    frame = frame.drop(columns="note")
    spec = WindowedSeries(6, 2, target_columns="y", time_column="t", missing="mask")
    frame = frame if library == "pandas" else pl.from_pandas(frame)
    for begins in ("The times jitter. Round them: ", "aggregate the rows of one time: "):
        with pytest.raises(ValueError, match=begins) as caught:
            spec.count(frame)
        assert "nanoseconds" not in str(caught.value)
        line = str(caught.value).partition(begins)[2]
        scope = {"frame": frame, "pl": pl}
        exec(line.partition(", or name")[0].removesuffix("."), scope)
        frame = scope["frame"]
    assert str(spec.build(frame).frequency) == "10 minutes"
    assert len(frame) == 280


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_local_times_are_rounded_in_utc(library):
    """By the local clock, the hour that a change repeats cannot be rounded."""
    grid = pd.date_range("2024-10-26 20:00", periods=120, freq="10min", tz="UTC")
    frame = table(jittered(grid, 0.2, -0.1).tz_convert("Europe/Berlin"))
    frame = frame if library == "pandas" else pl.from_pandas(frame)
    again = mended(frame, refused(frame))
    assert WINDOWS.build(again[["id", "t", "y"]]).frequency == "10 minutes"
    times = pd.Series(again["t"].to_list())
    assert times.dt.tz_convert("UTC").tolist() == grid.tolist()


def test_two_targets_of_two_clocks_are_said_to_need_a_grid():
    """Laid together, their rows are half a step apart, which is the step of neither."""
    grid = pd.date_range("2024-01-01", periods=300, freq="10s")
    one, two = (table(jittered(grid + shift, 0.3)) for shift in pd.to_timedelta([0, 4], "s"))
    both = one.merge(two.rename(columns={"y": "hum"}), on="t", how="outer")[["t", "y", "hum"]]
    windows = WindowedSeries(2, time_column="t", target_columns=["y", "hum"], missing="mask")
    with pytest.raises(ValueError, match=r"rows of its own, about each '10s'.*'Two cl") as is_:
        windows.build(both)
    assert "frame" not in str(is_.value)


@pytest.mark.parametrize("share", [0, 0.2])
def test_another_sensors_clock_is_brought_to_that_of_the_target(share):
    """Their rows are merged: the step is that of rows with a target, and no target is lost."""
    grid = pd.date_range("2024-01-01", periods=200, freq="10min")
    one = table(jittered(grid, share, -share / 2)).drop(columns=["id", "note"])
    other = pd.DataFrame({"t": grid + pd.Timedelta("3min"), "hum": 1.0})
    merged = one.merge(other, on="t", how="outer")
    windows = replace(WINDOWS, id_column=None)
    with pytest.raises(ValueError, match="10min") as caught:
        windows.build(merged)
    means = mended(merged, str(caught.value)).groupby("t", as_index=False).mean()
    assert windows.build(means).frequency == "10 minutes"
    assert means["y"].notna().sum() == 200
    assert len(means) <= 201


def test_a_row_off_steps_of_weeks_is_not_rounded():
    """Rounding counts steps of 14 days from 1970, and would move every row."""
    times = pd.date_range("2024-01-03", periods=60, freq="14D").to_series().reset_index(drop=True)
    times[20] += pd.Timedelta(days=1)
    message = refused(table(times))
    assert "Each row must lie on the steps of its series" in message
    assert "round" not in message
