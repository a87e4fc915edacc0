"""Cells stand in columns, the first ones flush left where that is asked for; HTML is escaped."""

import numpy as np

from keras_ts.evaluation.reports.text import aligned, html_table, number, percent


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
