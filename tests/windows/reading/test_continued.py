"""Series go on at their own frequency, alike ones once."""

import numpy as np
import pandas as pd

from keras_ts import WindowedSeries
from keras_ts.windows.arithmetic.frequency import Frequencies
from keras_ts.windows.reading.continued import continued, own_frequencies
from keras_ts.windows.reading.reader import read_panel

WINDOWS = WindowedSeries(2, id_column="id", time_column="t", missing="keep")


def panel_of(**times):
    parts = [pd.DataFrame({"id": name, "t": t, "y": 1.0}) for name, t in times.items()]
    return read_panel(pd.concat(parts), WINDOWS)


def test_a_single_row_has_the_frequency_of_most():
    days, months = pd.date_range("2024", periods=5), pd.date_range("2024", periods=5, freq="MS")
    panel = panel_of(a=months, b=days[:1], c=days, d=days[1:], e=days[[0, 1, 3]][[0, 2]])
    assert [str(f) for f in own_frequencies(panel)] == [
        "month start", "1 day", "1 day", "1 day", "3 days",
    ]  # fmt: skip
    arrays = read_panel([np.ones(3), np.ones(1)], WindowedSeries(2))
    assert [*own_frequencies(arrays)] == [None, None]
    assert [*own_frequencies(panel_of(a=days[:1], b=days[:1]))] == [None, None]


def test_series_that_go_on_alike_are_continued_once():
    days = pd.date_range("2024-03-01", periods=20)
    panel = panel_of(a=days[8:12], b=days[8:12], c=days[8:14], d=days[6:12], e=days[[0, 1, 9]])
    own = own_frequencies(panel)
    codes = own.codes.copy()
    codes[4] = -1
    series, places, times, _ = continued(panel, Frequencies.of(own.kinds, codes), 4)
    assert series.tolist() == [0, 1, 2, 3]
    assert places.tolist() == [0, 0, 1, 0]
    units = days.to_numpy().astype(panel.clock.times.dtype)
    assert times.tolist() == [units[at : at + 4].tolist() for at in (12, 14)]


def test_clocks_of_a_zone():
    hours = pd.date_range("2024-10-26", periods=90, freq="h", tz="Europe/Berlin")
    panel = panel_of(a=hours[30:60])
    series, _, [times], [shown] = continued(panel, own_frequencies(panel), 30)
    want = hours[60:]
    assert series.tolist() == [0]
    np.testing.assert_array_equal(times, want.tz_convert("UTC").tz_localize(None).to_numpy())
    np.testing.assert_array_equal(shown, want.tz_localize(None).to_numpy())


def test_zones_part_series_that_end_together():
    """Berlin shows Lagos's time in winter, and another in summer."""
    zones = ["Africa/Lagos", "Europe/Berlin"]
    days = [pd.date_range("2024-01-01", periods=40, tz=zone) for zone in zones]
    frames = [pd.DataFrame({"t": column[20:30], "y": 1.0}) for column in days]
    panel = read_panel(frames, WindowedSeries(2, time_column="t"))
    assert len(set(own_frequencies(panel))) == 1
    series, places, continuations, _ = continued(panel, own_frequencies(panel), 150)
    assert series.tolist() == places.tolist() == [0, 1]
    for number, times in enumerate(continuations):
        want = pd.date_range(days[number][29] + pd.DateOffset(days=1), periods=150)
        np.testing.assert_array_equal(times, want.tz_convert("UTC").tz_localize(None))
