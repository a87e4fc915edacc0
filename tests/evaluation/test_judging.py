"""People's own metrics are means over the same targets as all others; a missing season is named."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from keras_ts import RecurrentPreset, WindowedSeries, backtest, compare, course_series, from_preset
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.scores.metrics import POINT, QUANTILE
from keras_ts.windows import blocks


def signed(actual, prediction, scale):
    return prediction - actual


def scaled_square(actual, prediction, scale):
    return ((actual - prediction) / scale) ** 2


@pytest.mark.parametrize("numbers", [1 << 23, 100])
def test_own_metrics_are_means_over_all_targets_steps_and_series(numbers, monkeypatch):
    monkeypatch.setattr(blocks, "_NUMBERS", numbers)
    panel = [course_series(150), 9 * course_series(120)]
    train, held = WindowedSeries(5, 2, batch_size=4).split(panel, at=-30)
    model = RecurrentPreset(units=(2,), window_norm="last", quantiles=(0.1, 0.5, 0.9)).build(train)
    report = compare(model, train, held, metrics=[signed, scaled_square])
    assert list(report.table)[8:10] == ["signed", "scaled_square"]
    y, medians = held.to_numpy()[1], model.predict(held, verbose=0)[..., 1]
    assert report.table["signed"][0] == pytest.approx((medians - y).mean(), rel=1e-4)
    by_step = report.scores(by="step")["signed"][:2]
    np.testing.assert_allclose(by_step, (medians - y).mean(axis=0), rtol=1e-4)
    scales = [np.abs(np.diff(own[:-30].astype(float))).mean() for own in panel]
    squares = ((y - medians) / np.repeat(scales, held.num_windows // 2)[:, None]) ** 2
    assert report.table["scaled_square"][0] == pytest.approx(squares.mean(), rel=1e-4)
    by_series = report.scores(by="series")["scaled_square"][:2]
    np.testing.assert_allclose(by_series, squares.reshape(2, -1).mean(axis=1), rtol=1e-4)
    assert "signed" in str(report).splitlines()[0]


def test_a_metric_may_leave_targets_out():
    def of_large(actual, prediction, scale):
        return np.where(actual > 40, np.abs(actual - prediction), np.nan)

    series = course_series(300)
    train, held = WindowedSeries(5).split(series, at=200)
    x, y = held.to_numpy()
    report = compare(None, train, held, metrics=[of_large], baselines=["naive"])
    assert report.table["of_large"][0] == pytest.approx(np.abs(y - x[:, -1])[y > 40].mean())


@pytest.mark.parametrize(("rows", "step", "said"), [
    (4, 1, "Each series is judged at a single time, so"),
    # The targets of four neighbours overlap.
    (9, 1, "The series are judged at 6 origins, too few where the targets of 4 in a row"),
    (11, 1, None),
    (11, 4, "The series are judged at 2 origins, so"),
    (15, 4, None),  # Origins a horizon apart share no target.
])  # fmt: skip
def test_a_panel_judged_over_less_than_two_horizons_is_told_how_often(rows, step, said):
    panel = [size * course_series(120) for size in range(1, 7)]
    windows = WindowedSeries(5, 4, stride=step)
    train, held = windows.split(panel, at=-rows)
    assert held.num_windows == 6 * ((rows - 4) // step + 1)
    report = str(compare(None, train, held, baselines=["naive"]))
    assert said in report if said else "not for other times" not in report
    # An interval of fewer series is about these alone.
    few = compare(None, *windows.split(panel[:5], at=-rows), baselines=["naive"])
    assert "other series" not in str(few)


def test_a_table_may_have_every_fourth_origin_alone():
    """Its targets do not overlap, whatever the stride of the windows."""
    panel = [course_series(120), 9 * course_series(120)]
    train, held = WindowedSeries(5, 4).split(panel, at=-20)
    rows = held.align(held.to_numpy()[1] + 1)
    chosen = (rows["origin"] - rows["origin"].min()) % 4 == 0
    table = {name: column[chosen] for name, column in rows.items()}
    report = str(compare({"table": table}, train, held, baselines=["naive"]))
    assert "All have 10 windows in common" in report
    assert "not for other times" not in report
    assert "No window is left" not in report
    table = {name: column[table["series"] == 0] for name, column in table.items()}
    report = str(compare({"table": table}, train, held, baselines=["naive"]))
    assert "No window is left of the series [1]." in report


def test_misuse_is_refused():
    parts = WindowedSeries(5).split(course_series(100), at=80)

    def mae(actual, prediction, scale):
        return np.abs(actual - prediction)

    def mean(actual, prediction, scale):
        return np.abs(actual - prediction).mean()

    def verdict(actual, prediction, scale):
        return np.abs(actual - prediction)

    def MAE(actual, prediction, scale):  # noqa: N802 - the heading of another column
        return np.abs(actual - prediction)

    for metrics, error in [
        ([verdict], "a name that no other column has. Received: 'verdict'"),
        ([MAE], "a name that no other column has. Received: 'MAE'"),
        (signed, "metrics must be a list of functions"),
        (["mae"], r"must hold functions of \(actual, prediction, scale\)"),
        ([mae], "so it needs a name that no other column has. Received: 'mae'"),
        ([signed, signed], "needs a name that no other column has. Received: 'signed'"),
        ([lambda actual, prediction, scale: actual], "no other column has. Received: '<lambda>'"),
        ([mean], r"mean must return one loss for each target, an array of shape \(20, 1, 1\)"),
    ]:
        with pytest.raises((TypeError, ValueError), match=error):
            compare(None, *parts, metrics=metrics)


def test_windows_of_other_tables_are_refused():
    windows, series = WindowedSeries(5), course_series(100)
    model = RecurrentPreset(units=(2,)).build(window=5)
    with pytest.raises(ValueError, match="other has other values than validation"):
        compare(
            {"other": (model, *WindowedSeries(5).split(series * 2, at=80))},
            *windows.split(series, at=80),
        )


def test_a_metric_cannot_change_what_others_are_judged_on():
    parts = WindowedSeries(5, 2).split(course_series(100), at=80)

    def writes(actual, prediction, scale):
        actual[actual > 0] = 1.0
        return np.abs(actual - prediction)

    with pytest.raises(ValueError, match="read-only"):
        compare(None, *parts, metrics=[writes])


def test_an_infinite_forecast_is_refused_and_a_missing_one_is_none():
    """Infinite ones are the worst of all, and would count for nobody."""
    train, held = WindowedSeries(5).split(course_series(100), at=80)

    def theirs(train, held, wrong=np.inf):
        forecasts = held.to_numpy()[0][:, -1].astype(float)
        forecasts[3::5] = wrong
        return forecasts

    def table(train, held):
        return held.align(theirs(train, held))

    for models, baselines, name in (
        ({"theirs": table(train, held)}, None, "theirs"),
        (None, [theirs], "what theirs returns"),
        (None, [table], "what table returns"),
    ):
        with pytest.raises(ValueError, match=f"{name} has 4 infinite forecasts, the first in .* 3"):
            compare(models, train, held, baselines=baselines)
    report = compare({"theirs": held.align(theirs(train, held, np.nan))}, train, held)
    assert "All have 16 windows in common" in str(report)
    assert np.isfinite(report.table["mae"]).all()


def test_models_may_have_the_names_of_columns():
    train, held = WindowedSeries(5).split(course_series(100), at=80)
    model = RecurrentPreset(units=(2,)).build(train)
    names = compare({"target": model, "prediction": model}, train, held).table["name"]
    assert names[:2].tolist() == ["target", "prediction"]


@pytest.mark.parametrize("origins", [1, 2])
def test_baselines_forecast_points_where_training_has_no_errors_for_quantiles(origins):
    """Their errors come from the last third of each series' windows, and there is none."""
    panel = [course_series(60), 9 * course_series(60)]
    train, held = WindowedSeries(12, 3).split(panel, at=14 + origins)
    assert train.num_windows == 2 * origins
    model = RecurrentPreset(units=(2,), window_norm="last", quantiles=(0.1, 0.5, 0.9)).build(train)
    report = compare(model, train, held, period=4)
    points = compare(None, train, held, period=4)
    for column in POINT:
        np.testing.assert_array_equal(report.table[column][1:], points.table[column])
    for column in QUANTILE:
        assert np.isfinite(report.table[column]).tolist() == [True] + 7 * [False]
    names = ", ".join(points.table["name"])
    assert f"No quantiles of {names}: they need an error at every step on the last" in str(report)
    assert "with three windows or more is enough: pass a smaller min_inputs=" in str(report)
    assert "No quantiles" not in str(points)
    with pytest.raises(ValueError, match=r'by="sql" judges quantiles\. No quantiles of naive,'):
        compare(model, train, held, by="sql")
    more, later = WindowedSeries(12, 3).split(panel, at=17)
    assert np.isfinite(compare(model, more, later).table["pinball"]).all()


