"""The share of a net has the least penalized error, and no unit, gap or idle target decides."""

import numpy as np
import pytest

from keras_ts.presets.share import best_share, better_line, error_sums

HORIZON = 3


def drawn(seed, windows=80, lines=1, targets=2):
    """Return a net's forecasts, those of lines, and what came, around the same values."""
    rng = np.random.default_rng(seed)
    actual = rng.normal(size=(windows, HORIZON, targets))
    by_net = actual + rng.normal(size=actual.shape)
    by_lines = actual + rng.normal(size=(lines, *actual.shape)) * rng.uniform(0.5, 2)
    return by_net, by_lines, actual


def share(by_net, by_lines, actual, weights=None):
    return best_share(error_sums(by_net, by_lines, actual, weights)[:, 0], HORIZON)


@pytest.mark.parametrize("seed", range(8))
def test_no_other_share_has_less_error_and_distance_from_one_half(seed):
    by_net, by_lines, actual = drawn(seed)
    weights = np.random.default_rng(seed).choice([0.0, 0.5, 2.0], len(actual))
    found = share(by_net, by_lines, actual, weights)
    tried = np.linspace(0, 1, 2001)[:, None, None, None]
    errors = np.square(by_lines[0] + tried * (by_net - by_lines[0]) - actual)
    mean = (errors * weights[:, None, None]).sum(axis=1) / weights.sum()
    # The least error says how much windows that do not overlap can say.
    spread = mean.min(axis=0) * HORIZON / (weights > 0).sum()
    penalized = mean + spread * np.square((tried[:, 0] - 0.5) / 0.5)
    np.testing.assert_allclose(found, tried[penalized.argmin(axis=0), 0, 0, 0], atol=1e-3)


def test_blocks_add_up_and_windows_without_weight_or_value_do_not_count():
    by_net, by_lines, actual = drawn(1, lines=2)
    whole = error_sums(by_net, by_lines, actual, None)
    halves = [
        error_sums(by_net[p], by_lines[:, p], actual[p], None) for p in np.split(np.r_[:80], 2)
    ]
    np.testing.assert_allclose(sum(halves), whole)
    weights = (np.arange(80) < 50) * 1.0
    left = by_net[:50], by_lines[:, :50], actual[:50]
    np.testing.assert_allclose(
        error_sums(by_net, by_lines, actual, weights), error_sums(*left, None)
    )
    for forecasts in (by_net, by_lines[1], actual):
        missing = forecasts.copy()
        forecasts[50:] = np.nan
        np.testing.assert_allclose(
            error_sums(by_net, by_lines, actual, None), error_sums(*left, None)
        )
        forecasts[:] = missing


def test_a_net_that_says_the_same_has_one_half():
    _, by_lines, actual = drawn(2)
    np.testing.assert_array_equal(share(by_lines[0], by_lines, actual), 0.5)
    np.testing.assert_array_equal(share(by_lines[0] * np.nan, by_lines, actual), 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_units_decide_neither_share_nor_line(seed):
    parts = drawn(seed, lines=2)
    scaled = [part * [1e6, 1e-3] for part in parts]
    np.testing.assert_allclose(share(*scaled), share(*parts))
    one = error_sums(*scaled, None)
    assert better_line(one) == better_line(error_sums(*parts, None))


def test_the_line_that_errs_less_is_chosen_by_the_targets_that_have_errors():
    by_net, by_lines, actual = drawn(3, lines=2)
    by_lines[1] = actual + 0.9 * (by_lines[0] - actual)
    # The second target is forecast to float32's digits: 0.1 is not a number of theirs.
    actual[..., 1] = 0.1
    by_lines[:, ..., 1] = np.float32(0.1)
    by_lines[1, ..., 1] *= 1 + 1e-7
    assert better_line(error_sums(by_net, by_lines, actual, None)) == 1
    assert better_line(error_sums(by_net, by_lines[::-1], actual, None)) == 0
    assert better_line(error_sums(by_net, by_lines[:1], actual, None)) == 0
    actual[..., 0] = np.nan
    assert better_line(error_sums(by_net, by_lines, actual, None)) == 0
