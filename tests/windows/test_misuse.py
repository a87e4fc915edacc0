"""Nothing that a dataset is handed is ignored, transposed or kept without a word."""

import copy
import gc
import pickle
import weakref

import keras
import numpy as np
import pytest

from helpers import BACKEND, distinct, only_tensorflow
from keras_ts import WindowedSeries, timeseries_dataset_from_array, windowed_dataset


def compiled(window=4, outputs=1):
    model = keras.Sequential([keras.Input((window,)), keras.layers.Dense(outputs)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("y", np.zeros(16)),
        ("sample_weight", np.ones(16)),
        ("class_weight", {0: 1.0}),
        ("batch_size", 4),
    ],
)
def test_arguments_that_keras_would_ignore_are_refused(method, argument, value):
    if (method, argument) == ("evaluate", "class_weight"):
        pytest.skip("evaluate has no class_weight")
    dataset = WindowedSeries(4).build(np.sin(distinct(20)))
    with pytest.raises(ValueError, match=f"{argument} cannot be passed beside a WindowDataset"):
        getattr(compiled(), method)(dataset, verbose=0, **{argument: value})


def test_predict_refuses_another_batch_size():
    dataset = WindowedSeries(4, batch_size=8).build(distinct(20))
    assert compiled().predict(dataset, batch_size=8, verbose=0).shape == (16, 1)
    with pytest.raises(ValueError, match="its batches hold 8 windows"):
        compiled().predict(dataset, batch_size=4, verbose=0)


def test_a_validation_set_is_not_what_batch_size_and_weights_of_fit_are_about():
    dataset = WindowedSeries(4, batch_size=8).build(np.sin(distinct(20)))
    x, y = (np.array(part) for part in dataset.to_numpy())
    arguments = {"validation_data": dataset, "batch_size": 4, "sample_weight": np.ones(16)}
    history = compiled().fit(x, y, verbose=0, **arguments)
    assert len(history.history["val_loss"]) == 1
    with pytest.raises(ValueError, match="y cannot be passed"):
        compiled().fit(x, y, validation_data=(dataset, y), verbose=0)


@pytest.mark.parametrize("targets", ["vector", "sequence"])
@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("columns", [None, 0, [0, 1]])
def test_weights_have_one_axis_less_than_targets(targets, horizon, columns):
    """So Keras weighs windows, also where as many of them stand in a batch as a window has steps."""
    series = np.sin(distinct(40, 2)) if columns is not None else np.sin(distinct(40))
    windows = WindowedSeries(3, horizon, targets=targets, target_columns=columns, batch_size=3)
    count = windows.count(series)
    weights = np.linspace(0, 2, count)
    dataset = windows.build(series, sample_weight=weights)
    _, y, given = dataset[0]
    assert given.ndim == max(y.ndim - 1, 1)
    assert given.shape[0] == 3

    shape = y.shape[1:] if y.ndim > 1 + (targets == "sequence") else (*y.shape[1:], 1)
    inputs = keras.Input(dataset[0][0].shape[1:])
    x = keras.layers.Dense(int(np.prod(shape)))(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Reshape(shape)(x))
    model.compile("sgd", "mse")
    x, y, _ = dataset.to_numpy()
    errors = (model.predict(np.array(x), verbose=0).reshape(y.shape) - y) ** 2
    errors = errors.reshape(count, -1).mean(axis=1)
    # Keras's mean over an evaluation weighs batches by their number of windows.
    wanted = np.average(errors * weights)
    np.testing.assert_allclose(model.evaluate(dataset, verbose=0), wanted, rtol=1e-4)


def test_align_takes_the_shape_of_the_targets_alone():
    dataset = WindowedSeries(3, horizon=2).build(distinct(20, 3))
    _, y = dataset.to_numpy()
    dataset.align(y)
    for wrong in (y.swapaxes(1, 2), y.reshape(len(y), -1), y[..., None, None], y.reshape(-1)):
        with pytest.raises(ValueError, match=r"target, \(16, 2, 3\)\..* windows, steps, columns,"):
            dataset.align(wrong)


@pytest.mark.parametrize("targets", ["vector", "sequence"])
@pytest.mark.parametrize("horizon", [1, 2])
def test_align_takes_the_last_axis_that_keras_adds(targets, horizon):
    dataset = WindowedSeries(3, horizon, targets=targets).build(distinct(20))
    _, y = dataset.to_numpy()
    plain, added = dataset.align(y), dataset.align(y[..., None])
    np.testing.assert_array_equal(plain["prediction"], added["prediction"])
    assert plain["prediction"].ndim == added["prediction"].ndim == 1
    with pytest.raises(ValueError, match="one value per target"):
        dataset.align(y[None])


def test_batches_are_asked_for_by_number():
    dataset = WindowedSeries(3, batch_size=4).build(distinct(20))
    with pytest.raises(TypeError, match="number of a batch must be an integer"):
        dataset[0:2]
    with pytest.raises(IndexError, match="batch 5 is out of range; there are 5"):
        dataset[5]
    stream = dataset.to_grain()
    np.testing.assert_array_equal(stream[-1][0], dataset[-1][0])
    with pytest.raises(IndexError, match="batch -6 is out of range; an epoch has 5"):
        stream[-6]


@pytest.mark.parametrize("targets", ["vector", "sequence"])
def test_copies_and_pickles_hold_the_series_once(targets):
    series = distinct(20_000)
    dataset = WindowedSeries(500, targets=targets, shuffle=True, seed=1).build(series)
    dataset.to_numpy()
    model = compiled(500) if targets == "vector" else None
    if model:
        model.fit(dataset, verbose=0, steps_per_epoch=2)
    stored = pickle.dumps(dataset)
    assert len(stored) < series.nbytes + 20_000
    for again in (pickle.loads(stored), copy.deepcopy(dataset)):
        np.testing.assert_array_equal(again[3][0], dataset[3][0])
        assert again.state() == dataset.state()


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
    """TensorFlow keeps a pipeline's functions for good: they may hold neither series nor buffers."""
    if BACKEND != "tensorflow" and kind not in ("fit", "evaluate", "predict"):
        pytest.skip("needs TensorFlow")
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