def test_a_step_that_is_never_judged_needs_no_errors():
    """Every other day is closed, so each second step has neither errors nor a target."""
    closed = course_series(80).astype(float)
    closed[1::2] = np.nan
    windows = WindowedSeries(12, 3, stride=2, missing="mask_targets")
    train, held = windows.split(closed, at=50)
    model = RecurrentPreset(units=(2,), window_norm="last", quantiles=(0.1, 0.5, 0.9)).build(train)
    report = compare(model, train, held)
    assert np.isfinite(report.table["pinball"]).all()
    assert "No quantiles" not in str(report)


@pytest.mark.filterwarnings("ignore:Quantiles of 4 training windows")  # Nor has the preset any.
def test_baselines_have_quantiles_in_all_folds_or_in_none():
    preset = from_preset("linear", quantiles=(0.1, 0.5, 0.9))
    panel = [course_series(24), 9 * course_series(24)]
    report = backtest(
        preset, panel, WindowedSeries(6, 1), n_splits=2, test_size=8, baselines=["naive"]
    )
    assert np.isfinite(report.comparison.table["pinball"]).tolist() == [True, False]
    assert "No quantiles of naive: " in str(report)


def test_a_season_that_timestamps_suggest_is_named_unless_somebody_decided():
    """Beside baselines without a season, a model looks too good."""
    hours = pd.date_range("2024-01-01", periods=300, freq="h")
    table = pd.DataFrame({"hour": hours, "load": course_series(300)})
    windows = WindowedSeries(30, 3, target_columns="load", time_column="hour")
    parts = windows.split(table, at=-60)
    note = "suggest one of 24 rows: judge with period=24, or period=1 if there is none."
    assert note in str(compare(None, *parts))
    preset = from_preset("gru_32x2", units=(2,))
    settings = {"epochs": 1, "verbose": 0, "test_size": 9}
    assert note in str(backtest(preset, table, windows, 2, **settings))
    assert "suggest" not in str(backtest(preset, table, windows, 2, period=24, **settings))
    for report in (
        compare(None, *parts, period=24),
        compare(None, *parts, period=1),
        compare(None, *parts, baselines=["naive"]),
        compare(None, *replace(windows, time_column=None).split(table[["load"]], at=-60)),
    ):
        assert "suggest" not in str(report)


