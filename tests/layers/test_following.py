"""Levels move by misses as Gibbs and Candes say, and margins are read off the scores that were."""

import json

import numpy as np
import pytest

from keras_ts.evaluation.arithmetic.coverage import ranked
from keras_ts.layers.following import (
    Followed,
    Scores,
    kept_levels,
    moved,
    shares_missed,
    unmoved,
)


def margins(scores, coverage):
    """Return the margins that calibrate computes."""
    return ranked(scores, [coverage])[..., 0]


def kept(scores):
    """Keep scores ``(windows, steps)`` of one target as a file does."""
    quantiles = ranked(scores[..., None], kept_levels(scores.shape[1]))
    return Scores(quantiles[None, None].astype(np.float32), len(scores))


def followed(held_out, new, asked=0.8):
    """Return what intervals held that follow each origin once its last row came, and widths.

    Scores are ``(origins, steps[, series])``, of origins one step apart.
    """
    scores, horizon = kept(held_out), held_out.shape[1]
    new = new.reshape(*new.shape[:2], -1)
    levels = unmoved([asked])
    width = margins(held_out, asked)
    held, widths = np.empty(new.shape[:2]), np.empty(new.shape[:2])
    for origin, score in enumerate(new):
        if origin >= horizon:
            missed = 1 - held[origin - horizon]
            levels = moved(levels, missed[None, None, :, None], [asked], [1], scores.count)
        margin = scores.margins(levels)[0, 0, :, 0]
        held[origin] = (score <= margin[:, None]).mean(axis=1)
        widths[origin] = margin / width
    return held, widths


def errors(generator, origins, horizon, series, size):
    """Return absolute errors of persistence on random walks, whose steps overlap."""
    steps = generator.normal(size=(origins + horizon, series)) * size[:, None]
    walks = np.concatenate([np.zeros((1, series)), steps.cumsum(axis=0)])
    ahead = range(1, horizon + 1)
    return np.stack([np.abs(walks[k : k + origins] - walks[:origins]) for k in ahead], axis=1)


@pytest.mark.parametrize("count", [19, 40, 399, 1000])
@pytest.mark.parametrize("asked", [0.5, 0.8, 0.9, 0.95])
def test_levels_that_have_not_moved_give_the_margins_of_calibrate(count, asked):
    scores = np.random.default_rng(count).exponential(size=(count, 3))
    got = kept(scores).margins(unmoved([asked]))
    np.testing.assert_array_equal(got[0, 0, :, 0], margins(scores, asked).astype(np.float32))


@pytest.mark.parametrize("cells", [3, 5000, 20000])
def test_margins_follow_levels_however_few_quantiles_a_file_keeps(cells):
    """A level that is a little higher or lower gives a band about as much narrower or wider."""
    scores = np.arange(1.0, 2000)[:, None, None]
    few = Scores(ranked(scores, kept_levels(cells))[None, None].astype(np.float32), 1999)
    levels = np.linspace(0.03, 0.85, 500).reshape(-1, 1, 1)
    np.testing.assert_allclose(few.margins(levels).ravel(), 2000 * (1 - levels.ravel()), atol=1.5)


def test_a_miss_moves_a_level_by_the_rate_and_further_ahead_by_what_is_new():
    levels, missed = np.full((1, 4, 1), 0.2), np.full((1, 1, 4, 1), 0.5)
    for gap, shares in ((1, [1, 1 / 2, 1 / 3, 1 / 4]), (3, [1, 1, 1, 3 / 4]), (9, [1, 1, 1, 1])):
        got = moved(levels, missed, [0.8], [gap], 99)[0, :, 0]
        np.testing.assert_allclose(got, 0.2 + 0.05 * (0.2 - 0.5) * np.array(shares))
    # After a gap of three steps, the first step lies four ahead.
    got = moved(levels, missed, [0.8], [1], 99, 3)[0, :, 0]
    np.testing.assert_allclose(got, 0.2 - 0.015 / np.array([4, 5, 6, 7]))
    missed[0, 0, 1] = np.nan
    got = moved(levels, missed, [0.8], [9], 99)
    assert got[0, 1, 0] == 0.2
    assert got[0, 0, 0] == pytest.approx(0.185)


