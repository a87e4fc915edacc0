"""Rows of a series meet in one bucket, in their order, whatever piece they come from."""

import numpy as np
import polars as pl
import pytest

from keras_ts import WindowedSeries
from keras_ts._progress import ProgressBar
from keras_ts.scale.writing.buckets import close_files, distribute
from keras_ts.scale.writing.sources import Piece, open_source
from keras_ts.scale.writing.unfinished import Unfinished

WINDOWS = WindowedSeries(1, id_column="id", static_columns="kind", target_columns="y")


@pytest.fixture
def distributed(tmp_path):
    """Return a function that distributes frames to some buckets."""
    work = Unfinished(tmp_path)
    work.path.mkdir()

    def function(pieces, count=3):
        source = open_source(pieces, work.path)
        return distribute(
            source.pieces, work, WINDOWS, count, lambda first: None, ProgressBar(None, "row")
        )

    yield function
    close_files()


def rows(number, count=40, **columns):
    """Return rows of 10 series; the column y says where they stood."""
    y = np.arange(count) + 1000 * number
    frame = pl.DataFrame({"id": np.arange(count) % 10, "y": y, "kind": ["a"] * count})
    return frame.with_columns(**columns)


def test_each_series_has_one_bucket_and_its_order(distributed):
    pieces = [rows(number) for number in range(3)]
    buckets = distributed(pieces)
    seen = [pl.concat(buckets.frames(number)) for number in range(3)]
    assert [len(frame) for frame in seen] == buckets.rows.tolist()
    assert sorted(np.concatenate([frame["id"].unique() for frame in seen])) == list(range(10))
    whole = pl.concat(pieces)
    for frame in seen:
        for number in frame["id"].unique():
            alone = pl.col("id") == number
            assert frame.filter(alone).equals(whole.filter(alone))


def test_columns_are_matched_by_name_and_types_are_widened(distributed):
    first = rows(0, id=pl.col("id").cast(pl.UInt8), y=pl.col("y").cast(pl.Int16))
    second = rows(1, y=pl.col("y") / 2).select("kind", "y", "id")
    buckets = distributed([first, second])
    assert (buckets.rows % 8 == 0).all()  # An id has one bucket, whatever its type.
    assert buckets.schema() == {"id": pl.Int64, "y": pl.Float64, "kind": pl.String}
    assert buckets.lacking == set()


def test_missing_values_make_floats_and_texts_are_collected(distributed):
    pieces = [rows(0), rows(1, y=None, kind=pl.lit("b").cast(pl.Categorical))]
    buckets = distributed(pieces)
    assert buckets.lacking == {"y"}
    assert buckets.texts == {"kind": {"a", "b"}}
    assert buckets.schema()["y"] == pl.Float64


def test_numbers_in_a_column_of_texts_are_refused(distributed):
    with pytest.raises(TypeError, match="column 'kind' must be alike in all rows"):
        distributed([rows(0), rows(1, kind=pl.lit(3))])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (pl.Int32, pl.UInt64),
        (pl.Float32, pl.Float64),
        (pl.Date, pl.Datetime("us")),
        (pl.Datetime("ms"), pl.Datetime("us")),
    ],
)
def test_ids_of_types_that_might_not_stay_apart_are_refused(distributed, before, after):
    pieces = [rows(n, id=pl.col("id").cast(kind)) for n, kind in enumerate((before, after))]
    with pytest.raises(TypeError, match="column 'id' must be alike in all rows"):
        distributed(pieces)


def test_timestamps_of_two_units_are_refused(distributed):
    """Their common unit would be the coarser one."""
    pieces = [rows(n, t=pl.lit(0).cast(pl.Datetime(unit))) for n, unit in enumerate(("us", "ms"))]
    with pytest.raises(TypeError, match="column 't' must be alike"):
        distributed(pieces)


def test_a_finished_piece_is_read_no_more(distributed, monkeypatch):
    """A piece with a key is not even opened."""
    pieces = [Piece("a", lambda: iter([rows(0)]), ["a"])]
    monkeypatch.setattr("keras_ts.scale.writing.sources._of_frames", lambda frames: frames)
    assert distributed(pieces).rows.sum() == 40
    again = [Piece("a", lambda: pytest.fail("it was read"), ["a"])]
    assert distributed(again).rows.sum() == 40
    with pytest.raises(ValueError, match="of which a has changed since"):
        distributed([Piece("a", lambda: iter([rows(0)]), ["b"])])
