"""The batches of every epoch through tf.data, which keeps nothing when it is done."""

import gc
import itertools
import weakref

import keras
import numpy as np
import pytest
from hypothesis import given

from helpers import BACKEND, compiled, distinct, joined, only_tensorflow, window_settings
from keras_ts import WindowedSeries, timeseries_dataset_from_array, windowed_dataset


@only_tensorflow
def test_to_tf_counts_full_passes_only():
    dataset = WindowedSeries(2, batch_size=4, shuffle=True, seed=1).build(distinct(100))
    stream = dataset.to_tf()
    for _ in range(3):
        next(iter(stream))
    first = joined([(x.numpy(),) for x, _ in stream])[0]
    np.testing.assert_array_equal(first, joined(list(dataset))[0])


@only_tensorflow
def test_batches_of_tf_data_stay_what_they_are():
    """The memory they are read into is used again only when nobody holds a batch any more."""
    windows = WindowedSeries(600, batch_size=8, shuffle=True, seed=1)
    dataset = windows.build(distinct(7000))
    held = list(dataset.to_tf())
    views = [x.numpy()[1:, ::2] for x, _ in held]
    for (x, y), view, (want_x, want_y) in zip(held, views, dataset, strict=True):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(y, want_y)
        np.testing.assert_array_equal(view, want_x[1:, ::2])
    del held
    for (x, _), view, (want_x, _) in zip(dataset.to_tf(), views, dataset, strict=True):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(view, want_x[1:, ::2])


@only_tensorflow
def test_passes_of_tf_data_that_overlap_keep_their_epochs():
    dataset = WindowedSeries(2, batch_size=4, shuffle=True, seed=1).build(distinct(1000))
    stream = dataset.to_tf()
    slow = iter(stream)
    begun = [next(slow)[0].numpy() for _ in range(10)]
    list(stream)
    begun += [x.numpy() for x, _ in slow]
    np.testing.assert_array_equal(np.concatenate(begun), joined(list(dataset))[0])


@only_tensorflow
def test_to_tf_after_restore_goes_through_whole_epochs():
    windows = WindowedSeries(2, batch_size=4, shuffle=True, seed=1)
    dataset, again = windows.build(distinct(103)), windows.build(distinct(103))
    again.restore({**dataset.state(), "batch": 5})
    for (x, y), (want_x, want_y) in itertools.zip_longest(again.to_tf(), dataset):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(y, want_y)


def read_through(kind, series):
    """Go through a series once; return what must be gone when all of ours is."""
    windows = WindowedSeries(50, batch_size=16)
    if kind == "windowed_dataset":
        return list(windowed_dataset(series, 50))
    if kind == "timeseries_dataset_from_array":
        return list(timeseries_dataset_from_array(series, series[50:], 50))
    dataset = windows.build(series)
    if kind == "to_tf":
        return list(dataset.to_tf())
    return getattr(compiled(50), kind)(dataset, verbose=0)


class Series(np.ndarray):
    """An array that can be referred to weakly."""


@pytest.mark.parametrize("kind", ["fit", "evaluate", "predict", "to_tf", "windowed_dataset",
                                  "timeseries_dataset_from_array"])  # fmt: skip
def test_a_series_that_was_read_through_is_let_go(kind):
    """TensorFlow keeps a pipeline's functions for good: they may hold no series and no buffer."""
    by_keras = kind in ("fit", "evaluate", "predict")
    if by_keras == (BACKEND == "tensorflow"):
        pytest.skip("needs TensorFlow" if not by_keras else "Keras's own pipeline of TensorFlow")
    series = np.sin(distinct(3000)).view(Series)
    alive = weakref.ref(series)
    read_through(kind, series)
    del series
    keras.backend.clear_session()
    gc.collect()
    assert alive() is None


@only_tensorflow
def test_an_iterator_alone_keeps_its_dataset():
    iterator = iter(
        WindowedSeries(5, batch_size=1).build(distinct(500)).to_tf().map(lambda x, y: y)
    )
    gc.collect()
    assert [int(y[0]) for y in iterator] == list(range(5, 500))


def test_to_grain_after_restore_goes_through_whole_epochs():
    windows = WindowedSeries(2, batch_size=4, shuffle=True, seed=1)
    dataset, again = windows.build(distinct(103)), windows.build(distinct(103))
    again.restore({**dataset.state(), "batch": 5})
    stream = again.to_grain()
    assert len(stream) == len(dataset)
    for (x, y), (want_x, want_y) in itertools.zip_longest(stream, dataset):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(y, want_y)


@given(window_settings())
def test_grain_gives_the_batches_of_each_epoch(windows):
    pytest.importorskip("grain")
    dataset = windows.build(distinct(60))
    stream = dataset.to_grain()
    assert len(stream) == len(dataset)
    repeated = stream.repeat(2)
    for epoch in range(2):
        for batch in range(len(dataset)):
            x, y = repeated[epoch * len(dataset) + batch]
            np.testing.assert_array_equal(x, dataset[batch][0])
            np.testing.assert_array_equal(y, dataset[batch][1])
        dataset.next_epoch()
