"""Windows are read in time order, a block at a time, with targets in axes that never differ."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from helpers import naive_windows, window_settings
from keras_ts import WindowedSeries
from keras_ts.windows import blocks
from keras_ts.windows.blocks import WindowBlocks
from keras_ts.windows.dataset import in_time_order


def stacked(judged):
    read = list(judged.blocks())
    names = ["past", "actual", "series", "origins"]
    names += [] if read[0].weights is None else ["weights"]
    return [np.concatenate([getattr(block, name) for block in read]) for name in names]


@given(window_settings(columns=3), st.integers(1, 3), st.integers(0, 30))
def test_blocks_are_all_windows_in_time_order(windows, lengths, more):
    rng = np.random.default_rng(more)
    panel = [rng.normal(size=(windows.geometry.span + more + n, 3)) for n in range(lengths)]
    dataset = windows.build(panel)
    dataset.next_epoch()
    past, actual, series, origins = stacked(WindowBlocks(in_time_order(dataset)))
    both = [naive_windows(one, windows) for one in panel]
    targets = windows.target_columns
    columns = np.atleast_1d(range(3) if targets is None else targets)
    np.testing.assert_array_equal(past, np.concatenate([x for x, _ in both])[..., columns])
    expected = np.concatenate([y for _, y in both])
    if windows.targets == "sequence":
        expected = expected[:, -1]
    np.testing.assert_array_equal(actual.ravel(), expected.ravel())
    assert actual.shape[1:] == (windows.horizon, len(columns))
    assert series.tolist() == np.repeat(range(lengths), [len(x) for x, _ in both]).tolist()
    flat = np.concatenate(panel)[origins][:, columns]
    np.testing.assert_array_equal(past[:, -1], flat)


def test_blocks_are_bounded(monkeypatch):
    monkeypatch.setattr(blocks, "_NUMBERS", 100)
    dataset = WindowedSeries(5, batch_size=4).build(np.arange(60.0))
    sizes = [len(block.series) for block in WindowBlocks(in_time_order(dataset)).blocks()]
    assert set(sizes[:-1]) == {20}
    assert sum(sizes) == dataset.num_windows == 55


def test_weights_are_read_if_the_source_has_them():
    windows = WindowedSeries(3)
    dataset = windows.build(np.arange(9.0), sample_weight=np.arange(6.0))
    for weighted in (False, True):
        (block,) = WindowBlocks(in_time_order(dataset, weighted)).blocks()
        assert (block.weights is not None) == weighted
    assert block.weights.tolist() == [0, 1, 2, 3, 4, 5]


def test_only_some_windows_in_any_order():
    rng = np.random.default_rng(0)
    windows = WindowedSeries(
        4, 2, target_columns=0, static_columns=2, stride=2, batch_size=2, weighting="inverse_scale"
    )
    panel = [np.c_[rng.normal(size=(n, 2)), np.full(n, n)] for n in (13, 20, 9)]
    by_row = [rng.uniform(size=len(one)) for one in panel]
    judged = WindowBlocks(in_time_order(windows.build(panel, by_row), weighted=True))
    whole = [*stacked(judged), np.concatenate([b.inputs["static"] for b in judged.blocks()])]
    wanted = np.array([7, 0, judged.count - 1, 7, 2])
    part = judged.only(wanted)
    again = [*stacked(part), np.concatenate([b.inputs["static"] for b in part.blocks()])]
    for ours, theirs in zip(again, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs[wanted])
    assert part.count == 5
    assert stacked(part.only(np.array([4, 1])))[2].tolist() == [0, 0]
    assert judged.count == len(whole[0])
