"""Error paths are kept as ranks, drawn again, and give samples whose ranks belong together."""

import copy
import dataclasses
import json

import numpy as np
import pytest

from keras_ts.layers.error_paths import ErrorPaths, kept_paths, key_of

KEYS = np.array([key_of(name) for name in "abcde"], np.uint64)


def panel(origins=40, steps=3, targets=2, seed=0, missing=0.2):
    """Errors of five series at some origins, of which some have no path."""
    generator = np.random.default_rng(seed)
    at, series = (grid.ravel() for grid in np.mgrid[:origins, :5])
    chosen = generator.random(len(at)) >= missing
    errors = generator.normal(size=(chosen.sum(), steps, targets))
    return errors, at[chosen], series[chosen]


def paths_of(errors, origins, series, keys=KEYS):
    widths = np.ones(errors.shape)
    return ErrorPaths.of(errors, -1.3 - errors, errors - 1.3, widths, origins, series, keys)


def places_of(paths, seed, event, key, count, turns=(0,)):
    """Return the place of each sample among the others, ``(steps, targets, samples)``."""
    return np.argsort(paths.orders(seed, event, key, count, turns)[0], axis=-1)


def drawn_by_hand(errors, origins, series, seed, event, name, count):
    """Return the errors of the paths that a series gets, as the docstrings say it."""
    moments = np.unique(origins)
    turn = np.random.default_rng([seed, event, 0]).permutation(len(moments))
    made = []
    for number in range(count):
        at = moments[turn[number % len(moments)]]
        rows = zip(series, errors, origins, strict=True)
        made += [e for s, e, o in rows if o == at and int(KEYS[s]) == key_of(name)]
    return np.array(made)


@pytest.mark.parametrize(("count", "name"), [(25, "a"), (40, "c"), (95, "e")])
def test_samples_stand_in_the_order_of_whole_paths(count, name):
    errors, origins, series = panel(missing=0)
    paths = paths_of(errors, origins, series)
    places = places_of(paths, 3, 17, key_of(name), count)
    assert (np.sort(places, axis=-1) == np.arange(count)).all()
    drawn = drawn_by_hand(errors, origins, series, 3, 17, name, count)
    for step, target in np.ndindex(places.shape[:2]):
        own = drawn[np.argsort(places[step, target]), step, target]
        assert (own[1:] >= own[:-1]).all()  # Of fewer than 255 paths, all ranks differ.
    assert (places == places_of(paths, 3, 17, key_of(name), count)).all()
    assert (places != places_of(paths, 4, 17, key_of(name), count)).any()
    assert (places != places_of(paths, 3, 18, key_of(name), count)).any()


def spearman(first, second):
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return np.corrcoef(*ranks)[0, 1]


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("apart", ["steps", "targets", "series"])
def test_samples_are_correlated_as_errors_were(correlation, apart):
    """Between steps, targets or series, over 20 seeds of 2,000 samples."""
    generator = np.random.default_rng(1)
    origins, series = (grid.ravel() for grid in np.mgrid[:400, :2])
    pair = generator.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], 400)
    errors = generator.normal(size=(400, 2, 2, 2))  # origins, series, steps, targets
    where = {"steps": np.s_[:, 0, :, 0], "targets": np.s_[:, 0, 0, :], "series": np.s_[:, :, 0, 0]}
    errors[where[apart]] = pair
    paths = paths_of(errors.reshape(800, 2, 2), origins, series, KEYS[:2])
    found = []
    for seed in range(20):
        places = np.stack([places_of(paths, seed, 5, int(key), 2000) for key in KEYS[:2]])
        found.append(spearman(*places[where[apart][1:]]))
    assert np.mean(found) == pytest.approx(spearman(*pair.T), abs=0.05)
    assert np.mean(found) == pytest.approx(6 / np.pi * np.arcsin(correlation / 2), abs=0.1)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_missing_errors_leave_the_correlation_of_steps(correlation):
    generator = np.random.default_rng(2)
    errors = generator.normal(size=(1500, 4, 1))
    for step in range(1, 4):
        fresh = np.sqrt(1 - correlation**2) * errors[:, step]
        errors[:, step] = correlation * errors[:, step - 1] + fresh
    whole, at = errors[..., 0].copy(), np.arange(1500)
    errors[generator.random(errors.shape) < 0.4] = np.nan
    errors[:, 2][at % 7 == 0] = np.nan  # Closed days, and a path with one error alone.
    errors[0, 1:], errors[0, 0] = np.nan, 0.0
    errors[:, 0][np.isnan(errors).all(axis=(1, 2))] = 0.0
    paths = paths_of(errors, at, np.zeros(1500, int), KEYS[:1])
    places = places_of(paths, 0, 5, int(KEYS[0]), 1500)[:, 0]
    for step, other in ((0, 1), (1, 2), (2, 3), (0, 3)):
        wanted = spearman(whole[:, step], whole[:, other])
        assert spearman(places[step], places[other]) == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize("lasting", [0.0, 0.5])
