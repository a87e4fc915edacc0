"""A model that equals another is called better or worse one time in twenty, and a better one found.

``pytest -m slow -s tests/evaluation/arithmetic/test_verdict.py`` prints the shares in many worlds.
"""

import numpy as np
import pytest

from keras_ts.evaluation.arithmetic.verdict import FEWEST, GROUPS, Origins, skill, skills_by_series
from verdict_worlds import (
    beside_the_luckiest,
    in_measure,
    many_series,
    noise,
    origins_of,
    panel_errors,
    series_errors,
    verdicts,
)

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
    (2, 100, 0.0, 0.0, 0.0, 1),
    (3, 100, 0.8, 0.9, 0.0, 1),
    (5, 60, 0.5, 0.5, 0.0, 1),
    (3, 100, 0.3, 0.0, 0.0, 14),
    (4, 400, 0.8, 0.95, 0.0, 14),
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
@pytest.mark.parametrize(("origins", "horizon"), [(60, 6), (100, 14), (400, 14), (400, 24)])
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.9, 0.95])
@pytest.mark.parametrize("kind", KINDS)
def test_horizons_that_overlap_are_no_more_often_told_apart(kind, origins, horizon, correlation):
    shares = judged(
        lambda rng: series_errors(rng, kind, origins, horizon, correlation),
        400,
        horizon=horizon,
    )
    assert false(shares) <= 0.05 + SLACK


@pytest.mark.slow
@pytest.mark.parametrize("panel", PANELS)
def test_equal_forecasters_of_panels_are_told_apart_one_time_in_twenty(panel):
    shares = judged(lambda rng: panel_errors(rng, *panel), 400, horizon=panel[-1])
    assert false(shares) <= 0.05 + SLACK
    assert panel[0] >= FEWEST or shares["covered"] >= 0.95 - SLACK


@pytest.mark.slow
@pytest.mark.parametrize("origins", [28, 56, 100, 200, 300])
@pytest.mark.parametrize("correlation", [0.0, 0.9, 0.95])
@pytest.mark.parametrize("shared", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("measure", ["mae", "mase"])
def test_series_of_any_level_that_share_their_shocks(measure, shared, correlation, origins):
    """30 series of a horizon of 14, from two horizons of origins on; of fewer see the next test."""

    def draw(rng):
        errors = panel_errors(rng, 30, origins, shared, correlation, horizon=14)
        return in_measure(rng, errors, measure, correlation)

    # Of 300 origins, 400 cases of one world gave 7.6 %, and 2000 cases 5.1 %.
    shares = judged(draw, 2000 if origins == 300 else 400, horizon=14)
    assert false(shares) <= 0.05 + SLACK


@pytest.mark.slow
@pytest.mark.parametrize("origins", [2, 5, 14])
@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_few_origins_that_share_their_shocks(origins, shared):
    """Shocks that outlast a horizon of origins cannot be seen, but most are."""
    shares = judged(lambda rng: panel_errors(rng, 30, origins, shared, horizon=14), 400, horizon=14)
    assert false(shares) <= {2: 0.2, 5: 0.05 + SLACK, 14: 0.05 + SLACK}[origins]
    assert shared or shares["no interval"] < 0.25


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [0.0, 1.0, 3.0])
def test_very_many_series_are_told_apart_one_time_in_twenty(sizes):
    """3000 series in 1000 groups; with ``sizes=3`` the largest one holds a tenth of all errors."""
    shares = judged(lambda rng: many_series(rng, sizes), 400)
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
@pytest.mark.parametrize(
    ("rivals", "origins", "horizon", "correlation"),
    [(5, 100, 1, 0.0), (5, 100, 1, 0.5), (20, 100, 1, 0.5), (5, 60, 6, 0.9)],
)
def test_the_luck_of_the_best_of_several_is_allowed_for(rivals, origins, horizon, correlation):
    """A model and its rivals are equally good; in the last world most rivals have no interval."""
    rng, found = np.random.default_rng(0), []
    for _ in range(400):
        drawn = [series_errors(rng, "errors", origins, horizon, correlation) for _ in range(rivals)]
        errors = np.stack([*drawn[0], *(both[0] for both in drawn[1:])])
        found.append(beside_the_luckiest(errors, origins_of(errors[0], horizon)))
    plain, allowed = np.mean(found, axis=0)
    print(f"{plain:.3f} without and {allowed:.3f} with the allowance")  # noqa: T201
    assert allowed <= 0.05 + SLACK
    assert plain > allowed


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.9])
@pytest.mark.parametrize("measure", ["mae", "mase"])
def test_the_luck_of_the_best_of_five_is_allowed_for_in_panels(measure, correlation):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        errors = panel_errors(rng, 30, 200, 0.3, correlation, horizon=14, forecasters=6)
        errors = in_measure(rng, errors, measure, correlation)
        found.append(beside_the_luckiest(errors.reshape(6, -1), origins_of(errors[0], 14)))
    wrong = np.mean(found, axis=0)[1]
    print(f"{wrong:.3f} beside the luckiest of five")  # noqa: T201
    assert wrong <= 0.05 + SLACK


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


