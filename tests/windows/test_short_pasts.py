"""A dataset that cuts some windows short is a function of seed, epoch and window alone."""

import numpy as np
import pytest

from keras_ts import WindowedSeries
from keras_ts.presets.training_windows import with_short_pasts
from keras_ts.windows.blocks import WindowBlocks
from keras_ts.windows.dataset import in_time_order

pytestmark = pytest.mark.usefixtures("untraced_models")

SERIES = [np.arange(1.0, 40.0), np.arange(101.0, 140.0), np.arange(201.0, 206.0)]
SETTINGS = {"missing": "mask_targets", "min_inputs": 3, "shuffle": True, "seed": 1}


def known(dataset, epoch=0):
    """Return the number of inputs of each window, by its last one."""
    dataset.restore({**dataset.state(), "epoch": epoch, "batch": 0})
    counts = {}
    for x, *_ in dataset:
        counts |= dict(zip(x[:, -1].tolist(), np.isfinite(x).sum(axis=1).tolist(), strict=True))
    return counts


def test_windows_are_cut_alike_whoever_reads_them():
    whole, again, small = (
        with_short_pasts(WindowedSeries(12, batch_size=size, **SETTINGS).build(SERIES), 0.5)
        for size in (16, 16, 2)
    )
    counts = known(whole, epoch=3)
    assert known(small, epoch=3) == counts == known(again, epoch=3) != known(again, epoch=2)
    parts = [known(whole.shard(2, index), epoch=3) for index in (0, 1)]
    assert parts[0] | parts[1] == counts
    assert 20 < sum(count < 12 for count in counts.values()) < 50
    assert min(counts.values()) == 3


def test_windows_of_young_series_and_what_is_solved_for_stay():
    dataset = WindowedSeries(12, **SETTINGS).build(SERIES)
    cut = with_short_pasts(dataset, 1.0)
    counts = known(cut)
    assert all(counts[number] == number % 100 for number in (3.0, 11.0, 103.0, 203.0, 204.0))
    assert all(counts[number] < 12 for number in (12.0, 20.0, 120.0))
    for block, other in zip(
        *(WindowBlocks(in_time_order(each)).blocks() for each in (dataset, cut)), strict=True
    ):
        np.testing.assert_array_equal(block.inputs, other.inputs)


@pytest.mark.parametrize(
    "settings", [{"min_inputs": None}, {"min_inputs": 12}, {"targets": "sequence"}]
)
def test_nothing_is_cut_where_no_window_is_short_or_each_step_forecasts(settings):
    dataset = WindowedSeries(12, **{**SETTINGS, **settings}).build(SERIES)
    assert with_short_pasts(dataset, 0.5) is dataset