def test_levels_stay_between_the_smallest_and_the_largest_score():
    levels, once = np.full((1, 1, 1), 0.2), np.ones((1, 1, 1, 1))
    for _ in range(20):
        levels = moved(levels, once, [0.8], [1], 99)
    assert levels == 0.01
    scores = kept(np.arange(1.0, 100)[:, None])
    assert scores.margins(levels) == 99
    for _ in range(200):
        levels = moved(levels, 0 * once, [0.8], [1], 99)
    assert levels == 1
    assert scores.margins(levels) == 1


def test_many_origins_of_one_model_settle_where_its_misses_are_those_asked_for():
    """Intervals that missed 30 % at one level would miss 20 % at a level that is 10 % lower."""
    missed = np.full((500, 1, 1, 1), 0.3)
    got = moved(np.full((1, 1, 1), 0.2), missed, [0.8], [1] * 500, 999)
    assert got == pytest.approx(0.1)


def test_the_published_guarantee_of_one_step():
    """Whatever comes, the share of misses is the one asked for to within 1.05 / (0.05 T)."""
    generator = np.random.default_rng(0)
    held_out, count = generator.random((400, 1)), 300
    for new in (
        generator.random(count) * np.linspace(0.2, 0.99, count),
        np.repeat(generator.random(10), 30),
        generator.choice([0.0, 0.9], count),
    ):
        held = followed(held_out, new[:, None])[0]
        assert abs(held.mean() - 0.8) <= 1.05 / (0.05 * count)


@pytest.mark.parametrize(("horizon", "series"), [(1, 1), (7, 1), (7, 12), (24, 12)])
def test_bands_after_the_variance_has_doubled(horizon, series):
    """Within 40 horizons they hold 80 % to within 5 points; unfollowed they hold 64 %."""
    generator, held, plain = np.random.default_rng(horizon), [], []
    last = 41 * horizon + 20
    for _ in range(24 // series):
        before = errors(generator, 300, horizon, series, np.ones(300 + horizon))
        after = errors(generator, last, horizon, series, np.full(last + horizon, 2**0.5))
        own, _ = followed(before[..., 0], after)
        held.append(own[40 * horizon :].mean())
        plain.append((after <= margins(before[..., :1], 0.8)).mean())
    assert abs(np.mean(held) - 0.8) < 0.05
    assert np.mean(plain) < 0.7


@pytest.mark.parametrize(("horizon", "series"), [(1, 1), (7, 1), (7, 12), (24, 12)])
def test_bands_where_nothing_changes_are_hardly_wider(horizon, series):
    generator, widths = np.random.default_rng(horizon), []
    for _ in range(24 // series):
        both = errors(generator, 1000, horizon, series, np.ones(1000 + horizon))
        widths.append(followed(both[:500, :, 0], both[500:])[1].mean())
    assert np.mean(widths) < 1.05


def test_shares_missed_are_those_of_a_plain_loop():
    generator = np.random.default_rng(0)
    rows, horizon = 40, 4
    origins, steps = generator.integers(0, 3, rows), generator.integers(1, horizon + 1, rows)
    actual = generator.normal(size=(rows, 2))
    actual[::7] = np.nan
    low = generator.normal(size=(rows, 2, 3)) - 1
    high = low + 2
    got = shares_missed(actual, low, high, origins, steps, horizon)
    assert got.shape == (3, 3, horizon, 2)
    for origin, coverage, step, target in np.ndindex(got.shape):
        own = (origins == origin) & (steps == step + 1) & ~np.isnan(actual[:, target])
        value, bounds = (
            actual[own, target],
            (low[own, target, coverage], high[own, target, coverage]),
        )
        expected = ((value < bounds[0]) | (value > bounds[1])).mean() if own.any() else np.nan
        np.testing.assert_equal(got[origin, coverage, step, target], expected)


def test_configs_survive_json():
    scores = kept(np.random.default_rng(0).exponential(size=(60, 5)))
    config = json.loads(json.dumps(scores.get_config(), allow_nan=False))
    again = Scores.from_config(config)
    np.testing.assert_array_equal(again.quantiles, scores.quantiles)
    assert again.count == 60
    levels = Followed(np.full((2, 5, 1), 0.1 + 0.2), (-3, 19000), "2026-11-01")
    config = json.loads(json.dumps(levels.get_config(), allow_nan=False))
    assert Followed.from_config(config, scores, 2).get_config() == levels.get_config()


def test_few_quantiles_are_kept_of_very_many_margins():
    assert len(kept_levels(1)) == 200
    assert 4 * 10_000 * len(kept_levels(10_000)) <= 740_000
    assert kept_levels(10**9) == [1.0]
