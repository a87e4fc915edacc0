"""A comparison is on exactly the validation targets, and its scores are those done by hand."""

import keras
import numpy as np
import pandas as pd
import pytest

from keras_ts import (
    RecurrentPreset,
    WindowedInput,
    WindowedSeries,
    backtest,
    compare,
    course_series,
    from_preset,
)
from keras_ts.baselines import Naive
from keras_ts.layers import SortedQuantiles

NAMES = ["naive", "drift", "moving average", "median", "theta", "linear regression"]


def persistence(windows, outputs=None):
    """Return a model that gives the last value at every step."""
    steps = outputs or windows.horizon
    inputs = keras.Input((windows.window,))
    return keras.Model(inputs, keras.ops.repeat(inputs[:, -1:], steps, axis=1))


class NaiveToo(Naive):
    name = "naive too"


def row(report, name):
    place = report.table["name"].tolist().index(name)
    return {column: values[place] for column, values in report.table.items()}


@pytest.mark.parametrize("settings", [{}, {"gap": 2}, {"sampling_rate": 3}, {"stride": 4}])
@pytest.mark.parametrize("horizon", [1, 5])
def test_scores_are_those_by_hand(horizon, settings):
    windows = WindowedSeries(7, horizon, batch_size=30, **settings)
    series = course_series(400)
    train, validation = windows.split(series, at=300)
    report = compare(persistence(windows), train, validation, period=9)
    assert report.table["name"].tolist() == ["model", *NAMES, "seasonal naive"]
    origins = np.asarray(validation.origins)
    ahead = windows.gap + np.arange(1, horizon + 1)
    actual = series[origins[:, None] + ahead].astype(float)
    back = -(-ahead // 9) * 9 - ahead
    past = series[origins[:, None] + windows.sampling_rate * np.arange(-6, 1)].astype(float)
    slope = (past[:, -1:] - past[:, :1]) / (6 * windows.sampling_rate)
    expected = {
        "model": np.broadcast_to(past[:, -1:], actual.shape),
        "naive": np.broadcast_to(past[:, -1:], actual.shape),
        "drift": past[:, -1:] + ahead * slope,
        "moving average": np.broadcast_to(past.mean(axis=1, keepdims=True), actual.shape),
        "seasonal naive": series[origins[:, None] - back].astype(float),
    }
    scale = np.abs(series[9:300].astype(float) - series[:291]).mean()
    for name, forecast in expected.items():
        scores, errors = row(report, name), np.abs(actual - forecast)
        assert scores["mae"] == pytest.approx(errors.mean())
        assert scores["rmse"] == pytest.approx(np.sqrt((errors**2).mean()))
        # With a stride, the last training windows may leave some rows unread.
        assert scores["mase"] == pytest.approx(errors.mean() / scale, rel=0.01)
        smape = 200 * (errors / (np.abs(actual) + np.abs(forecast))).mean()
        assert scores["smape"] == pytest.approx(smape)
        assert scores["skill"] == pytest.approx(1 - scores["mae"] / row(report, report.best)["mae"])
        assert not scores["skill_low"] > scores["skill"]
        assert not scores["skill_high"] < scores["skill"]
    by_step = report.scores(by="step")
    first = [by_step[column][0] for column in ("name", "step", "mae")]
    assert first == ["model", 1, pytest.approx(np.abs(actual - expected["naive"])[:, 0].mean())]
    assert len(by_step["name"]) == 8 * horizon


def test_a_better_model_beats_and_a_worse_one_loses():
    rng = np.random.default_rng(0)
    series = 50 + np.sin(np.arange(600.0)) * 10 + rng.normal(size=600)
    windows = WindowedSeries(8)
    train, validation = windows.split(series, at=300)
    past, targets = train.to_numpy()
    inputs = np.c_[past, np.ones(len(past))]
    weights = np.linalg.lstsq(inputs, targets, rcond=None)[0]
    good = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    good.set_weights([weights[:-1, None], weights[-1:]])
    flat = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    report = compare({"good": good, "flat": flat, "same": persistence(windows)}, train, validation)
    assert report.verdicts["flat"] == "loses to"
    assert report.verdicts["good"] == "cannot be told from"  # The best baseline is the same fit.
    assert report.verdicts["same"] == "loses to"


def test_a_model_that_knows_more_beats():
    rng = np.random.default_rng(0)
    effect = rng.normal(size=400)
    # No line sees what a square adds.
    table = np.c_[100 + effect**2 + 0.1 * rng.normal(size=400), effect]
    windows = WindowedSeries(3, target_columns=0, future_columns=1)
    train, validation = windows.split(table, at=200)
    inputs = {
        "past": keras.Input((3, 2), name="past"),
        "future": keras.Input((1, 1), name="future"),
    }
    # Keras 3.12 takes no model with an input that its output does not depend on.
    outputs = 100.0 + inputs["future"][:, 0] ** 2 + 0.0 * inputs["past"][:, -1, :1]
    model = keras.Model(inputs, outputs)
    report = compare(model, train, validation)
    assert report.verdicts == {"model": "beats"}
    assert "model beats the best baseline" in str(report).splitlines()[-1]
    note = "models may read known ahead (1); of the baselines only the linear regression does."
    assert note in str(report)
    assert note in report._repr_html_()
    assert note not in str(compare(None, train, validation))
    assert row(report, "model")["skill_low"] > 0.8


@pytest.mark.parametrize(("columns", "wide"), [(4, False), (12, True)])
def test_a_report_says_whether_the_regression_reads_other_columns(columns, wide):
    """There are 90 windows, too few for the past of more than nine others."""
    rows = np.random.default_rng(0).normal(size=(130, columns))
    windows = WindowedSeries(10, target_columns=0)
    preset, (train, validation) = from_preset("linear"), windows.split(rows, at=100)
    report = compare(preset.fit(train), train, validation)
    folds = backtest(preset, rows, windows, n_splits=2, test_size=15)
    for text in (str(report), str(folds)):
        assert "only the linear regression does" in text
        assert ("without the past of other columns, which are too many" in text) == wide


@pytest.mark.parametrize("remainder", ["keep", "drop", "pad"])
def test_order_and_batches_of_the_parts_do_not_matter(remainder):
    series = course_series(300)
    plain = WindowedSeries(5, 3, batch_size=300)
    other = WindowedSeries(5, 3, batch_size=16, shuffle=True, seed=1, remainder=remainder)
    train, validation = plain.split(series, at=200)
    shuffled, rest = other.split(series, at=200)
    shuffled.next_epoch()
    expected = compare(persistence(plain), train, validation).table
    for name, values in compare(persistence(other), shuffled, rest).table.items():
        if name != "name":
            np.testing.assert_allclose(values, expected[name], rtol=1e-5)


def frame(library):
    days = pd.date_range("2024-01-01", periods=60)
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame({"day": days, "shop": shop, "units": size * rng.normal(10, 1, 60), "n": 0.0})
        for shop, size in (("b", 1.0), ("a", 1000.0), ("c", 1.0))
    ]
    table = pd.concat(parts, ignore_index=True)
    if library == "pandas":
        return table
    import polars

    return polars.from_pandas(table)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_panels_are_scored_by_series_and_scaled_by_their_own_steps(library):
    windows = WindowedSeries(
        4, 2, target_columns="units", id_column="shop", time_column="day", calendar="week"
    )
    table = frame(library)
    train, validation = windows.split(table, at=-14)
    model = RecurrentPreset(units=(2,), window_norm="last").build(train)
    report = compare(model, train, validation)
    scores = report.scores(by="series")
    assert scores["series"][:3].tolist() == ["b", "a", "c"]
    values = table["units"].to_numpy().reshape(3, 60)
    scale = np.abs(np.diff(values[:, :46], axis=1)).mean(axis=1)
    errors = np.array(
        [
            [np.abs(values[:, o] - values[:, o + k]) for k in (1, 2)]
            for o in range(45, 58)
        ]
    )  # fmt: skip
    naive = scores["name"] == "naive"
    np.testing.assert_allclose(scores["mae"][naive], errors.mean(axis=(0, 1)))
    np.testing.assert_allclose(scores["mase"][naive], errors.mean(axis=(0, 1)) / scale)
    assert row(report, "naive")["mase"] == pytest.approx((errors / scale).mean())
    assert "of 3 series" in str(report)


