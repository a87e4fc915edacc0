"""A scorecard says what was judged, on what, and how much a single forecast's error varied."""

import json

import numpy as np
import pandas as pd
import pytest

from judged_models import forecaster, parts
from keras_ts import WindowedSeries, compare
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.evaluation.judged import described as on_origins


def described(judged, windows):
    series = judged.ranges.series_of(windows)
    flat = judged.origins()[windows]
    return on_origins(judged, series, flat, judged.origins_at(series, flat), judged.mark())


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


def test_a_report_that_begins_at_a_later_step_makes_none():
    """A scorecard's steps count from 1, and these are the steps 4 to 6 of the model."""
    series = np.random.default_rng(0).normal(size=200)
    (train, held), later = (
        WindowedSeries(5, horizon, gap=gap).split(series, at=150)
        for horizon, gap in ((6, 0), (3, 3))
    )
    models = {
        name: (forecaster(pair[0]), *pair) for name, pair in (("a", (train, held)), ("b", later))
    }
    report = compare(models)
    assert report.scores(by="step")["step"][:3].tolist() == [4, 5, 6]
    with pytest.raises(ValueError, match="begins at step 4, the first that all models forecast"):
        report.scorecards()
    assert len(compare({"a": models["a"]}).scorecards()) == 1


def test_models_that_share_only_the_median_keep_their_intervals():
    """Their coverage and width are in table and card, without a score of levels that all have."""
    train, held = parts()
    levels = {"wide": (0.05, 0.5, 0.95), "narrow": (0.1, 0.5, 0.9), "point": (0.5,)}
    models = {name: forecaster(train, quantiles) for name, quantiles in levels.items()}
    report = compare(models, train, held, baselines=["naive"])
    cards = dict(zip(models, report.scorecards(), strict=True))
    assert {"coverage", "width"} <= set(report.table)
    assert not {"pinball", "sql", "interval_score"} & set(report.table)
    assert "No pinball, SQL, interval score for the levels 0.05, 0.95 of wide" in str(report)
    assert list(report.coverages) == ["wide", "narrow"]
    assert cards["point"]["coverage"] is None
    assert np.isnan(report.table["width"][-1])  # A baseline has no interval, not one of width 0.
    for place, name in enumerate(report.coverages):
        alone = compare(models[name], train, held, baselines=["naive"])
        assert report.table["coverage"][place] == alone.table["coverage"][0]
        assert cards[name]["coverage"]["width"] == pytest.approx(alone.table["width"][0], rel=1e-5)
