"""A report says in plain words from where a forecast looks ahead, and how far."""

import numpy as np
import pytest

from keras_ts.checks.leakage import LeakageReport


def test_nothing_is_looked_at():
    report = LeakageReport(12, 286)
    assert report.ok
    assert str(report) == (
        "Does not look ahead: none of 286 forecasts moved when values after their origins "
        "changed, in 12 passes."
    )


@pytest.mark.parametrize(
    ("ahead", "says"),
    [
        (1, "It looks 1 step ahead, to 20, as a column shifted by one does"),
        (4, "It looks 4 steps ahead, to 20, as a centred window"),
        (81, "It looks 81 steps ahead, to 20, the last value, as a scaler"),
    ],
)
def test_distances_have_their_usual_causes(ahead, says):
    report = LeakageReport(20, 100, origin=19, ahead=ahead, seen=20, rows_left=81, change=12.345)
    assert not report.ok
    first, second = str(report).splitlines()
    assert first == "Looks ahead: the forecast at 19 moves by 12.3 when values after it change."
    assert second.startswith(says)


@pytest.mark.parametrize("missing", [0, 2])
def test_one_step_ahead_in_a_series_with_holes_may_be_a_fill(missing):
    report = LeakageReport(20, 100, missing, origin=19, ahead=1, seen=20, rows_left=81, change=1.0)
    assert str(report).endswith(
        ", or a backward fill or interpolation of missing values." if missing else "of three."
    )


def test_dates_ids_and_what_is_clean():
    report = LeakageReport(
        20,
        100,
        origin=np.datetime64("2024-01-14T00:00:00.000000000"),
        series="north",
        ahead=2,
        seen=np.datetime64("2024-01-14T02:00", "ns"),
        rows_left=50,
        change=np.inf,
        clean_from=np.datetime64("2024-03-01"),
    )
    first, second, last = str(report).splitlines()
    assert "at 2024-01-14 of series 'north' moves to or from NaN" in first
    assert "2 steps ahead, to 2024-01-14T02:00:00," in second
    assert last.startswith("Changes after 2024-03-01, and later ones, moved no forecast")
