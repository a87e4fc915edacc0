"""A scorecard says what was judged, on what, and how much a single forecast's error varied."""

import json

import numpy as np
import pandas as pd
import pytest

from judged_models import forecaster, parts
from keras_ts import WindowedSeries, compare
from keras_ts.evaluation.judged.reading import JudgedWindows
from keras_ts.evaluation.reports import scorecards
from keras_ts.evaluation.reports.scorecards import ByOrigin, judged_on


def test_the_promise_is_the_quantiles_over_origins_of_the_mean_over_the_first_steps():
    rng = np.random.default_rng(0)
    losses, times = rng.uniform(size=(60, 3, 2)), np.repeat(np.arange(20), 3)
    losses[0, 1] = np.nan
    present = rng.uniform(size=losses.shape) < 0.9
    by_origin = ByOrigin(times, 3)
    for rows in np.array_split(np.arange(60), 7):
        by_origin.add(rows, losses[rows], present[rows])
    seen = np.where(present, losses, np.nan)
    for h in (1, 2, 3):
        means = [np.nanmean(seen[times == time, :h]) for time in range(20)]
        low, high = np.quantile(means, [0.025, 0.975])
        expected = {"mean": np.mean(means), "low": low, "high": high}
        for name, value in expected.items():
            assert by_origin.promise()[name][h - 1] == pytest.approx(value, rel=1e-5)
    assert by_origin.origins == 20


def test_steps_and_origins_without_a_loss():
    by_origin = ByOrigin(np.array([0, 1]), 2)
    by_origin.add(np.array([1]), np.array([[[np.nan], [3.0]]]))
    assert by_origin.promise() == {"mean": [None, 3.0], "low": [None, 3.0], "high": [None, 3.0]}
    assert by_origin.origins == 1


def test_of_very_many_origins_some_are_left_out(monkeypatch):
    monkeypatch.setattr(scorecards, "_MOST_NUMBERS", 8)
    by_origin = ByOrigin(np.arange(7), 2)
    by_origin.add(np.arange(7), np.arange(7.0)[:, None, None] * np.ones((1, 2, 1)))
    assert by_origin.origins == 4
    assert by_origin.promise()["mean"] == [3.0, 3.0]  # Of the origins 0, 2, 4 and 6.


def described(judged, windows):
    series = judged.ranges.series_of(windows)
    flat = judged.origins()[windows]
    return judged_on(judged, series, flat, judged.origins_at(series, flat), judged.mark())


def test_it_says_what_was_judged_on():
    days = pd.date_range("2024-01-01", periods=60)
    table = pd.DataFrame(
        {
            "day": [*days, *days[:50]],
            "shop": ["a"] * 60 + ["b"] * 50,
            "units": np.arange(110.0),
        }
    )
    windows = WindowedSeries(
        5, horizon=3, gap=1, target_columns="units", id_column="shop", time_column="day"
    )
    judged = JudgedWindows("validation", windows.split(table, at="2024-02-10")[1])
    on = described(judged, np.arange(judged.count))
    assert (on["windows"], on["series"], on["origins"]) == (judged.count, 2, 18)
    assert (on["first"], on["last"]) == ("2024-02-10", "2024-02-29")
    assert on["fingerprint"] == judged.mark()
    settings = {"horizon": 3, "window": 5, "gap": 1, "sampling_rate": 1, "id_column": "shop"}
    assert settings.items() <= on.items()
    assert on["columns"] == {"past": ["units"], "future": [], "static": [], "target": ["units"]}
    array = JudgedWindows("validation", WindowedSeries(5, horizon=3).build(np.arange(20.0)))
    on = described(array, np.array([0, 2]))
    assert (on["first"], on["last"], on["windows"], on["origins"]) == ("5", "9", 2, 2)


def test_a_report_makes_one_for_each_model():
    train, held = parts()
    models = {name: forecaster(train) for name in ("a", "b")}
    report = compare(models, train, held)
    first, second = report.scorecards()
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert (first["model"], second["model"]) == ("a", "b")
    assert first["table"]["name"] == ["a", *report.table["name"][2:]]
    assert first["table"]["mae"][0] == pytest.approx(report.table["mae"][0], rel=1e-5)
    assert first["verdict"] == report.verdicts["a"]
    assert first["sentence"] in str(report)
    assert first["judged_on"] == report.judged_on
    scores = report.scores(by="step")
    for role, name in (("model", "b"), ("baseline", report.best)):
        own = scores["mae"][scores["name"] == name]
        np.testing.assert_allclose(second["steps"][role], own, rtol=1e-5)
    # All origins have all steps, so the mean over the horizon is the table's.
    assert second["promised"]["errors"]["mean"][-1] == second["table"]["mae"][0]
    assert second["coverage"] is None is second["steps"]["coverage"]
    assert compare(None, train, held).scorecards() == []


def test_quantile_models_promise_a_coverage():
    train, held = parts()
    report = compare(forecaster(train, (0.1, 0.5, 0.9)), train, held)
    card = report.scorecards()[0]
    assert card["coverage"]["asked"] == pytest.approx(0.8)
    assert card["coverage"]["share"] == pytest.approx(report.table["coverage"][0], rel=1e-5)
    assert card["promised"]["coverage"]["mean"][-1] == card["coverage"]["share"]


def test_its_size_does_not_depend_on_the_number_of_windows_or_series():
    windows = WindowedSeries(4, horizon=336, target_columns=0)
    sizes = []
    for series in (1, 3):
        rng = np.random.default_rng(0)
        panel = [rng.uniform(1, 2, size=(1500, 1)) for _ in range(series)]
        train, held = windows.split(panel, at=800)
        report = compare(forecaster(train), train, held)
        sizes.append(len(json.dumps(report.scorecards()[0])))
    assert sizes[1] < 1.05 * sizes[0] < 30_000
