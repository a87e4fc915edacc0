"""Scores of rows are means; tables become frames, text in columns, and HTML that is escaped."""

import sys

import numpy as np
import pytest

from keras_ts.evaluation.reports.tables import (
    aligned,
    as_frame,
    html_table,
    number,
    percent,
    scores_of_rows,
)


@pytest.mark.parametrize("targets", [(), (2,)])
def test_scores_are_means_by_hand(targets):
    rng = np.random.default_rng(0)
    actual, predicted = rng.normal(size=(2, 30, *targets))
    actual[4] = np.nan
    scales = np.full(actual.shape, 2.0)
    scales[7] = np.nan
    column = rng.choice(["b", "a", "c"], 30)
    scores = scores_of_rows(actual, predicted, scales, None, "shop", column)
    assert set(scores["shop"].tolist()) == {"a", "b", "c"}
    for place, shop in enumerate(scores["shop"].tolist()):
        rows = column == shop
        errors = np.abs(actual - predicted)[rows]
        assert scores["mae"][place] == pytest.approx(np.nanmean(errors))
        assert scores["rmse"][place] == pytest.approx(np.sqrt(np.nanmean(errors**2)))
        assert scores["mase"][place] == pytest.approx(np.nanmean(errors / scales[rows]))
    whole = scores_of_rows(actual, predicted, scales, None)
    assert whole["mae"].tolist() == pytest.approx([np.nanmean(np.abs(actual - predicted))])


def test_a_missing_forecast_shows_in_every_score():
    scores = scores_of_rows(np.zeros(2), np.array([1.0, np.nan]), np.ones(2), None)
    assert np.isnan(scores["mae"])
    assert np.isnan(scores["smape"])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library, monkeypatch):
    frame = as_frame({"a": np.arange(3), "b": np.ones(3)}, library)
    assert type(frame).__module__.startswith(library)
    assert frame["a"].to_list() == [0, 1, 2]
    assert list(frame.columns) == ["a", "b"]
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"needs {library}: pip install {library}\."):
        as_frame({}, library)


def test_other_libraries_are_refused():
    with pytest.raises(ValueError, match="library must be one of 'pandas', 'polars'"):
        as_frame({}, "R")


def test_columns():
    rows = [["", "mae"], ["naive", "2.5"], ["x", "10"]]
    assert aligned(rows) == ["       mae", "naive  2.5", "    x   10"]
    assert aligned(rows, left=1) == ["       mae", "naive  2.5", "x       10"]
    assert aligned([["a", ""]], left=1) == ["a"]


def test_html():
    page = html_table(["", "mae"], [["<b>", "2.5"]], ["a & b", "c"])
    assert page == (
        "<table><thead><tr><th></th><th>mae</th></tr></thead>"
        "<tbody><tr><td>&lt;b&gt;</td><td>2.5</td></tr></tbody></table><p>a &amp; b<br>c</p>"
    )


def test_numbers():
    assert [number(value) for value in (12.34567, np.nan)] == ["12.35", "-"]
    assert [percent(value) for value in (0.1234, -1e-5)] == ["12.3 %", "0.0 %"]
    assert [percent(value) for value in (np.nan, -np.inf)] == ["-", "-"]
