"""What is kept of the series of some blocks is joined to that of all."""

import numpy as np
import polars as pl
import pytest

from keras_ts.scale.writing.finishing import SortedSeries
from keras_ts.windows.arithmetic.frequency import Frequencies, Frequency

DAY, HOUR = Frequency(1, "day", unit="us"), Frequency(3600, unit="s", zoned=True, mark=1)


def series(ids, kinds, codes, times="<M8[us]"):
    count = len(ids)
    return SortedSeries(
        lengths=np.arange(1, count + 1),
        gaps=np.array([1]),
        inferred=Frequencies(tuple(kinds), np.array(codes)),
        complete=True,
        keys=pl.DataFrame({"id": ids}),
        zone=None,
        times=times,
    )


def test_blocks_are_joined_end_to_end():
    whole = SortedSeries.joined(
        [series(["a", "b"], [DAY], [-1, 0]), series(["c"], [HOUR, DAY], [0])]
    )
    assert whole.lengths.tolist() == [1, 2, 1]
    assert whole.gaps.tolist() == [1, 4]
    assert list(whole.inferred) == [None, DAY, HOUR]
    assert whole.keys["id"].to_list() == ["a", "b", "c"]


def test_timestamps_of_two_types_are_refused():
    with pytest.raises(ValueError, match="do not fit one type"):
        SortedSeries.joined([series(["a"], [], [-1]), series(["b"], [], [-1], "<u8")])
