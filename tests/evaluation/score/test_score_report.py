"""A report on yesterday's forecast reads well in a terminal, in a notebook and as a frame."""

import pandas as pd
import polars
import pytest

from keras_ts import score


@pytest.fixture
def report():
    days = pd.date_range("2024-05-01", periods=3)
    ahead = pd.DataFrame({"day": days, "step": [1, 2, 3], "sold": [10.0, 12.0, 9.0]})
    return lambda **settings: score(ahead, ahead.assign(sold=[11.0, 12.0, 7.0]), **settings)


def test_it_prints_a_table(report):
    lines = str(report()).splitlines()
    assert lines[0].split() == ["MAE", "RMSE", "sMAPE"]
    assert lines[1].split()[:2] == ["all", "1"]
    assert lines[-1] == "Over 3 forecasts of sold, 3 steps ahead at most."
    assert repr(report()) == str(report())
    by_step = str(report(by="step")).splitlines()
    assert by_step[0].split()[0] == "step"
    assert [line.split()[:2] for line in by_step[1:4]] == [["1", "1"], ["2", "0"], ["3", "2"]]


def test_it_says_how_far_ahead_the_rows_that_came_are():
    days = pd.date_range("2024-05-01", periods=3)
    ahead = pd.DataFrame({"day": days, "step": [1, 2, 3], "sold": [10.0, 12.0, 9.0]})
    assert "Over 2 forecasts of sold, 3 steps ahead at most." in str(score(ahead, ahead[::2]))


def test_a_notebook_shows_html_and_it_becomes_a_frame(report):
    assert "<td>all</td><td>1</td>" in report()._repr_html_()
    assert report(by="step").to_frame()["mae"].tolist() == [1.0, 0.0, 2.0]
    assert isinstance(report().to_frame("polars"), polars.DataFrame)


def test_misuse_is_refused(report):
    with pytest.raises(ValueError, match="by must be one of 'step', 'series'"):
        report(by="fold")
    with pytest.raises(ValueError, match="by must be one of 'step', 'series'"):
        report().scores(by="fold")
