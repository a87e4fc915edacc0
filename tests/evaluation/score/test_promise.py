"""What a scorecard promised is compared with the same steps and series, or not at all."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from keras_ts import score
from keras_ts.evaluation.arithmetic.coverage import coverage_of
from keras_ts.evaluation.arithmetic.verdict import Origins
from keras_ts.evaluation.score.promise import _FEWEST_SERIES, coverage, judged
from keras_ts.scores.metrics import heading
from keras_ts.scores.report import Rows

COLUMNS = {
    "series": np.repeat([f"shop {number}" for number in range(10)], 3),
    "origin": np.zeros(30, np.int64),
    "step": np.tile([1, 2, 3], 10),
    "time": np.tile([0, 1, 2], 10),
}
NORMS = np.tile([5.0, 1.0], (30, 1, 1))
RUNS = {
    "length": [1, 2], "held_out": 60, "train": 300, "error": [0.1, 0.05], "bias": [0.1, 0.05],
    "coverage": [0.03, 0.02], "level": [0.5, None], "step": [0.2, 0.1],
}  # fmt: skip


def card(by="mase", origins=60, runs=None, low=0.5, high=1.5):
    """Return a scorecard of ten series; without ``runs`` it is of 0.3.0."""
    ranges = {"low": [low] * 3, "high": [high] * 3}
    promised = {"origins": origins, "errors": ranges, "runs": runs}
    steps = {"model": [1.0] * 3, "bias": [0.0] * 3, "coverage": [0.8] * 3}
    values = {"by": by, "promised": promised, "steps": steps, "judged_on": {"series": 10}}
    return SimpleNamespace(ok=True, values=values)


def said(errors, origins=60, by="mase"):
    """Return what a file of 0.3.0 says of ten series, three steps of each."""
    rows = Rows(COLUMNS, errors, np.zeros((30, 1)), np.ones((30, 1, 2)), None)
    return judged(card(by, origins), rows, NORMS, str)


@pytest.mark.parametrize(("size", "moved", "where"), [
    (1, (), "lies within"), (2, ("error",), "is higher than"), (0, ("error",), "is lower than"),
])  # fmt: skip
def test_a_file_of_030_is_judged_by_error_alone(size, moved, where):
    found, sentence = said(np.full((30, 1), float(size)))
    assert found == moved
    assert f"It {where} what the model's scorecard promised: 0.5 to 1.5 at" in sentence
    assert "Bias, coverage and level are not judged: the file is of keras_ts 0.3.0" in sentence


@pytest.mark.parametrize(("actual", "signs", "half", "moved"), [
    (5, (1, -1), 1.2, ()), (5, (1, 1), 1.2, ("bias",)), (5, (3, -3), 4, ("error",)),
    (5, (0.1, -0.1), 1.2, ("error",)), (5, (1, -1), 0.9, ("coverage",)),
    (9, (1, -1), 1.2, ("level",)), (5, (3, 3), 1.2, ("error", "bias", "coverage")),
])  # fmt: skip
def test_what_moved_is_named(actual, signs, half, moved):
    """Of seven morning's forecasts, a day's steps of 1 from train's mean of 5."""
    columns = {name: np.tile(part, 7) for name, part in COLUMNS.items()}
    columns["origin"] = np.repeat(np.arange(7), 30) + 2
    columns["time"] = columns["origin"] + columns["step"]
    day, shop = columns["time"], np.tile(np.repeat(np.arange(10), 3), 7)
    sold = (actual + 0.5 * (-1.0) ** day)[:, None]
    point = sold + np.array(signs)[(day + shop) % 2][:, None]
    made = np.stack([point - half, point, point + half], axis=-1)
    rows = Rows(columns, sold, made, np.ones((210, 1, 2)), (0.1, 0.5, 0.9))
    promise = card(runs=RUNS)
    promise.values["steps"]["coverage"] = [0.95] * 3
    norms = np.tile([5.0, 1.0], (210, 1, 1))
    found, sentence = judged(promise, rows, norms, "row {}".format)
    assert found == moved
    assert ("the first of which begins with row 0" in sentence) == bool(moved)
    for name in moved:
        assert re.search(f"the {name} is (higher|lower), [-.\\d]+ instead of", sentence)


@pytest.mark.parametrize("by", _FEWEST_SERIES)
def test_the_error_is_that_of_the_measure(by):
    actual, predicted, *scales = np.random.default_rng(0).uniform(1, 9, (4, 30, 1))
    rows = Rows(COLUMNS, actual, predicted, np.stack(scales, axis=-1), None)
    _, sentence = judged(card(by, low=0.0, high=9.0), rows, NORMS, str)
    error = rows.scores()[by][0]
    assert sentence.startswith(f"The {heading(by)} over the first 3 steps is {error:.4g}. ")


@pytest.mark.parametrize(("by", "late", "verdict"), [
    ("mase", 1, ()), ("mase", 2, None), ("mae", 0, ()), ("mae", 1, None),
])  # fmt: skip
def test_of_ten_series_one_may_be_late_for_a_mase(by, late, verdict):
    errors = np.ones((30, 1))
    errors[: 3 * late] = np.nan
    assert said(errors, by=by)[0] == verdict


def test_a_day_that_no_series_has_is_passed_over():
    errors = np.ones((30, 1))
    errors[COLUMNS["step"] == 1] = np.nan
    assert said(errors)[0] == ()


@pytest.mark.parametrize(("origins", "steps", "verdict"), [
    (15, 3, ()), (14, 3, None), (10, 2, ()), (9, 1, None),
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
    overlap, places = -(-7 // every), np.arange(len(inside))
    origins = Origins(np.zeros_like(places), places, overlap, overlap)
    found = coverage_of(0.8, np.stack([inside, np.isfinite(values).sum(axis=1)]), origins)
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
