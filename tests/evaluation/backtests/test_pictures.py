"""The picture of a backtest has a line for each fold, and one for all."""

from types import SimpleNamespace

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest

from backtest_helpers import run
from keras_ts import course_series, plot_backtest
from keras_ts.layers import SortedQuantiles
from keras_ts.losses import QuantileLoss
from keras_ts.scores.report import Rows

pytestmark = pytest.mark.usefixtures("untraced_models")


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


@pytest.mark.parametrize("by", ["mae", "mase", "a metric of one's own"])
def test_the_measure_is_that_of_the_verdict(by):
    rows = table(2)
    rows["actual"][3] = np.nan
    scales = np.where(np.arange(12) == 7, np.nan, np.repeat([2.0, 5.0], 6))
    report = SimpleNamespace(
        table=rows,
        _rows=Rows(rows, rows["actual"], rows["prediction"], np.stack([scales] * 2, axis=-1), None),
        comparison=SimpleNamespace(
            total=False,
            by=by,
            best="naive",
            scores=lambda by: {
                "name": np.array(["model", "naive", "naive"]),
                "step": np.array([1, 1, 2]),
                "mae": np.array([9.0, 7.0, 8.0]),
                "mase": np.array([0.9, 0.7, 0.8]),
            },
        ),
    )
    axes = plot_backtest(report)
    first, second, whole, best = (line.get_ydata() for line in axes.lines)
    if by != "mase":
        np.testing.assert_allclose(second, [8, 9])
        np.testing.assert_allclose(best, [7, 8])
        assert axes.get_ylabel() == "MAE"
    else:
        np.testing.assert_allclose(first, [1, 1.5])
        np.testing.assert_allclose(second, [1.6, 2.0])  # Of 7, 9 and 11, the first has no scale.
        np.testing.assert_allclose(whole, [1.3, 1.75])
        np.testing.assert_allclose(best, [0.7, 0.8])
        assert axes.get_ylabel() == "MASE"


def of_quantiles(train):
    inputs = keras.Input((6,))
    outputs = SortedQuantiles([0.1, 0.5, 0.9])(keras.layers.Dense(6)(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(1e-6), QuantileLoss([0.1, 0.5, 0.9]), run_eagerly=True)
    return model


@pytest.mark.parametrize(("by", "heading"), [(None, "MASE"), ("rmsse", "RMSSE"), ("sql", "SQL")])
def test_the_errors_drawn_are_those_of_the_report(by, heading):
    panel = [scale * course_series(90) for scale in (1.0, 50.0)]
    report = run(panel, maker=of_quantiles, by=by)
    axes, by = plot_backtest(report), report.comparison.by
    *folds, whole, best = (line.get_ydata() for line in axes.lines)
    assert axes.get_ylabel() == heading
    np.testing.assert_allclose(whole, report.scores("step")[by])
    scores = report.comparison.scores("step")
    for name, drawn in (("model", whole), (report.best, best)):
        np.testing.assert_allclose(drawn, scores[by][scores["name"] == name])
    for number, drawn in enumerate(folds):
        rows = report._rows.only(report.table["fold"] == number)
        np.testing.assert_allclose(drawn, rows.scores("step")[by])


def test_of_totals_the_errors_of_single_steps_are_drawn():
    report = run(course_series(90), total=True)
    actual, prediction, steps = (report.table[name] for name in ("actual", "prediction", "step"))
    errors = [np.abs(actual - prediction)[steps == step].mean() for step in (1, 2)]
    axes = plot_backtest(report)
    np.testing.assert_allclose(axes.lines[-1].get_ydata(), errors)
    assert axes.get_ylabel() == "MAE"