def test_many_series_are_drawn_whole():
    """With one window each there are blocks of series, and none of origins."""
    rng = np.random.default_rng(0)
    panel = [rng.normal(10, 1, 30) for _ in range(40)]
    train, validation = WindowedSeries(6, 3).split(panel, at=-3)
    report = compare(None, train, validation)
    assert validation.num_windows == 40
    assert row(report, "drift")["skill_high"] < 0
    assert "intervals hold for other series, not for other times" in str(report)


def test_few_series_that_suit_either_forecaster_have_no_verdict():
    """The naive forecast suits a walk, and the model noise: of which more comes is chance."""
    rng = np.random.default_rng(0)
    panel = [100 + rng.normal(size=300).cumsum(), 100 + 9 * rng.normal(size=300)]
    train, validation = WindowedSeries(8).split(panel, at=100)
    inputs = keras.Input((8,))
    mean = keras.Model(inputs, keras.ops.mean(inputs, axis=1, keepdims=True) + 1.0)
    report = compare(mean, train, validation)
    assert report.verdicts == {"model": "loses to"}
    *_, sentence, last = str(report).splitlines()
    assert "model loses to the best baseline, " in sentence
    assert sentence.endswith(" for these series alone, over 400 windows of 2 series.")
    assert "it beats that baseline on 1, loses to it on 1, and cannot be told from it on 0" in last


