"""Scores of rows are means; reports become frames, text in columns, and HTML that is escaped."""

import copy
import pickle
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts.scores.report import Page, Report, Rows, Table, interval, number, percent


@dataclass(frozen=True, repr=False, eq=False)
class Told(Report):
    """A report of two pages."""

    table: dict

    def pages(self) -> Iterator[Page]:
        """Yield a table, and a sentence alone."""
        yield Page({"": ["naive", "<b>"], "mae": [2.5, np.nan]}, ["a & b", "c"])
        yield Page({}, ["d"])


REPORT = Told({"a": np.arange(3), "b": np.ones((3, 2))})


@pytest.mark.parametrize("targets", [(), (2,)])
def test_scores_are_means_by_hand(targets):
    rng = np.random.default_rng(0)
    actual, predicted = rng.normal(size=(2, 30, *targets))
    actual[4] = np.nan
    scales = np.full(actual.shape, 2.0)
    scales[7] = np.nan
    column = rng.choice(["b", "a", "c"], 30)
    rows = Rows({"shop": column}, actual, predicted, np.stack([scales, scales**2], axis=-1), None)
    scores = rows.scores("shop")
    assert set(scores["shop"].tolist()) == {"a", "b", "c"}
    for place, shop in enumerate(scores["shop"].tolist()):
        own = column == shop
        errors = np.abs(actual - predicted)[own]
        assert scores["mae"][place] == pytest.approx(np.nanmean(errors))
        assert scores["rmse"][place] == pytest.approx(np.sqrt(np.nanmean(errors**2)))
        assert scores["mase"][place] == pytest.approx(np.nanmean(errors / scales[own]))
    assert rows.scores()["mae"].tolist() == pytest.approx([np.nanmean(np.abs(actual - predicted))])


def test_a_missing_forecast_shows_in_every_score():
    actual, predicted = np.ones(2), np.array([[1.0, 2.0], [np.nan, np.nan]])
    point = Rows({}, actual, predicted[:, 0], np.ones((2, 2)), None).scores()
    band = Rows({}, actual, predicted, np.ones((2, 2)), (0.5, 0.9)).scores()
    for name in ("mae", "rmse", "smape", "mase", "rmsse", "wape"):
        assert np.isnan(point[name])
    for name in ("mase", "sql", "pinball"):
        assert np.isnan(band[name])


def test_steps_come_in_their_order():
    columns = {"step": np.array([2, 1, 2])}
    scores = Rows(columns, np.zeros(3), np.array([1.0, 5.0, 3.0]), np.ones((3, 2)), None).scores(
        "step"
    )
    assert (scores["step"].tolist(), scores["mae"].tolist()) == ([1, 2], [5.0, 2.0])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library, monkeypatch):
    frame = REPORT.to_frame(library)
    assert type(frame).__module__.startswith(library)
    assert frame["a"].to_list() == [0, 1, 2]
    assert list(frame.columns) == ["a", "b_0", "b_1"]
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"needs {library}: pip install {library}\."):
        REPORT.to_frame(library)


def test_other_libraries_are_refused():
    with pytest.raises(ValueError, match="library must be one of 'pandas', 'polars'"):
        REPORT.to_frame("R")


def test_pages_as_text_and_html():
    assert str(REPORT) == repr(REPORT) == "       mae\nnaive  2.5\n<b>      -\n\na & b\nc\n\nd"
    assert str(Page({"": ["x"], "mae": ["1"]}, (), left=0)).splitlines()[:2] == ["   mae", "x    1"]
    assert REPORT._repr_html_() == (
        "<table><thead><tr><th></th><th>mae</th></tr></thead><tbody><tr><td>naive</td>"
        "<td>2.5</td></tr><tr><td>&lt;b&gt;</td><td>-</td></tr></tbody></table>"
        "<p>a &amp; b<br>c</p><p>d</p>"
    )


def test_scores_print_as_a_table_and_stay_a_dict():
    columns = {
        "name": np.array(["<a>", "theta"]),
        "step": np.array([70012345, 2]),
        "day": np.array(["2024-05-01", "2024-05-02T06"], "datetime64[ns]"),
        "actual": np.array([[1.23456, 2.0], [np.nan, 4.0]]),
    }
    table = Table(columns)
    assert (
        str(table)
        == repr(table)
        == (
            "name       step                  day  actual_0  actual_1\n"
            "<a>    70012345           2024-05-01     1.235         2\n"
            "theta         2  2024-05-02T06:00:00         -         4\n\n"
            "A dict of 4 columns. Rows: 2."
        )
    )
    assert "<td>&lt;a&gt;</td><td>70012345</td>" in table._repr_html_()
    assert isinstance(table, dict)
    assert [*table.items()] == [*columns.items()]
    for same in (pickle.loads(pickle.dumps(table)), copy.deepcopy(table)):
        assert type(same) is Table
        np.testing.assert_equal(dict(same), columns)
    assert Table(a=[1], b=["x"]) == {"a": [1], "b": ["x"]}
    plain = {name: values for name, values in columns.items() if values.ndim == 1}
    pd.testing.assert_frame_equal(pd.DataFrame(Table(plain)), pd.DataFrame(plain))
    assert pl.DataFrame(Table(plain)).equals(pl.DataFrame(plain))


def test_a_long_table_prints_its_ends():
    lines = str(Table(step=np.arange(31))).splitlines()
    rows = [*range(15), "...", *range(16, 31)]
    assert [line.strip() for line in lines] == [
        "step", *map(str, rows), "", "A dict of 1 columns. Rows: 31."
    ]  # fmt: skip
    assert "..." not in str(Table(step=np.arange(30)))


@pytest.mark.parametrize("put", [{"a": 1}, {"a": [1], "b": [1, 2]}, {}])
def test_what_is_no_table_prints_as_a_dict(put):
    assert repr(Table(put)) == repr(put)
    assert Table(put)._repr_html_() is None


def test_all_tables_of_reports_print():
    assert type(REPORT.table) is Table
    assert type(Rows({}, np.zeros(2), np.ones(2), np.ones((2, 2)), None).scores()) is Table


def test_numbers():
    assert [number(value) for value in (12.34567, np.nan)] == ["12.35", "-"]
    assert [percent(value) for value in (0.1234, -1e-7)] == ["12.3 %", "0.0 %"]
    assert [percent(value) for value in (-4e-4, 6e-4)] == ["-0.04 %", "0.1 %"]
    assert [percent(value) for value in (-9e3, -1e100)] == ["-900000.0 %", "-1e+102 %"]
    assert [percent(value) for value in (np.nan, -np.inf)] == ["-", "-"]
    assert interval(0.1, 0.2, "") == "10.0 % to 20.0 %"
    assert interval(-np.inf, 0.2, "") == "below 20.0 %"
    assert [interval(np.nan, end, "none") for end in (np.nan, None)] == ["none", "none"]
