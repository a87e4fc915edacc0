"""Totals of a horizon are judged as loops of NumPy say, by levels that belong to totals."""

import keras
import numpy as np
import pandas as pd
import pytest

from keras_ts import WindowedInput, WindowedSeries, aggregate, calibrate, compare, forecast
from keras_ts.baselines import Naive
from keras_ts.evaluation.forecasters.forecaster import SignedErrors
from keras_ts.evaluation.judged import JudgedWindows

LEVELS = (0.1, 0.5, 0.9)
WINDOWS = WindowedSeries(
    5, 3, target_columns="units", id_column="shop", time_column="day", missing="mask_targets"
)


def shops(seed=0):
    """Three walks, each without some of its values, among them those of three days in a row."""
    draw, days = np.random.default_rng(seed), pd.date_range("2024-01-01", periods=150)
    frames = []
    for place, name in enumerate("abc"):
        units = 50 + draw.normal(size=150).cumsum() * 3**place
        units[draw.choice(150, 8, replace=False)] = np.nan
        units[120:123] = np.nan
        frames.append(pd.DataFrame({"shop": name, "day": days, "units": units}))
    return pd.concat(frames, ignore_index=True)


TABLE = shops()
TRAIN, HELD = WINDOWS.split(TABLE, at=100)


def last_value():
    """The last value and one less and more, whose total has the levels of no single step."""
    past = keras.Input((5, 1))
    known = WindowedInput.of(TRAIN, LEVELS)(past)
    known = keras.ops.where(keras.ops.isnan(known), 50.0, known)
    out = keras.ops.tile(known[:, -1:, 0], (1, 3))
    return keras.Model(past, keras.ops.stack([out - 1.0, out, out + 1.0], axis=-1))


@pytest.fixture(scope="module")
def model():
    return calibrate(last_value(), TRAIN, joint=True)


def naive(_, held):
    return np.repeat(np.nan_to_num(held.to_numpy()[0], nan=50.0)[:, -1:], 3, axis=1).squeeze(-1)


def test_totals_equal_a_loop():
    points = naive(None, HELD) + np.arange(3)
    report = compare(
        {"mine": HELD.align(points)}, TRAIN, HELD, baselines=[naive], by="mase", total=True
    )
    windows = JudgedWindows("held", HELD)
    scales = JudgedWindows("train", TRAIN).scales(1)[:, 0]
    series = windows.ranges.series_of(np.arange(windows.count))
    errors, scaled, squares, of_target = [], [], [], []
    for window, (actual, made) in enumerate(zip(windows.targets()[..., 0], points, strict=True)):
        there = ~np.isnan(actual)
        errors.append(abs(actual[there].sum() - made[there].sum()))
        of_target.append(abs(actual[there].sum()))
        scale = scales[series[window]]
        scaled.append(errors[-1] / (there.sum() * scale[0]))
        squares.append(errors[-1] ** 2 / (there.sum() ** 2 * scale[1]))
    row = {name: column[0] for name, column in report.table.items()}
    assert report.windows == len(errors) > np.isfinite(windows.targets()).all(axis=(1, 2)).sum()
    assert row["mae"] == pytest.approx(np.mean(errors), rel=1e-12)
    assert row["mase"] == pytest.approx(np.mean(scaled), rel=1e-12)
    assert row["rmsse"] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-12)
    assert row["wape"] == pytest.approx(sum(errors) / sum(of_target), rel=1e-12)
    single = compare({"mine": HELD.align(points)}, TRAIN, HELD, baselines=[naive], by="mase")
    assert row["mase"] < single.table["mase"][0]
    assert "The scores are of the total of each window's 3 steps" in str(report)
    with pytest.raises(ValueError, match="by must be one of 'series', 'target'"):
        report.scores(by="step")
    with pytest.raises(ValueError, match="a scorecard is about steps"):
        report.scorecards()


