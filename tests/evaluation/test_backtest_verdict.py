"""A backtest ends in the verdict of ``compare`` over all folds; presets and intervals take part."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from backtest_helpers import WINDOWS, build, equal, run
from keras_ts import Recipe, RecurrentPreset, backtest, calibrate, compare, course_series
from keras_ts.scores.report import percent
from keras_ts.windows.cut import folds_of
from keras_ts.windows.split import FoldSizes

pytestmark = pytest.mark.usefixtures("untraced_models")


@pytest.fixture(scope="module")
def series():
    return course_series(90)


def test_of_one_fold_the_verdict_is_that_of_compare(series):
    """For a series and a panel, in every measure, with baselines and metrics of one's own."""
    models = []

    def kept(train):
        models.append(build(train))
        return models[-1]

    def twice(actual, prediction, scale):
        return 2 * np.abs(actual - prediction)

    panel = [series + 10 * place for place in range(7)]
    cases = [{}, {"period": 5}, {"by": "mase"}, {"baselines": ["drift"], "metrics": [twice]}]
    windows = replace(WINDOWS, batch_size=128)
    for own in (series, panel):
        pair = next(windows.folds(own, 1))
        for settings in cases:
            report = run(own, windows, n_splits=1, maker=kept, **settings)
            expected = compare(models[-1], *pair, **settings)
            assert report.verdicts == expected.verdicts
            assert report.best == expected.best
            assert str(report.comparison) == str(expected)
            for name, values in expected.table.items():
                np.testing.assert_array_equal(report.comparison.table[name], values)
            assert str(report).endswith(str(expected).splitlines()[-1])
            scores = report.scores()
            for name in ("mae", "rmse", "mase", "smape"):
                assert scores[name][0] == pytest.approx(expected.table[name][0])


def test_baselines_are_judged_on_all_folds_by_each_folds_own_scale(series):
    report = run(series, n_splits=3, baselines=["naive", "linear regression"])
    table, scores = report.table, report.comparison.table
    errors = np.abs(series[table["origin"]].astype(float) - table["actual"])
    naive = scores["name"].tolist().index("naive")
    assert scores["mae"][naive] == pytest.approx(errors.mean())
    steps = np.abs(np.diff(series.astype(float)))
    size = len(series) // 4
    borders = len(series) - (3 - table["fold"]) * size
    scales = np.array([steps[: border - 1].mean() for border in borders])
    assert scores["mase"][naive] == pytest.approx((errors / scales).mean())
    # A line is fitted anew on each fold.
    folds = [compare(None, *pair) for pair in WINDOWS.folds(series, 3)]
    counts = np.bincount(table["fold"])
    lines = [
        own.table["mae"][own.table["name"].tolist().index("linear regression")] for own in folds
    ]
    line = scores["name"].tolist().index("linear regression")
    assert scores["mae"][line] == pytest.approx(np.average(lines, weights=counts))
    assert report.comparison.windows == counts.sum() / 2
    drawn = report.plot().lines[-1]
    assert drawn.get_label() == f"best baseline: {report.best}"
    by_step = report.comparison.scores(by="step")
    rows = by_step["name"] == report.best
    assert drawn.get_ydata().tolist() == by_step["mae"][rows].tolist()


def test_baselines_keep_the_rows_that_the_model_holds_out(series):
    whole, part = (
        run(series, baselines=["linear regression"], validation_size=size).comparison
        for size in (None, 10)
    )
    np.testing.assert_array_equal(whole.table["mae"][1], part.table["mae"][1])
    assert whole.table["mae"][0] != part.table["mae"][0]


@pytest.mark.parametrize("refit", [True, False])
def test_each_fold_is_calibrated_on_its_own_validation_part(series, refit):
    arguments = {"validation_size": 12, "refit": refit, "test_size": 20}
    models = []

    def kept(train):
        models.append(build(train))
        return models[-1]

    report = run(series, maker=kept, coverage=[0.5, 0.8], **arguments)
    assert list(report.table)[6:] == [
        "prediction", "prediction_0.1", "prediction_0.25", "prediction_0.75", "prediction_0.9",
    ]  # fmt: skip
    sizes = FoldSizes(2, 20, None, 12)
    for number, fold in enumerate(folds_of(WINDOWS, series, sizes, None)):
        banded = calibrate(models[number if refit else 0], fold.validation, [0.5, 0.8])
        low = banded.predict(fold.test, verbose=0)[..., 0].ravel()
        rows = report.table["fold"] == number
        np.testing.assert_allclose(report.table["prediction_0.1"][rows], low, rtol=1e-5)
    assert {"coverage", "width"} <= set(report.comparison.table)
    assert report.scores()["coverage"][0] == pytest.approx(report.comparison.table["coverage"][0])


RECIPE = Recipe("mae", "adamw", 1e-2, 16, 2, window=4, window_share=0.2)
PRESET = RecurrentPreset(cell="gru", units=(2,), window_norm="last", recipe=RECIPE)


def flat():
    return keras.layers.Flatten()