def test_days_on_which_all_are_closed_leave_series_together(lasting):
    days = np.random.default_rng(3).normal(size=(500, 4))
    for day in range(1, 500):
        days[day] = lasting * days[day - 1] + np.sqrt(1 - lasting**2) * days[day]
    days = np.sqrt(0.3) * days[:, 1:] + np.sqrt(0.7) * days[:, :1]
    found = []
    for closed in ([], np.s_[6::7]):
        days[closed] = np.nan
        errors = np.lib.stride_tricks.sliding_window_view(days, 7, axis=0)
        origins, series = (grid.ravel() for grid in np.mgrid[: len(errors), :3])
        paths = paths_of(errors.reshape(-1, 7, 1), origins, series, KEYS[:3])
        first, second = (places_of(paths, 0, 5, int(key), 1000)[:, 0] for key in KEYS[:2])
        shared = np.mean([spearman(first[step], second[step]) for step in range(7)])
        found.append([shared, np.mean([spearman(*first[step : step + 2]) for step in range(6)])])
    assert found[1] == pytest.approx(found[0], abs=0.05)


def test_a_single_origin_says_nothing_and_draws_are_independent():
    errors = np.random.default_rng(0).normal(size=(2, 2, 1))
    paths = paths_of(errors, np.zeros(2, int), np.arange(2), KEYS[:2])
    first, second = (places_of(paths, 0, 1, int(key), 2000)[:, 0] for key in KEYS[:2])
    for others in ((first[0], first[1]), (first[0], second[0])):
        assert abs(spearman(*others)) < 0.1


def test_a_series_that_is_not_kept_has_the_unit_of_its_own_forecast():
    errors, origins, series = panel()
    errors[:, :, 1] = np.nan  # A target without any error has a width all the same.
    paths = paths_of(errors, origins, series, KEYS)
    values = np.array([[-1.0, 0.0, 1.0], [-3.0, 0.0, 3.0], [np.nan] * 3])[None, :, None]
    values = np.repeat(values, 2, axis=2)
    tails = dataclasses.replace(paths.tails, shares=np.array([0.0, 0.5]))
    paths = dataclasses.replace(paths, tails=tails)
    kept, other = (
        paths.with_units(values, np.array([key], np.uint64))[0, ..., 0, 3:]
        for key in (KEYS[0], key_of("other"))
    )
    low, high = paths.tails.units[list(paths.keys).index(KEYS[0]), 0]
    np.testing.assert_allclose(kept[:2], [[low, (high + 1) / 2], [low, (high + 3) / 2]])
    np.testing.assert_allclose(other[:2], [[2, 1.5], [2, 2.5]])
    assert np.isnan(values[0, 2]).all()


