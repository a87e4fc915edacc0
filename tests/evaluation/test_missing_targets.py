"""Judging with targets that are missing: every figure is that of the targets present."""

import keras
import numpy as np
import pytest

from helpers import called
from keras_ts import WindowedSeries, backtest, calibrate, check_leakage, compare, plot_backtest
from keras_ts.layers import SortedQuantiles
from keras_ts.losses import MaskedLoss

WINDOWS = WindowedSeries(4, 3, missing="mask_targets", batch_size=16)


def holed(length=160, columns=(), seed=0, share=0.2):
    """Return a walk of which some values are missing, two of them in a row at times."""
    generator = np.random.default_rng(seed)
    series = 50 + np.cumsum(generator.normal(size=(length, *columns)), axis=0)
    missing = generator.random(series.shape) < share
    missing[7:9] = True
    return np.where(missing, np.nan, series)


def last_known(windows, columns=(), missing=0.0):
    """Return a model that adds 0.5 to the mean of the known inputs, and ``missing`` at step 2."""
    inputs = keras.Input((windows.window, *columns))
    known = keras.ops.logical_not(keras.ops.isnan(inputs))
    total = keras.ops.sum(keras.ops.where(known, inputs, 0.0), axis=1, keepdims=True)
    count = keras.ops.sum(keras.ops.cast(known, "float32"), axis=1, keepdims=True)
    mean = total / keras.ops.maximum(count, 1.0) + 0.5
    return keras.Model(inputs, keras.ops.repeat(mean, windows.horizon, axis=1) + missing)


def by_hand(actual, predicted, scale):
    """Return the metrics of a point over the targets present, by a loop."""
    rows = []
    for y, f, unit in zip(
        *(np.asarray(a).ravel() for a in (actual, predicted, scale)), strict=True
    ):
        if np.isfinite(y):
            error = abs(y - f)
            rows.append((error, error**2, error / unit, 200 * error / (abs(y) + abs(f))))
    means = np.mean(rows, axis=0)
    return {"mae": means[0], "rmse": np.sqrt(means[1]), "mase": means[2], "smape": means[3]}


@pytest.mark.parametrize("columns", [(), (2,)])
def test_scores_are_those_of_the_targets_present(columns):
    series = holed(columns=columns)
    train, validation = WINDOWS.split(series, at=100)
    model = last_known(WINDOWS, columns)
    report = compare(model, train, validation, period=5)
    x, y = validation.to_numpy()
    assert np.isnan(y).any()
    assert not np.isnan(y).reshape(len(y), -1).all(axis=1).any()
    steps = np.abs(series[5:100] - series[:95]).reshape(95, -1)
    scale = np.nanmean(steps, axis=0) if columns else np.nanmean(steps)
    predicted = called(model, x)
    expected = by_hand(y, predicted, np.broadcast_to(scale, y.shape))
    for metric, value in expected.items():
        # Windows at the border of train may leave some rows unread.
        rel = 0.02 if metric == "mase" else 1e-5
        assert report.table[metric][0] == pytest.approx(value, rel=rel), metric
    by_step = report.scores(by="step")
    for step in range(3):
        value = np.nanmean(np.abs(y - predicted)[:, step])
        assert by_step["mae"][step] == pytest.approx(value, rel=1e-5)
    best = report.table["name"].tolist().index(report.best)
    ratio = report.table[report.by][0] / report.table[report.by][best]
    assert report.table["skill"][0] == pytest.approx(1 - ratio)
    missing = f"{np.isnan(y).sum()} of {y.size} targets are missing"
    assert missing in str(report)
    naive = report.table["name"].tolist().index("naive")
    assert report.table["mae"][naive] == pytest.approx(naive_error(x, y))


def test_a_total_counts_where_the_other_target_has_no_value():
    series = holed(columns=(2,), share=0)
    series[120:123, 0] = np.nan
    train, validation = WINDOWS.split(series, at=100)
    model = last_known(WINDOWS, (2,))
    report = compare(model, train, validation, total=True)
    x, y = validation.to_numpy()
    there = np.isfinite(y)
    errors = np.abs(np.where(there, y - called(model, x), 0).sum(axis=1))
    assert report.windows == len(y)
    assert report.table["mae"][0] == pytest.approx(errors[there.any(axis=1)].mean(), rel=1e-5)
    units = np.abs(np.diff(series[:100], axis=0))
    scaled = errors / np.maximum(there.sum(axis=1), 1) / np.nanmean(units, axis=0)
    assert report.table["mase"][0] == pytest.approx(scaled[there.any(axis=1)].mean(), rel=1e-5)
    assert "by the scale times the steps that have a value" in str(report)


def naive_error(x, y):
    errors = []
    for window, targets in zip(x, y, strict=True):
        for column, own in zip(window.reshape(4, -1).T, targets.reshape(3, -1).T, strict=True):
            last = column[np.isfinite(column)][-1]
            errors += [abs(value - last) for value in own if np.isfinite(value)]
    return np.mean(errors)


def test_a_prediction_of_a_missing_target_may_be_anything():
    series = holed()
    series[2::5] = np.nan
    windows = WindowedSeries(5, 5, stride=5, missing="mask_targets")
    train, validation = windows.split(series, at=100)
    infinite, nothing = np.zeros((2, 5), "float32")
    infinite[2], nothing[2] = np.inf, np.nan
    place = int(np.isnan(validation.to_numpy()[1]).all(axis=0).argmax())
    reports = [
        compare(last_known(windows, missing=np.roll(wrong, place - 2)), train, validation)
        for wrong in (np.zeros(5, "float32"), infinite, nothing)
    ]
    for report in reports[1:]:
        assert report.table["mae"].tolist() == reports[0].table["mae"].tolist()
    elsewhere = np.roll(nothing, place - 1)
    with pytest.raises(ValueError, match="predictions that are not finite"):
        compare(last_known(windows, missing=elsewhere), train, validation)


