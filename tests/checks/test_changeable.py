"""A changed series is of the kind that it was, and differs after a moment alone."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import WindowedSeries
from keras_ts.checks.changeable import ChangeableSeries
from keras_ts.windows.reading.clock import as_written

FRAME = pd.DataFrame({
    "day": np.repeat(pd.date_range("2024-01-01", periods=12), 2),
    "shop": ["a", "b"] * 12,
    "units": np.arange(24),
    "price": np.linspace(1, 2, 24, dtype=np.float32),
    "stock": pd.array([None, *range(23)], dtype="Int16"),
    "rate": pd.array([0.5, None] * 12, dtype="Float64"),
    "open": [True, False, False] * 8,
    "plan": np.linspace(5, 6, 24),
    "size": [1.0, 2.0] * 12,
    "kind": list("xyzz") * 6,
    "since": pd.date_range("2023-01-01", periods=24),
})  # fmt: skip
SHOPS = WindowedSeries(
    3,
    target_columns="units",
    future_columns=["plan", "made later"],
    static_columns=["size"],
    calendar=["week"],
    id_column="shop",
    time_column="day",
)
LIBRARIES = {"pandas": lambda frame: frame, "polars": pl.from_pandas}


def plain(frame):
    return frame.to_pandas() if isinstance(frame, pl.DataFrame) else frame


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", ["raised", "lowered", "shuffled"])
def test_frames_stay_as_they_are(library, kind):
    frame = LIBRARIES[library](FRAME)
    new = ChangeableSeries(frame, SHOPS).changed(4, kind)
    assert type(new) is type(frame)
    assert list(new.columns) == list(frame.columns)
    assert list(new.dtypes) == list(frame.dtypes)
    before, after = plain(frame), plain(new)
    assert after[:10].equals(before[:10])
    for column in ("day", "shop", "plan", "size", "kind", "since"):
        assert after[column].equals(before[column])
    for column in ("units", "price", "stock", "rate", "open"):
        assert not after[column].equals(before[column]) or column == "rate" == column != kind
        assert (after[column].isna() == before[column].isna()).all()


def test_an_index_stays():
    frame = FRAME.set_axis(np.arange(24) * 3 + 1)
    new = ChangeableSeries(frame, SHOPS).changed(4, "raised")
    assert new.index.equals(frame.index)
    assert (new["units"][10:] > 23).all()


def test_interleaved_rows_keep_their_order():
    frame = FRAME.sample(frac=1, random_state=0).sort_values("day", kind="stable")
    new = ChangeableSeries(frame, SHOPS).changed(4, "raised")
    assert new["day"].equals(frame["day"])
    assert ((new["units"] != frame["units"]) == (frame["day"] > "2024-01-05")).all()


@pytest.mark.parametrize("make", [pd.Series, pl.Series])
def test_columns_stay_columns(make):
    column = make(np.arange(8, dtype=np.int16))
    new = ChangeableSeries(column, WindowedSeries(2)).changed(5, "raised")
    assert type(new) is make
    assert new.dtype == column.dtype
    assert new.to_list()[:6] == list(range(6))
    assert min(new.to_list()[6:]) > 7


def test_arrays_and_panels():
    windows = WindowedSeries(2)
    for series in (np.arange(8), np.arange(8, dtype=np.float32), np.arange(16.0).reshape(8, 2)):
        new = ChangeableSeries(series, windows).changed(5, "lowered")
        assert (new.dtype, new.shape) == (series.dtype, series.shape)
        assert ((new != series) == (np.arange(8) > 5).reshape(-1, *[1] * (series.ndim - 1))).all()
    panel = [np.arange(1, 5), np.arange(1, 9)]
    new = ChangeableSeries(panel, windows).changed(2, "raised")
    assert [(item != old).sum() for item, old in zip(new, panel, strict=True)] == [1, 5]
    frames = [FRAME[["units"]], FRAME[["units"]] + 1]
    new = ChangeableSeries(frames, windows).changed(20, "raised")
    assert [(a != b).sum().item() for a, b in zip(new, frames, strict=True)] == [3, 3]
    for rows in ([1, 2, 3, 4, 5, 6], [[1, 2], [3, 4], [5, 6], [7, 8]]):
        assert isinstance(ChangeableSeries(rows, windows).changed(1, "raised"), np.ndarray)


def test_copies_may_be_written_to(tmp_path):
    np.save(tmp_path / "series.npy", np.arange(8.0))
    for series in (np.arange(8.0), np.load(tmp_path / "series.npy", mmap_mode="r")):
        changeable = ChangeableSeries(series, WindowedSeries(2))
        for copy in (changeable.copied(), changeable.changed(3, "raised")):
            copy[:] = 0
        assert (np.asarray(series) == np.arange(8)).all()


def test_columns_by_number():
    series = np.random.default_rng(0).normal(size=(30, 4))
    windows = WindowedSeries(2, target_columns=0, future_columns=[-1, 9], static_columns=[7])
    new = ChangeableSeries(series, windows).changed(9, "raised")
    assert (new != series).any(axis=0).tolist() == [True, True, True, False]
    assert (new[:10] == series[:10]).all()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", ["raised", "lowered", "shuffled"])
def test_filled_gaps_in_time_move_no_value(library, kind):
    filled = FRAME[["day", "shop", "units"]].astype({"units": float})
    filled.loc[[2, 3, 7, 13, 16], "units"] = np.nan
    gapped = filled.dropna()
    windows = WindowedSeries(3, id_column="shop", time_column="day", missing="mask")
    found = ChangeableSeries(LIBRARIES[library](gapped), windows).changed(4, kind)
    expected = ChangeableSeries(filled, windows).changed(4, kind)["units"]
    assert plain(found)["units"].tolist() == expected[gapped.index].tolist()


@given(st.lists(st.booleans(), min_size=12, max_size=40))
def test_ends_of_holes(missing):
    series = np.where(missing, np.nan, np.arange(len(missing)))
    ends = ChangeableSeries(series, WindowedSeries(1)).holes().tolist()
    assert ends == [i for i in range(len(missing) - 1) if missing[i] and not missing[i + 1]]


def test_places_are_named_as_people_know_them():
    changeable = ChangeableSeries(FRAME, SHOPS)
    flat = changeable.position(4, beside=20)
    assert changeable.label(flat) == "b"
    assert changeable.stamp(flat) == np.datetime64("2024-01-05")
    assert as_written(changeable.stamp(flat)) == "2024-01-05"
    assert changeable.last_moment == 11
    panel = ChangeableSeries([np.arange(5), np.arange(9)], WindowedSeries(2))
    flat = panel.position(7, beside=0)
    assert (panel.label(flat), panel.stamp(flat)) == (1, 7)


def test_windows_that_holes_and_gaps_leave():
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=20), "units": np.arange(20.0)})
    frame.loc[4, "units"] = np.nan
    frame = frame.drop(index=12)
    windows = WindowedSeries(2, time_column="day", missing="drop")
    totals = [layout.total for layout in ChangeableSeries(frame, windows).layouts()]
    assert totals == [17, 15, 12]
    assert totals[2] == windows.count(frame)
    keep = WindowedSeries(2, time_column="day")
    assert [layout.total for layout in ChangeableSeries(frame, keep).layouts()] == [17]


def test_rows_stay_in_place_beside_a_gap_in_time_that_is_filled():
    days = pd.date_range("2024-01-01", periods=12).delete([4, 7])
    parts = [pd.DataFrame({"id": i, "day": days, "y": np.arange(10.0)}) for i in range(2)]
    frame = pd.concat(parts).sort_values("day", kind="stable").reset_index(drop=True)
    windows = WindowedSeries(3, id_column="id", time_column="day", missing="mask")
    series = ChangeableSeries(frame, windows)
    changed = series.changed(5, "raised")
    later = frame["day"] > "2024-01-06"
    assert (changed["y"] != frame["y"]).tolist() == later.tolist()
