"""The series of a bucket are sorted, and what is kept of them survives a file."""

import numpy as np
import polars as pl
import pytest

from keras_ts.scale.writing.sorting import SortedSeries
from keras_ts.windows.arithmetic.frequencies import Frequencies
from keras_ts.windows.arithmetic.steps import Frequency

DAY, HOUR = Frequency(1, "day", unit="us"), Frequency(3600, unit="s", zoned=True, marks=(1, 2))


def series(ids, kinds, codes, times="<M8[us]"):
    count = len(ids)
    return SortedSeries(
        lengths=np.arange(1, count + 1),
        static=np.arange(2.0 * count).reshape(count, 2),
        gaps=np.array([1]),
        own=Frequencies(tuple(kinds), np.array(codes)),
        complete=True,
        keys=pl.DataFrame({"id": ids}),
        zone=None,
        times=times,
    )


def test_it_survives_a_file(tmp_path):
    series(["a", "b"], [DAY, HOUR], [-1, 1]).save(tmp_path / "bucket.npz")
    again = SortedSeries.load(tmp_path / "bucket.npz")
    assert list(again.own) == [None, HOUR]
    assert again.keys["id"].to_list() == ["a", "b"]
    assert (again.times, again.zone, again.complete) == ("<M8[us]", None, True)


def test_buckets_are_joined_end_to_end():
    whole = SortedSeries.joined(
        [series(["a", "b"], [DAY], [-1, 0]), series(["c"], [HOUR, DAY], [0])]
    )
    assert whole.lengths.tolist() == [1, 2, 1]
    assert whole.gaps.tolist() == [1, 4]
    assert list(whole.own) == [None, DAY, HOUR]
    assert whole.keys["id"].to_list() == ["a", "b", "c"]


def test_timestamps_of_two_types_are_refused():
    with pytest.raises(ValueError, match="do not fit one type"):
        SortedSeries.joined([series(["a"], [], [-1]), series(["b"], [], [-1], "<u8")])