def test_several_targets_each_have_their_own_scale():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(200, 3)) * [1.0, 100.0, 1e4]
    windows = WindowedSeries(4, 2, target_columns=[2, 0])
    train, validation = windows.split(table, at=150)
    report = compare(None, train, validation)
    targets = table[:, [2, 0]]
    origins = np.asarray(validation.origins)
    errors = np.abs(targets[origins[:, None] + [1, 2]] - targets[origins][:, None])
    scale = np.abs(np.diff(targets[:150], axis=0)).mean(axis=0)
    assert row(report, "naive")["mae"] == pytest.approx(errors.mean())
    assert row(report, "naive")["mase"] == pytest.approx((errors / scale).mean())


def test_of_sequences_the_last_step_counts():
    series = course_series(200)
    windows = WindowedSeries(6, 3, targets="sequence")
    train, validation = windows.split(series, at=150)
    inputs = keras.Input((6,))
    steps = keras.layers.Reshape((6, 1))(inputs)
    model = keras.Model(inputs, keras.ops.repeat(steps, 3, axis=2))
    scores = compare(model, train, validation)
    assert row(scores, "model")["mae"] == pytest.approx(row(scores, "naive")["mae"], rel=1e-5)
    vector = compare(None, *WindowedSeries(6, 3).split(series, at=155))
    # A sequence part begins later: the targets of all its inputs lie within.
    assert row(scores, "naive")["mae"] == pytest.approx(row(vector, "naive")["mae"])


