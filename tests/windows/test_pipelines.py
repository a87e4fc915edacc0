"""The batches of every epoch through tf.data, which keeps nothing when it is done."""

import gc
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


def ways(kind, dataset):
    """Return two passes over a dataset: the epoch at which it is, and the next."""
    if kind == "to_grain":
        stream = pytest.importorskip("grain") and dataset.to_grain().repeat(2)
        numbers = range(len(dataset))
        return [[stream[i + epoch * len(dataset)] for i in numbers] for epoch in range(2)]
    if kind == "to_tf":
        if BACKEND != "tensorflow":
            pytest.skip("needs the TensorFlow backend")
        stream = dataset.to_tf()
        assert len(stream) == len(dataset)
        return [list(stream), list(stream)]
    if kind == "DataLoader":
        data = pytest.importorskip("torch.utils.data")
        passes = data.DataLoader(dataset, batch_size=None)
    else:
        passes = [dataset[i] for i in range(len(dataset))]
    first = list(passes)
    dataset.next_epoch()
    return [first, list(passes) if kind == "DataLoader" else [*map(dataset.__getitem__, range(26))]]


@pytest.mark.parametrize("kind", ["to_tf", "to_grain", "DataLoader", "by number"])
@pytest.mark.parametrize("batch", [None, 0, 5, 26])
def test_every_reader_begins_at_the_first_batch_of_the_datasets_epoch(kind, batch):
    """Two epochs on, fresh, or restored at a batch; the 26th is the last of its epoch."""
    windows = WindowedSeries(2, batch_size=4, shuffle=True, seed=1)
    oracle, dataset = windows.build(distinct(103)), windows.build(distinct(103))
    if batch is not None:
        dataset.restore({**oracle.state(), "epoch": 2, "batch": batch})
    oracle.restore({**oracle.state(), "epoch": dataset.epoch})
    for read in ways(kind, dataset):
        for (x, y), (want_x, want_y) in zip(read, oracle, strict=True):
            np.testing.assert_array_equal(x, want_x)
            np.testing.assert_array_equal(y, want_y)
        oracle.next_epoch()


@only_tensorflow
def test_next_epoch_moves_a_later_to_tf_and_not_an_earlier_one():
    dataset = WindowedSeries(2, batch_size=4, shuffle=True, seed=1).build(distinct(100))
    earlier, first = dataset.to_tf(), dataset[0][0]
    dataset.next_epoch()
    np.testing.assert_array_equal(next(iter(earlier))[0], first)
    np.testing.assert_array_equal(next(iter(dataset.to_tf()))[0], dataset[0][0])


@only_tensorflow
def test_fit_on_to_tf_reads_the_epochs_one_after_the_other():
    """A fresh stream gives what fit reads of the dataset; that of a restored one, its rest."""
    windows = WindowedSeries(4, batch_size=8, shuffle=True, seed=1)
    weights = []
    for begin, stream in ((0, False), (0, True), (2, False), (2, True)):
        dataset = windows.build(np.sin(distinct(60)))
        dataset.restore({**dataset.state(), "epoch": begin})
        model = compiled(4)
        for variable in model.variables:
            variable.assign(keras.ops.ones_like(variable))
        data = dataset.to_tf() if stream else dataset
        model.fit(data, epochs=2, verbose=0, shuffle=False)
        weights.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_array_equal(weights[0], weights[1])
    np.testing.assert_array_equal(weights[2], weights[3])
    assert (weights[0] != weights[2]).any()


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
