"""Baselines forecast as their names say."""

import numpy as np
import pytest

from keras_ts import WindowedSeries, compare
from keras_ts.baselines import Drift, LinearRegression, MovingAverage, Naive, SeasonalNaive
from keras_ts.evaluation.forecasters.baselines import default_baselines
from keras_ts.evaluation.judged.reading import JudgedWindows


def forecasts(baseline, train, validation):
    """Return the forecasts of a fitted baseline, ``(windows, steps, targets)``."""
    judged = JudgedWindows("validation", validation)
    baseline.learn(JudgedWindows("train", train))
    return np.concatenate([baseline.forecast(judged, block) for block in judged.blocks()])


# Windows of 3 rows, every third one, and a horizon of 2 behind a gap of 2.
PARTED = WindowedSeries(3, horizon=2, gap=2, sampling_rate=3)


def test_baselines_by_hand():
    rows = np.zeros((11, 2))
    rows[[0, 3, 6]] = [[1.0, 8.0], [3.0, 4.0], [5.0, 6.0]]
    windows = PARTED.build(rows)
    assert forecasts(Naive(), windows, windows).tolist() == [[[5.0, 6.0], [5.0, 6.0]]]
    assert forecasts(MovingAverage(), windows, windows).tolist() == [[[3.0, 6.0], [3.0, 6.0]]]
    # The first column rises by 4 in 2 inputs, 6 positions; the second falls by 2.
    slopes = np.array([4.0, -2.0]) / 6
    expected = [[[5, 6] + 3 * slopes, [5, 6] + 4 * slopes]]
    np.testing.assert_allclose(forecasts(Drift(), windows, windows), expected)


@pytest.mark.parametrize("missing", ["mask", "mask_targets"])
def test_drift_goes_on_along_a_line_wherever_values_are_missing(missing):
    """From the first value to the last one there are 2 and -3 a position, between all of them."""
    line = np.array([5.0, 100.0]) + np.array([2.0, -3.0]) * np.arange(40)[:, None]
    known = np.random.default_rng(0).random(line.shape) > 0.3
    series = np.where(known, line, np.nan)
    windows = WindowedSeries(4, 3, gap=1, sampling_rate=2, missing=missing, min_inputs=2)
    dataset = windows.build(series)
    judged = JudgedWindows("validation", dataset)
    ends = judged.origins()[:, None] + judged.ahead
    present = np.isfinite(np.concatenate([block.past_as_read for block in judged.blocks()]))
    assert (~present[:, [0, -1]]).any()
    expected = np.array([5.0, 100.0]) + np.array([2.0, -3.0]) * ends[..., None]
    two = (present.sum(axis=1) > 1)[:, None] & np.ones(expected.shape, bool)
    np.testing.assert_allclose(forecasts(Drift(), dataset, dataset)[two], expected[two])


def test_drift_of_an_early_window_by_hand():
    """Of five inputs a new shop has two: its step is 3, not 3 / 4."""
    windows = WindowedSeries(5, 2, missing="mask", min_inputs=2)
    dataset = windows.build(np.array([4.0, 7.0, 1.0, 1.0]))
    assert forecasts(Drift(), dataset, dataset)[0, :, 0].tolist() == [10.0, 13.0]


def test_drift_of_one_input_is_naive():
    windows = WindowedSeries(1, horizon=3).build([2.0, 3.0, 9.0, 4.0, 1.0])
    both = (forecasts(baseline, windows, windows) for baseline in (Drift(), Naive()))
    np.testing.assert_array_equal(*both)


def test_the_seasonal_naive_is_exact_on_a_season_however_far_ahead_and_nan_over_a_gap():
    season = np.tile([3.0, -1.0, 4.0, 9.0, 2.0], 9)
    windows = WindowedSeries(2, horizon=7, gap=1)
    _, validation = windows.split(season, at=-20)
    predicted = forecasts(SeasonalNaive(5), validation, validation)
    np.testing.assert_array_equal(predicted[..., 0], validation.to_numpy()[1])
    times = np.datetime64("2024-01-01") + np.delete(np.arange(46), 24)
    table = {"day": times, "sold": season}
    dated = WindowedSeries(2, time_column="day", missing="drop")
    pandas = pytest.importorskip("pandas")
    _, validation = dated.split(pandas.DataFrame(table), at=-25)
    predicted = forecasts(SeasonalNaive(5), validation, validation)
    # The first origin behind the missing day is the fifth; from three of them 4 days lead over it.
    assert np.flatnonzero(np.isnan(predicted)).tolist() == [4, 5, 6]


def test_every_baseline_of_the_table_is_judged_and_no_model_takes_its_name():
    names = [baseline.name for baseline in default_baselines(period=4)]
    assert len(set(names)) == len(names) == 5
    parts = WindowedSeries(4).split(np.arange(60.0) % 7, at=40)
    assert compare(None, *parts, period=4).table["name"].tolist() == names
    assert compare(None, *parts).table["name"].tolist() == names[:-1]
    for name in names:
        with pytest.raises(ValueError, match="must have strings for keys, other than"):
            compare({name: None}, *parts)


@pytest.mark.parametrize("period", [1, 2.5, True])
def test_a_period_is_an_integer_of_two_or_more(period):
    with pytest.raises((TypeError, ValueError), match="period must be"):
        SeasonalNaive(period)


def test_a_regression_forecasts_only_what_it_was_fitted_to():
    series = np.arange(60.0) % 7
    train, held = WindowedSeries(5, 2).split(series, at=40)
    with pytest.raises(ValueError, match=r"is not fitted: call fit\(train\) first"):
        LinearRegression().predict(held)
    other = WindowedSeries(6, 2).split(series, at=40)[1]
    with pytest.raises(ValueError, match=r"it has \(window, horizon, columns\) = \(5, 2, \(0,\)\)"):
        LinearRegression().fit(train).predict(other)
