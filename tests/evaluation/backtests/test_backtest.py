"""A backtest trains a fresh model for each fold, and no fold sees a later value."""

import itertools

import keras
import numpy as np
import pandas as pd
import pytest

from backtest_helpers import build, equal, run
from keras_ts import RecurrentPreset, WindowedSeries, backtest, course_series

pytestmark = pytest.mark.usefixtures("untraced_models")


@pytest.fixture(scope="module")
def series():
    return course_series(90)


@pytest.fixture(scope="module")
def report(series):
    return run(series)


def test_rows_stand_on_their_places(report, series):
    table = report.table
    assert list(table) == ["fold", "series", "origin", "step", "target", "actual", "prediction"]
    np.testing.assert_array_equal(table["actual"], series[table["target"]])
    np.testing.assert_array_equal(table["target"], table["origin"] + table["step"])
    # The targets of a fold's windows lie within its validation part.
    for fold in range(2):
        targets = table["target"][table["fold"] == fold]
        assert (targets.min(), targets.max()) == (30 * (fold + 1), 30 * (fold + 2) - 1)


def test_each_fold_is_what_its_number_and_the_seed_say(report, series):
    keras.utils.set_random_seed(9)
    np.random.default_rng().normal()
    again = run(series)
    assert equal(report.table, again.table)
    other = run(series, windows=WindowedSeries(6, 2, shuffle=True, seed=4, batch_size=16))
    assert not np.array_equal(other.table["prediction"], report.table["prediction"])


def test_no_fold_sees_a_later_value(report, series):
    for fold in range(2):
        rows = report.table["fold"] <= fold
        changed = series.copy()
        changed[30 * (fold + 2) :] += 1000.0
        assert equal(report.table, run(changed).table, rows)
        # The model of a fold does not even see its own validation part, but as inputs.
        changed = series.copy()
        changed[30 * (fold + 1) :] -= 1000.0
        table = run(changed).table
        first = (table["fold"] == fold) & (table["origin"] < 30 * (fold + 1))
        assert first.sum() == 2
        assert np.array_equal(table["prediction"][first], report.table["prediction"][first])
        # The test can fail: inputs behind the border move the forecasts that read them.
        later = (table["fold"] == fold) & (table["origin"] >= 30 * (fold + 1))
        assert (table["prediction"] != report.table["prediction"])[later].all()


def test_without_refit_the_first_fold_is_the_only_one_trained(report, series):
    calls = []

    def counted(train):
        calls.append(train.num_windows)
        return build(train)

    once = run(series, maker=counted, refit=False)
    assert calls == [23]
    first = report.table["fold"] == 0
    assert equal(report.table, once.table, first)
    assert not np.array_equal(report.table["prediction"], once.table["prediction"])


def test_models_are_those_of_their_own_folds(series):
    """The first of each pair of folds is the one that is trained on."""
    calls = []

    def counted(train):
        calls.append(train.num_windows)
        return build(train)

    every = run(series, n_splits=5).table
    second = run(series, n_splits=5, refit=np.int64(2), maker=counted).table
    assert calls == [8, 38, 68]
    for fold in range(5):
        rows = every["fold"] == fold
        same = np.array_equal(every["prediction"][rows], second["prediction"][rows])
        assert same == (fold % 2 == 0)
    first = run(series, n_splits=5, refit=False).table
    assert equal(first, run(series, n_splits=5, refit=7).table)
    assert equal(every, run(series, n_splits=5, refit=1).table)


def test_panels_with_times_and_several_targets():
    days = pd.date_range("2024-01-01", periods=40)
    frame = pd.concat(
        [
            pd.DataFrame({"day": days, "shop": shop, "a": np.arange(40.0), "b": np.arange(40.0)})
            for shop in ("y", "x")
        ]
    )
    windows = WindowedSeries(
        4, 2, id_column="shop", time_column="day", target_columns=["b", "a"], seed=1
    )

    def preset(train):
        model = RecurrentPreset(units=(2,), window_norm="last").build(train)
        model.compile("adam", "mae")
        return model

    report = backtest(preset, frame, windows, 2, test_size=5, epochs=1, verbose=0)
    table = report.table
    assert table["actual"].shape == (len(table["fold"]), 2)
    assert set(table["series"].tolist()) == {"x", "y"}
    assert table["target"].min() == np.datetime64("2024-01-31")
    assert len(report.scores("series")["mae"]) == 2
    assert list(report.to_frame("polars").columns)[-2:] == ["prediction_0", "prediction_1"]


def test_of_sequences_the_last_step_is_judged(series):
    windows = WindowedSeries(6, targets="sequence", seed=1)

    def identity(train):
        model = keras.Sequential([keras.Input((6, 1)), keras.layers.Dense(1)])
        model.compile("sgd", "mae")
        return model

    table = run(series, windows=windows, maker=identity).table
    assert np.array_equal(table["target"], table["origin"] + 1)
    assert np.array_equal(table["actual"], series[table["target"]])


def test_progress_is_shown_unless_told(series, capsys):
    run(series, verbose="auto")
    assert "2/2" in capsys.readouterr().out
    run(series)
    assert not capsys.readouterr().out


def test_misuse_is_told(series):
    model = build(None)
    with pytest.raises(ValueError, match="shares weights with an earlier fold's"):
        run(series, maker=lambda train: model)
    ready = itertools.cycle([build(None), build(None)])
    with pytest.raises(ValueError, match="shares weights with an earlier fold's"):
        run(series, maker=lambda train: next(ready), n_splits=3)
    with pytest.raises(TypeError, match=r"windows must be a WindowedSeries.* Only a preset"):
        run(series, windows=6)
    with pytest.raises(ValueError, match="n_splits=60 folds"):
        run(series, n_splits=60, test_size=30)
    with pytest.raises(TypeError, match="refit must be an integer >= 1"):
        run(series, refit="2")
    with pytest.raises(ValueError, match="refit must be >= 1"):
        run(series, refit=0)
    with pytest.raises(ValueError, match=r"coverage needs errors .* Pass validation_size="):
        run(series, coverage=0.8)
    with pytest.raises(ValueError, match=r"validation has 7 windows .*=0\.95 needs at least 19"):
        run(series, maker=print, validation_size=8, coverage=0.95)
    with pytest.raises(ValueError, match="validation_data would be the same for every fold"):
        run(series, validation_data=([1], [2]))
    preset = RecurrentPreset(units=(2,))
    for settings in ({"horizont": 2}, {"horizon": 2, "horizont": 3}):
        with pytest.raises(
            TypeError, match=r"takes at, window, .* other column is past. .* 'horizont'"
        ):
            run(series, windows=settings, maker=preset)
    with pytest.raises(ValueError, match=r"test_size=5 is shorter than horizon=14, .*test_size=14"):
        run(series, windows={"horizon": 14, "window": 6}, maker=preset, test_size=5)
    with pytest.raises(TypeError, match="windows must not hold 'at'"):
        run(series, windows={"horizon": 2, "at": 30}, maker=preset)
    with pytest.raises(ValueError, match="has no recipe that says how long a window is"):
        run(series, windows=2, maker=preset)
    with pytest.raises(ValueError, match="and this preset has no recipe"):
        run(series, maker=preset)


@pytest.mark.parametrize(("refit", "says"), [(2, "folds 0, 2."), (True, "every fold.")])
def test_it_prints_which_folds_were_trained(series, refit, says):
    assert f"Trained on {says}" in str(run(series, n_splits=3, refit=refit))