def test_fewer_than_six_series_are_judged_by_time_alone():
    """Their errors are summed at each time, and the sums judged as the errors of one series."""
    rng = np.random.default_rng(0)
    for series in range(2, FEWEST):
        errors = panel_errors(rng, series, 100, shared=0.5, correlation=0.5)
        found = skill(0.8 * errors[0].ravel(), errors[1].ravel(), origins_of(errors[0]))
        assert found == pytest.approx(one(0.8 * errors[0].sum(axis=0), errors[1].sum(axis=0)))
    better = judged(lambda rng: panel_errors(rng, 3, 100), 30, ratio=0.7)
    assert better["beats"] >= 0.9
    # Two series that suit either forecaster: on these, the difference is no chance.
    apart = np.ones((2, 2, 100)) * [[[1.0], [3.0]], [[2.0], [1.0]]] + rng.random((2, 2, 100))
    assert skill(*apart.reshape(2, -1), origins_of(apart[0])).verdict == "loses to"


def test_few_stretches_have_no_verdict_if_their_shocks_decide():
    rng = np.random.default_rng(0)
    errors = panel_errors(rng, 50, 4, 0.99)
    found = skill(errors[0].ravel(), errors[1].ravel(), origins_of(errors[0]))
    assert found.few
    # With origins at one time nobody knows of shocks.
    last = errors[:, :, :1]
    found = skill(last[0].ravel(), last[1].ravel(), origins_of(last[0]))
    assert not found.few
    assert origins_of(last[0]).at_one_time
    assert not origins_of(errors[0]).at_one_time


@pytest.mark.parametrize("rounding", [0.0, 1e-16, 1e-7])
@pytest.mark.parametrize("seed", range(5))
def test_one_series_given_eight_times_is_no_panel(seed, rounding):
    rng = np.random.default_rng(seed)
    for origins in (4, 75, 400):
        alone = rng.gamma(2.0, size=(2, 1, origins)) * [[[1.0]], [[1.2]]]
        same = alone * (1 + rounding * rng.normal(size=(2, 8, origins)))
        found = skill(same[0].ravel(), same[1].ravel(), origins_of(same[0]))
        assert found.few == (origins == 4)
        assert np.isfinite([found.low, found.high]).all() == (origins > 4)
        assert found.verdict == one(*alone[:, 0]).verdict


def test_series_that_move_together_have_no_verdict_over_few_origins():
    """What they share within a horizon of origins would decide: 75 % of verdicts were false."""
    shares = judged(lambda rng: panel_errors(rng, 30, 14, 0.8, horizon=14), 60, horizon=14)
    assert shares["no interval"] > 0.95
    better = judged(lambda rng: panel_errors(rng, 30, 14, horizon=14), 60, ratio=0.7, horizon=14)
    assert better["beats"] > 0.9


def test_groups_of_series_give_the_same_interval():
    for sizes in (0.0, 2.0):
        ours, theirs = many_series(np.random.default_rng(0), sizes, origins=2)
        origins = origins_of(ours)
        grouped = skill(ours.ravel(), 1.01 * theirs.ravel(), origins)
        assert origins.pooled.num_series == GROUPS
        assert origins.num_series == 3000
        # ``pooled`` is kept, so the series themselves can stand in its place.
        origins.__dict__["pooled"] = origins
        whole = skill(ours.ravel(), 1.01 * theirs.ravel(), origins)
        assert grouped.value == whole.value
        assert grouped.high - grouped.low == pytest.approx(whole.high - whole.low, rel=0.1)
    few = origins_of(ours[: 2 * GROUPS])
    assert few.pooled is few


