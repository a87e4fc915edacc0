"""A series is drawn with its holes, on the axes that are given, into a file that is whole."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from keras_ts import plot_series


def test_series(tmp_path):
    axes = plt.figure().subplots()
    values = np.array([1.0, np.nan, 3.0])
    assert plot_series(values, ax=axes, path=tmp_path / "s.png", label="x") is axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), values)
    assert (tmp_path / "s.png").read_bytes()[:4] == b"\x89PNG"
    assert [p.name for p in tmp_path.iterdir()] == ["s.png"]
    with pytest.raises(ValueError, match="one entry per position, 3"):
        plot_series(values, times=[1, 2])
    with pytest.raises(ValueError, match="not empty"):
        plot_series([])


def test_a_frame_is_refused():
    days = pd.date_range("2024-01-01", periods=3)
    frame = pd.DataFrame({"day": days, "units": [1.0, 2.0, 3.0]})
    with pytest.raises(TypeError, match=r"pass a column, and that of the dates as times"):
        plot_series(frame)
    assert plot_series(frame["units"], times=frame["day"]).get_xlabel() == "time"


def test_dates_are_shortened():
    days = np.datetime64("2024-01-01") + np.arange(60)
    axes = plot_series(np.arange(60.0), times=days)
    axes.figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert 2 < len(labels) < 10
    assert max(map(len, labels)) <= len("2024-01")
    assert axes.get_xlabel() == "time"
