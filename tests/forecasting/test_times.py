"""Times go on at each series' own frequency."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecasting_models import adding
from keras_ts import WindowedSeries, forecast

WINDOWS = WindowedSeries(3, 2, target_columns="y", id_column="id", time_column="t")


def panel(**times):
    return pd.concat(
        [
            pd.DataFrame({"id": name, "t": t, "y": np.arange(len(t)) * 1.0})
            for name, t in times.items()
        ]
    )


def test_each_series_has_its_own():
    frame = panel(
        days=pd.date_range("2024-02-20", periods=8),
        months=pd.date_range("2024-01-31", periods=5, freq="ME"),
        trading=pd.date_range("2024-05-01", periods=13, freq="B"),
    )
    ahead = forecast(adding(WINDOWS.build(frame)), frame)
    assert ahead["t"].dt.strftime("%m-%d").tolist() == [
        "02-28", "02-29", "06-30", "07-31", "05-20", "05-21",
    ]  # fmt: skip


def test_a_row_on_a_day_off_is_named():
    weekdays = pd.date_range("2024-05-01", periods=13, freq="B")
    model = adding(WINDOWS.build(panel(a=weekdays)))
    with pytest.raises(ValueError, match="the first row on another day is of 2024-05-11"):
        forecast(model, panel(a=weekdays.union([pd.Timestamp("2024-05-11")])))


def test_jittering_times_are_rounded_as_in_training():
    hours = pd.date_range("2024-05-01", periods=40, freq="h")
    late = hours + pd.to_timedelta(np.random.default_rng(0).integers(-300, 300, 40), "s")
    windows = replace(WINDOWS, missing="mask")
    with pytest.raises(ValueError, match=r"last window.* Round them: .*dt.round\('h'\), or pass"):
        forecast(adding(windows.build(panel(a=hours))), panel(a=late))


def test_a_clock_that_is_put_forward():
    times = pd.date_range("2024-03-30 20:00", periods=6, freq="h", tz="Europe/Berlin")
    frame = panel(a=times)
    ahead = forecast(adding(WINDOWS.build(frame)), frame)
    assert ahead["t"].dt.hour.tolist() == [3, 4]


@pytest.mark.filterwarnings("ignore:.*Nothing is forecast of such series")
def test_a_series_without_a_regular_step_has_no_times():
    windows = replace(WINDOWS, missing="keep")
    regular = pd.date_range("2024-01-01", periods=8)
    uneven = pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-06", "2024-01-31", "2024-02-03"])
    frame = panel(a=regular, b=uneven)
    ahead = forecast(adding(windows.build(frame)), frame)
    assert ahead["t"].isna().tolist() == [False, False, True, True]
    assert ahead["y"].tolist() == [7.0, 7.0, 4.0, 4.0]


@pytest.mark.filterwarnings("ignore:.*Nothing is forecast of such series")
def test_a_single_row_goes_on_as_the_others():
    windows = replace(WINDOWS, window=1)
    frame = panel(
        a=pd.date_range("2024-01-01", periods=8), b=pd.date_range("2024-02-01", periods=1)
    )
    ahead = forecast(adding(windows.build(frame)), frame)
    assert ahead["t"].dt.strftime("%m-%d").tolist() == ["01-09", "01-10", "02-02", "02-03"]