def test_equal_errors_share_a_rank():
    rows = np.array([[0.0, 1.0], [0.0, -np.inf], [1.0, 3.0], [np.nan, 2.0]])[..., None]
    ranks = paths_of(rows, np.arange(4), np.zeros(4, int), KEYS[:1]).ranks[..., 0]
    assert ranks[0, 0] == ranks[1, 0] < ranks[2, 0]
    assert ranks[1, 1] < ranks[0, 1] < ranks[3, 1] < ranks[2, 1]
    zeros = paths_of(np.zeros((30, 2, 1)), np.arange(30), np.zeros(30, int), KEYS[:1])
    assert zeros.tails.exceedances.max() == 0
    places = places_of(zeros, 0, 0, int(KEYS[0]), 500)[:, 0]
    assert abs(spearman(*places)) < 0.15


def test_a_target_without_any_value_is_drawn_by_lot():
    errors, origins, series = panel(200, targets=2)
    errors[:, :, 1] = np.nan
    places = places_of(paths_of(errors, origins, series), 0, 0, int(KEYS[0]), 400)
    assert abs(spearman(places[0, 0], places[0, 1])) < 0.15


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("known", [20, 8])
def test_series_without_paths_belong_together_as_others_do(correlation, known):
    """Of 40 series, some have no path, or at every second origin alone."""
    generator = np.random.default_rng(4)
    days = generator.normal(size=(600, 41))
    errors = np.sqrt(correlation) * days[:, :1] + np.sqrt(1 - correlation) * days[:, 1:]
    at, series = (grid.ravel() for grid in np.mgrid[:600, :known])
    keys = np.array([key_of(number) for number in range(40)], np.uint64)
    kept = (series % 2 == 0) | (at % 2 == 0)
    paths = paths_of(errors[:, :known].reshape(-1, 1, 1)[kept], at[kept], series[kept], keys)
    donors, turns, by_lot = paths.donors(keys, 2000)
    samples = []
    for number, (donor, turn, lot) in enumerate(zip(donors.tolist(), turns, by_lot, strict=True)):
        places = places_of(paths, 0, 5, donor, 2000, [turn])[0, 0]
        samples.append(np.random.default_rng(number).permutation(places) if lot else places)
    found = np.corrcoef(samples)
    for group in (np.s_[known:], np.s_[1:known:2], np.s_[:known:2]):
        own = found[group, group]
        assert own[np.triu_indices(len(own), 1)].mean() == pytest.approx(correlation, abs=0.06)
    assert found[known:, :known].mean() == pytest.approx(correlation, abs=0.06)


@pytest.mark.parametrize("correlation", [0.02, 0.5])
def test_many_series_without_paths_have_a_part_of_their_own(correlation):
    """Of 3,000, some dozen are drawn from each order: they may not move as one."""
    generator = np.random.default_rng(7)
    days = generator.normal(size=(3000, 13))
    errors = np.sqrt(correlation) * days[:, :1] + np.sqrt(1 - correlation) * days[:, 1:]
    at, series = (grid.ravel() for grid in np.mgrid[:3000, :12])
    keys = np.array([key_of(number) for number in range(3012)], np.uint64)
    paths = paths_of(errors.reshape(-1, 1, 1), at, series, keys[:12])
    donors, turns, _ = paths.donors(keys[12:], 400)
    places = np.stack([
        places_of(paths, 0, 5, int(donor), 400, [turn])[0, 0]
        for donor, turn in zip(donors, turns, strict=True)
    ])  # fmt: skip
    spread = np.var(places.sum(axis=0)) / np.var(places[0]) / 3000
    assert spread == pytest.approx(1 + 3000 * correlation, rel=0.25)
    first = np.flatnonzero(donors == donors[0])[:2]
    assert np.corrcoef(places[first])[0, 1] == pytest.approx(correlation, abs=0.15)


def test_ids_are_known_as_whole_numbers_and_as_floats():
    assert key_of(3.0) == key_of(3) == key_of("3")
    assert len({key_of(3.5), key_of("3.0"), key_of(float("inf")), key_of(3)}) == 4


