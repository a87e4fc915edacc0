"""What a scorecard promised is compared with the same steps and series, or not at all."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_ts.evaluation.score.score import _FEWEST_SERIES, judged
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
