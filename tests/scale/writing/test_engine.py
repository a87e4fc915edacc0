"""DuckDB sorts the rows of a source, which come back in blocks of whole series."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from keras_ts import WindowedSeries
from keras_ts.scale import PanelStore
from keras_ts.scale import store as store_module
from keras_ts.scale.writing import engine, sources
from stored_panels import assert_same, in_order_of, in_pieces

WINDOWS = WindowedSeries(3, 2, target_columns="y", id_column="id", time_column="t")


def panel(series=5):
    """Return a long frame of twelve days of each series."""
    days = np.arange("2024-01-01", "2024-01-13", dtype="M8[D]")
    return pl.concat(
        pl.DataFrame({"id": f"s{n}", "t": days, "y": np.sin(np.arange(12) * n + n)})
        for n in range(series)
    )


def test_rows_come_back_in_blocks_of_whole_series(tmp_path, monkeypatch):
    """Series of 1 to 12 rows, in blocks of one row or as many as their last series has."""
    frame = panel(12).filter(pl.int_range(12).over("id") <= pl.col("id").str.slice(1).cast(int))
    monkeypatch.setattr(sources, "PIECE_BYTES", 200)
    monkeypatch.setattr(engine, "BATCH_BYTES", 60)
    monkeypatch.setattr(engine, "BLOCK_BYTES", 16)
    original, blocks = store_module.write_series, []
    monkeypatch.setattr(
        store_module, "write_series", lambda *of: blocks.append(of) or original(*of)
    )
    store = PanelStore.write(
        in_pieces(frame.sample(fraction=1, shuffle=True), 3), tmp_path, WINDOWS
    )
    assert len(blocks) > 3
    assert_same(WINDOWS.build(store), WINDOWS.build(in_order_of(frame, store.ids)))
    assert not list(tmp_path.glob("unfinished"))


def test_without_times_rows_keep_the_order_of_the_source(tmp_path, monkeypatch):
    """Over pieces and files; names that differ by case alone are two columns."""
    monkeypatch.setattr(sources, "PIECE_BYTES", 200)
    monkeypatch.setattr(engine, "BATCH_BYTES", 60)
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"id": rng.integers(0, 5, 100), "y": rng.normal(size=100)})
    frame = frame.with_columns(Y=2 * pl.col("y"), number=pl.int_range(100))
    windows = dataclasses.replace(WINDOWS, time_column=None)
    store = PanelStore.write(in_pieces(frame, 3), tmp_path, windows)
    assert_same(windows.build(store), windows.build(in_order_of(frame, store.ids)))


def test_columns_are_matched_by_name_and_types_are_widened(tmp_path):
    first = panel(3).with_columns(id=pl.col("id").str.slice(1).cast(pl.UInt8), y=pl.int_range(36))
    second = first.select("y", "id", "t").with_columns(
        pl.col("id").cast(pl.Int64) + 300, pl.col("y") / 2
    )
    store = PanelStore.write([first, second], tmp_path, WINDOWS)
    assert store.ids == [0, 1, 2, 300, 301, 302]
    whole = pl.concat([first, second.select(first.columns)], how="vertical_relaxed")
    assert_same(WINDOWS.build(store), WINDOWS.build(whole))


@pytest.mark.parametrize(
    ("column", "before", "after"),
    [
        ("id", pl.Int32, pl.UInt64),
        ("id", pl.Float32, pl.Float64),
        ("id", pl.Date, pl.Datetime("us")),
        # Their common unit would be the coarser one.
        ("t", pl.Datetime("ms"), pl.Datetime("us")),
    ],
)
def test_types_that_might_not_stay_apart_are_refused(tmp_path, column, before, after):
    frame = panel().with_columns(id=pl.col("id").str.slice(1).cast(int))
    pieces = [frame.with_columns(pl.col(column).cast(kind)) for kind in (before, after)]
    with pytest.raises(TypeError, match=f"'{column}' must have one type in all rows.*frame 1"):
        PanelStore.write(pieces, tmp_path, WINDOWS)
