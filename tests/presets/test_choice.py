"""The preset for a table follows from its series, its rows and its frequency."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers import timed
from keras_ts import choose_preset, course_series
from keras_ts.panel.frequency import RULES
from keras_ts.presets.catalog import suggested_period


def panel(freq, series=3, rows=220):
    times = pd.date_range("2020-01-06", periods=rows, freq=freq)
    frames = [
        pd.DataFrame({"id": f"s{number}", "time": times, "y": np.arange(float(rows))})
        for number in range(series)
    ]
    return pd.concat(frames)


@pytest.mark.parametrize(
    ("freq", "period"),
    [
        ("15min", 96), ("30min", 48), ("h", 24), ("D", 7), ("B", 5), ("W", 52), ("MS", 12),
        ("ME", 12), ("QS", 4), ("YS", 1), ("1min", 1), ("3D", 1), ("7h", 1),
    ],
)  # fmt: skip
def test_the_frequency_says_the_season_of_a_panel(freq, period):
    choice = choose_preset(panel(freq), 4, id_column="id", time_column="time", target_columns="y")
    assert choice.preset.period == period
    columns = {"id_column": "id", "time_column": "time", "target_columns": "y"}
    assert suggested_period(panel(freq), 4, **columns) == period
    assert choice.preset.smoothing == "mixed"
    assert str(choice).startswith(f"seasonal_gru(period={period}), since there are 3 series")


@pytest.mark.parametrize(
    ("freq", "period"), [("MS", 12), ("2ME", 6), ("QS", 4), ("8MS", 3), ("YS", 1)]
)
def test_the_season_of_a_rule_counts_its_days_and_not_its_steps(freq, period, monkeypatch):
    """A year is four steps of three months, and two years are three steps of eight."""
    months = replace(RULES["day of month"], season=(12, ", of months"))
    monkeypatch.setitem(RULES, "day of month", months)
    columns = {"id_column": "id", "time_column": "time", "target_columns": "y"}
    assert suggested_period(panel(freq, rows=100), 4, **columns) == period


@pytest.mark.parametrize(("rows", "period"), [(111, 1), (112, 52)])
def test_a_panel_too_short_for_its_season_has_none(rows, period):
    """A window of two years, and its targets, would hardly ever be whole."""
    columns = {"id_column": "id", "time_column": "time", "target_columns": "y"}
    choice = choose_preset(panel("W", rows=rows), 4, **columns)
    assert choice.preset.period == suggested_period(panel("W", rows=rows), 4, **columns) == period
    assert ("few for a season of 52" in choice.reason) == (period == 1)


def test_a_time_zone_and_missing_rows_change_no_season():
    table = panel("D", rows=60)
    table["time"] = table["time"].dt.tz_localize("Europe/Berlin")
    table = table.drop(index=[7, 8])
    choice = choose_preset(table, 4, id_column="id", time_column="time", target_columns="y")
    assert choice.preset.period == 7


@pytest.mark.parametrize(("rows", "smoothing"), [(499, "mixed"), (500, "linear")])
def test_a_long_series_has_a_net_of_its_own(rows, smoothing):
    choice = choose_preset(course_series()[:rows], 1)
    assert choice.preset.smoothing == smoothing
    assert f"{rows} rows" in choice.reason
    assert "calendar" not in choice.reason


def test_many_steps_without_a_calendar_come_with_a_warning():
    series = course_series()
    assert "give it a calendar, such as a cycle of 7 rows" in choose_preset(series, 24).reason
    assert "a cycle of 365 rows" in choose_preset(series, 1, period=365).reason
    # The second hint is for those who gave a period and no calendar.
    table, settings = timed(series, calendar=[365])
    assert "calendar" not in choose_preset(table, 24, period=365, **settings).reason


def test_what_is_given_goes_before():
    choice = choose_preset([np.arange(9.0), np.arange(8.0)], 2, period=4, quantiles=(0.1, 0.5, 0.9))
    assert (choice.preset.period, choice.preset.quantiles) == (4, (0.1, 0.5, 0.9))
    assert choice.reason == "seasonal_gru(period=4), since there are 2 series."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"horizon": 0}, "horizon must be"), ({"horizon": 2, "target": "y"}, "target"),
     ({"horizon": 2, "targets": "vector"}, "Received: 'targets'"),
     ({"horizon": 2, "period": 0}, "period must be"),
     ({"horizon": 9}, "9 rows, which leaves none")],
)  # fmt: skip
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        choose_preset([np.arange(9.0), np.arange(8.0)], **arguments)
