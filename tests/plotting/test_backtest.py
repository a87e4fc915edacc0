"""The picture of a backtest has a line for each fold, and one for all."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import plot_backtest


def table(steps, columns=()):
    rows = 2 * 3 * steps
    return {
        "fold": np.repeat([0, 1], 3 * steps),
        "step": np.tile(np.arange(1, steps + 1), 6),
        "actual": np.zeros((rows, *columns)),
        "prediction": np.ones((rows, *columns))
        * np.arange(rows).reshape(rows, *[1] * len(columns)),
    }


@pytest.mark.parametrize("columns", [(), (2,)])
def test_errors_by_step(tmp_path, columns):
    axes = plt.figure().subplots()
    rows = table(4, columns)
    assert plot_backtest(rows, ax=axes, filepath=tmp_path / "b.png") is axes
    assert (tmp_path / "b.png").read_bytes()[:4] == b"\x89PNG"
    first, second, whole = (line.get_ydata() for line in axes.lines)
    np.testing.assert_allclose(first, [4, 5, 6, 7])
    np.testing.assert_allclose(second, [16, 17, 18, 19])
    np.testing.assert_allclose(whole, (first + second) / 2)
    assert [line.get_label() for line in axes.lines][::2] == ["each fold", "all folds"]
    assert axes.lines[0].get_xdata().tolist() == [1, 2, 3, 4]


def test_values_that_never_came_are_left_out_and_forecasts_that_are_missing_show():
    rows = {"fold": [0, 0, 1], "step": [1, 2, 1], "prediction": [1.0, 5.0, 3.0]}
    rows["actual"] = [np.nan, 2.0, 1.0]
    first, second, whole = (line.get_ydata() for line in plot_backtest(rows).lines)
    np.testing.assert_array_equal(first, [np.nan, 3])
    np.testing.assert_array_equal(second, [2, np.nan])
    np.testing.assert_array_equal(whole, [2, 3])
    rows["prediction"][1] = np.nan
    np.testing.assert_array_equal(plot_backtest(rows).lines[-1].get_ydata(), [2, np.nan])


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_a_table_may_be_a_frame(library):
    rows = {name: values.ravel() for name, values in table(4).items()}
    np.testing.assert_array_equal(
        plot_backtest(library(rows)).lines[-1].get_ydata(),
        plot_backtest(rows).lines[-1].get_ydata(),
    )


def test_what_is_no_backtest_is_refused():
    with pytest.raises(ValueError, match="Received: dict without 'fold'"):
        plot_backtest({"step": [1]})
    with pytest.raises(ValueError, match="must be the report that backtest returned"):
        plot_backtest(None)
    with pytest.raises(ValueError, match="at least one row"):
        plot_backtest({key: [] for key in ("fold", "step", "actual", "prediction")})
