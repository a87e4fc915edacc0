"""A series is drawn with its holes, on the axes that are given, into a file that is whole."""

from datetime import date, datetime, timedelta, timezone

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import plot_series


def test_series(tmp_path):
    axes = plt.figure().subplots()
    values = np.array([1.0, np.nan, 3.0])
    assert plot_series(values, ax=axes, filepath=tmp_path / "s.png", label="x") is axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), values)
    assert (tmp_path / "s.png").read_bytes()[:4] == b"\x89PNG"
    assert [p.name for p in tmp_path.iterdir()] == ["s.png"]
    (line,) = plot_series(values, times=[2000, 2001, 2002]).lines
    assert line.get_xdata().tolist() == [2000, 2001, 2002]


def test_dates_are_shortened():
    days = np.datetime64("2024-01-01") + np.arange(60)
    axes = plot_series(np.arange(60.0), times=days)
    axes.figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert 2 < len(labels) < 10
    assert max(map(len, labels)) <= len("2024-01")
    assert axes.get_xlabel() == "time"


@pytest.mark.parametrize("one_day", [date(2024, 5, 1), datetime(2024, 5, 1, 9)])
def test_dates_of_python_and_of_a_zone_stand_by_their_clock(one_day):
    zone = timezone(timedelta(hours=9))
    moments = [one_day.replace(day=day) for day in (1, 2, 3)]
    if isinstance(one_day, datetime):
        moments = [moment.replace(tzinfo=zone) for moment in moments]
    axes = plot_series([1.0, 2.0, 3.0], times=moments)
    wanted = np.array(["2024-05-01", "2024-05-02", "2024-05-03"], "datetime64[h]")
    wanted += np.timedelta64(9 if isinstance(one_day, datetime) else 0, "h")
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), wanted)


def test_a_name_without_a_suffix_is_a_png(tmp_path):
    plot_series([1.0, 2.0], filepath=tmp_path / "picture")
    assert (tmp_path / "picture").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("library", [pd.Series, lambda times: pl.from_pandas(pd.Series(times))])
def test_times_with_a_zone_are_local(library):
    times = pd.date_range("2024-01-01", periods=2, tz="Asia/Tokyo")
    (line,) = plot_series([1.0, 2.0], times=library(times)).lines
    assert line.get_xdata().astype("datetime64[h]").astype(str).tolist() == [
        "2024-01-01T00", "2024-01-02T00",
    ]  # fmt: skip
