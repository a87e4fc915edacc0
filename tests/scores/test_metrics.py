"""Every metric equals its formula by hand, and utilsforecast's number."""

import numpy as np
import pandas as pd
import pytest
import utilsforecast.losses as theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_ts.scores.metrics import all_losses, of_means, symmetric_percentages

LEVELS = [0.1, 0.5, 0.9]


def ours(actual, predicted, scale, levels=None):
    losses = all_losses(actual, predicted, scale, levels)
    return {name: float(of_means(name, loss.mean())) for name, loss in losses.items()}


def test_metrics_by_hand():
    actual = np.array([1.0, 2.0, -4.0])
    quantiles = np.array([[0.0, 2.0, 3.0], [3.0, 4.0, 5.0], [-9.0, -4.0, -3.0]])
    metrics = ours(actual, quantiles, np.array([2.0]), LEVELS)
    assert metrics["mae"] == pytest.approx((1 + 2 + 0) / 3)
    assert metrics["rmse"] == pytest.approx(np.sqrt((1 + 4 + 0) / 3))
    assert metrics["mase"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert metrics["smape"] == pytest.approx(200 * (1 / 3 + 2 / 6 + 0) / 3)
    low, median, high = (0.1 + 0.9 + 0.5) / 3, (0.5 + 1 + 0) / 3, (0.2 + 0.3 + 0.1) / 3
    assert metrics["pinball"] == pytest.approx((low + median + high) / 3)
    assert metrics["coverage"] == pytest.approx(2 / 3)
    assert metrics["width"] == pytest.approx((3 + 2 + 6) / 3)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([1, 4]))
def test_metrics_are_those_of_utilsforecast(seed, series, season):
    rng = np.random.default_rng(seed)
    train, actual = rng.normal(5, 3, (series, 20)), rng.normal(5, 3, (series, 6))
    quantiles = np.sort(rng.normal(5, 3, (series, 6, 3)), axis=-1)
    scale = np.abs(train[:, season:] - train[:, :-season]).mean(axis=1)
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
    }
    for number in range(series):
        metrics = ours(actual[number], quantiles[number], scale[number], LEVELS)
        for name, table in expected.items():
            times = 200 if name == "smape" else 1
            assert metrics[name] == pytest.approx(times * table["m"][number], rel=1e-6, abs=1e-9)


def test_a_percentage_of_nothing_is_0():
    assert symmetric_percentages(np.zeros(1), np.zeros(1)).tolist() == [0.0]
    assert symmetric_percentages(np.zeros(1), np.ones(1)).tolist() == [200.0]
