"""Metrics of quantiles count what their names say, and leave out what is masked."""

import numpy as np
import pytest

from keras_ts.metrics import IntervalCoverage, MedianMAE
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
