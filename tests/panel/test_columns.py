"""Columns play their parts, in the order of the series, by whatever names they have."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import WindowedSeries, calendar_features
from keras_ts.panel.columns import Columns, named_columns
from keras_ts.windows.spec import WindowSpec

FOUR = ["price", "sales", "holiday", "size"]


@st.composite
def parts(draw):
    """The parts that columns play, by their first letters, and the columns of each in any order."""
    played = draw(st.lists(st.sampled_from("ptfs"), min_size=2, max_size=6))
    order = draw(st.permutations(range(len(played))))
    return played, {part: [i for i in order if played[i] == part] for part in "ptfs"}


@given(parts(), st.booleans())
def test_every_column_plays_the_part_that_it_is_named_for(case, numbered):
    played, by_part = case
    names = list(range(len(played))) if numbered else [f"column {i}" for i in range(len(played))]
    named = {part: [names[i] for i in columns] for part, columns in by_part.items()}
    if not named["t"]:
        return
    spec = WindowSpec(2, target_columns=named["t"], future_columns=named["f"] or None,
                      static_columns=named["s"] or None)  # fmt: skip
    columns = Columns.of(spec, names)
    fed = columns.by_part()
    assert fed["past"] == [name for name, part in zip(names, played, strict=True) if part != "s"]
    assert fed["future"] == [name for name, part in zip(names, played, strict=True) if part == "f"]
    assert sorted(fed["static"]) == sorted(named["s"])
    assert fed["target"] == named["t"]
    assert named_columns(spec, fed) == columns
    waves = columns.with_calendar(["7_sin", "7_cos"])
    assert waves.by_part()["future"] == [*fed["future"], "7_sin", "7_cos"]
    assert waves.read == columns.past


def test_targets_are_by_default_all_that_is_neither_static_nor_known_ahead():
    spec = WindowSpec(2, future_columns="holiday", static_columns="size")
    columns = Columns.of(spec, FOUR)
    assert columns.past == ("price", "sales", "holiday")
    assert (columns.static, columns.targets, columns.ahead) == (("size",), (0, 1), (2,))
    assert columns.target_index == (0, 1)
    every = Columns.of(WindowSpec(2), FOUR)
    assert every.past == tuple(FOUR)
    assert (every.targets, every.target_index) == ((0, 1, 2, 3), None)


def test_one_name_alone_drops_its_axis():
    alone = Columns.of(WindowSpec(2, target_columns="sales"), FOUR)
    assert (alone.target_index, alone.target_shape) == (1, ())
    listed = Columns.of(WindowSpec(2, target_columns=["sales"]), FOUR)
    assert (listed.target_index, listed.target_shape) == ((1,), (1,))


def test_columns_of_an_array_count_from_its_end_as_well():
    spec = WindowSpec(2, target_columns=-1, future_columns=[-2], static_columns=-4)
    columns = Columns.of(spec, range(4))
    assert (columns.past, columns.static) == ((1, 2, 3), (0,))
    assert (columns.target_index, columns.ahead) == (2, (1,))


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"target_columns": "sale"}, r"target_columns='sale' is not in the series.*'price', 'sales'"),
     ({"future_columns": 0}, r"future_columns=0 is not in the series, which has columns \['price'"),
     ({"static_columns": FOUR}, r"no column to window: beside ids and timestamps it has \['price'"),
     ({"future_columns": FOUR}, "future_columns leaves no column to forecast"),
     ({"target_columns": "size", "static_columns": "size"}, "target_columns and static"),
     ({"future_columns": "size", "static_columns": "size"}, "future_columns and static")],
)  # fmt: skip
def test_parts_that_cannot_be_played(settings, says):
    with pytest.raises(ValueError, match=says):
        Columns.of(WindowSpec(2, **settings), FOUR)


@pytest.mark.parametrize(("settings", "says"), [
    ({"target_columns": 4}, r"target_columns=4 is not in the series, which has columns 0\.\.3"),
    ({"future_columns": -5}, "future_columns=-5 is not in the series"),
    ({"target_columns": 0, "future_columns": [-4]}, "target_columns and future.* both name 0"),
])  # fmt: skip
def test_numbers_that_no_column_has(settings, says):
    with pytest.raises(ValueError, match=says):
        WindowedSeries(2, **settings).build(np.zeros((8, 4)))


def test_columns_are_in_the_order_of_the_arrays():
    times = pd.date_range("2024-01-01", periods=40)
    names = ["price", "sales", "holiday", "visits"]
    table = {name: np.arange(40.0) + 100 * place for place, name in enumerate(names)}
    frame = pd.DataFrame(
        {"time": times, "value": np.arange(40.0), **table, "size": 3.0, "shop": "a"}
    )
    timed = {"time_column": "time", "calendar": "week"}
    known_ahead, targets = ["holiday", "price"], ["visits", "sales"]
    spec = WindowedSeries(2, id_column="shop", target_columns=targets, future_columns=known_ahead,
                          static_columns="size", **timed)  # fmt: skip
    dataset = spec.build(frame)
    assert dataset.columns == {
        "past": ["value", *names, "week_sin", "week_cos"],
        "future": ["price", "holiday", "week_sin", "week_cos"],
        "static": ["size"],
        "target": ["visits", "sales"],
    }
    x, y = dataset[0]
    week = calendar_features(times, "week")
    np.testing.assert_allclose(x["future"][0, 0], [2, 202, *week[2]], rtol=1e-6)
    np.testing.assert_allclose(x["past"][0, 1], [1, 1, 101, 201, 301, *week[1]], rtol=1e-6)
    np.testing.assert_array_equal(y[0], [302, 102])
    assert x["static"].tolist() == [[3.0]] * 32
    dataset.columns["past"].clear()
    assert len(dataset.columns["past"]) == 7
    # By default the targets are neither known ahead nor static.
    plain = WindowedSeries(2, future_columns="holiday", **timed).build(frame.drop(columns=["shop"]))
    assert plain.columns["target"] == ["value", "price", "sales", "visits", "size"]
    without = WindowedSeries(2, **timed).build(frame[["time", "value", "price"]])
    assert without.columns["target"] == ["value", "price"]
    assert without[0][1].shape == (32, 2)


def test_columns_of_arrays_are_numbers():
    table = np.arange(80.0).reshape(20, 4)
    table[:, 1] = 5
    spec = WindowedSeries(3, future_columns=[3, 0], static_columns=1, target_columns=2)
    dataset = spec.build(table)
    assert dataset.columns == {"past": [0, 2, 3], "future": [0, 3], "static": [1], "target": [2]}
    assert dataset[0][0]["future"][0].tolist() == [[12, 15]]
    whole = WindowedSeries(3).build(table)
    assert whole.columns == {
        "past": [0, 1, 2, 3],
        "future": [],
        "static": [],
        "target": [0, 1, 2, 3],
    }
    assert WindowedSeries(3).build(table[:, 0]).columns["past"] == [0]


def test_future_and_static_columns():
    table = np.stack(
        [np.arange(20.0), 100 + np.arange(20.0), np.full(20, 7.0), 200 + np.arange(20.0)], axis=1
    )
    windows = WindowedSeries(3, horizon=2, gap=1, future_columns=[1], static_columns=[2])
    x, y = windows.build([table, table + 1000])[0]
    assert sorted(x) == ["future", "past", "static"]
    assert x["past"].shape == (30, 3, 3)
    np.testing.assert_array_equal(x["past"][0], table[:3][:, [0, 1, 3]])
    np.testing.assert_array_equal(x["future"][0], table[4:6][:, [1]])
    np.testing.assert_array_equal(y[0], table[4:6][:, [0, 3]])
    assert x["static"][0].tolist() == [7.0]
    assert x["static"][-1].tolist() == [1007.0]


def test_a_static_column_has_one_value_in_each_series():
    table = np.stack([np.arange(12.0), np.repeat([5.0, 7.0], 6)], axis=1)
    windows = WindowedSeries(2, static_columns=1)
    x, _ = windows.build([table[:6], table[6:], table[:0]]).to_numpy()
    assert x["static"][:, 0].tolist() == [5.0] * 4 + [7.0] * 4
    with pytest.raises(
        ValueError, match="static_columns=1 changes within a series, first at row 6"
    ):
        windows.build(table)
    table[3, 1] = np.nan
    with pytest.raises(
        ValueError, match="static_columns=1 changes within a series, first at row 3"
    ):
        windows.build([table[:6], table[6:]])
    table[:6, 1] = np.nan
    with pytest.raises(ValueError, match=r"static_columns=\[1\] holds missing values. Fill them"):
        windows.build([table[:6], table[6:]])
