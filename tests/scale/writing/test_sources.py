"""Sources are divided into pieces that hold all rows, in an order that stays."""

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest

from keras_ts.scale.writing import sources
from keras_ts.scale.writing.sources import open_source

FRAME = pl.DataFrame({"id": [1, 1, 2, 2, 3, 3], "y": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]})


def rows_of(source, work):
    """Return all rows of a source, and the number of its frames."""
    files = open_source(source, work)
    frames = [frame for rows in files for frame in rows.frames(rows.empty().columns)]
    return pl.concat(frames), len(frames)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FRAME,
        lambda: FRAME.to_pandas(),
        lambda: FRAME.to_arrow(),
        lambda: [FRAME[:2], FRAME[2:].to_pandas()],
        lambda: (FRAME[row : row + 2].to_arrow() for row in (0, 2, 4)),
        lambda: FRAME.to_arrow().to_batches(),
        lambda: [FRAME.lazy()],
        lambda: FRAME.lazy(),
        lambda: pa.dataset.dataset(FRAME.to_arrow()),
        lambda: pa.dataset.dataset(FRAME.to_arrow()).filter(pa.dataset.field("id") < 9),
    ],
)
def test_frames_of_all_libraries(make, tmp_path):
    rows, _ = rows_of(make(), tmp_path)
    assert rows.equals(FRAME)


def test_a_folder_is_read_some_rows_at_a_time_with_the_folders_in_it(tmp_path, monkeypatch):
    """Files that begin with _ or . are other programs' own."""
    (tmp_path / "b").mkdir()
    FRAME[:4].write_parquet(tmp_path / "a.parquet", row_group_size=2)
    FRAME[4:].write_parquet(tmp_path / "b" / "c.parquet")
    (tmp_path / "_metadata.parquet").write_bytes(b"nothing")
    assert rows_of(tmp_path, tmp_path)[1] == 2
    monkeypatch.setattr(sources, "PIECE_BYTES", 1)
    frame, count = rows_of(str(tmp_path), tmp_path)
    assert (frame.equals(FRAME), count) == (True, 6)
    assert [rows.count() for rows in open_source(tmp_path, tmp_path)] == [4, 2]


def test_a_partitioned_folder_needs_a_dataset(tmp_path):
    (tmp_path / "shop=a").mkdir()
    FRAME.drop("id").write_parquet(tmp_path / "shop=a" / "0.parquet")
    with pytest.raises(ValueError, match='partitioning="hive"'):
        open_source(tmp_path, tmp_path)
    rows, _ = rows_of(pa.dataset.dataset(tmp_path, partitioning="hive"), tmp_path)
    assert rows.columns == ["y", "shop"]
    assert rows["shop"].cast(pl.String).unique().to_list() == ["a"]


@pytest.mark.parametrize(
    ("source", "error", "says"),
    [
        ("no/such/folder", FileNotFoundError, "no such file or folder"),
        (3, TypeError, "source must be a folder of Parquet files"),
        (b"abc", TypeError, "source must be a folder of Parquet files"),
    ],
)
def test_other_sources_are_refused(source, error, says, tmp_path):
    with pytest.raises(error, match=says):
        open_source(source, tmp_path)


def test_items_that_are_no_frames_are_refused(tmp_path):
    with pytest.raises(TypeError, match="frame 1 of source must be a pandas, polars or Arrow"):
        rows_of([FRAME, [1.0]], tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"holds no file \*.parquet"):
        open_source(tmp_path / "empty", tmp_path)


def test_pandas_keeps_its_missing_values_as_null(tmp_path):
    rows, _ = rows_of(pd.DataFrame({"id": [1, 2], "y": [1.0, None]}), tmp_path)
    assert rows["y"].null_count() == 1
