"""Means of losses are the same, however the windows come in blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.evaluation.arithmetic.tally import Tally, class_coverages
from keras_ts.evaluation.arithmetic.verdict import Origins


@given(st.integers(0, 999), st.integers(1, 9))
def test_means_are_those_over_all_windows(seed, block):
    rng = np.random.default_rng(seed)
    losses = rng.uniform(size=(9, 3, 2))
    scaled = np.where(rng.uniform(size=losses.shape) < 0.3, np.nan, losses)
    series = np.sort(rng.choice([0, 2, 3], 9))
    tally = Tally(12, 5, 3, 2)
    for begin in range(0, 9, block):
        rows = np.arange(begin, min(begin + block, 9))
        parts = {"mae": losses[rows], "rmse": losses[rows] ** 2, "mase": scaled[rows]}
        tally.add(rows + 2, series[rows], parts)
    assert tally.metric("mae") == pytest.approx(losses.mean())
    assert tally.metric("rmse") == pytest.approx(np.sqrt((losses**2).mean()))
    assert tally.metric("mase") == pytest.approx(np.nanmean(scaled))
    np.testing.assert_allclose(tally.metric("mae", "step"), losses.mean(axis=(0, 2)))
    assert tally.series().tolist() == np.unique(series).tolist()
    for number in range(5):
        one = tally.metric("mae", "series")[number]
        if number in series:
            assert one == pytest.approx(losses[series == number].mean())
        else:
            assert np.isnan(one)
    np.testing.assert_allclose(tally.errors[2:11], losses.mean(axis=(1, 2)))
    assert np.isnan(tally.errors[[0, 1, 11]]).all()


def test_windows_of_a_class_are_those_with_a_value_of_a_target():
    tally = Tally(3, 1, 2, 2, classes=4)
    present = np.ones((3, 2, 2), bool)
    present[0, :, 0], present[1, 0, 0] = False, False
    classes = np.array([[0, 1], [1, 1], [3, 3]])
    for rows in (np.arange(2), np.array([2])):
        losses = {"mae": np.ones((len(rows), 2, 2))}
        tally.add(rows, np.zeros(len(rows), int), losses, present[rows], classes[rows])
    assert [values.tolist() for values in tally.classes()] == [[1, 3], [3, 2]]


@pytest.mark.parametrize("opened", [1, 150])
def test_the_interval_of_a_class_holds_its_true_coverage(opened):
    """Series open at one time or within 150, and share some of their luck."""
    rng, limits, truth = np.random.default_rng(0), np.array([1.036, 1.282, 1.645]), [0.7, 0.8, 0.9]
    series, age = (each.ravel() for each in np.indices((24, 40)))
    classes, held, widths = np.searchsorted([4, 16], age, side="right"), [], []
    for _ in range(100):
        times = rng.integers(opened, size=24)[series] + age
        shared = rng.normal(size=times.max() + 5)
        noise = np.sqrt(0.2) * shared[times[:, None] + np.arange(5)]
        own = np.lib.stride_tricks.sliding_window_view(rng.normal(size=(24, 44)), 5, axis=1)
        noise += np.sqrt(0.8) * own.reshape(-1, 5)
        inside = (np.abs(noise) <= limits[classes, None]).astype(float)[..., None]
        tally = Tally(len(age) + 1, 24, 5, 1, classes=3, levels=(0.1, 0.5, 0.9))
        losses = {"coverage": inside, "mae": inside}
        present = np.ones(inside.shape, bool)
        # The first window has no value.
        tally.add(1 + np.arange(len(age)), series, losses, present, classes[:, None])
        point = Tally(len(age) + 1, 24, 5, 1, classes=3)
        places = np.array([0, 2])
        ends = class_coverages([tally, point], places, Origins.of(series, times, 5))
        low, high = ends["coverage_low"], ends["coverage_high"]
        assert np.isnan([low[2:], high[2:]]).all()
        share = tally.metric("coverage", "inputs")[places]
        assert ((low[:2] <= share) & (share <= high[:2])).all()
        held.append((low[:2] <= truth[::2]) & (truth[::2] <= high[:2]))
        widths.append(high[:2] - low[:2])
    assert np.mean(held, axis=0).min() >= 0.9
    assert np.mean(widths, axis=0).max() < 0.3
    assert class_coverages([point], places, Origins.of(series, times, 5)) == {}


def test_a_metric_that_nobody_added_is_nan():
    tally = Tally(1, 1, 2, 1)
    tally.add(np.arange(1), np.zeros(1, int), {"mae": np.ones((1, 2, 1))})
    assert np.isnan(tally.metric("pinball"))
    assert np.isnan(tally.metric("pinball", "step")).tolist() == [True, True]


@pytest.mark.parametrize(("metric", "of_means"), [("mae", np.asarray), ("rmsse", np.sqrt)])
def test_the_promise_is_the_quantiles_over_origins_of_the_first_steps(metric, of_means):
    """Of squares it is that of their roots, as everywhere else."""
    rng = np.random.default_rng(0)
    losses, times = rng.uniform(size=(60, 3, 2)), np.repeat(np.arange(20), 3)
    losses[0, 1] = np.nan
    present = rng.uniform(size=losses.shape) < 0.9
    tally = Tally(60, 1, 3, 2, times=times, measure=metric)
    for rows in np.array_split(np.arange(60), 7):
        tally.add(rows, np.zeros(len(rows), int), {metric: losses[rows]}, present[rows])
    seen = np.where(present, losses, np.nan)
    for h in (1, 2, 3):
        means = [of_means(np.nanmean(seen[times == time, :h])) for time in range(20)]
        low, high = np.quantile(means, [0.025, 0.975])
        expected = {"mean": np.mean(means), "low": low, "high": high}
        for name, value in expected.items():
            assert tally.promise(metric)[name][h - 1] == pytest.approx(value)
    assert tally.origins(metric) == 20


def test_losses_by_row_are_those_less_the_mean_of_their_step():
    losses, times = np.random.default_rng(0).uniform(size=(30, 3, 1)), np.arange(30) // 2
    losses[4] = np.nan
    tally = Tally(30, 2, 3, 1, times=times)
    tally.add(np.arange(30), np.arange(30) % 2, {"mae": losses})
    rest = losses[..., 0] - np.nanmean(losses, axis=0)[:, 0]
    found, rows = tally.by_row("mae"), times[:, None] + [1, 2, 3]
    for row in range(found.shape[1]):
        of_row = rest[rows == row]
        assert found[0, row] == pytest.approx(np.nansum(of_row))
        assert found[1, row] == np.isfinite(of_row).sum()


def test_steps_and_origins_without_a_loss():
    tally = Tally(2, 1, 2, 1, times=np.array([0, 1]))
    tally.add(np.array([1]), np.array([0]), {"mae": np.array([[[np.nan], [3.0]]])})
    for course in tally.promise("mae").values():
        np.testing.assert_array_equal(course, [np.nan, 3.0])
    assert tally.origins("mae") == 1


def test_of_very_many_origins_some_are_left_out(monkeypatch):
    monkeypatch.setattr("keras_ts.evaluation.arithmetic.tally._MOST_NUMBERS", 8)
    tally = Tally(7, 1, 2, 1, times=np.arange(7))
    losses = np.arange(7.0)[:, None, None] * np.ones((1, 2, 1))
    tally.add(np.arange(7), np.zeros(7, int), {"mae": losses})
    assert tally.origins("mae") == 4
    assert tally.promise("mae")["mean"].tolist() == [3.0, 3.0]  # Of the origins 0, 2, 4 and 6.
