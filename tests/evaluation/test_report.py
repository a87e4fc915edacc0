"""A report reads well in a terminal, in a notebook and as a frame."""

import re

import keras
import numpy as np
import pandas as pd
import polars
import pytest

from keras_ts import WindowedSeries, compare, course_series, from_preset
from keras_ts.baselines import LinearRegression


@pytest.fixture(scope="module")
def parts():
    return WindowedSeries(20).split(course_series(), at=1000)


def test_it_prints_a_table_that_ends_in_a_sentence(parts):
    lines = str(compare(None, *parts)).splitlines()
    assert lines[0].split() == ["MAE", "RMSE", "MASE", "sMAPE", "skill", "95", "%", "interval"]
    assert lines[1].split()[:2] == ["naive", "5.938"]
    assert "luck" not in str(lines)  # Nothing was trained.
    assert lines[-1] == ("The best baseline is theta, with an MAE of 4.932 over 461 windows.")
    assert max(map(len, lines)) < 90


@pytest.mark.parametrize(("by", "named"), [("mase", "a MASE"), ("rmsse", "an RMSSE")])
def test_a_metric_has_its_own_article(parts, by, named):
    assert f", with {named} of " in str(compare(None, *parts, by=by))


def test_every_model_has_a_sentence(parts):
    models = {
        name: keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)]) for name in ("a", "b")
    }
    report = compare(models, *parts)
    luck, *last, between = str(report).splitlines()[-4:]
    assert luck == "Intervals leave out the luck of a seed: backtest(..., seeds=3) adds it."
    for line, name in zip(last, models, strict=True):
        assert line.startswith(f"{name} {report.verdicts[name]} the best baseline, theta")
        assert "95 % interval" in line
        assert line.endswith("over 461 windows.")
    best, other = (report.table["name"][n] for n in np.argsort(report.table["mae"][:2]))

    def rival(train, held):
        return models[best].predict(held, verbose=0)

    own = str(compare({other: models[other]}, *parts, baselines=[rival])).splitlines()[-1]
    assert between == own.replace("best baseline, rival", f"best model, {best}")
    assert repr(report) == str(report)


def test_a_notebook_shows_html(parts):
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)])
    page = compare({"<b>": model}, *parts)._repr_html_()
    assert page.startswith("<table>")
    assert "<td>naive</td><td>5.938</td>" in page
    assert "<b>" not in page
    assert "&lt;b&gt; loses to the best baseline" in page


def test_it_becomes_a_frame(parts):
    report = compare(None, *parts)
    table = report.to_frame()
    assert isinstance(table, pd.DataFrame)
    assert table["name"].tolist() == report.table["name"].tolist()
    assert isinstance(report.to_frame("polars"), polars.DataFrame)
    with pytest.raises(ValueError, match="library must be one of"):
        report.to_frame("R")
    steps = report.scores(by="step")
    assert steps.to_frame()["mae"].tolist() == steps["mae"].tolist()
    assert isinstance(steps.to_frame("polars"), polars.DataFrame)


def test_too_few_windows_have_no_interval():
    report = compare(None, *WindowedSeries(5).split(course_series(60), at=50))
    assert "too few windows" in str(report)
    assert "cannot be judged: there are 10 origins, 2 stretches of 5, and" in str(report)
    [line] = [line for line in str(report).splitlines() if "cannot be judged" in line]
    assert report.best not in line


def test_the_regression_beside_its_preset_is_said_to_forecast_the_same():
    train, held = WindowedSeries(5, 3).split(course_series(400), at=200)
    preset = from_preset("linear")
    report = compare({"linear": preset.fit(train)}, train, held, baselines=["linear regression"])
    assert str(report).endswith(
        "linear cannot be told from the best baseline, linear regression: both forecast the same, "
        f"over {held.num_windows} windows. For a verdict, leave it out of baselines=."
    )
    line = LinearRegression().fit(train).predict(held)
    for shift, same in ((5e-5, True), (2e-3, False)):
        near = held.align(line + shift * np.abs(line - held.to_numpy()[1]).mean())
        report = compare({"near": near}, train, held, baselines=["linear regression"])
        assert ("both forecast the same" in str(report)) == same


def test_a_model_without_an_interval_is_said_not_to_be_judged():
    train, held = WindowedSeries(5, 3).split(course_series(60), at=44)
    far = held.align(held.to_numpy()[1] + 1000.0)
    report = compare({"far": far}, train, held)
    assert report.verdicts == {"far": "is not judged beside"}
    last = str(report).splitlines()[-1]
    assert "cannot be told" not in last
    assert last.startswith(
        "far is not judged beside the best baseline, moving average: there are 14 origins, 4 "
        "stretches of 3, and an interval takes 6 (errors last that long). As seen, skill -24"
    )
    assert last.endswith(" by MAE (its error is 241.2 times as large), over 14 windows.")


