"""Every metric equals its formula by hand, and utilsforecast's number."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import utilsforecast.losses as theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_ts import compare, plot_backtest
from keras_ts.evaluation.report import ComparisonReport
from keras_ts.evaluation.score.promise import _FEWEST_SERIES
from keras_ts.scores.metrics import (
    METRICS,
    QUANTILE,
    RATIOS,
    all_losses,
    of_sums,
    symmetric_percentages,
)

LEVELS = [0.1, 0.5, 0.9]


def test_a_metric_is_named_where_people_look_for_it():
    folder = Path(__file__).parents[2] / "docs" / "trust"
    page, judging = (folder / "metrics.md").read_text(), (folder / "judging.md").read_text()
    for name, metric in METRICS.items():
        assert f"| `{name}` |" in page
        assert f"``{name}``" in ComparisonReport.__doc__
        if metric.measure:
            for text in (compare.__doc__, ComparisonReport.__doc__):
                assert f'``"{name}"``' in text.partition("        by: ")[2]
            assert metric.heading in plot_backtest.__doc__.partition("Example:")[0]
        if metric.measure and name in QUANTILE:  # The climatology joins by it.
            assert f'``by="{name}"``' in compare.__doc__
            assert f'by `"{name}"`' in judging.partition("\n| climatology |")[2].partition("\n")[0]


def test_the_page_tells_which_metrics_are_printed_and_make_verdicts():
    page = (Path(__file__).parents[2] / "docs" / "trust" / "metrics.md").read_text()

    def names(begin, end):
        return set(re.findall(r'`"?(\w+)"?`', page.partition(begin)[2].partition(end)[0]))

    unprinted = {name for name, metric in METRICS.items() if not metric.printed}
    measures = {name for name, metric in METRICS.items() if metric.measure}
    assert names("A printed report leaves out ", ", unless") == unprinted
    assert names("The verdict may be `by=` ", ".") == measures
    common = [metric.heading.lower() for metric in METRICS.values() if metric.common]
    read = (page, "are of the levels"), (str(ComparisonReport.__doc__), "use only the")
    for text, end in read:
        sentence = text.lower().partition(f" {end}")[0].rpartition(". ")[2]
        assert [heading for heading in common if heading not in sentence] == []
    # By these, ``score`` says that a scorecard has no range of errors.
    assert measures - set(_FEWEST_SERIES) == {"rmsse", "sql"}


def ours(actual, predicted, scale, levels=None):
    losses = all_losses(actual, predicted, np.array(scale), levels)
    means = {name: loss.mean() for name, loss in losses.items()}
    for name, of in RATIOS.items():
        means[name] = means[of] / means[name]
    return {name: float(of_sums(name, mean, np.ones(()))) for name, mean in means.items()}


def test_metrics_by_hand():
    actual = np.array([1.0, 2.0, -4.0])
    quantiles = np.array([[0.0, 2.0, 3.0], [3.0, 4.0, 5.0], [-9.0, -4.0, -3.0]])
    metrics = ours(actual, quantiles, [2.0, 5.0], LEVELS)
    low, median, high = (0.1 + 0.9 + 0.5) / 3, (0.5 + 1 + 0) / 3, (0.2 + 0.3 + 0.1) / 3
    by_hand = {
        "mae": (1 + 2 + 0) / 3,
        "rmse": np.sqrt((1 + 4 + 0) / 3),
        "mase": (0.5 + 1 + 0) / 3,
        "smape": 200 * (1 / 3 + 2 / 6 + 0) / 3,
        "pinball": (low + median + high) / 3,
        "coverage": 2 / 3,
        "width": (3 + 2 + 6) / 3,
        "wape": (1 + 2 + 0) / (1 + 2 + 4),
        "rmsse": np.sqrt((1 + 4 + 0) / 5 / 3),
        "bias": (1 + 2 + 0) / 3,
        "sql": (low + median + high) / 3 / 2,
        # The second value lies 1 below its interval of 80 %.
        "interval_score": (3 + 2 + 10 * 1 + 6) / 3,
    }
    assert metrics == pytest.approx(by_hand)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([1, 4]))
def test_metrics_are_those_of_utilsforecast(seed, series, season):
    rng = np.random.default_rng(seed)
    train, actual = rng.normal(5, 3, (series, 20)), rng.normal(5, 3, (series, 6))
    quantiles = np.sort(rng.normal(5, 3, (series, 6, 3)), axis=-1)
    steps = train[:, season:] - train[:, :-season]
    scale = np.stack([np.abs(steps).mean(axis=1), np.square(steps).mean(axis=1)], axis=1)
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(series), 6),
            "ds": np.tile(np.arange(20, 26), series),
            "y": actual.ravel(),
            "m": quantiles[..., 1].ravel(),
            "m-lo-80": quantiles[..., 0].ravel(),
            "m-hi-80": quantiles[..., 2].ravel(),
        }
    )
    history = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(series), 20),
            "ds": np.tile(np.arange(20), series),
            "y": train.ravel(),
        }
    )
    columns = {"m": ["m-lo-80", "m", "m-hi-80"]}
    expected = {
        "mae": theirs.mae(frame, ["m"]),
        "rmse": theirs.rmse(frame, ["m"]),
        "mase": theirs.mase(frame, ["m"], season, history),
        "smape": theirs.smape(frame, ["m"]),
        "pinball": theirs.mqloss(frame, columns, np.array(LEVELS)),
        "coverage": theirs.coverage(frame, ["m"], 80),
        "wape": theirs.nd(frame, ["m"]),
        "rmsse": theirs.rmsse(frame, ["m"], season, history),
        "bias": theirs.bias(frame, ["m"]),
        "sql": theirs.scaled_mqloss(frame, columns, np.array(LEVELS), season, history),
        "interval_score": theirs.winkler_score(frame, ["m"], 80),
    }
    for number in range(series):
        metrics = ours(actual[number], quantiles[number], scale[number], LEVELS)
        for name, table in expected.items():
            times = 200 if name == "smape" else 1
            assert metrics[name] == pytest.approx(times * table["m"][number], rel=1e-9, abs=1e-9)


def test_a_percentage_of_nothing_is_0():
    assert symmetric_percentages(np.zeros(1), np.zeros(1)).tolist() == [0.0]
    assert symmetric_percentages(np.zeros(1), np.ones(1)).tolist() == [200.0]
