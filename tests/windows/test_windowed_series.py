"""Windows equal those of a plain loop over the series."""

import itertools

import keras
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from helpers import distinct, joined, naive_windows, only_tensorflow, window_settings
from keras_ts import WindowedSeries


@st.composite
def settings_and_series(draw):
    columns = draw(st.none() | st.integers(1, 3))
    windows = draw(window_settings(columns))
    lengths = draw(st.lists(st.integers(0, 40), min_size=1, max_size=3))
    if not any(length >= windows.geometry.span for length in lengths):
        lengths[0] = windows.geometry.span
    offsets = np.cumsum([0, *lengths])
    series = [
        distinct(length, columns) + np.float32(offset * (columns or 1))
        for length, offset in zip(lengths, offsets, strict=False)
    ]
    return windows, series


def expected(windows, series):
    pieces = [naive_windows(s, windows) for s in series]
    pieces = [piece for piece in pieces if len(piece[0])]
    return joined(pieces)


@given(settings_and_series())
def test_windows_equal_the_naive_loop(case):
    windows, panel = case
    series = panel if len(panel) > 1 else panel[0]
    x, y = expected(windows, panel)
    dataset = windows.build(series)

    assert windows.count(series) == dataset.num_windows == len(x)
    got_x, got_y = dataset.to_numpy()
    np.testing.assert_array_equal(got_x, x)
    np.testing.assert_array_equal(got_y, y)
    assert got_x.shape == x.shape
    assert got_y.shape == y.shape
    assert got_x.dtype == got_y.dtype == np.float32

    batched_x, batched_y = joined(list(dataset))
    order = np.lexsort(batched_x.reshape(len(x), -1).T[::-1])
    np.testing.assert_array_equal(batched_x[order], x)
    np.testing.assert_array_equal(batched_y[order], y)
    if not windows.shuffle:
        np.testing.assert_array_equal(order, np.arange(len(x)))


@given(settings_and_series())
def test_every_batch_is_full_but_the_last(case):
    windows, panel = case
    dataset = windows.build(panel)
    sizes = [len(y) for _, y in dataset]
    assert len(sizes) == len(dataset)
    assert all(size == windows.batch_size for size in sizes[:-1])
    assert 1 <= sizes[-1] <= windows.batch_size


@given(settings_and_series())
def test_origins_are_the_last_inputs(case):
    windows, panel = case
    dataset = windows.build(panel)
    x, _ = dataset.to_numpy()
    last = x[:, -1] if x.ndim == 2 else x[:, -1, 0]
    flat = np.concatenate(panel).reshape(sum(map(len, panel)), -1)[:, 0]
    lengths = np.array([len(s) for s in panel])
    position = np.concatenate([np.arange(length) for length in lengths])
    where = dict(zip(flat.tolist(), position.tolist(), strict=True))
    assert dataset.origins.tolist() == [where[value] for value in last.tolist()]


@only_tensorflow
@given(settings_and_series())
def test_to_tf_gives_the_batches_of_each_epoch(case):
    windows, panel = case
    dataset = windows.build(panel)
    stream = dataset.to_tf()
    assert int(stream.cardinality()) == len(dataset)
    for epoch in range(2):
        for batch, (x, y) in itertools.zip_longest(range(len(dataset)), stream):
            want_x, want_y = dataset[batch]
            np.testing.assert_array_equal(x, want_x)
            np.testing.assert_array_equal(y, want_y)
        assert dataset.epoch == epoch
        dataset.next_epoch()


def test_seed_none_follows_set_random_seed():
    def first():
        keras.utils.set_random_seed(3)
        return WindowedSeries(3, shuffle=True).build(distinct(200))[0][0]

    np.testing.assert_array_equal(first(), first())
    assert (WindowedSeries(3, shuffle=True).build(distinct(200))[0][0] != first()).any()
