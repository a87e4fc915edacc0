"""A model that equals another is called better or worse one time in twenty, and a better one found.

``pytest -m slow -s tests/evaluation/test_verdict.py`` prints the shares in many worlds.
"""

import numpy as np
import pytest

from keras_ts.evaluation.verdict import FEWEST, Origins, skill
from verdict_worlds import origins_of, panel_errors, series_errors, verdicts

# Two standard errors of a share of 5 % in 400 draws.
SLACK = 0.022
KINDS = ("errors", "differences")
# Series, origins, share of common noise, correlation, spread of what suits each, horizon.
PANELS = [
    (6, 100, 0.0, 0.0, 0.0, 1),
    (6, 100, 0.0, 0.0, 0.3, 1),
    (20, 100, 0.5, 0.0, 0.0, 1),
    (20, 100, 0.8, 0.9, 0.2, 1),
    (50, 100, 0.8, 0.95, 0.0, 1),
    (200, 24, 0.3, 0.0, 0.0, 1),
    (200, 24, 0.8, 0.5, 0.2, 1),
    (100, 60, 0.3, 0.0, 0.1, 12),
]


def judged(draw, runs, **settings):
    shares = verdicts(draw, runs, **settings)
    print({name: round(share, 3) for name, share in shares.items()}, settings)  # noqa: T201 - pytest -s shows it
    return shares


def false(shares):
    return shares["beats"] + shares["loses to"]


def one(errors, others, overlap=1, rivals=1):
    """Return the skill on one series."""
    return skill(errors, others, origins_of(errors, overlap), rivals)


@pytest.mark.slow
@pytest.mark.parametrize("origins", [50, 100, 400])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9, 0.95])
@pytest.mark.parametrize("kind", KINDS)
def test_equal_forecasters_are_told_apart_one_time_in_twenty(kind, correlation, origins):
    shares = judged(lambda rng: series_errors(rng, kind, origins, 1, correlation), 400)
    assert false(shares) <= 0.05 + SLACK
    assert shares["covered"] >= 0.95 - SLACK


@pytest.mark.slow
@pytest.mark.parametrize(("origins", "horizon"), [(60, 6), (100, 12), (400, 12), (400, 24)])
@pytest.mark.parametrize("correlation", [0.3, 0.9])
def test_horizons_that_overlap_are_no_more_often_told_apart(origins, horizon, correlation):
    shares = judged(
        lambda rng: series_errors(rng, "errors", origins, horizon, correlation),
        400,
        horizon=horizon,
    )
    assert false(shares) <= 0.05 + SLACK


@pytest.mark.slow
@pytest.mark.parametrize("panel", PANELS)
def test_equal_forecasters_of_panels_are_told_apart_one_time_in_twenty(panel):
    shares = judged(lambda rng: panel_errors(rng, *panel), 400, horizon=panel[-1])
    assert false(shares) <= 0.05 + SLACK


# The least that is found among independent errors.
POWER = [(100, 0.9, 0.13), (100, 0.8, 0.52), (400, 0.9, 0.5), (400, 0.8, 0.97)]