@pytest.mark.filterwarnings("ignore:Values are missing at the end")
def test_levels_of_a_total_are_those_of_sample_paths(model):
    report = compare(model, TRAIN, HELD, baselines=["naive"], by="sql", total=True)
    windows, losses, held, values = JudgedWindows("held", HELD), [], [], TABLE["units"].to_numpy()
    origins = windows.origins()
    for day in np.unique(origins % 150):
        past = TABLE[TABLE["day"] <= TABLE["day"][day]]
        drawn = forecast(model, past, num_samples=500, seed=0)
        for place, name in enumerate("abc"):
            actual = values[150 * place + day + 1 : 150 * place + day + 4]
            own = drawn[drawn["shop"] == name].copy()
            if 150 * place + day not in origins or np.isnan(actual).all():
                continue
            own.loc[np.isin(own["step"], 1 + np.flatnonzero(np.isnan(actual))), "units"] = np.nan
            total = aggregate(own, "step", quantiles=LEVELS).iloc[0]
            errors = np.nansum(actual) - total[["units_0.1", "units", "units_0.9"]].to_numpy(float)
            losses.append(np.mean(np.maximum(LEVELS * errors, (np.array(LEVELS) - 1) * errors)))
            held.append(errors[2] <= 0 <= errors[0])
    assert report.windows == len(losses)
    assert report.table["pinball"][0] == pytest.approx(np.mean(losses), rel=1e-5)
    assert report.table["coverage"][0] == pytest.approx(np.mean(held), abs=0.011)


def test_a_total_needs_each_of_its_steps():
    train, held = WindowedSeries(4, 3).split(np.sin(np.arange(60)), at=40)
    rows = held.align(np.zeros((held.num_windows, 3)))
    short = {name: values[rows["step"] < 3] for name, values in rows.items()}
    assert compare({"short": short}, train, held).windows == held.num_windows
    with pytest.raises(ValueError, match=r"no totals of 3 steps with a .* missing in short"):
        compare({"short": short}, train, held, total=True)


def test_levels_of_a_baseline_are_those_of_its_own_totals():
    report = compare(None, TRAIN, HELD, baselines=["naive"], total=True)
    assert "pinball" not in report.table
    train, judged = (JudgedWindows("part", part) for part in (TRAIN, HELD))
    late = train.thirds()[1]
    rows = slice(1, 3)
    made = SignedErrors(train, judged, LEVELS, rows, total=True)

    around = made.around(Naive())
    errors = []
    for block in late.blocks():
        scale = np.maximum(
            np.nanmean(np.abs(np.diff(block.past_as_read[..., 0], axis=1)), axis=1),
            made._floors[block.series, 0],
        )
        error = block.actual[:, rows, 0] - block.past[:, -1:, 0]
        error = error[~np.isnan(error).all(axis=1)], scale[~np.isnan(error).all(axis=1)]
        errors.append(np.nansum(error[0], axis=1) / error[1])
    ordered = np.sort(np.concatenate(errors))
    ranks = [int(np.ceil(round(level * (len(ordered) + 1), 9))) - 1 for level in LEVELS]
    block = next(judged.blocks())
    quantiles = around(block, np.zeros((len(block.series), 1, 1)))
    ratios = quantiles[:, 0, 0] / quantiles[:, 0, 0, 2:]
    assert quantiles.shape[1:] == (1, 1, 3)
    np.testing.assert_allclose(
        ratios, np.tile(ordered[ranks] / ordered[ranks[2]], (len(ratios), 1))
    )


def test_levels_of_single_steps_are_none_of_totals():
    quantiles = last_value()
    report = compare(quantiles, TRAIN, HELD, baselines=["naive"], total=True)
    assert "pinball" not in report.table
    assert "model has levels of single steps, not of their total: calibrate(..., joint=True)" in (
        str(report)
    )
    with pytest.raises(ValueError, match="for totals, with joint=True"):
        compare(quantiles, TRAIN, HELD, baselines=["naive"], by="sql", total=True)


def test_the_picture_says_how_many_values_lie_below_each_quantile():
    """Targets that equal a quantile stand in both shares."""
    draw = np.random.default_rng(2)
    series = draw.integers(0, 3, 160).astype(float)
    train, held = WindowedSeries(5, 3).split(series, at=100)
    rows = held.align(np.ones(held.to_numpy()[1].shape))
    rows |= {"prediction_0.1": rows["prediction"] - 1, "prediction_0.9": rows["prediction"] + 1}
    report = compare({"ones": rows}, train, held, baselines=["naive"])
    top = report.plot()
    actual = held.to_numpy()[1]
    shares = [((actual < value).mean() + (actual <= value).mean()) / 2 for value in (0, 1, 2)]
    reliable = top.figure.axes[2]
    np.testing.assert_allclose(reliable.lines[1].get_ydata(), shares)
    names = [line.get_label() for line in reliable.lines[1:]]
    assert names == ["ones", "naive"]
    assert [line.get_label() for line in top.figure.axes[1].lines] == ["ones", "naive"]
    assert [label.get_text() for label in top.get_yticklabels()] == ["ones"]
    total = compare({"ones": rows}, train, held, baselines=["naive"], total=True)
    assert len(total.plot().figure.axes) == 1
