"""Timestamps without one frequency, out of order or with gaps are refused, each by one error."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from forecasting_models import adding
from keras_ts import Panel, WindowedSeries, calendar_features, forecast

WINDOWS = {"window": 2, "id_column": "id", "time_column": "t", "target_columns": "y"}
RNG = np.random.default_rng(0)
HOURS = pd.date_range("2024-01-02", periods=60, freq="h")
DAYS = pd.date_range("2024-01-01", periods=60)
PAGE = "See 'The regular step' in docs/data/missing.md."


def table(*times):
    parts = [
        pd.DataFrame({"id": number, "t": own, "y": np.arange(len(own)) * 1.0})
        for number, own in enumerate(times)
    ]
    return pd.concat(parts, ignore_index=True)


IRREGULAR = {
    "a row off the steps": [*DAYS[:9], pd.Timestamp("2024-01-11 05:00")],
    "jitter": (HOURS + pd.to_timedelta(RNG.uniform(-300, 300, 60), "s")).round("s"),
    "events": pd.Timestamp("2024-03-01") + pd.to_timedelta(RNG.exponential(4, 60).cumsum(), "h"),
    "few rows far apart": DAYS[[0, 1, 3, 7, 9, 10, 14, 17, 19, 24, 25]],
    "Mondays, Wednesdays and Fridays": DAYS[DAYS.day_of_week.isin([0, 2, 4])],
    "third Fridays": pd.date_range("2024-01-01", periods=20, freq="WOM-3FRI"),
    "months in UTC": pd.date_range("2024-01-01", periods=20, freq="ME", tz="UTC").tz_convert(
        "Europe/Berlin"
    ),
    "six hours by the local clock": pd.date_range("2024-01-01", periods=600, freq="6h").tz_localize(
        "Europe/Berlin"
    ),
    "numbers": np.array([0, 1, 3, 6, 10]),
}


@pytest.mark.parametrize("name", IRREGULAR)
@pytest.mark.parametrize("missing", ["raise", "drop", "keep", "mask"])
def test_a_table_without_one_frequency_is_refused(name, missing):
    frame = table(IRREGULAR[name])
    with pytest.raises(ValueError, match=r"must have one frequency, and has a step of .* but one"):
        WindowedSeries(**WINDOWS, missing=missing).build(frame)


def test_panels_plans_and_features_refuse_it_too():
    frame, roles = table(IRREGULAR["jitter"]), {n: v for n, v in WINDOWS.items() if n != "window"}
    model = adding(WindowedSeries(**WINDOWS).build(table(HOURS)))
    for call in (
        lambda: Panel(frame, **roles),
        lambda: forecast(model, frame),
        lambda: calendar_features(frame["t"], 4),
    ):
        with pytest.raises(ValueError, match="must have one frequency"):
            call()
    assert calendar_features(frame["t"], "day").shape == (60, 2)


@pytest.mark.parametrize(
    ("series", "steps"),
    [
        ([HOURS[:9], HOURS[[0, 1, 2]].append(HOURS[[4]] + pd.Timedelta("10min"))],
         "1 hour from 2024-01-02 to 2024-01-02T01:00:00 in series 0 but one of 130 minutes from "
         "2024-01-02T02:00:00 to 2024-01-02T04:10:00 in series 1"),
        ([DAYS, pd.date_range("2024-01-07", periods=8, freq="W")],
         "1 day from 2024-01-01 to 2024-01-02 in series 0 but one of 7 days from 2024-01-07 to "
         "2024-01-14 in series 1"),
        ([pd.date_range("2024-01-01", periods=8, freq=f) for f in ("MS", "ME")],
         "29 days from 2024-02-01 to 2024-03-01 in series 0"),
        ([DAYS[:4], DAYS[:4] + pd.to_timedelta([0, 0, 0.25, 0.25], "s")],
         "but one of 86400.2 seconds from 2024-01-02 to 2024-01-03T00:00:00.250"),
        ([[0, 2, 4], [0, 2, 5]], "2 from 0 to 2 in series 0 but one of 3 from 2 to 5 in series 1"),
    ],
)  # fmt: skip
def test_the_two_steps_that_disagree_are_shown(series, steps):
    with pytest.raises(ValueError, match="one frequency") as caught:
        WindowedSeries(**WINDOWS, missing="mask").build(table(*series))
    assert steps in str(caught.value)
    assert str(caught.value).endswith(PAGE)
    assert "## The regular step" in Path("docs/data/missing.md").read_text("utf-8")


def test_missing_rows_have_their_choices():
    with pytest.raises(ValueError, match=r"has 1 steps that leave out rows, the first of 4 hours"):
        WindowedSeries(**WINDOWS).build(table(HOURS.delete(range(7, 10))))
    for missing in ("drop", "keep", "mask"):
        assert WindowedSeries(**WINDOWS, missing=missing).count(table(HOURS.delete([8]))) > 50


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(
    ("times", "says"),
    [(HOURS[:9][::-1], r"goes back in time at position 1 \(2024-01-02T07:00:00\) of series 0"),
     (HOURS[:9].repeat(2), r"repeats time at position 1 \(2024-01-02\) of series 0")],
)  # fmt: skip
def test_rows_out_of_order_are_refused(library, times, says):
    frame = table(times)
    with pytest.raises(ValueError, match=says):
        WindowedSeries(**WINDOWS).build(frame if library == "pandas" else pl.from_pandas(frame))


def test_weekdays_in_utc_are_days_with_missing_rows():
    times = pd.date_range("2024-01-01", periods=40, freq="B", tz="UTC")
    frame = table(times.tz_convert("America/New_York"))
    assert WindowedSeries(**WINDOWS, missing="mask").build(frame).frequency == "1 day"


@pytest.mark.parametrize("library", [pd.DataFrame, pl.from_pandas])
def test_a_list_of_frames_is_refused(library):
    frames = [library(table(HOURS)), library(table(HOURS))]
    with pytest.raises(TypeError, match="a list of frames"):
        WindowedSeries(2).build(frames)
    with pytest.raises(TypeError, match="a list of frames"):
        Panel(frames)


def test_a_calendar_needs_timestamps():
    for calendar in ("week", 7):
        with pytest.raises(ValueError, match=r"calendar=.* needs timestamps"):
            WindowedSeries(2, calendar=calendar).build(np.arange(9.0))
    numbered = table(np.arange(9))
    with pytest.raises(ValueError, match=r"of dates for all cycles but numbers"):
        WindowedSeries(**WINDOWS, calendar="week").build(numbered)
    assert WindowedSeries(**WINDOWS, calendar=[7]).count(numbered) == 7