def test_sparse_series_without_paths_are_as_independent_as_those_with_some():
    """Four days in five have the same error, so that ties may not order them alike."""
    errors = np.random.default_rng(5).poisson(0.2, size=(3000, 1, 1)).astype(float)
    at, series = (grid.ravel() for grid in np.mgrid[:100, :30])
    paths = paths_of(errors, at, series, np.array([key_of(n) for n in range(30)], np.uint64))
    places = [places_of(paths, 0, 5, key_of(number), 1000)[0, 0] for number in range(100, 300)]
    # Of 200 independent ones, the variance of their sum is 200 times that of one.
    assert np.var(np.sum(places, axis=0)) < 2 * 200 * np.var(places[0])


def test_a_series_of_some_origins_has_the_bias_of_its_own_paths():
    generator = np.random.default_rng(6)
    at, series = (grid.ravel() for grid in np.mgrid[:200, :20])
    bias = np.linspace(-2, 2, 20)[series, None, None]
    kept = (series % 2 == 0) | (at >= 100)
    keys = np.array([key_of(number) for number in range(20)], np.uint64)
    errors = generator.normal(size=(4000, 1, 1)) + bias
    paths = paths_of(errors[kept], at[kept], series[kept], keys)
    assert paths.shared < 0.05
    places = [places_of(paths, 0, 5, int(key), 1000)[0, 0] for key in keys[1::2]]
    assert np.var(np.sum(places, axis=0)) < 2 * 10 * np.var(places[0])


def test_a_file_takes_a_megabyte_at_most():
    keys = np.array([key_of(number) for number in range(700)], np.uint64)
    origins, series = (grid.ravel() for grid in np.mgrid[:1500, :700])
    kept = kept_paths(origins, series, keys, 14, 2)
    assert len(np.unique(origins[kept])) == 1000
    assert set(series[kept]) == set(np.argsort(keys)[: len(set(series[kept]))].tolist())
    errors = np.random.default_rng(0).normal(size=(len(kept), 14, 2))
    paths = paths_of(errors, origins[kept], series[kept], keys)
    assert 700_000 < len(json.dumps(paths.get_config())) <= 1 << 20
    few = kept_paths(origins[:9000], series[:9000], keys, 14, 2)
    assert len(few) == 9000
    long = kept_paths(np.arange(50_000), np.zeros(50_000, int), keys[:1], 24, 1)
    assert len(long) == 1000
    # Not at the same hour of each day.
    assert len(set(long % 24)) == 24
    assert len(kept_paths(np.arange(900), np.zeros(900, int), keys[:1], 5_000, 2)) == 73


def test_a_file_gives_the_paths_back():
    paths = paths_of(*panel())
    again = ErrorPaths.from_config(json.loads(json.dumps(paths.get_config())))
    for name in ("ranks", "origins", "series", "keys"):
        np.testing.assert_array_equal(getattr(again, name), getattr(paths, name))
    for name in ("units", "shares", "exceedances"):
        np.testing.assert_array_equal(getattr(again.tails, name), getattr(paths.tails, name))
    assert (places_of(again, 1, 2, 3, 50) == places_of(paths, 1, 2, 3, 50)).all()


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [5, 10, 3]}, {"shape": [1 << 40, 1 << 40, 3, 2]}, {"shape": None}, {"data": "AA"},
        {"data": 5}, {"data": "é"}, {"exceedances": [[0.0], [1.0]]}, {"exceedances": "x"},
        {"shares": [0.0, 1.5]}, {"shares": [0.5]}, {"shares": None},
        {"shape": [5, 160, 2, 3]},
    ],
)  # fmt: skip
def test_a_broken_file_is_refused(change):
    config = paths_of(*panel(steps=3)).get_config()
    with pytest.raises(ValueError, match="paths must be what calibrate"):
        ErrorPaths.from_config({**copy.deepcopy(config), **change})
    with pytest.raises(ValueError, match="paths must be what calibrate"):
        ErrorPaths.from_config([config])
