"""A report reads well in a terminal, in a notebook and as a frame."""

import keras
import pandas as pd
import polars
import pytest

from keras_ts import WindowedSeries, compare, course_series


@pytest.fixture(scope="module")
def parts():
    return WindowedSeries(20).split(course_series(), at=1000)


def test_it_prints_a_table_that_ends_in_a_sentence(parts):
    lines = str(compare(None, *parts)).splitlines()
    assert lines[0].split() == ["MAE", "RMSE", "MASE", "sMAPE", "skill", "95", "%", "interval"]
    assert lines[1].split()[:2] == ["naive", "5.938"]
    assert "luck" not in str(lines)  # Nothing was trained.
    assert lines[-1] == ("The best baseline is theta, with an MAE of 4.932 over 461 windows.")
    assert max(map(len, lines)) < 90


def test_every_model_has_a_sentence(parts):
    models = {
        name: keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)]) for name in ("a", "b")
    }
    report = compare(models, *parts)
    luck, *last = str(report).splitlines()[-3:]
    assert luck == "Intervals leave out the luck of a seed: backtest(..., seeds=3) adds it."
    for line, name in zip(last, models, strict=True):
        assert line.startswith(f"{name} {report.verdicts[name]} the best baseline, theta")
        assert "95 % interval" in line
        assert line.endswith("over 461 windows.")
    assert repr(report) == str(report)


def test_a_notebook_shows_html(parts):
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)])
    page = compare({"<b>": model}, *parts)._repr_html_()
    assert page.startswith("<table>")
    assert "<td>naive</td><td>5.938</td>" in page
    assert "<b>" not in page
    assert "&lt;b&gt; loses to the best baseline" in page


def test_it_becomes_a_frame(parts):
    report = compare(None, *parts)
    table = report.to_frame()
    assert isinstance(table, pd.DataFrame)
    assert table["name"].tolist() == report.table["name"].tolist()
    assert isinstance(report.to_frame("polars"), polars.DataFrame)
    with pytest.raises(ValueError, match="library must be one of"):
        report.to_frame("R")


def test_too_few_windows_have_no_interval():
    report = compare(None, *WindowedSeries(5).split(course_series(60), at=50))
    assert "too few windows" in str(report)