def test_single_series_without_an_interval_are_counted_as_such():
    panel = [course_series(200, seed=seed) for seed in range(7)]
    train, held = WindowedSeries(5).split([*panel, panel[0][:103]], at=100)
    report = compare({"far": held.align(held.to_numpy()[1] + 1000.0)}, train, held)
    by_series = report.scores(by="series")
    assert by_series["verdict"][:8].tolist() == ["loses to"] * 7 + ["too few windows"]
    assert (
        str(report)
        .splitlines()[-1]
        .endswith("loses to it on 7, and cannot be told from it on 0; 1 cannot be judged.")
    )


def test_stretches_that_are_estimated_may_grow():
    """Those of targets that overlap may not: six of them will do."""
    train, held = WindowedSeries(5).split(course_series(200), at=100)
    actual = held.to_numpy()[1]
    wave = held.align(actual + 50 * np.sin(np.arange(len(actual)) / 12))
    last = str(compare({"wave": wave}, train, held, baselines=["naive"])).splitlines()[-1]
    assert re.search(
        r"100 origins, \d stretch.* that long; more origins may show longer ones", last
    )


def test_a_report_counts_its_windows_in_one_way():
    series = course_series(300)
    pairs = {n: WindowedSeries(n).split(series, at=200) for n in (10, 20)}
    models = {
        f"w{n}": (keras.Sequential([keras.Input((n,)), keras.layers.Dense(1)]), *pair)
        for n, pair in pairs.items()
    }

    def rare(train, held):
        return np.where(np.arange(held.num_windows) < 30, held.to_numpy()[1] + 1, np.nan)

    report = compare(models, *pairs[20], baselines=["naive", rare])
    text, count = str(report), pairs[20][1].num_windows
    assert f"\nAll have {count} windows in common (of their own: w" in text
    assert f"\nOf {count} windows {count - 30} are left out: a value or a forecast is mi" in text
    assert report.windows == 30
    assert text.count(" over 30 windows.") == 3


def test_other_periods_have_other_fingerprints(parts):
    marks = [compare(None, *parts, period=n).judged_on["fingerprint"] for n in (None, 1, 5, 7)]
    assert marks[0] == marks[1]
    assert len(set(marks)) == 3


@pytest.mark.parametrize("by", ["mae", "mase", "rmsse"])
def test_each_target_has_a_skill(by):
    walk = np.random.default_rng(0).normal(size=(260, 2)).cumsum(axis=0) + 50
    parts = WindowedSeries(12, 4).split(walk, at=160)
    table = parts[1].align(parts[1].to_numpy()[1] + [0.1, 9.0])
    report = compare({"model": table}, *parts, by=by, baselines=["naive"])
    scores = report.scores(by="target")
    assert scores["name"].tolist() == ["model", "model", "naive", "naive"]
    expected = 1 - scores[by][:2] / scores[by][2:]
    assert scores["skill"].tolist() == pytest.approx([*expected, 0, 0])
    assert scores["skill"][0] > 0.8
    assert scores["skill"][1] < 0


@pytest.mark.parametrize("by", ["mae", "rmsse"])
def test_models_are_judged_beside_the_best_of_them_as_beside_a_baseline(by):
    train, held = WindowedSeries(20).split(course_series(600), at=400)
    values = held.to_numpy()[1]
    noise = np.random.default_rng(0).normal(size=(3, len(values)))
    forecasts = {
        size: values + size * row for size, row in zip((4.0, 1.0, 4.2), noise, strict=True)
    }
    models = {f"noise {size}": held.align(own) for size, own in forecasts.items()}
    close = held.align(values + 1.02 * noise[1][::-1])
    judged = compare(models, train, held, by=by)
    assert judged.model_verdicts == {"noise 4.0": "loses to", "noise 4.2": "loses to"}
    alone = {"noise 1.0": models["noise 1.0"]}
    assert compare(alone, train, held, by=by).model_verdicts == {}
    assert compare(None, train, held, by=by).model_verdicts == {}
    report = str(judged).splitlines()
    assert [line[:40] for line in report[-2:]] == [
        "noise 4.0 loses to the best model, noise",
        "noise 4.2 loses to the best model, noise",
    ]

    def best(train, held):
        return forecasts[1.0]

    for line, name in zip(report[-2:], ("noise 4.0", "noise 4.2"), strict=True):
        alone = str(compare({name: models[name]}, train, held, by=by, baselines=[best]))
        said = alone.splitlines()[-1].replace("best baseline, best", "best model, noise 1.0")
        # A rival that loses to the best is no candidate for it.
        assert line == said
    among = str(compare({**models, "close": close}, train, held, by=by)).splitlines()
    # Of two close rivals one is the best by luck, so the upper end is higher.
    assert among[-3].rpartition(" to ")[0] == report[-2].rpartition(" to ")[0]
    assert among[-3] != report[-2]