def test_a_preset_chooses_the_windows_from_the_first_training_part(series):
    # A net that compiles fast.
    arguments = {"test_size": 15, "validation_size": 12, "verbose": 0, "epochs": 1, "core": flat}
    windows = {"horizon": 2, "seed": 3}
    report = backtest(PRESET, series, windows, 2, **arguments)
    by_hand = PRESET.windows_for(series, 2, at=-42, seed=3)
    assert by_hand.window == 10
    assert equal(report.table, backtest(PRESET, series, by_hand, 2, **arguments).table)
    # Later rows change neither the windows nor the earlier folds.
    other = backtest(PRESET, np.append(series, series[:15]), windows, 3, **arguments).table
    rows = other["fold"] < 2
    assert all(np.array_equal(report.table[name], other[name][rows]) for name in other)
    plain = backtest(PRESET, series, 2, 1, epochs=1, verbose=0, core=flat)
    assert plain.table["step"].max() == 2


def test_a_preset_reads_a_table_with_dates():
    days = pd.date_range("2024-01-01", periods=80)
    frame = pd.concat(
        [
            pd.DataFrame({"day": days[first:], "shop": name, "sold": course_series(80)[first:]})
            for name, first in (("x", 0), ("y", 30))
        ]
    )
    windows = {
        "horizon": 3,
        "id_column": "shop",
        "time_column": "day",
        "target_columns": "sold",
        "seed": 1,
    }
    arguments = {"test_size": 6, "refit": 2, "epochs": 1, "verbose": 0}
    report = backtest(PRESET, frame, windows, 4, **arguments)
    assert report.table["target"].min() == np.datetime64("2024-02-26")
    assert set(report.table["series"].tolist()) == {"x", "y"}
    assert report.comparison.by == "mase"


def test_a_model_that_diverged_shows_and_gets_no_verdict(series):
    def broken(train):
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2, "relu")])
        model.compile("sgd", "mae", run_eagerly=True)
        if train.num_windows > 30:
            model.set_weights([weight * np.nan for weight in model.get_weights()])
        return model

    report = run(series, maker=broken)
    assert np.isnan(report.scores(by="fold")["mae"]).tolist() == [False, True]
    assert report.comparison is None
    assert (
        str(report)
        .splitlines()[-1]
        .startswith(
            "There is no verdict: model gives predictions that are not finite, for 29 of 29 windows"
        )
    )
    assert len(report.plot().lines) == 3


def test_seeds_are_fresh_models_whose_mean_error_is_judged(series):
    """The first is that of a backtest without seeds."""
    first = run(series)
    report = run(series, seeds=3)
    table = report.table
    assert list(table)[:3] == ["fold", "seed", "series"]
    assert np.array_equal(table["prediction"][table["seed"] == 0], first.table["prediction"])
    parts = [table["prediction"][table["seed"] == seed] for seed in range(3)]
    assert not np.array_equal(parts[1], parts[0])
    assert not np.array_equal(parts[2], parts[1])
    of_seeds = report.scores("seed")["mae"]
    scores = report.comparison.table
    assert scores["mae"][0] == pytest.approx(of_seeds.mean())
    best = scores["mae"][scores["name"].tolist().index(report.best)]
    assert scores["skill"][0] == pytest.approx(1 - of_seeds.mean() / best)
    assert report.comparison.windows == len(table["step"]) / 6
    assert scores["name"].tolist().count("model") == 1
    assert "Trained on every fold with each of 3 seeds." in str(report)
    own = sorted(1 - of_seeds / best)
    assert f"Over 3 seeds, the skill is {percent(own[0])} to {percent(own[-1])}." in str(report)


def test_targets_of_a_fold_before_which_a_series_is_constant_are_counted(series):
    late = np.where(np.arange(len(series)) < len(series) // 2, 5.0, series)
    report = run(late, n_splits=3, by="mase", baselines=["naive"])
    folds = report.table["fold"]
    without = int(np.isnan(report.scales).sum()) // 2
    assert 0 < without < len(folds) // 2
    assert f"MASE leaves out {2 * without} of {report.scales.size} values" in str(report)
    assert "leaves out" not in str(run(series, n_splits=3, by="mase", baselines=["naive"]))


def nothing(train):
    raise AssertionError("All is kept.")


def test_totals_of_folds_are_those_of_their_rows(series):
    """A calibrated fold's totals have levels; the table stays that of single steps."""
    report = run(course_series(200), total=True, coverage=0.8, validation_size=30, seeds=2)
    assert report.comparison.total
    assert report.plot().get_xlabel().startswith(f"skill over {report.best}")
    table = report.table
    totals = {name: table[name].reshape(-1, 2).sum(axis=1) for name in ("actual", "prediction")}
    fold = table["fold"][::2]
    assert report.comparison.windows == len(fold) / 2
    scores = report.scores("fold")
    assert scores["fold"].tolist() == [0, 1]
    # The point of a total is the median of its paths, near the sum of points.
    errors = np.abs(totals["actual"] - totals["prediction"])
    for place in range(2):
        assert scores["mae"][place] == pytest.approx(errors[fold == place].mean(), rel=0.2)
    assert report.comparison.table["mae"][0] == pytest.approx(report.scores()["mae"][0])
    assert report.comparison.table["coverage"][0] == pytest.approx(report.scores()["coverage"][0])
    assert 0.5 < report.scores()["coverage"][0] < 1
    with pytest.raises(ValueError, match="by must be one of 'fold', 'series', 'seed'"):
        report.scores("step")
