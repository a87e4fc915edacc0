"""Sums of products give the coefficients that all rows together give."""

import numpy as np
import pytest

from keras_ts.windows.arithmetic.regression import StepSums


def solved(window, ahead, y, weights=None, parts=1):
    sums = StepSums(window.shape[1], y.shape[1], ahead.shape[2])
    for some in np.array_split(np.arange(len(y)), parts):
        own = None if weights is None else weights[some]
        sums.add(window[some], ahead[some], y[some], own)
    return sums.line().at(window, ahead)


@pytest.mark.parametrize("lacking", [False, True])
def test_a_weight_counts_as_so_many_rows(lacking):
    rng = np.random.default_rng(0)
    window, ahead = rng.normal(size=(60, 3)), rng.normal(size=(60, 2, 1))
    y = window[:, :2] - 2 * ahead[..., 0] + rng.normal(size=(60, 2))
    if lacking:
        y[::7, 1] = np.nan
    weights = rng.integers(0, 4, 60)
    rows = np.repeat(np.arange(60), weights)
    expected = solved(window[rows], ahead[rows], y[rows])
    made = solved(window, ahead, y, weights.astype(float), parts=3)
    np.testing.assert_allclose(made[rows], expected, rtol=1e-9)
    assert not np.allclose(made, solved(window, ahead, y), rtol=1e-3)