@pytest.mark.parametrize("carrier", [True, False])
def test_quantiles_are_scored_beside_their_median(carrier):
    levels = (0.1, 0.5, 0.9)
    windows = WindowedSeries(4, 2)
    series = course_series(200)
    train, validation = windows.split(series, at=150)
    inputs = keras.Input((4,))
    past = WindowedInput.of(train, levels)(inputs) if carrier else inputs
    last = keras.ops.repeat(keras.layers.Reshape((1, 1))(past[:, -1:]), 2, axis=1)
    outputs = last + np.array([-5.0, 0.0, 8.0], "float32")
    if not carrier:
        outputs = SortedQuantiles(levels)(keras.layers.Flatten()(outputs))
    report = compare(keras.Model(inputs, outputs), train, validation)
    ours, naive = row(report, "model"), row(report, "naive")
    assert ours["mae"] == pytest.approx(naive["mae"], rel=1e-5)
    assert ours["width"] == pytest.approx(13.0, rel=1e-5)
    origins = np.asarray(validation.origins)
    errors = series[origins[:, None] + [1, 2]].astype(float) - series[origins][:, None]
    assert ours["coverage"] == pytest.approx(((errors >= -5) & (errors <= 8)).mean())
    pinball = [
        np.maximum(p * (errors - d), (p - 1) * (errors - d))
        for p, d in zip(levels, (-5, 0, 8), strict=True)
    ]
    assert ours["pinball"] == pytest.approx(np.mean(pinball), rel=1e-5)
    interval = 13 + 10 * (np.maximum(-5 - errors, 0) + np.maximum(errors - 8, 0))
    assert ours["interval_score"] == pytest.approx(interval.mean(), rel=1e-5)
    assert ours["sql"] == pytest.approx(ours["pinball"] * ours["mase"] / ours["mae"], rel=1e-5)
    assert {"coverage", "sql"} <= set(report.scores("step"))
    # The baselines have levels of their own, around the same point.
    assert 0.5 < naive["coverage"] <= 1
    assert np.isfinite(naive["pinball"])


def test_windows_with_missing_values_are_left_out_for_all_alike():
    series = course_series(300).astype(float)
    series[250] = np.nan
    windows = WindowedSeries(5, 2, missing="keep")
    train, validation = windows.split(series, at=200)
    whole = WindowedSeries(5, 2, missing="drop").split(series, at=200)
    kept = compare(None, train, validation, period=3)
    dropped = compare(None, *whole, period=3)
    assert row(kept, "naive") == pytest.approx(row(dropped, "naive") | {"name": "naive"})
    assert f"Of {validation.num_windows} windows 7 are left out: a value or a fo" in str(kept)
    assert kept.windows == dropped.windows == validation.num_windows - 7


def test_masked_windows_are_judged_by_what_they_know():
    """The short series has a window that begins before it, and a season that does, too."""
    series = np.arange(40.0)
    panel = [series.copy(), np.r_[np.full(6, np.nan), series[:14]]]
    panel[0][33] = np.nan
    windows = WindowedSeries(8, 2, missing="mask")
    train, validation = windows.split(panel, at=-6)
    report = compare(None, train, validation, period=12)
    x, y = validation.to_numpy()
    last = [known[np.isfinite(known)][-1] for known in x]
    assert np.isfinite(y).all()
    assert np.isnan(x).any(axis=1).sum() > 1
    assert report.windows == validation.num_windows
    naive = np.abs(y - np.array(last)[:, None])
    assert row(report, "naive")["mae"] == pytest.approx(naive.mean())
    # A season back it is 12 less, but where that value is missing, or before the series.
    back = np.where(y < 12, naive, 12.0)
    assert row(report, "seasonal naive")["mae"] == pytest.approx(back.mean())


def test_a_season_does_not_reach_over_a_missing_row():
    days = pd.date_range("2024-01-01", periods=80).delete(60)
    table = pd.DataFrame({"day": days, "y": np.arange(79.0)})
    windows = WindowedSeries(2, time_column="day", missing="drop")
    train, validation = windows.split(table, at=40)
    report = compare(None, train, validation, period=7)
    # Every value is one day and one more than the last; over the gap, positions miscount.
    assert row(report, "seasonal naive")["mae"] == pytest.approx(7.0)
    assert report.windows < validation.num_windows
    assert "are left out: a value or a forecast is missing" in str(report)


def test_a_constant_series_has_no_scale():
    panel = [course_series(100), np.concatenate([np.ones(80), course_series(20)])]
    report = compare(None, *WindowedSeries(5).split(panel, at=80))
    assert "in train; WAPE does not. Without a scale: 1." in str(report)
    assert "WAPE" in str(report).splitlines()[0]
    assert np.isnan(report.scores("series")["mase"][1])
    assert np.isfinite(report.table["mase"]).all()


