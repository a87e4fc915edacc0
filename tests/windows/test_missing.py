"""The table of ``missing`` says what windows do, for each of its rows."""

import numpy as np
import pandas as pd
import pytest

from keras_ts import WindowedSeries
from keras_ts.windows.missing import HANDLING

DAYS = pd.date_range("2024-01-01", periods=12).delete(9)


def windows_of(missing, values, dates=None):
    frame = pd.DataFrame({"y": values, "day": DAYS[: len(values)] if dates is None else dates})
    windows = WindowedSeries(2, missing=missing, target_columns="y", time_column="day")
    return windows.build(frame).to_numpy()


@pytest.mark.parametrize("missing", HANDLING)
def test_values_that_may_be_missing(missing):
    handling = HANDLING[missing]
    values = np.arange(9.0)
    values[4] = np.nan
    if not handling.series:
        with pytest.raises(ValueError, match="missing or infinite value"):
            windows_of(missing, values)
        return
    x, y = windows_of(missing, values)
    assert bool(np.isnan(x).any()) == handling.inputs
    assert bool(np.isnan(y).any()) == handling.targets
    assert handling.filters == (len(y) < 7)


@pytest.mark.parametrize("missing", HANDLING)
def test_gaps_in_time(missing):
    gaps = HANDLING[missing].gaps
    if gaps == "refuse":
        with pytest.raises(ValueError, match="irregular step"):
            windows_of(missing, np.arange(11.0))
    else:
        count = len(windows_of(missing, np.arange(11.0))[1])
        assert count == {"ignore": 9, "part": 7}[gaps]
