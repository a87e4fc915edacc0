"""What a scorecard promised is compared with the same steps and series, or not at all."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from keras_ts import score
from keras_ts.evaluation.arithmetic.coverage import coverage_of
from keras_ts.evaluation.score.promise import _FEWEST_SERIES, coverage, judged
from keras_ts.scores.metrics import heading
from keras_ts.scores.report import Rows

COLUMNS = {
    "series": np.repeat([f"shop {number}" for number in range(10)], 3),
    "origin": np.zeros(30, np.int64),
    "step": np.tile([1, 2, 3], 10),
}


def said(errors, origins=60, by="mase"):
    """Return the verdict on ten series, three steps of each, and the sentence."""
    promised = {"origins": origins, "errors": {"low": [0.5] * 3, "high": [1.5] * 3}}
    card = SimpleNamespace(ok=True, values={"by": by, "promised": promised})
    return judged(card, Rows(COLUMNS, errors, np.zeros((30, 1)), np.ones((30, 1, 2)), None))


@pytest.mark.parametrize(("size", "verdict"), [(1, "as promised"), (2, "worse"), (0, "better")])
def test_the_error_lies_in_the_range_or_not(size, verdict):
    assert said(np.full((30, 1), float(size)))[0] == verdict


@pytest.mark.parametrize("by", [*_FEWEST_SERIES, "rmsse"])
def test_the_error_is_that_of_the_measure(by, monkeypatch):
    monkeypatch.setitem(_FEWEST_SERIES, by, 1.0)
    actual, predicted, *scales = np.random.default_rng(0).uniform(1, 9, (4, 30, 1))
    rows = Rows(COLUMNS, actual, predicted, np.stack(scales, axis=-1), None)
    promised = {"origins": 60, "errors": {"low": [0.0] * 3, "high": [9.0] * 3}}
    _, sentence = judged(SimpleNamespace(ok=True, values={"by": by, "promised": promised}), rows)
    error = rows.scores()[by][0]
    assert sentence.startswith(f"The {heading(by)} over the first 3 steps is {error:.4g}. ")


@pytest.mark.parametrize(("by", "late", "verdict"), [
    ("mase", 1, "as promised"), ("mase", 2, None), ("mae", 0, "as promised"), ("mae", 1, None),
])  # fmt: skip
def test_of_ten_series_one_may_be_late_for_a_mase(by, late, verdict):
    errors = np.ones((30, 1))
    errors[: 3 * late] = np.nan
    assert said(errors, by=by)[0] == verdict


def test_a_day_that_no_series_has_is_passed_over():
    errors = np.ones((30, 1))
    errors[COLUMNS["step"] == 1] = np.nan
    assert said(errors)[0] == "as promised"


@pytest.mark.parametrize(("origins", "steps", "verdict"), [
    (15, 3, "as promised"), (14, 3, None), (10, 2, "as promised"), (9, 1, None),
])  # fmt: skip
def test_it_takes_five_origins_for_each_step_and_ten_at_least(origins, steps, verdict):
    errors = np.where(COLUMNS["step"] <= steps, 1.0, np.nan)[:, None]
    assert said(errors, origins)[0] == verdict


def errors_of(series, origins, horizon, draw):
    """Return the sizes of errors of series that have nothing in common, from daily origins."""
    noise = draw.normal(size=(series, origins + horizon - 1))
    ahead = np.lib.stride_tricks.sliding_window_view(noise, horizon, axis=1)
    return np.abs(np.cumsum(ahead, axis=2))


@pytest.mark.parametrize(("series", "origins"), [(1, 120), (3, 60), (8, 20)])
def test_the_interval_of_the_coverage_holds(series, origins):
    draw, horizon, held = np.random.default_rng(0), 7, 0
    limits = np.quantile(errors_of(4000, 20, horizon, draw), 0.8, axis=(0, 1))
    place = np.indices((series, origins, horizon)).reshape(3, -1)
    columns = dict(zip(("series", "origin", "step"), place, strict=True))
    for _ in range(200):
        actual = errors_of(series, origins, horizon, draw).reshape(-1, 1)
        bounds = np.outer(limits, [-1.0, 0.0, 1.0])[place[2]][:, None]
        made = Rows(columns, actual, bounds, np.ones((len(actual), 1, 2)), (0.1, 0.5, 0.9))
        text = " ".join(coverage(made, horizon))
        assert ("holds for other series, not for other times" in text) == (series == 8)
        low, high = re.search(r"95 % interval ([\d.]+) % to ([\d.]+) %", text).groups()
        held += float(low) <= 80 <= float(high)
    assert held >= 178


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("column", ["step", "origin"])
def test_score_says_it_as_compare_does(every, column):
    """Of origins each day or each second, 7 or 4 in a row share targets; one says nothing."""
    draw, days = np.random.default_rng(1), pd.date_range("2024-01-01", periods=90)
    came = pd.DataFrame({"day": days, "units": draw.normal(size=90)})
    origin, step = (part.ravel() for part in np.mgrid[0:80:every, 1:8])
    ahead = pd.DataFrame({"day": days[origin + step], column: step, "units": 0.0})
    ahead["units_0.1"], ahead["units_0.9"] = -1.5, 1.0
    if column == "origin":
        ahead["origin"] = days[origin]
    came.loc[40, "units"] = np.nan
    values = came["units"].to_numpy()[origin + step].reshape(-1, 7)
    inside = ((values > -1.5) & (values < 1.0)).sum(axis=1)
    times = np.stack([inside, np.isfinite(values).sum(axis=1)]).astype(float)
    found = coverage_of(0.8, times, times.sum(axis=1, keepdims=True), -(-7 // every))
    report = score(ahead.sample(frac=1, random_state=0), came)
    assert found.sentence("the forecasts") in str(report).splitlines()
    assert found.share == pytest.approx(report.table["coverage"][0])
    needed = 2 * -(-7 // every)
    few = str(score(ahead[: 7 * needed - 7], came))
    assert f"{needed - 1} origins are too few to say if the 80 % interval holds" in few
    assert "The 80 % interval of the forecasts held" in str(score(ahead[: 7 * needed], came))
    one, points = (
        score(ahead[:7], came),
        score(ahead.drop(columns=["units_0.1", "units_0.9"]), came),
    )
    assert "interval" not in str(one) + str(points)
