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


def by_rows(window, ahead, y):
    """The ridge regression of each step by its rows, of inputs with a variance of 1."""
    made = np.empty(y.shape)
    for step in range(y.shape[1]):
        inputs, there = np.concatenate([window, ahead[:, step]], axis=1), ~np.isnan(y[:, step])
        spread = inputs[there].std(axis=0)
        inputs = (inputs - inputs[there].mean(axis=0)) / np.where(spread > 0, spread, np.inf)
        seen, mean = inputs[there], y[there, step].mean()
        gram = seen.T @ seen / len(seen) + 1e-3 * np.eye(inputs.shape[1])
        cross = seen.T @ (y[there, step] - mean) / len(seen)
        made[:, step] = mean + inputs @ np.linalg.solve(gram, cross)
    return made


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("columns", [0, 1, 2])
@pytest.mark.parametrize(("level", "size"), [(0, 1), (1e4, 1), (-5, 1e200), (0, 1e-3)])
def test_coefficients_are_those_of_all_rows(level, size, columns, parts):
    rng = np.random.default_rng(1)
    window = rng.normal(size=(50, 4)) * [1, 3, 0, 0.1]
    ahead = rng.normal(size=(50, 3, columns)) + window[:, None, :1]
    y = window[:, :3] + ahead.sum(axis=2) * [1, -2, 3] + rng.normal(size=(50, 3))
    y[::9, 1] = np.nan
    window, ahead, y = ((level + values) * size for values in (window, ahead, y))
    made = solved(window, ahead, y, parts=parts)
    np.testing.assert_allclose(
        made / size, by_rows(window / size, ahead / size, y / size), rtol=1e-6
    )


def test_steps_without_a_target_have_no_line():
    assert StepSums(2, 1, 0).line().at(np.ones((3, 2)), np.ones((3, 1, 0))).tolist() == [[0.0]] * 3
