"""A panel names its places, and finds the values that are missing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.panel.clock import Clock
from keras_ts.panel.flat_series import (
    FlatSeries,
    check_values,
    missing_rows,
)
from keras_ts.panel.settings import HANDLING

OFFSETS = np.array([0, 3, 3, 8])


def test_sizes():
    plain = FlatSeries(np.zeros(8), OFFSETS, single=False)
    assert (plain.lengths.tolist(), plain.num_columns, plain.on_disk) == ([3, 0, 5], 1, False)
    assert FlatSeries(np.zeros((8, 4)), OFFSETS, single=False).num_columns == 4


@pytest.mark.parametrize(
    ("position", "place"),
    [(0, "position 0 of series 0"), (2, "position 2 of series 0"), (3, "position 0 of series 2"),
     (7, "position 4 of series 2")],
)  # fmt: skip
def test_places_are_named_by_series_and_position(position, place):
    panel = FlatSeries(np.zeros(8), OFFSETS, single=False)
    assert panel.place(position) == place
    named = FlatSeries(np.zeros(8), OFFSETS, single=False, labels=("a", "b", "c"))
    wanted = place.replace("series 0", "series 'a'").replace("series 2", "series 'c'")
    assert named.place(position) == wanted
    alone = FlatSeries(np.zeros(8), np.array([0, 8]), single=True)
    assert alone.place(position) == f"position {position}"
    assert (alone.series(0), named.series(2)) == ("the series", "series 'c'")


def test_places_have_their_timestamps_beside_them():
    days = np.arange("2024-02-27", "2024-03-06", dtype="M8[D]")
    alone = FlatSeries(np.zeros(8), np.array([0, 8]), True, clock=Clock(days, np.array([0, 8])))
    assert alone.place(2) == "position 2 (2024-02-29)"
    several = FlatSeries(np.zeros(8), OFFSETS, False, clock=Clock(days, OFFSETS))
    assert several.place(3) == "position 0 (2024-03-01) of series 2"


@given(st.lists(st.sampled_from([0.0, 1.0, np.nan, np.inf]), min_size=1, max_size=30),
       st.integers(1, 7), st.sampled_from(list(HANDLING)))  # fmt: skip
def test_wrong_values_are_counted_and_the_first_is_named_whatever_the_block(values, block, missing):
    """With "raise" all that are not finite, with "drop" none, and else those that are infinite."""
    panel = FlatSeries(np.array(values), np.array([0, len(values)]), single=True)
    wrong = {"raise": [np.nan, np.inf], "drop": []}.get(missing, [np.inf])
    bad = [position for position, value in enumerate(values) if str(value) in map(str, wrong)]
    if not bad:
        assert check_values(panel, HANDLING[missing], block) is None
        return
    cure = "Fill them, or pass" if missing == "raise" else "Correct it, write NaN if it is missing"
    says = f"series has {len(bad)} position.*the first at position {bad[0]}. {cure}"
    with pytest.raises(ValueError, match=says):
        check_values(panel, HANDLING[missing], block)


def test_rows_with_a_missing_value():
    table = np.array([[0, 1, 2], [np.nan, 1, 2], [0, 1, np.inf], [0, -np.inf, 2]], np.float32)
    assert missing_rows(table).tolist() == [False, True, True, True]
    assert missing_rows(table, [0]).tolist() == [False, True, False, False]
    assert missing_rows(table, (0, 2)).tolist() == [False, True, True, False]
    assert missing_rows(table[:, 0], [0]).tolist() == [False, True, False, False]
    assert missing_rows(table, ()).tolist() == [False] * 4
    for dtype in ("int8", "uint64", "bool"):
        assert missing_rows(np.ones((3, 2), dtype)).tolist() == [False] * 3


def test_a_memory_map_is_on_disk(tmp_path):
    mapped = np.memmap(tmp_path / "series", np.float32, "w+", shape=(8,))
    assert FlatSeries(mapped, OFFSETS, single=False).on_disk
    assert not FlatSeries(np.array(mapped), OFFSETS, single=False).on_disk


def test_pandas_series_of_ids_are_labels():
    labels = tuple(pd.Series(["north", "south", "east"]))
    assert FlatSeries(np.zeros(8), OFFSETS, False, labels=labels).series(1) == "series 'south'"


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(-3, 7)), min_size=1), st.booleans())
def test_runs_are_read_one_after_another_with_nan_before_their_series(runs, columns):
    values = np.arange(16, dtype=np.float32).reshape(8, 2)
    panel = FlatSeries(values if columns else values[:, 0], OFFSETS, single=False)
    begin, stop = np.array([(min(first, last), last + 1) for last, first in runs]).T
    rows = [
        row if row >= (0 if last < 3 else 3) else None
        for last, first in runs
        for row in range(min(first, last), last + 1)
    ]
    wanted = [np.full_like(panel.values[0], np.nan) if i is None else panel.values[i] for i in rows]
    np.testing.assert_array_equal(panel.rows(begin, stop), wanted)
