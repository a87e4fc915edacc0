"""Cells stand in columns, the first ones flush left where that is asked for."""

from keras_ts.evaluation.text import aligned


def test_columns():
    rows = [["", "mae"], ["naive", "2.5"], ["x", "10"]]
    assert aligned(rows) == ["       mae", "naive  2.5", "    x   10"]
    assert aligned(rows, left=1) == ["       mae", "naive  2.5", "x       10"]
    assert aligned([["a", ""]], left=1) == ["a"]