def test_quantiles_are_judged_on_the_targets_present():
    train, validation = WINDOWS.split(holed(), at=100)
    inputs = keras.Input((4,))
    filled = keras.ops.where(keras.ops.isnan(inputs), 50.0, inputs)
    outputs = keras.layers.Reshape((3, 3))(keras.layers.Dense(9)(filled))
    model = keras.Model(inputs, SortedQuantiles([0.1, 0.5, 0.9])(outputs))
    report = compare(model, train, validation)
    x, y = validation.to_numpy()
    low, _, high = np.moveaxis(called(model, x).astype(float), -1, 0)
    present = ~np.isnan(y)
    covered = ((low <= y) & (y <= high))[present].mean()
    assert report.table["coverage"][0] == pytest.approx(covered)
    assert report.table["width"][0] == pytest.approx((high - low)[present].mean(), rel=1e-5)


def test_the_regression_is_fitted_on_the_targets_present():
    """Each step's own windows, as one regression a step would be; every window lacks a target."""
    series = holed(120, share=0.05)
    series[3::7] = np.nan
    windows = WindowedSeries(3, 7, missing="mask_targets")
    train, validation = windows.split(series, at=90)
    report = compare(None, train, validation)
    (x, y), (new, actual) = train.to_numpy(), validation.to_numpy()
    assert np.isnan(y).any(axis=1).all()

    def filled(past):
        past = past.copy()
        for row in past:
            known = np.flatnonzero(np.isfinite(row))
            for place in range(3):
                before = known[known <= place]
                row[place] = row[before[-1] if len(before) else known[0]]
        return past

    # It is told which inputs are missing, too: a further column for each.
    x, new = (np.concatenate([filled(past), np.isnan(past)], axis=1) for past in (x, new))
    errors = []
    for step in range(7):
        own = np.isfinite(y[:, step])
        past, ahead = x[own], y[own, step]
        mean, deviation = past.mean(axis=0), past.std(axis=0)
        scaled = (past - mean) / deviation
        gram = scaled.T @ scaled + 1e-3 * len(scaled) * np.eye(6)
        coefficients = np.linalg.solve(gram, scaled.T @ (ahead - ahead.mean()))
        predicted = (new - mean) / deviation @ coefficients + ahead.mean()
        errors.extend(np.abs(predicted - actual[:, step]))
    place = report.table["name"].tolist().index("linear regression")
    assert report.table["mae"][place] == pytest.approx(np.nanmean(errors), rel=1e-6)


@pytest.mark.parametrize("columns", [(), (2,)])
def test_bands_hold_their_rank_of_the_errors_present(columns):
    series = holed(300, columns)
    validation = WINDOWS.build(series)
    calibrated = calibrate(last_known(WINDOWS, columns), validation, coverage=0.8)
    x, y = validation.to_numpy()
    bands = called(calibrated, x).astype(float)
    present = np.isfinite(y)
    slack = 1e-4
    held = (bands[..., 0] - slack <= y) & (y <= bands[..., -1] + slack)
    counts = present.sum(axis=0)
    ranks = np.ceil(np.round((counts + 1) * 0.8, 9))
    np.testing.assert_array_equal((held & present).sum(axis=0), ranks)


def test_too_few_errors_at_one_step_are_refused():
    series = np.arange(60.0)
    series[2::5] = np.nan
    windows = WindowedSeries(5, 5, stride=5, missing="mask_targets")
    with pytest.raises(ValueError, match="has 0 windows without a missing value at step 3"):
        calibrate(last_known(windows), windows.build(series), coverage=0.5)


def test_a_backtest_scores_and_draws_the_targets_present():
    series = holed(90)

    def build(train):
        inputs = keras.Input((4,))
        filled = keras.ops.where(keras.ops.isnan(inputs), 50.0, inputs)
        model = keras.Model(inputs, keras.layers.Dense(3)(filled))
        model.compile(keras.optimizers.SGD(1e-6), MaskedLoss("mae"), run_eagerly=True)
        return model

    report = backtest(build, series, WINDOWS, n_splits=2, epochs=1, verbose=0)
    actual, prediction = report.table["actual"], report.table["prediction"]
    assert np.isnan(actual).any()
    error = np.nanmean(np.abs(actual - prediction))
    assert report.scores()["mae"][0] == pytest.approx(error)
    assert f"{np.isnan(actual).sum()} of {actual.size} targets are missing" in str(report)
    axes = plot_backtest(report)
    assert np.isfinite(axes.lines[-1].get_ydata()).all()


def test_aligned_tables_keep_missing_values():
    dataset = WINDOWS.build(holed(40))
    predictions = called(last_known(WINDOWS), dataset.to_numpy()[0])
    table = dataset.align(predictions)
    np.testing.assert_array_equal(table["actual"], dataset.to_numpy()[1].ravel())


@pytest.mark.parametrize("ahead", [False, True])
def test_leaks_are_found_in_a_series_with_missing_targets(ahead):
    def predict(series):
        x, y = WINDOWS.build(series).to_numpy()
        return np.nan_to_num(y[:, :1] if ahead else x[:, -1:])

    report = check_leakage(predict, holed(80), WINDOWS)
    assert report.ok == (not ahead)
