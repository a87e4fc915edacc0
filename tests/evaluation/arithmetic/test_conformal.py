"""Margins are the order statistics that split conformal prediction asks for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.evaluation.arithmetic.conformal import floors, margins, windows_needed
from keras_ts.windows.arithmetic.scale import window_scales


@given(
    count=st.integers(1, 200), coverage=st.sampled_from([0.1, 0.5, 0.8, 0.9, 0.95, 0.99]),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_margins_are_the_least_that_hold_the_share(count, coverage, seed):
    scores = np.random.default_rng(seed).permutation(count).astype(float)
    if count < windows_needed(coverage):
        with pytest.raises(ValueError, match="fewer than coverage"):
            margins(scores, coverage)
        return
    margin = margins(scores, coverage)
    # Of count + 1 errors that can be exchanged, the new one is held if it is not above the margin:
    # the share of ranks at or below the margin's.
    rank = margin + 1
    assert rank / (count + 1) >= coverage - 1e-9
    assert (rank - 1) / (count + 1) < coverage


@pytest.mark.parametrize(("coverage", "needed"), [(0.8, 4), (0.95, 19), (0.5, 1), (0.99, 99)])
def test_windows_needed(coverage, needed):
    assert windows_needed(coverage) == needed
    margins(np.arange(needed), coverage)
    if needed > 1:
        with pytest.raises(ValueError, match="fewer"):
            margins(np.arange(needed - 1), coverage)


def test_each_step_and_target_has_its_own_margin():
    scores = np.random.default_rng(0).normal(size=(50, 3, 2)) * np.arange(1, 7).reshape(3, 2)
    together = margins(scores, 0.8)
    for step in range(3):
        for target in range(2):
            assert together[step, target] == margins(scores[:, step, target], 0.8)


def test_scales_of_windows():
    past = np.array([[1.0, 3.0, 2.0, 2.0], [5.0, 5.0, 5.0, 5.0], [1.0, np.nan, 2.0, 6.0]])
    scales = window_scales(past[..., None])
    assert scales.tolist() == [[1.0], [0.0], [4.0]]
    assert floors(scales).tolist() == [1.0]
    assert floors(np.zeros((3, 2))).tolist() == [1.0, 1.0]
