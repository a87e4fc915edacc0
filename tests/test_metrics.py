"""Metrics of quantiles count what their names say, and leave out what is masked."""

import keras
import numpy as np
import pytest

from keras_ts.metrics import IntervalCoverage, MaskedMAE, MedianMAE
from quantile_outputs import LEVELS, data, masked


def test_coverage_counts_targets_between_the_outer_quantiles():
    quantiles = np.tile(np.array([1.0, 2.0, 3.0], "float32"), (4, 2, 1))
    y = np.array([[0.9, 1.0], [2.9, 3.0], [3.1, 2.0], [-9.0, 9.0]], "float32")
    metric = IntervalCoverage(LEVELS)
    metric.update_state(y, quantiles)
    assert float(metric.result()) == 0.5
    metric.reset_state()
    metric.update_state(y, quantiles, np.array([0.0, 1.0, 0.0, 1.0]))
    assert float(metric.result()) == 0.5
    metric.reset_state()
    metric.update_state(y[1:3], quantiles[1:3])
    assert float(metric.result()) == 0.75
    with pytest.raises(ValueError, match=r"must be two or more, the ends.*\(0\.5,\)"):
        IntervalCoverage([0.5])


def test_metrics_leave_out_what_is_masked():
    y, quantiles = data((4,), windows=3)
    steps = [4, 2, 0]
    for metric, measure in (
        (MedianMAE(LEVELS), lambda y, q: np.abs(y - q[..., 1])),
        (IntervalCoverage(LEVELS), lambda y, q: (q[..., 0] <= y) & (y <= q[..., 2])),
    ):
        metric.update_state(y, masked(quantiles, steps))
        kept = [measure(y[i, :n], quantiles[i, :n]).mean() for i, n in ((0, 4), (1, 2))]
        np.testing.assert_allclose(float(metric.result()), np.mean(kept), rtol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_leave_out_missing_targets(weighted):
    y, quantiles = data((4, 2), windows=5)
    y[np.random.default_rng(1).random(y.shape) < 0.4] = np.nan
    y[3] = np.nan
    present = ~np.isnan(y)
    weights = np.array([1.0, 2.0, 0.0, 5.0, 0.5]) if weighted else None
    measured = {
        MedianMAE(LEVELS): np.abs(y - quantiles[..., 1]),
        IntervalCoverage(LEVELS): (quantiles[..., 0] <= y) & (y <= quantiles[..., 2]),
        MaskedMAE(): np.abs(y - quantiles[..., 1]),
    }
    for metric, values in measured.items():
        outputs = np.where(present[..., None], quantiles, np.nan)
        outputs = outputs[..., 1] if isinstance(metric, MaskedMAE) else outputs
        metric.update_state(y, outputs, None if weights is None else weights[:, None])
        means = [values[i][present[i]].mean() for i in (0, 1, 2, 4)]
        kept = None if weights is None else weights[[0, 1, 2, 4]]
        np.testing.assert_allclose(float(metric.result()), np.average(means, weights=kept), 1e-6)


def test_the_masked_error_is_keras_own_where_nothing_is_missing():
    y, quantiles = data((4, 2))
    masked_error, plain = MaskedMAE(), keras.metrics.MeanAbsoluteError()
    for metric in (masked_error, plain):
        metric.update_state(y, quantiles[..., 1], np.arange(6.0)[:, None])
    assert float(masked_error.result()) == pytest.approx(float(plain.result()), rel=1e-6)
    assert masked_error.name == "mae"
