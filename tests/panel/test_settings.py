"""Settings that disagree, and a series that they do not fit, are refused; the error says why."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from helpers import distinct
from keras_ts import WindowedSeries

DAYS = pd.date_range("2024-01-01", periods=30)


def of(**columns):
    return pd.DataFrame(columns)


CASES = [
    ({"window": 0}, None, ValueError, r"window must be >= 1. Received: window=0"),
    ({"window": 2.5}, None, TypeError, r"window must be an integer >= 1.*2.5"),
    ({"window": True}, None, TypeError, "window must be an integer"),
    ({"window": "20"}, None, TypeError, "window must be an integer"),
    ({"window": np.array([1, 2])}, None, TypeError, "window must be an integer"),
    ({"window": 3}, {"a": distinct(9)}, TypeError, "For a panel pass a list of arrays"),
    ({"horizon": 0}, None, ValueError, "horizon must be >= 1"),
    ({"gap": -1}, None, ValueError, "gap must be >= 0. Received: gap=-1"),
    ({"stride": 0}, None, ValueError, "stride must be >= 1"),
    ({"batch_size": 0}, None, ValueError, "batch_size must be >= 1"),
    ({"sampling_rate": 0}, None, ValueError, "sampling_rate must be >= 1"),
    ({"targets": "vectors"}, None, ValueError, "targets must be one of 'vector', 'sequence'"),
    ({"targets": "sequence", "gap": 1, "calendar": 7}, distinct(40), ValueError, "needs gap=0"),
    ({"missing": "ignore"}, None, ValueError, "missing must be one of"),
    ({"shuffle": 1}, None, TypeError, "shuffle must be True or False"),
    ({"seed": -1}, None, ValueError, "seed must be >= 0"),
    ({"target_columns": []}, None, ValueError, "target_columns is empty"),
    ({"target_columns": ["a", "a"]}, None, ValueError, "names a column twice"),
    ({"target_columns": 1.5}, None, TypeError, "takes column names or numbers"),
    ({"target_columns": "a", "id_column": "a"}, None, ValueError, "both name 'a'"),
    ({"id_column": 3}, None, TypeError, "id_column must be a str or None"),
    ({"id_column": ["a", "a"]}, None, ValueError, "id_column names a column twice"),
    ({"id_column": ["a", 3]}, None, TypeError, "id_column must be a str"),
    ({"id_column": ["a", "b"], "target_columns": "b"}, None, ValueError, "both name 'b'"),
    ({}, np.arange(3.0), ValueError, "span 6 positions, and the longest of 1 series has 3"),
    ({}, [np.arange(3.0), np.arange(5.0)], ValueError, "the longest of 2 series has 5"),
    ({}, [], ValueError, "series is an empty list"),
    ({}, np.zeros((4, 5, 6)), ValueError, r"\(time, columns\). Received shape \(4, 5, 6\)"),
    ({}, np.zeros((9, 0)), ValueError, r"Received shape \(9, 0\)"),
    ({}, 3.0, ValueError, r"Received shape \(\)"),
    ({}, [[1, 2], [3]], ValueError, "list of rows of different lengths"),
    ({}, np.array(["a", "b"]), TypeError, "series must hold real numbers. Received dtype <U1"),
    ({}, np.zeros(9, complex), TypeError, "real numbers"),
    ({}, [np.zeros((9, 2)), np.zeros((9, 3))], ValueError, "must have the same columns"),
    ({"target_columns": 2}, np.zeros((9, 2)), ValueError, "target_columns=2 is not in the series"),
    ({"target_columns": "a"}, np.zeros((9, 2)), ValueError, "has columns 0..1"),
    ({"target_columns": 0}, np.zeros(9), ValueError, r"needs an array \(time, columns\)"),
    ({"id_column": "a"}, np.zeros(9), ValueError, "needs a pandas or polars frame"),
    ({"future_columns": [0, 1]}, np.zeros((9, 2)), ValueError, "leaves no column to forecast"),
    ({"static_columns": [0]}, distinct(9, 2), ValueError, "static_columns=0 changes within"),
    ({}, np.array([1, np.nan, 3, np.inf, 5.0]), ValueError, "2 positions .* position 1. Fill"),
    ({}, [np.zeros(7), np.array([0, np.nan])], ValueError, "1 position .* position 1 of series 1"),
    ({}, of(), ValueError, "series has no column to window"),
    ({"time_column": "t"}, of(t=DAYS), ValueError, "series has no column to window"),
    ({}, pl.LazyFrame({"v": [1.0] * 9}), TypeError, "collect a lazy one first"),
    ({}, of(city=["x"] * 9), TypeError, "column 'city' must hold numbers.*first value 'x'"),
    ({}, of(day=DAYS, v=1.0), TypeError, "column 'day' .*time_column"),
    ({"target_columns": "w"}, of(v=[1.0] * 9), ValueError, r"'w' is not in the series.*\['v'\]"),
    ({"time_column": "t"}, of(v=[1.0] * 9), ValueError, "time_column='t' is not in the frame"),
    ({"time_column": "t"}, of(v=1.0, t=DAYS).set_index("t"), ValueError, "An index must"),
    ({}, "sales.csv", TypeError, "the string 'sales.csv'. Read a file first"),
    ({"time_column": "t"}, of(v=1.0, t=DAYS[::-1]), ValueError, "goes back in time at position 1"),
    ({"time_column": "t"}, of(v=1.0, t=DAYS[[0, 1, 1]]), ValueError, "repeats time at position 2"),
    ({"time_column": "t"}, of(v=[1.0], t=[pd.NaT]), ValueError, "1 missing or .* in row 0"),
    ({"time_column": "t"}, of(v=[1.0], t=["2024"]), TypeError, "must hold dates, timestamps or nu"),
    ({"id_column": "i"}, of(v=[1.0], i=[None]), ValueError, "id_column='i' has 1 missing"),
    ({"remainder": "drop"}, np.zeros(9), ValueError, "remainder=\"drop\" leaves no batch"),
    ({"missing": "drop"}, np.full(9, np.nan), ValueError, 'missing="drop" leaves no window'),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "series", "error", "says"), CASES)
def test_misuse_says_what_came_and_what_to_do(settings, series, error, says):
    with pytest.raises(error, match=says):
        WindowedSeries(**{"window": 5, **settings}).build(series)


def test_too_short_a_series_counts_no_window():
    assert WindowedSeries(5).count(np.arange(5.0)) == 0
    assert WindowedSeries(5).count([np.arange(5.0), np.arange(9.0)]) == 4
