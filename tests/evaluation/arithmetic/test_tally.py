"""Means of losses are the same, however the windows come in blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.evaluation.arithmetic.tally import Tally


@given(st.integers(0, 999), st.integers(1, 9))
def test_means_are_those_over_all_windows(seed, block):
    rng = np.random.default_rng(seed)
    losses = rng.uniform(size=(9, 3, 2))
    scaled = np.where(rng.uniform(size=losses.shape) < 0.3, np.nan, losses)
    series = np.sort(rng.choice([0, 2, 3], 9))
    tally = Tally(12, 5, 3, 2)
    for begin in range(0, 9, block):
        rows = np.arange(begin, min(begin + block, 9))
        parts = {"mae": losses[rows], "rmse": losses[rows] ** 2, "mase": scaled[rows]}
        tally.add(rows + 2, series[rows], parts)
    assert tally.metric("mae") == pytest.approx(losses.mean())
    assert tally.metric("rmse") == pytest.approx(np.sqrt((losses**2).mean()))
    assert tally.metric("mase") == pytest.approx(np.nanmean(scaled))
    np.testing.assert_allclose(tally.metric("mae", "step"), losses.mean(axis=(0, 2)))
    assert tally.series().tolist() == np.unique(series).tolist()
    for number in range(5):
        one = tally.metric("mae", "series")[number]
        if number in series:
            assert one == pytest.approx(losses[series == number].mean())
        else:
            assert np.isnan(one)
    np.testing.assert_allclose(tally.errors[2:11], losses.mean(axis=(1, 2)))
    assert np.isnan(tally.errors[[0, 1, 11]]).all()


def test_a_metric_that_nobody_added_is_nan():
    tally = Tally(1, 1, 2, 1)
    tally.add(np.arange(1), np.zeros(1, int), {"mae": np.ones((1, 2, 1))})
    assert np.isnan(tally.metric("pinball"))
    assert np.isnan(tally.metric("pinball", "step")).tolist() == [True, True]
