"""The interval covers the true skill, and a verdict is right as often as it says."""

import numpy as np
import pytest

from keras_ts.evaluation.verdict import block_length, skill

VERDICTS = ("beats", "loses to", "cannot be told from")
# Origins, horizon, correlation from one position to the next, share of the noise that both share.
WORLDS = [(300, 1, 0.0, 0.5), (300, 1, 0.5, 0.7), (300, 12, 0.3, 0.5), (100, 1, 0.3, 0.5)]


def errors(rng, origins, horizon, correlation, shared):
    """Return mean absolute errors over overlapping horizons, of two equally good forecasters."""
    noise = rng.normal(size=(3, origins + horizon + 50))
    for place in range(1, noise.shape[1]):
        new = np.sqrt(1 - correlation**2) * noise[:, place]
        noise[:, place] = correlation * noise[:, place - 1] + new
    common = np.sqrt(shared) * noise[0]
    both = np.abs(common + np.sqrt(1 - shared) * noise[1:])[:, -(origins + horizon - 1) :]
    return [np.convolve(one, np.full(horizon, 1 / horizon), "valid") for one in both]


def simulated(world, ratio, draws):
    """Return shares: of each verdict, and of intervals that cover the true skill."""
    rng = np.random.default_rng(int(100 * ratio))
    counts, covered = dict.fromkeys(VERDICTS, 0), 0
    for _ in range(draws):
        ours, theirs = errors(rng, *world)
        found = skill(ratio * ours, theirs, block_length(len(ours), world[1], 1))
        counts[found.verdict] += 1
        covered += found.low <= 1 - ratio <= found.high
    shares = {verdict: count / draws for verdict, count in counts.items()}
    print(f"{world}, errors times {ratio}: {shares}, covered {covered / draws:.3f}")  # noqa: T201 - pytest -s shows it
    return shares, covered / draws


def check(world, draws, slack):
    equal, covered = simulated(world, 1.0, draws)
    assert max(equal["beats"], equal["loses to"]) <= 0.05 + slack
    assert covered >= 0.9 - slack
    better, covered = simulated(world, 0.8, draws)
    assert covered >= 0.9 - slack
    assert better["loses to"] <= 0.01
    if world[0] == 300:
        assert better["beats"] >= 0.8


def test_verdicts_are_right():
    check(WORLDS[0], 100, 0.03)
    check(WORLDS[2], 100, 0.03)


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_verdicts_are_right_in_many_draws(world):
    check(world, 200, 0.0)


def test_series_of_a_panel_are_drawn_whole():
    rng = np.random.default_rng(0)
    sizes = rng.lognormal(sigma=1.0, size=40)
    ours, theirs = sizes * rng.uniform(0.5, 1.0, 40), sizes * rng.uniform(0.8, 1.2, 40)
    found = skill(ours, theirs, 1)
    assert found.value == pytest.approx(1 - ours.sum() / theirs.sum())
    assert found.low < found.value < found.high
    assert found.verdict == "beats"
    assert skill(theirs, ours, 1).verdict == "loses to"
    # A panel has no order.
    order = rng.permutation(40)
    assert skill(ours[order], theirs[order], 1).low == pytest.approx(found.low, abs=0.03)


def test_a_result_does_not_depend_on_random_numbers():
    rng = np.random.default_rng(0)
    ours, theirs = rng.uniform(size=(2, 50))
    assert skill(ours, theirs, 3) == skill(ours, theirs, 3)


def test_swapping_both_swaps_the_verdict():
    rng = np.random.default_rng(0)
    ours, theirs = rng.uniform(size=(2, 50))
    forth, back = skill(ours, theirs, 3), skill(theirs, ours, 3)
    assert 1 - forth.low == pytest.approx(1 / (1 - back.high))


def test_errors_of_0():
    ones, none = np.ones(40), np.zeros(40)
    assert skill(none, ones, 2).verdict == "beats"
    assert skill(ones, none, 2).verdict == "loses to"
    same = skill(none, none, 2)
    assert (same.value, same.verdict) == (0.0, "cannot be told from")


def test_errors_in_a_constant_ratio_need_no_spread():
    ones = np.ones(40)
    found = skill(0.5 * ones, ones, 2)
    assert (found.low, found.value, found.high) == pytest.approx((0.5, 0.5, 0.5))
    assert skill(ones, ones, 2).verdict == "cannot be told from"


def test_too_few_errors_have_no_interval():
    found = skill(np.full(11, 0.1), np.ones(11), 3)
    assert found.value == pytest.approx(0.9)
    assert np.isnan([found.low, found.high]).all()
    assert found.verdict == "cannot be told from"


def test_blocks_are_at_least_a_horizon_long():
    for origins in (10, 100, 1000):
        for horizon in (1, 7, 24):
            assert block_length(origins, horizon, 1) >= horizon
            assert block_length(origins, horizon, 4) >= horizon / 4
    assert block_length(1000, 24, 1) == 48
    assert block_length(100, 24, 1) == 24
    assert block_length(1000, 24, 24) == 15
