"""Batches are read from an epoch and a place, and from nothing else."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import distinct, joined, naive_windows, window_settings
from keras_ts import WindowedSeries
from keras_ts.panel.panel import Panel
from keras_ts.windows.sampler import BatchSampler
from keras_ts.windows.source import WindowSource
from keras_ts.windows.split import all_windows


def source_of(windows, series, weights=None):
    panel = Panel.of(series, windows).read()
    sampler = BatchSampler(
        ranges=all_windows(panel, windows),
        batch_size=windows.batch_size,
        remainder=windows.remainder,
        shuffle=windows.shuffle,
        seed=windows.seed or 0,
    )
    return WindowSource(windows, panel, sampler, weights)


def epoch_of(source, epoch):
    return joined([source.read(epoch, *source.sampler.bounds(batch))
                   for batch in range(source.sampler.batches)])  # fmt: skip


@given(window_settings(), st.integers(0, 40), st.lists(st.integers(0, 3), max_size=5))
def test_an_epoch_is_the_same_in_whatever_order_epochs_are_read(windows, more, epochs):
    series = distinct(windows.geometry.span + more)
    source = source_of(windows, series)
    first = {epoch: epoch_of(source_of(windows, series), epoch) for epoch in set(epochs)}
    for epoch in epochs:
        for got, want in zip(epoch_of(source, epoch), first[epoch], strict=True):
            np.testing.assert_array_equal(got, want)


@given(window_settings(), st.integers(0, 40), st.data())
def test_any_stretch_of_an_epoch_is_what_its_windows_say(windows, more, data):
    series = distinct(windows.geometry.span + more)
    source = source_of(windows, series)
    x, y = naive_windows(series, windows)
    begin = data.draw(st.integers(0, len(x) - 1))
    end = data.draw(st.integers(begin + 1, len(x)))
    numbers, _ = source.sampler.windows(2, begin, end)
    got_x, got_y = source.read(2, begin, end)
    np.testing.assert_array_equal(got_x, x[numbers])
    np.testing.assert_array_equal(got_y, y[numbers])
    np.testing.assert_array_equal(source.targets(), y)


@pytest.mark.parametrize("settings", [
    {}, {"future_columns": 1}, {"static_columns": 2}, {"future_columns": 1, "static_columns": 2},
])  # fmt: skip
@pytest.mark.parametrize("targets", ["vector", "sequence"])
@pytest.mark.parametrize("panel", [False, True])
def test_reading_all_is_reading_every_batch_in_time_order(settings, targets, panel):
    table = distinct(40, 3)
    table[:, 2] = 5
    series = [table, table[:3], table[:20] + 1000] if panel else table
    windows = WindowedSeries(4, 2, targets=targets, target_columns=0, batch_size=7, **settings)
    source = source_of(windows, series)
    batches = [source.read(0, *source.sampler.bounds(batch))
               for batch in range(source.sampler.batches)]  # fmt: skip
    stacked = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *batches)
    keras.tree.map_structure(np.testing.assert_array_equal, stacked, source.read_all())
    if panel and "static_columns" in settings:
        assert stacked[0]["static"][[0, -1], 0].tolist() == [5, 1005]


def test_to_numpy_copies_nothing_and_cannot_be_written():
    series = distinct(100)
    x, y = WindowedSeries(10, stride=3).build(series).to_numpy()
    assert np.shares_memory(x, series)
    assert not x.flags.writeable
    assert not y.flags.writeable


def test_batches_are_the_callers_own():
    series = distinct(100)
    x, y = WindowedSeries(10, targets="sequence").build(series)[0]
    x += 1000
    y += 1000
    np.testing.assert_array_equal(series, distinct(100))
    np.testing.assert_array_equal(x[0], np.arange(1000, 1010))
    np.testing.assert_array_equal(y[0], np.arange(1001, 1011))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float16", "float64", "bool"])
def test_dtypes_pass_through(dtype):
    x, y = WindowedSeries(3).build(np.ones(10, dtype))[0]
    assert x.dtype == y.dtype == dtype


def test_memory_map(tmp_path):
    path = tmp_path / "series.npy"
    np.save(path, distinct(1000))
    mapped = np.load(path, mmap_mode="r")
    plain = WindowedSeries(7, shuffle=True, seed=2).build(distinct(1000))
    for got, want in zip(WindowedSeries(7, shuffle=True, seed=2).build(mapped), plain, strict=True):
        np.testing.assert_array_equal(got[0], want[0])
        np.testing.assert_array_equal(got[1], want[1])


def test_memory_map_is_checked_as_it_is_read(tmp_path):
    values = distinct(1000)
    values[500] = np.nan
    np.save(tmp_path / "series.npy", values)
    dataset = WindowedSeries(7).build(np.load(tmp_path / "series.npy", mmap_mode="r"))
    dataset[0]
    with pytest.raises(ValueError, match=r"1 position .* position 500"):
        list(dataset)
    with pytest.raises(ValueError, match="position 500"):
        dataset.to_numpy()


@pytest.mark.parametrize("targets", ["vector", "sequence"])
def test_missing_future_values_are_met(targets, tmp_path):
    table = distinct(10, 2)
    table[9, 1] = np.nan
    settings = {"targets": targets, "target_columns": 0, "future_columns": [1]}
    dropped = WindowedSeries(3, 2, missing="drop", **settings).build(table)
    assert np.isfinite(dropped.to_numpy()[0]["future"]).all()
    assert dropped.num_windows == 5
    np.save(tmp_path / "table.npy", table)
    mapped = np.load(tmp_path / "table.npy", mmap_mode="r")
    with pytest.raises(ValueError, match="position 9"):
        list(WindowedSeries(3, 2, **settings).build(mapped))
