"""Blocks are as long as the differences last, and at least a horizon."""

import numpy as np
import pytest

from keras_ts.evaluation.arithmetic.verdict import lasting, skill
from verdict_worlds import noise, origins_of, over_horizons, plain_interval, series_errors


def lengths(origins, correlation, draws=50):
    rng = np.random.default_rng(0)
    return lasting(noise(rng, (draws, origins), correlation), 1)[0]


def test_blocks_are_as_long_as_the_rule_says():
    """The rule has a closed form if R(k) is a power; the code reads R off the data."""
    for correlation, origins in ((0.5, 20_000), (0.9, 20_000)):
        reach = 2 * correlation / (1 - correlation**2)
        rule = (1.5 * reach**2 * origins) ** (1 / 3)
        assert np.median(lengths(origins, correlation, 9)) == pytest.approx(2 * rule, rel=0.1)


def test_blocks_grow_with_what_lasts():
    median = [np.median(lengths(200, correlation)) for correlation in (0.0, 0.5, 0.9)]
    assert median[0] == 6  # The cube root of 200.
    assert median[0] < median[1] < median[2]


def test_blocks_are_at_least_a_horizon_long():
    rng = np.random.default_rng(0)
    for origins in (10, 100, 1000):
        for overlap in (1, 7, 24):
            errors = over_horizons(rng.normal(size=origins + overlap - 1), overlap)
            length, bias = lasting(errors[None], overlap)
            assert min(overlap, origins) <= length <= origins
            assert bias >= 0


def test_few_and_equal_differences_have_a_length():
    for origins in range(1, 8):
        for overlap in (1, 5):
            for differences in (np.zeros(origins), np.arange(float(origins))):
                length, bias = lasting(differences[None], overlap)
                assert 1 <= length <= origins
                assert np.isfinite(bias)


def test_each_series_is_estimated_by_itself():
    rng = np.random.default_rng(0)
    for origins in (4, 12, 100):
        series = np.stack(
            [noise(rng, (origins,), c) for c in (0.0, 0.5, 0.9, 0.99)] + [np.ones(origins)]
        )
        for overlap in (1, 7):
            lengths, biases = lasting(series, overlap)
            alone = [lasting(row[None], overlap) for row in series]
            assert lengths.tolist() == [int(length[0]) for length, _ in alone]
            assert biases == pytest.approx([bias[0] for _, bias in alone])


def test_alternating_errors_need_no_long_blocks():
    assert np.median(lengths(200, -0.8)) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("origins", "horizon", "correlation"), [(100, 1, 0.9), (100, 6, 0.5), (400, 14, 0.9)]
)
def test_a_plain_block_bootstrap_is_too_narrow(origins, horizon, correlation):
    """Percentiles of blocks of a horizon hold the true skill, 0, less often than our interval."""
    rng, held = np.random.default_rng(0), {"ours": [], "plain": []}
    for _ in range(400):
        errors, others = series_errors(rng, "errors", origins, horizon, correlation)
        found = skill(errors, others, origins_of(errors, horizon))
        low, high = plain_interval(rng, errors, others, horizon)
        if not np.isnan(found.low):
            held["ours"].append(found.low <= 0 <= found.high)
        held["plain"].append(low <= 0 <= high)
    slack = 0.022  # Two standard errors of a share of 5 % in 400 draws.
    ours, plain = np.mean(held["ours"]), np.mean(held["plain"])
    print(f"{ours:.3f} held by ours, {plain:.3f} by plain blocks")  # noqa: T201
    assert ours >= 0.95 - 2 * slack
    assert plain < ours - 2 * slack
