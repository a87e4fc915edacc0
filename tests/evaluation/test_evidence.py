"""Targets have skills, and models are judged beside the best of them."""

import numpy as np
import pytest

from keras_ts import WindowedSeries, compare, course_series


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
    report = str(compare(models, train, held, by=by)).splitlines()
    assert [line[:40] for line in report[-2:]] == [
        "noise 4.0 loses to the best model, noise",
        "noise 4.2 loses to the best model, noise",
    ]

    def best(train, held):
        return forecasts[1.0]

    for line, name in zip(report[-2:], ("noise 4.0", "noise 4.2"), strict=True):
        alone = str(compare({name: models[name]}, train, held, by=by, baselines=[best]))
        said = alone.splitlines()[-1].replace("best baseline, best", "best model, noise 1.0")
        # Of two rivals one is the best by luck, so the upper end is higher than beside one.
        assert line.rpartition(" to ")[0] == said.rpartition(" to ")[0]
        assert line != said
