"""Columns find their places in the inputs, and each window gets values from another one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import WindowedSeries
from keras_ts.evaluation.importance.report import (
    ShuffledColumns,
    donors,
    shuffled_columns,
)
from keras_ts.evaluation.judged import JudgedWindows


def panel(**settings):
    table = pd.DataFrame(
        {
            "id": ["a"] * 6 + ["b"] * 6,
            "kind": ["x"] * 6 + ["y"] * 6,
            "holiday": ["none", "eve", "day"] * 4,
            "units": np.arange(12.0),
            "visits": np.arange(12.0),
            "size": [1.0] * 6 + [2.0] * 6,
        }
    )
    windows = WindowedSeries(
        2,
        id_column="id",
        target_columns="units",
        future_columns="holiday",
        static_columns=("size", "kind"),
        calendar=(7, 12),
    )
    return JudgedWindows("validation", windows.build(table)).panel


def test_places():
    columns = {column.name: column for column in shuffled_columns(panel())}
    assert panel().columns.past[:5] == (
        "holiday=day", "holiday=eve", "holiday=none", "units", "visits"
    )  # fmt: skip
    made = {name: (column.part, column.places) for name, column in columns.items()}
    assert made == {
        "calendar": ("calendar", {"past": (5, 6, 7, 8), "future": (3, 4, 5, 6)}),
        "holiday": ("future", {"past": (0, 1, 2), "future": (0, 1, 2)}),
        "units": ("target", {"past": (3,)}),
        "visits": ("past", {"past": (4,)}),
        "kind": ("static", {"static": (1, 2)}),
        "size": ("static", {"static": (0,)}),
    }
    assert not columns["size"].varies
    assert columns["visits"].varies
    both, one = shuffled_columns(panel(), [["holiday", "size"], "units"])
    assert (both.name, both.label) == ("holiday + size", "holiday with size")
    assert both.part == "future + static"
    assert both.places == {"past": (0, 1, 2), "future": (0, 1, 2), "static": (0,)}
    assert one == columns["units"]


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        (["unit"], ValueError, r"some of \['calendar', .*Received: 'unit'"),
        ([["units", "kind=x"]], ValueError, "Received: 'kind=x'"),
        ([[]], ValueError, r"Received: \[\]"),
        ([], TypeError, r"a list of names.*Received: \[\]"),
        ("units", TypeError, "Received: 'units'"),
        (3, TypeError, "Received: 3"),
    ],
)
def test_unknown_columns_are_refused(wanted, error, message):
    with pytest.raises(error, match=message):
        shuffled_columns(panel(), wanted)


def test_values_change_places():
    rng = np.random.default_rng(0)
    inputs, others = (
        {
            "past": rng.normal(size=(3, 4, 2)),
            "future": rng.normal(size=(3, 2, 2)),
            "static": rng.normal(size=(3, 2)),
        }
        for _ in range(2)
    )
    others["future"][0, 1, 1] = np.nan
    others["past"][1, 0, 1] = np.nan
    for part in inputs:
        others[part][2] = inputs[part][2]
    before = {part: values.copy() for part, values in inputs.items()}
    columns = ShuffledColumns("x", "x", "future", {"past": (1,), "future": (1,), "static": (0,)})
    put, changed = columns.put(inputs, others)
    for part in inputs:
        np.testing.assert_array_equal(inputs[part], before[part])
    assert changed.tolist() == [True, True, False]
    np.testing.assert_array_equal(put["past"][..., 0], inputs["past"][..., 0])
    np.testing.assert_array_equal(put["past"][..., 1], others["past"][..., 1])
    np.testing.assert_array_equal(put["static"][:, 0], others["static"][:, 0])
    np.testing.assert_array_equal(put["static"][:, 1], inputs["static"][:, 1])
    # A step ahead without a plan in the other window keeps its own.
    expected = others["future"][..., 1].copy()
    expected[0, 1] = inputs["future"][0, 1, 1]
    np.testing.assert_array_equal(put["future"][..., 1], expected)


@pytest.mark.parametrize("dtype", ["int64", "bool", "float32"])
def test_a_plain_past_without_an_axis_for_columns(dtype):
    inputs, others = (np.array([[0, 1], [1, 1]], dtype), np.array([[1, 1], [1, 1]], dtype))
    put, changed = ShuffledColumns(0, "column 0", "target", {"past": (0,)}).put(
        inputs, {"past": others}
    )
    assert put.dtype == dtype
    np.testing.assert_array_equal(put, others)
    assert changed.tolist() == [True, False]


def test_missing_on_both_sides_is_no_change():
    inputs = {"past": np.array([[[np.nan]], [[np.nan]]])}
    others = {"past": np.array([[[np.nan]], [[1.0]]])}
    assert ShuffledColumns(0, "", "past", {"past": (0,)}).put(inputs, others)[1].tolist() == [
        False,
        True,
    ]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(0, 1000))
def test_donors_are_others_of_the_same_group(groups, seed):
    groups = np.array(groups)
    drawn = donors(groups, np.random.default_rng(seed))
    assert sorted(drawn.tolist()) == list(range(len(groups)))
    np.testing.assert_array_equal(groups[drawn], groups)
    alone = np.bincount(groups)[groups] == 1
    np.testing.assert_array_equal(drawn == np.arange(len(groups)), alone)


def test_every_other_item_is_drawn_equally_often():
    generator = np.random.default_rng(0)
    groups = np.array([0, 1, 0, 0, 1])
    counts = np.zeros((5, 5))
    for _ in range(4000):
        counts[np.arange(5), donors(groups, generator)] += 1
    expected = np.zeros((5, 5))
    expected[np.ix_([0, 2, 3], [0, 2, 3])] = 2000
    expected[[1, 4], [4, 1]] = 4000
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(counts, expected, atol=150)
