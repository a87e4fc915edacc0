"""Baselines forecast as their names say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keras_ts import WindowedSeries, compare
from keras_ts.baselines import (
    Drift,
    LinearRegression,
    Median,
    MovingAverage,
    Naive,
    SeasonalNaive,
    Theta,
)
from keras_ts.evaluation.forecasters.baselines import default_baselines
from keras_ts.evaluation.judged import JudgedWindows


def forecasts(baseline, train, validation):
    """Return the forecasts of a baseline, fitted or not, ``(windows, steps, targets)``."""
    judged = JudgedWindows("validation", validation)
    if train is not None:
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


def test_medians_by_hand():
    """Phases of 3 days that held 9, 8, 0; 1, 2, 1 and 5, 6, 5: the next two have 8 and 1."""
    values = [9.0, 1.0, 5.0, 8.0, 2.0, 6.0, 0.0, 1.0, 5.0]
    windows = WindowedSeries(9, 2).build([*values, 0.0, 0.0])
    assert forecasts(Median(3), None, windows).tolist() == [[[8.0], [1.0]]]
    assert forecasts(Median(), None, windows).tolist() == [[[5.0], [5.0]]]
    # Every third row alone lies at one phase of three, and none of them at the target's.
    parted = PARTED.build(np.arange(11.0))
    assert forecasts(Median(3), None, parted).tolist() == [[[3.0], [3.0]]]


@pytest.mark.parametrize("period", [None, 4])
def test_medians_equal_a_loop_and_leave_out_what_is_missing(period):
    draw = np.random.default_rng(0)
    values = draw.normal(size=(120, 2)) + np.array([3.0, 0.5]) * (np.arange(120) % 4)[:, None]
    series = np.where(draw.random(values.shape) < 0.7, values, np.nan)
    dataset = WindowedSeries(13, 6, missing="mask_targets", min_inputs=2).build(series)
    judged = JudgedWindows("validation", dataset)
    past = np.concatenate([block.past_as_read for block in judged.blocks()])
    predicted, used = forecasts(Median(period), None, dataset), 0

    def errors(group, whole):
        if len(group) == 1:
            return abs(group[0] - np.median(whole))
        return sum(abs(v - np.median(np.delete(group, n))) for n, v in enumerate(group))

    for window, made in zip(past, predicted, strict=True):
        for target, column in enumerate(window.T):
            known = np.isfinite(column)
            phases = np.arange(-12, 1) % (period or 1)
            groups = [column[known & (phases == phase)] for phase in range(period or 1)]
            whole = column[known]
            apart = sum(errors(group, whole) for group in groups) < errors(whole, whole)
            used += apart
            for step in range(6):
                own = groups[(step + 1) % (period or 1)]
                own = own if apart and len(own) > 1 else whole
                expected = np.median(own) if len(own) else np.nan
                np.testing.assert_allclose(made[step, target], expected)
    assert period is None or 0.1 < used / (2 * len(past)) < 0.9


def test_the_median_learns_what_errs_least():
    """A strong season is told apart, noise is not, and of few sales nothing is left but 0."""
    draw = np.random.default_rng(0)
    noise = draw.normal(size=(300, 3))
    season = np.array([5.0, 0.0, 0.0]) * (np.arange(300) % 7 == 0)[:, None]
    series = noise + season
    series[:, 2] = draw.poisson(4, 300) * (draw.random(300) < 0.3)
    train, held = WindowedSeries(14, 7).split(series, at=200)
    by_phase, plain = (forecasts(Median(period), None, held) for period in (7, None))
    learned = forecasts(Median(7), train, held)
    assert (by_phase != plain).any(axis=(0, 1)).all()
    assert (learned[..., 0] == by_phase[..., 0]).all()
    assert (learned[..., 1] == plain[..., 1]).all()
    assert (plain[..., 2] > 0).any()
    assert (learned[..., 2] == 0).all()
    # Of more values than zeros, no training part makes it say 0.
    actual = held.to_numpy()[1]
    assert np.abs(actual).mean(axis=(0, 1))[1] < np.abs(plain - actual).mean(axis=(0, 1))[1]


def test_the_median_is_the_baseline_to_beat_where_most_values_are_zero():
    """Four days in five sell nothing: a forecast of 0 has the smallest absolute error."""
    draw = np.random.default_rng(0)
    sold = [draw.poisson(4, 300) * (draw.random(300) < 0.2).astype(float) for _ in range(8)]
    report = compare(None, *WindowedSeries(28, 7).split(sold, at=200), period=7, by="mae")
    assert report.best == "median"
    nothing = float(np.mean([np.abs(one[200:]).mean() for one in sold]))
    assert report.table["mae"][report.table["name"] == "median"] == pytest.approx(nothing, rel=0.02)


def test_theta_sees_a_season_and_a_trend_through_what_is_missing():
    """On 50 + t times a season, the next periods are forecast to a twentieth, holes or not."""
    steps = np.arange(200)
    series = (50 + steps) * (1 + 0.3 * np.sin(2 * np.pi * steps / 8))
    holes = np.random.default_rng(0).random(200) < 0.1
    for values, off in ((series, 0.02), (np.where(holes, np.nan, series), 0.05)):
        dataset = WindowedSeries(48, 8, missing="mask").split(values, at=120)[1]
        predicted = forecasts(Theta(8), dataset, dataset)[..., 0]
        actual = dataset.to_numpy()[1]
        assert np.mean(np.abs(predicted / actual - 1)) < off


def test_theta_of_an_early_window_is_that_of_its_own_rows():
    rows = np.random.default_rng(0).normal(size=24).cumsum()
    early = WindowedSeries(30, 4, missing="mask", min_inputs=20).build(rows)
    alone = WindowedSeries(20, 4).build(rows)
    assert early.num_windows == alone.num_windows == 1
    both = [forecasts(Theta(4), windows, windows) for windows in (early, alone)]
    np.testing.assert_allclose(*both, rtol=1e-9)


def test_theta_counts_steps_in_inputs():
    """Every second row of a line, the next ones: the line goes on."""
    windows = WindowedSeries(6, 3, gap=1, sampling_rate=2).build(3.0 + 2.0 * np.arange(15))
    np.testing.assert_allclose(forecasts(Theta(), windows, windows)[0, :, 0], [27, 29, 31])


def test_theta_is_left_out_for_sequences_and_named():
    parts = WindowedSeries(8, targets="sequence").split(np.arange(60.0) % 7, at=40)
    report = compare(None, *parts)
    assert "theta" not in report.table["name"]
    assert "theta is left out: it forecasts no sequences." in str(report)
    with pytest.raises(ValueError, match=r"theta forecasts no targets=\"sequence\": leave it out"):
        compare(None, *parts, baselines=["theta"])


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


def test_a_baseline_is_named_where_people_look_for_it():
    page = (Path(__file__).parents[3] / "docs" / "trust" / "judging.md").read_text()
    for baseline in default_baselines(period=4, total=True):
        assert f'- ``"{baseline.name}"``' in compare.__doc__
        assert f"\n| {baseline.name} |" in page


def test_every_baseline_of_the_table_is_judged_and_no_model_takes_its_name():
    names = [baseline.name for baseline in default_baselines(period=4)]
    assert len(set(names)) == len(names)
    parts = WindowedSeries(4).split(np.arange(60.0) % 7, at=40)
    assert compare(None, *parts, period=4).table["name"].tolist() == names
    assert compare(None, *parts).table["name"].tolist() == names[:-1]
    for name in names:
        with pytest.raises(ValueError, match="models has the name of a baseline"):
            compare({name: None}, *parts)


@pytest.mark.parametrize("period", [1, 2.5, True])
@pytest.mark.parametrize("baseline", [SeasonalNaive, Median, Theta])
def test_a_period_is_an_integer_of_two_or_more(baseline, period):
    with pytest.raises((TypeError, ValueError), match="period must be"):
        baseline(period)


def test_a_regression_forecasts_only_what_it_was_fitted_to():
    series = np.arange(60.0) % 7
    train, held = WindowedSeries(5, 2).split(series, at=40)
    with pytest.raises(ValueError, match=r"is not fitted: call fit\(train\) first"):
        LinearRegression().predict(held)
    other = WindowedSeries(6, 2).split(series, at=40)[1]
    with pytest.raises(ValueError, match=r"it has \(window, horizon, columns\) = \(5, 2, \(0,\)\)"):
        LinearRegression().fit(train).predict(other)


def test_a_missing_value_gives_way_to_the_one_a_period_earlier():
    """As after a day on which a shop was closed; also in front of the window."""
    generator = np.random.default_rng(0)
    values = np.where(generator.random(90) < 0.3, np.nan, generator.normal(size=90))
    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=90), "y": values}).dropna()
    windows = WindowedSeries(4, 5, target_columns="y", time_column="day", missing="mask_targets")
    train, validation = windows.split(table, at="2024-03-01")
    made = pd.DataFrame(validation.align(SeasonalNaive(3).fit(train).predict(validation)))
    known = table.set_index("day")["y"]
    for row in made.itertuples():
        before = known.index[known.index <= row.origin]
        season = [day for day in before if (row.target - day).days % 3 == 0]
        assert row.prediction == known[season[-1] if season else before[-1]]