@pytest.mark.slow
@pytest.mark.parametrize(("origins", "ratio", "least"), POWER)
def test_better_forecasters_are_found(origins, ratio, least):
    shares = judged(lambda rng: series_errors(rng, "errors", origins), 400, ratio=ratio)
    assert shares["beats"] >= least
    assert shares["loses to"] <= 0.01
    assert shares["covered"] >= 0.95 - SLACK


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_the_luck_of_the_best_of_five_is_allowed_for(correlation):
    """A model and five baselines are equally good, and it is judged beside the luckiest."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        errors = np.abs(series_noise(rng, 6, 100, correlation))
        best = 1 + errors[1:].mean(axis=1).argmin()
        as_good = sum(
            one(other, errors[best]).verdict == "cannot be told from" for other in errors[1:]
        )
        found.append([one(errors[0], errors[best], rivals=n).verdict for n in (1, as_good)])
    plain, allowed = (np.mean(np.array(found)[:, n] != "cannot be told from") for n in (0, 1))
    print(f"{plain:.3f} without and {allowed:.3f} with the allowance")  # noqa: T201
    assert allowed <= 0.05 + SLACK
    assert plain > allowed


def series_noise(rng, forecasters, origins, correlation):
    """Return errors of forecasters that have half of their noise in common."""
    errors = [series_errors(rng, "errors", origins, 1, correlation) for _ in range(forecasters)]
    return np.stack([both[0] for both in errors])


def test_errors_that_last_give_no_false_verdict():
    """A fixed draw of the worlds above; 5 % of 100 are 5, and 9 or less in 97 draws of 100."""
    for correlation in (0.0, 0.5, 0.9, 0.95):
        shares = judged(
            lambda rng, c=correlation: series_errors(rng, "differences", 100, 1, c), 100
        )
        assert false(shares) <= 0.09
    assert shares["no interval"] > 0.9
    better = judged(lambda rng: series_errors(rng, "errors", 300), 30, ratio=0.8)
    assert better["beats"] >= 0.9


def test_series_that_share_their_shocks_give_no_false_verdict():
    shares = judged(lambda rng: panel_errors(rng, 20, 100, 0.8), 60)
    assert false(shares) <= 0.05 + 1 / 60
    better = judged(lambda rng: panel_errors(rng, 20, 100), 30, ratio=0.9)
    assert better["beats"] >= 0.9


def test_few_series_have_no_verdict():
    """Two series that suit either forecaster: which of them has the larger error is chance."""
    rng = np.random.default_rng(0)
    for series in range(2, FEWEST + 2):
        errors = panel_errors(rng, series, 100)
        found = skill(0.1 * errors[0].ravel(), errors[1].ravel(), origins_of(errors[0]))
        if series < FEWEST:
            assert (found.few, found.verdict) == ("series", "cannot be told from")
            assert np.isnan([found.low, found.high]).all()
        else:
            assert (found.few, found.verdict) == ("", "beats")


def test_few_stretches_have_no_verdict_if_their_shocks_decide():
    rng = np.random.default_rng(0)
    errors = panel_errors(rng, 50, 4, 0.99)
    found = skill(errors[0].ravel(), errors[1].ravel(), origins_of(errors[0]))
    assert found.few == "windows"
    # With origins at one time nobody knows of shocks.
    last = errors[:, :, :1]
    found = skill(last[0].ravel(), last[1].ravel(), origins_of(last[0]))
    assert found.few == ""
    assert origins_of(last[0]).at_one_time
    assert not origins_of(errors[0]).at_one_time


def test_series_of_a_panel_are_drawn_whole():
    rng = np.random.default_rng(0)
    sizes = rng.lognormal(sigma=1.0, size=40)
    ours, theirs = sizes * rng.uniform(0.5, 1.0, 40), sizes * rng.uniform(0.8, 1.2, 40)
    at_once = Origins.of(np.arange(40), np.zeros(40), 1)
    found = skill(ours, theirs, at_once)
    assert found.value == pytest.approx(1 - ours.sum() / theirs.sum())
    assert found.low < found.value < found.high
    assert found.verdict == "beats"
    assert skill(theirs, ours, at_once).verdict == "loses to"
    # A panel has no order.
    order = rng.permutation(40)
    assert skill(ours[order], theirs[order], at_once).low == pytest.approx(found.low, abs=0.03)


def test_windows_of_a_panel_have_no_order():
    rng = np.random.default_rng(0)
    errors = panel_errors(rng, 8, 30, 0.5).reshape(2, -1)
    origins = origins_of(errors.reshape(2, 8, 30)[0])
    order = np.argsort(origins.times, kind="stable")
    moved = Origins(origins.series[order], origins.times[order], 1)
    assert skill(*errors, origins).low == pytest.approx(skill(*errors[:, order], moved).low)


def test_origins_of_other_series_between_two_neighbours_widen_the_overlap():
    series = np.repeat([0, 1], 10)
    days = np.concatenate([np.arange(0, 20, 2), np.arange(1, 21, 2)])
    assert Origins.of(series, days, 3).overlap == 6
    assert Origins.of(series, np.tile(np.arange(0, 20, 2), 2), 3).overlap == 3
    dates = np.datetime64("2024-01-01") + days
    assert np.array_equal(Origins.of(series, dates, 3).times, days)


def test_rivals_widen_the_upper_end_alone():
    rng = np.random.default_rng(0)
    ours, theirs = rng.uniform(size=(2, 100))
    alone, among = one(ours, theirs), one(ours, theirs, rivals=5)
    assert (among.value, among.low) == (alone.value, alone.low)
    assert among.high > alone.high


def test_a_result_does_not_depend_on_random_numbers():
    rng = np.random.default_rng(0)
    ours, theirs = rng.uniform(size=(2, 100))
    assert one(ours, theirs) == one(ours, theirs)


def test_swapping_both_swaps_the_verdict():
    rng = np.random.default_rng(0)
    ours, theirs = rng.uniform(size=(2, 100))
    forth, back = one(ours, theirs), one(theirs, ours)
    assert 1 - forth.low == pytest.approx(1 / (1 - back.high))


def test_errors_of_0():
    ones, none = np.ones(40), np.zeros(40)
    assert one(none, ones).verdict == "beats"
    assert one(ones, none).verdict == "loses to"
    same = one(none, none)
    assert (same.value, same.verdict) == (0.0, "cannot be told from")


def test_errors_in_a_constant_ratio_need_no_spread():
    ones = np.random.default_rng(0).uniform(size=60)
    found = one(0.3 * ones, ones)
    assert (found.low, found.value, found.high) == pytest.approx((0.7, 0.7, 0.7))
    assert one(ones, ones).verdict == "cannot be told from"


def test_too_few_errors_have_no_interval():
    found = one(np.full(17, 0.1), np.ones(17), overlap=3)
    assert found.value == pytest.approx(0.9)
    assert np.isnan([found.low, found.high]).all()
    assert (found.few, found.stretch, found.verdict) == ("windows", 3, "cannot be told from")
    assert one(np.full(18, 0.1), np.ones(18), overlap=3).verdict == "beats"
