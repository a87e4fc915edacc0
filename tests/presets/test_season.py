"""A season is found if it is longer than the window, strong, and more than a shorter one tells."""

import numpy as np
import pytest

from keras_ts.presets.season import _correlations, season_beyond


def weeks(noise=0.01):
    """Days of 24 steps with the same shape, each day of a week of another height."""
    generator, time = np.random.default_rng(0), np.arange(168 * 8)
    heights = generator.normal(3.0, 1.0, size=7)
    day = np.sin(np.pi * (time % 24) / 24)
    return heights[time // 24 % 7] * day + noise * generator.normal(size=len(time))


@pytest.mark.parametrize("ahead", [1, 12, 24])
def test_a_week_beyond_the_window_is_found_and_one_within_is_not(ahead):
    assert season_beyond(weeks(), 48, ahead) == 168
    assert season_beyond(weeks(), 200, ahead) is None


def test_missing_values_are_left_out():
    series = weeks()
    series[::17] = np.nan
    assert season_beyond(series, 48, 12) == 168


def test_the_highest_lag_is_found_behind_others_that_are_nearly_as_good():
    assert season_beyond(weeks(noise=0.3), 48, 24) == 168


def test_a_week_that_tells_hardly_more_than_a_day_is_no_season():
    assert season_beyond(weeks(noise=0.1), 48, 1) is None


@pytest.mark.parametrize("missing", [[], [3, 4, 30, 77], range(0, 128, 2)])
def test_the_correlations_are_those_of_the_pairs(missing):
    changes = np.random.default_rng(0).normal(size=128).cumsum()
    changes[list(missing)] = np.nan
    centered = changes - np.nanmean(changes)
    expected = []
    for lag in range(43):
        later, earlier = centered[lag:], centered[: 128 - lag]
        both = np.isfinite(later) & np.isfinite(earlier)
        later, earlier = later[both], earlier[both]
        size = np.sqrt((later @ later) * (earlier @ earlier))
        expected.append(later @ earlier / size if both.any() else 0.0)
    np.testing.assert_allclose(_correlations(changes, 42), expected, atol=1e-12)


@pytest.mark.parametrize("ahead", [1, 24])
def test_neither_noise_nor_walks_nor_lines_have_a_season(ahead):
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(size=1000)
        for series in (noise, noise.cumsum(), noise.cumsum() + np.arange(1000.0)):
            assert season_beyond(series, 62, ahead) is None


@pytest.mark.parametrize("series", [np.zeros(400), np.full(400, np.nan), np.arange(400.0)])
def test_series_that_do_not_vary_have_none(series):
    assert season_beyond(series, 20, 1) is None


def test_a_series_of_less_than_three_seasons_has_none():
    series = np.tile(np.random.default_rng(0).normal(size=168), 4)
    assert season_beyond(series, 48, 24) == 168
    assert season_beyond(series[:500], 48, 24) is None


@pytest.mark.parametrize(
    ("rows", "window", "ahead"), [(120, 12, 110), (100, 30, 99), (800, 50, 100)]
)
def test_a_horizon_as_long_as_the_window_shows_no_season(rows, window, ahead):
    """Changes over so many rows overlap with those of all shorter lags."""
    for seed in range(20):
        walk = np.random.default_rng(seed).normal(size=rows).cumsum()
        assert season_beyond(walk, window, ahead) is None


def test_a_series_that_is_mostly_missing_shows_no_season():
    values = np.full(1200, np.nan)
    values[:40], values[-40:] = np.random.default_rng(0).normal(size=(2, 40))
    assert season_beyond(values, 30, 1) is None
