"""Times go on at the frequency of the panel."""

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


@pytest.mark.parametrize(
    ("freq", "ahead"),
    [("D", ["03-09", "03-10"]), ("ME", ["06-30", "07-31"]), ("B", ["03-12", "03-13"])],
)
def test_they_go_on_at_the_frequency(freq, ahead):
    times = pd.date_range("2024-01-31", periods={"D": 38, "ME": 5, "B": 29}[freq], freq=freq)
    frame = panel(a=times, b=times[:-1])
    made = forecast(adding(WINDOWS.build(frame)), frame)
    assert made["t"][:2].dt.strftime("%m-%d").tolist() == ahead
    assert made["t"].iloc[2] == times[-1]


def test_a_row_on_a_day_off_is_named():
    weekdays = pd.date_range("2024-05-01", periods=13, freq="B")
    model = adding(WINDOWS.build(panel(a=weekdays)))
    with pytest.raises(ValueError, match="the first row on another day is of 2024-05-11"):
        forecast(model, panel(a=weekdays.union([pd.Timestamp("2024-05-11")])))


def test_a_clock_that_is_put_forward():
    times = pd.date_range("2024-03-30 20:00", periods=6, freq="h", tz="Europe/Berlin")
    frame = panel(a=times)
    ahead = forecast(adding(WINDOWS.build(frame)), frame)
    assert ahead["t"].dt.hour.tolist() == [3, 4]


@pytest.mark.filterwarnings("ignore:.*Nothing is forecast of such series")
def test_a_single_row_goes_on_as_the_others():
    windows = replace(WINDOWS, window=1)
    frame = panel(
        a=pd.date_range("2024-01-01", periods=8), b=pd.date_range("2024-02-01", periods=1)
    )
    ahead = forecast(adding(windows.build(frame)), frame)
    assert ahead["t"].dt.strftime("%m-%d").tolist() == ["01-09", "01-10", "02-02", "02-03"]