def test_each_series_is_judged_as_if_it_were_alone():
    rng = np.random.default_rng(0)
    counts = np.concatenate([rng.integers(1, 40, 30), [6, 18, 30, 100, 100, 300]])
    series = np.repeat(np.arange(len(counts)), counts)
    times = np.concatenate([np.arange(count) + rng.integers(9) for count in counts])
    ours = np.abs(noise(rng, (len(series),), 0.7)) * np.repeat(
        rng.uniform(0.3, 1, len(counts)), counts
    )
    theirs = np.abs(noise(rng, (len(series),), 0.7))
    ours[series == 33], theirs[series == 34], ours[series == 35] = 0.0, 0.0, theirs[series == 35]
    order = rng.permutation(len(series))
    for overlap, rivals in ((1, 1), (2, 1), (3, 4)):
        origins = Origins.of(series[order], times[order], overlap)
        together = skills_by_series(ours[order], theirs[order], origins, rivals)
        for place in range(len(counts)):
            mine = series == place
            alone = skill(
                ours[mine], theirs[mine], Origins.of(series[mine], times[mine], overlap), rivals
            )
            assert [together.value[place], together.low[place], together.high[place]] == (
                pytest.approx([alone.value, alone.low, alone.high], rel=1e-9, nan_ok=True)
            )
            assert together.stretch[place] == alone.stretch
            assert together.verdict[place] == alone.verdict
        assert len(set(together.verdict)) == 4


def test_many_series_with_few_windows_are_undecided():
    errors = np.random.default_rng(0).uniform(size=(2, 20_000, 3))
    found = skills_by_series(*errors.reshape(2, -1), origins_of(errors[0]))
    assert found.value == pytest.approx(1 - errors[0].sum(axis=1) / errors[1].sum(axis=1))
    assert np.isnan([found.low, found.high]).all()
    assert set(found.verdict) == {"is not judged beside"}


def test_a_unit_of_errors_does_not_count():
    """As MASE divides the errors of a single series by its scale."""
    rng = np.random.default_rng(0)
    ours, theirs = rng.uniform(size=(2, 100))
    plain, scaled = one(ours, theirs), one(ours / 1e6, theirs / 1e6)
    assert [scaled.value, scaled.low, scaled.high] == pytest.approx(
        [plain.value, plain.low, plain.high]
    )


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
    moved = Origins(origins.series[order], origins.times[order], 1, 1)
    assert skill(*errors, origins).low == pytest.approx(skill(*errors[:, order], moved).low)


def test_origins_of_other_series_between_two_neighbours_widen_the_overlap():
    series = np.repeat([0, 1], 10)
    days = np.concatenate([np.arange(0, 20, 2), np.arange(1, 21, 2)])
    assert Origins.of(series, days, 3).overlap == 6
    assert Origins.of(series, days, 3).neighbours == 3
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


@pytest.mark.parametrize("series", [1, 20])
def test_forecasts_that_differ_by_rounding_are_equally_good(series):
    """All errors are a millionth smaller, as those of a model may be beside its own baseline."""
    errors = np.random.default_rng(0).gamma(2.0, size=40 * series)
    origins = Origins.of(np.repeat(np.arange(series), 40), np.tile(np.arange(40), series), 1)
    for factor in (1 - 1e-6, 1 + 1e-6):
        found = skill(factor * errors, errors, origins)
        assert (found.value, found.verdict) == (0.0, "cannot be told from")


def test_errors_in_a_constant_ratio_need_no_spread():
    ones = np.random.default_rng(0).uniform(size=60)
    found = one(0.3 * ones, ones)
    assert (found.low, found.value, found.high) == pytest.approx((0.7, 0.7, 0.7))
    assert one(ones, ones).verdict == "cannot be told from"


def test_too_few_errors_have_no_interval():
    found = one(np.full(17, 0.1), np.ones(17), overlap=3)
    assert found.value == pytest.approx(0.9)
    assert np.isnan([found.low, found.high]).all()
    assert (found.few, found.stretch, found.verdict) == (True, 3, "is not judged beside")
    assert one(np.full(18, 0.1), np.ones(18), overlap=3).verdict == "beats"


@pytest.mark.parametrize("series", [1, 8])
def test_seeds_add_the_variance_between_them(series):
    """Alike seeds add nothing; where nothing else varies the ends are Student's, of two degrees."""
    draw = np.random.default_rng(3)
    others = 1 + 1e-4 * draw.random((series, 60))
    origins, flat = origins_of(others), others.ravel()
    one = flat * (1 + 1e-4 * draw.random(flat.shape))
    alike, alone = skill(np.stack([one] * 3), flat, origins), skill(one, flat, origins)
    assert (alike.low, alike.high) == pytest.approx((alone.low, alone.high), rel=1e-6)
    factors = np.array([0.7, 0.75, 0.84])
    found = skill(factors[:, None] * one, flat, origins)
    reach = 4.303 * np.log(factors).std(ddof=1) / np.sqrt(3)
    ratio = (one * factors.mean()).sum() / flat.sum()
    assert found.value == pytest.approx(1 - ratio)
    assert found.low == pytest.approx(1 - ratio * np.exp(reach), abs=0.03)
    assert found.high == pytest.approx(1 - ratio * np.exp(-reach), abs=0.03)
