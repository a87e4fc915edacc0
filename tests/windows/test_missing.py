"""The table of ``missing`` says what windows do, for each of its rows."""

import numpy as np
import pandas as pd
import pytest

from keras_ts import WindowedSeries
from keras_ts.windows.missing import HANDLING

DAYS = pd.date_range("2024-01-01", periods=12).delete(9)


def windows_of(missing, values, dates=None, **settings):
    frame = pd.DataFrame({"y": values, "day": DAYS[: len(values)] if dates is None else dates})
    windows = WindowedSeries(2, missing=missing, target_columns="y", time_column="day", **settings)
    return windows.build(frame).to_numpy()


@pytest.mark.parametrize("missing", HANDLING)
def test_values_that_may_be_missing(missing):
    handling = HANDLING[missing]
    values = np.arange(9.0)
    values[4] = np.nan
    if not handling.series:
        with pytest.raises(ValueError, match="missing or infinite value"):
            windows_of(missing, values, horizon=2)
        return
    x, y = windows_of(missing, values, horizon=2)
    assert bool(np.isnan(x).any()) == handling.inputs
    assert bool(np.isnan(y).any()) == (handling.complete != "all")
    assert len(y) == {"none": 6, "some": 6, "all": 4 if handling.inputs else 2}[handling.complete]


@pytest.mark.parametrize("missing", HANDLING)
def test_a_window_without_a_target(missing):
    values = np.arange(9.0)
    values[4] = np.nan
    if HANDLING[missing].series:
        _, y = windows_of(missing, values)
        assert bool(np.isnan(y).any()) == (HANDLING[missing].complete == "none")


@pytest.mark.parametrize("missing", HANDLING)
def test_gaps_in_time(missing):
    gaps = HANDLING[missing].gaps
    if gaps == "refuse":
        with pytest.raises(ValueError, match="irregular step"):
            windows_of(missing, np.arange(11.0))
    else:
        x, y = windows_of(missing, np.arange(11.0))
        assert len(y) == {"ignore": 9, "part": 7, "fill": 9}[gaps]
        assert bool(np.isnan(x).any()) == (gaps == "fill")
