"""Files of a source have the same columns, and types that have a common one."""

import numpy as np
import polars as pl
import pytest

from keras_ts import WindowedSeries
from keras_ts.scale import PanelStore
from stored_panels import assert_same

WINDOWS = WindowedSeries(3, 2, target_columns="y", id_column="id", time_column="t")


def panel(series=5):
    """Return a long frame of twelve days of each series."""
    days = np.arange("2024-01-01", "2024-01-13", dtype="M8[D]")
    return pl.concat(
        pl.DataFrame({"id": f"s{n}", "t": days, "y": np.sin(np.arange(12) * n + n)})
        for n in range(series)
    )


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
    with pytest.raises(TypeError, match=f"column '{column}' must be alike in all rows.*frame 1"):
        PanelStore.write(pieces, tmp_path, WINDOWS)