@pytest.mark.parametrize(
    ("settings", "inputs", "ahead"),
    [
        ({"missing": "keep"}, "all values of each target among its inputs and ", "all values"),
        ({"missing": "mask"}, "a value of each target among its inputs and ", "all values"),
        ({"missing": "mask_targets"}, "a value of each target among its inputs and ", "a value"),
        ({"missing": "mask_targets", "min_inputs": 0}, "", "a value"),
    ],
)
def test_a_window_that_can_be_judged_is_put_in_words(settings, inputs, ahead):
    judged = JudgedWindows("held", WindowedSeries(5, 2, **settings).build(course_series(60)))
    assert judged.judgeable == f"a window with {inputs}{ahead} to forecast"


def test_without_a_window_to_judge_a_baseline_may_be_the_reason():
    """No window lacks a value, and the season of each reaches back over the days that are lost."""
    days = pd.date_range("2024-01-01", periods=60).delete(range(40, 45))
    frame = pd.DataFrame({"day": days, "sold": course_series(55)})
    windows = WindowedSeries(3, 2, time_column="day", missing="drop")
    train, held = windows.split(frame.iloc[:46], at="2024-02-18")
    assert held.num_windows > 0
    with pytest.raises(ValueError, match=r"to forecast, which every baseline forecasts\."):
        compare(None, train, held, period=12)
    assert compare(None, train, held).windows == held.num_windows