def test_beside_a_baseline_without_an_error_there_is_no_skill():
    train, held = WindowedSeries(5).split([np.ones(100)] * 8, at=80)
    forecast = held.align(np.full(held.to_numpy()[1].shape, 3.0))
    lines = str(compare({"three": forecast}, train, held, by="mae")).splitlines()
    assert lines[1].split()[-2:] == ["-", "-"]
    expected = "three loses to the best baseline, naive, whose MAE is 0, over 160 windows of 8"
    assert any(line.startswith(expected) for line in lines)


def test_models_are_judged_by_the_period_that_they_carry():
    parts = WindowedSeries(24, 3).split(course_series(200), at=150)
    monthly, weekly, plain = (
        RecurrentPreset(units=(2,), window_norm=norm, period=period).build(parts[0])
        for norm, period in [("seasonal", 12), ("seasonal", 6), ("last", None)]
    )
    report, asked = compare(monthly, *parts), compare(monthly, *parts, period=12)
    assert "seasonal naive" in report.table["name"]
    assert str(report) == str(asked)
    both = compare({"a": plain, "b": monthly}, *parts)
    assert row(both, "b") == row(report, "model") | {"name": "b"}
    assert "seasonal naive" not in compare(monthly, *parts, period=1).table["name"]
    with pytest.raises(ValueError, match=r"\{'a': 12, 'b': 6\}\. Pass period="):
        compare({"a": monthly, "b": weekly}, *parts)
    assert (
        row(compare({"a": monthly, "b": weekly}, *parts, period=12), "a")["mase"]
        == (row(report, "model")["mase"])
    )
    # A season of one row is none.
    flat = RecurrentPreset(units=(2,), window_norm="seasonal", period=1).build(parts[0])
    assert "seasonal naive" not in compare(flat, *parts).table["name"]


def test_misuse_is_told():
    windows = WindowedSeries(5)
    series = course_series(100)
    train, validation = windows.split(series, at=80)
    model = persistence(windows)
    with pytest.raises(TypeError, match="train must be a WindowDataset"):
        compare(model, series, validation)
    with pytest.raises(TypeError, match="model must be a frame or a dict of columns"):
        compare("naive", train, validation)
    assert str(compare({}, train, validation)) == str(compare(None, train, validation))
    with pytest.raises(ValueError, match="the name of a baseline: 'naive'"):
        compare({"naive": model}, train, validation)
    with pytest.raises(ValueError, match="period must be >= 1"):
        compare(None, train, validation, period=0)
    with pytest.raises(ValueError, match="both have a 'naive too'"):
        compare({"naive too": model}, train, validation, baselines=[NaiveToo()])
    with pytest.raises(ValueError, match=r"period=99 needs a value 98 positions before .* 19 win"):
        compare(None, train, validation, period=99)
    with pytest.raises(ValueError, match=r"the same window, .* Received: window=6 and"):
        compare(None, WindowedSeries(6).build(series), validation)
    with pytest.raises(ValueError, match=r"the same series\. Received 2 and 1 series"):
        compare(None, windows.build([series, series]), validation)
    with pytest.raises(ValueError, match=r"one value per target, \(20,\). Received shape \(20, 3"):
        compare(persistence(windows, outputs=3), train, validation)
    with pytest.raises(ValueError, match="by must be one of 'step', 'series'"):
        compare(None, train, validation).scores(by="fold")
    diverged = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    diverged.set_weights([np.full((5, 1), np.nan), np.zeros(1)])
    with pytest.raises(ValueError, match="not finite, for 20 of 20 windows"):
        compare(diverged, train, validation)
    other = RecurrentPreset(units=(2,)).build(WindowedSeries(5, gap=1).build(series))
    with pytest.raises(ValueError, match=r"made for other windows .* gap=1 against gap=0"):
        compare(other, train, validation)
    empty = WindowedSeries(5, missing="keep")
    parts = empty.split(np.concatenate([series, np.full(20, np.nan)]), at=110)
    with pytest.raises(ValueError, match="all values of each target among its inputs and all"):
        compare(None, *parts)
