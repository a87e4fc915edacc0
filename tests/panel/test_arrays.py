"""Anything that NumPy takes is a series."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from helpers import distinct
from keras_ts import WindowedSeries


@pytest.mark.parametrize(
    "series",
    [list(range(10)), tuple(range(10)), pd.Series(range(10)), pl.Series(range(10)), range(10)],
)
def test_anything_numpy_takes(series):
    x, y = WindowedSeries(9).build(series)[0]
    assert x.tolist() == [list(range(9))]
    assert y.tolist() == [9]


def test_views_that_are_not_contiguous():
    series = distinct(100, 3)[::2, 1]
    want = WindowedSeries(7).build(series.copy())[1]
    got = WindowedSeries(7).build(series)[1]
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1])


def test_foreign_arrays_become_plain_ones():
    big_endian = np.arange(8.0).astype(">f4")
    assert WindowedSeries(2).build(big_endian)[0][1].dtype.isnative
    masked = np.ma.masked_array(np.arange(8), mask=[0, 0, 0, 1, 0, 0, 0, 0])
    with pytest.raises(ValueError, match=r"1 position .* position 3"):
        WindowedSeries(2).build(masked)
    with pytest.raises(ValueError, match="both name 0"):
        WindowedSeries(2, target_columns=0, future_columns=[-2]).build(np.zeros((8, 2)))
    with pytest.raises(TypeError, match="names that are strings"):
        WindowedSeries(2).build(pd.DataFrame(np.zeros((8, 2))))
