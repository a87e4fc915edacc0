"""The report of importance prints a table that ends in a sentence for each verdict."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars
import pytest

from keras_ts.evaluation.arithmetic.verdict import Skill
from keras_ts.evaluation.importance.report import (
    NEVER_CHANGES,
    UNUSED,
    UNUSED_BY_MEDIAN,
    Row,
    ShuffledColumns,
    report_of,
)

NOTHING, NONE = Skill(np.nan, np.nan, np.nan), Skill(0.0, 0.0, 0.0)


def skill(ratio, reach):
    """Return the skill for a ratio of errors, with an interval of its logarithm."""
    return Skill(1 - ratio, 1 - ratio * np.exp(reach), 1 - ratio * np.exp(-reach))


def row(name, part, *rest):
    return Row(ShuffledColumns(name, str(name), part, {}), *rest)


@pytest.fixture(scope="module")
def report():
    rows = [
        row("off", "future", NOTHING, NEVER_CHANGES),
        row("size", "static", NONE, UNUSED),
        row("weather", "future", skill(1.001, 0.1)),
        row("promotion", "future", skill(1.5, 0.1)),
        row("units", "target", skill(2.0, 0.1)),
        row("visits", "past", skill(0.8, 0.1)),
        row("spread", "past", NONE, UNUSED_BY_MEDIAN),
        row("price", "future", Skill(-0.1, np.nan, np.nan, 30)),
        row("kind", "static", Skill(-0.2, np.nan, np.nan, 20)),
    ]
    return report_of(rows, "mase", 0.71234, 600, 5, ["A note."])


def test_rows_are_sorted_and_signs_turned(report):
    table = report.table
    assert table["column"].tolist() == [
        "units", "promotion", "kind", "price", "weather", "size", "spread", "visits", "off"
    ]  # fmt: skip
    assert table["increase"][:3].tolist() == pytest.approx([1.0, 0.5, 0.2])
    assert table["low"][1] == pytest.approx(1.5 * np.exp(-0.1) - 1)
    assert table["high"][1] == pytest.approx(1.5 * np.exp(0.1) - 1)
    assert table["verdict"].tolist() == [
        "matters",
        "matters",
        "too few windows for an interval",
        "too few windows for an interval",
        "cannot be told from noise",
        "the model does not use it",
        "the median does not use it",
        "misleads",
        "never changes in validation",
    ]


def test_an_error_of_0_grows_without_bound():
    ours = row("x", "past", Skill(-np.inf, -np.inf, -np.inf))
    assert (ours.increase, ours.verdict) == (np.inf, "matters")


def test_it_prints_what_can_be_said(report):
    lines = str(report).splitlines()
    assert lines[0].split() == ["part", "increase", "95", "%", "interval"]
    assert lines[2].split() == ["promotion", "future", "50.0", "%", "35.7", "%", "to", "65.8", "%"]
    assert lines[3].split() == ["kind", "static", "20.0", "%", "too", "few", "windows"]
    assert lines[6].split() == ["size", "static", "0.0", "%"]
    assert lines[9].split() == ["off", "future", "-"]
    assert lines[10:] == [
        "",
        "A note.",
        "The model's MASE is 0.7123 over 600 windows of 5 series. The increase is how much it "
        "grows when a column is shuffled.",
        "units and promotion matter.",
        "visits misleads the model: it errs less where the values are shuffled.",
        "weather by itself cannot be told from noise.",
        "The model does not use size.",
        "The median does not use spread, but other quantiles do.",
        "off never changes in validation, so nothing can be said about it.",
        "kind and price: too few windows for an interval.",
        "An interval needs 6 stretches of 30 origins, since errors last that long: hold out more "
        "rows.",
    ]
    assert repr(report) == str(report)


def test_windows_that_are_independent_need_no_stretches():
    rows = [row("a", "past", Skill(-0.1, np.nan, np.nan, 1))]
    assert str(report_of(rows, "mae", 1.0, 5, 1, [])).splitlines()[-2:] == [
        "a: too few windows for an interval.",
        "An interval needs 6 origins: hold out more rows.",
    ]


def test_several_columns_share_a_sentence():
    rows = [row(name, "past", skill(1.0, 0.1)) for name in "abc"]
    rows += [row(name, "future", NOTHING, NEVER_CHANGES) for name in "de"]
    lines = str(report_of(rows, "mae", 1.0, 9, 1, [])).splitlines()
    assert lines[-3:] == [
        "The model's MAE is 1 over 9 windows. The increase is how much it grows when a column is "
        "shuffled.",
        "a, b and c cannot be told from noise one by one.",
        "d and e never change in validation, so nothing can be said about them.",
    ]


def test_a_notebook_shows_a_table():
    rows = [row("<b>", "past", skill(1.5, 0.1))]
    page = report_of(rows, "mae", 1.0, 9, 1, [])._repr_html_()
    assert page.startswith("<table>")
    assert "<td>&lt;b&gt;</td><td>past</td><td>50.0 %</td>" in page
    assert "&lt;b&gt; matters." in page


def test_it_becomes_a_frame(report):
    assert isinstance(report.to_frame(), pd.DataFrame)
    assert report.to_frame("polars")["column"].to_list() == report.table["column"].tolist()
    assert isinstance(report.to_frame("polars"), polars.DataFrame)


def test_it_draws_itself(report, tmp_path):
    axes = plt.figure().subplots()
    assert report.plot(ax=axes, filepath=tmp_path / "i.png") is axes
    assert (tmp_path / "i.png").read_bytes()[:4] == b"\x89PNG"
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == report.table["column"].tolist()
    written = [text.get_text().strip() for text in axes.texts]
    assert written == [
        "the model does not use it", "the median does not use it", "never changes in validation"
    ]  # fmt: skip
    assert "MASE" in axes.get_xlabel()
    plt.close("all")
