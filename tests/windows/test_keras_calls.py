"""An epoch counts if all of its batches were read; ``fit(shuffle=False)`` reads them in order."""

import contextlib
import copy
import pickle

import keras
import numpy as np
import pytest

from helpers import compiled, distinct
from keras_ts import WindowedSeries

WINDOWS = WindowedSeries(4, batch_size=8, shuffle=True, seed=1)


def built(length=52, windows=WINDOWS):
    return windows.build(np.sin(distinct(length)))


def unbuilt():
    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse")
    return model


class At(keras.callbacks.Callback):
    """Does something after a batch of an epoch."""

    def __init__(self, batch, action, epoch=0):
        super().__init__()
        self.batch, self.action, self.wanted = batch, action, epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (self.wanted, self.batch):
            self.action(self)


def stop(callback):
    callback.model.stop_training = True


def interrupt(callback):
    raise KeyboardInterrupt


def fit(dataset, *callbacks, model=None, **arguments):
    arguments = {"verbose": 0, "shuffle": False, "callbacks": list(callbacks), **arguments}
    return (model or unbuilt()).fit(dataset, **arguments)


def epochs_of(dataset, epochs):
    """Return what each batch of some epochs begins with, read from datasets of their own."""
    again = built(windows=dataset.windows)
    begins = []
    for _ in range(epochs):
        begins.append([again[batch][0][0, 0] for batch in range(len(again))])
        again.next_epoch()
    return begins


def test_it_is_a_py_dataset_and_nothing_else():
    from keras.src.trainers.data_adapters import get_data_adapter
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    dataset = built()
    assert type(dataset).__mro__[1] is keras.utils.PyDataset
    assert isinstance(get_data_adapter(dataset), PyDatasetAdapter)


@pytest.mark.parametrize("inputs", [[keras.Input((4,))], []])
def test_fit_reads_every_epoch_in_the_datasets_order(inputs):
    """However the model is built: the batch that builds it counts for nothing."""
    dataset, by_hand = built(), compiled(4)
    model = keras.Sequential([*inputs, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.predict_on_batch(np.zeros((1, 4)))
    model.set_weights(by_hand.get_weights())
    by_hand.compile("sgd", "mse")
    fit(dataset, model=model, epochs=2)
    assert dataset.epoch == 2
    fit(dataset, model=model)
    assert dataset.epoch == 3
    again = built()
    for _ in range(3):
        for x, y in again:
            by_hand.train_on_batch(x, y)
        again.next_epoch()
    np.testing.assert_allclose(model.get_weights()[0], by_hand.get_weights()[0], rtol=1e-5)


def test_keras_shuffles_the_batches_as_those_of_any_py_dataset():
    """Unless it is told not to: by Python's ``random``, so that its seed repeats the fit."""
    results = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        dataset, model = built(), compiled(4)
        model.set_weights([np.ones((4, 1)), np.zeros(1)])
        fit(dataset, model=model, epochs=2, shuffle=True)
        assert dataset.epoch == 2
        results.append(model.get_weights()[0])
    np.testing.assert_array_equal(results[0], results[1])


def test_a_first_fit_begins_with_epoch_0_though_a_batch_built_the_model():
    dataset, seen = built(), []
    note = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(dataset.epoch)
    )
    fit(dataset, note, epochs=3)
    assert seen == [0, 1, 2]


def test_an_epoch_of_a_single_batch_counts_from_the_second_fit_on():
    """Before, the batch that built the model cannot be told from a whole epoch."""
    model, dataset = unbuilt(), built(10)
    fit(dataset, model=model)
    for _ in range(2):
        dataset.reset()
        fit(dataset, model=model, epochs=2)
        assert dataset.epoch == 2


def test_evaluations_and_predictions_are_passes_too():
    dataset, model = built(), compiled(4)
    model.evaluate(dataset, verbose=0)
    assert dataset.epoch == 1
    model.predict(dataset, verbose=0)
    assert dataset.epoch == 2
    fit(dataset, model=model, epochs=2, validation_data=dataset)
    assert dataset.epoch == 6


@pytest.mark.parametrize("action", [stop, interrupt])
def test_a_fit_that_stops_within_an_epoch_begins_it_again(action):
    dataset = built()
    with contextlib.suppress(KeyboardInterrupt):
        fit(dataset, At(2, action, epoch=1), epochs=3)
    assert dataset.state() == {**built().state(), "epoch": 1}
    fit(dataset)
    assert dataset.epoch == 2


def test_looking_at_batches_within_a_fit_changes_nothing():
    dataset, plain = built(), built()

    def look(callback):
        next(iter(dataset))
        assert dataset[len(dataset) - 1][0].shape == (8, 4)

    models = [compiled(4), compiled(4)]
    models[1].set_weights(models[0].get_weights())
    fit(dataset, At(1, look), model=models[0], epochs=2)
    fit(plain, model=models[1], epochs=2)
    assert dataset.epoch == plain.epoch == 2
    np.testing.assert_array_equal(models[0].get_weights()[0], models[1].get_weights()[0])


def test_a_loop_of_ones_own_moves_on_by_itself():
    dataset = built()
    orders = epochs_of(dataset, 2)
    for order in orders:
        for _ in range(2):  # Two passes through an epoch read the same.
            assert [x[0, 0] for x, _ in dataset] == order
        dataset.next_epoch()
    assert dataset.epoch == 2
    dataset.on_epoch_end()  # Nothing was read.
    assert dataset.epoch == 2
    for batch in range(len(dataset)):
        assert dataset[batch][0].shape[1] == 4
    dataset.on_epoch_end()
    assert dataset.epoch == 3


def test_reset_makes_a_second_fit_equal_the_first():
    dataset = built()
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        model = unbuilt()
        fit(dataset, At(3, stop, epoch=1), model=model, epochs=4)
        weights.append(model.get_weights())
        assert dataset.epoch == 1
        dataset.reset()
        assert dataset.state() == built().state()
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_restored_dataset_goes_on_by_hand_and_keras_begins_its_epoch_again():
    dataset, orders = built(), epochs_of(built(), 2)
    dataset.restore({**dataset.state(), "epoch": 1, "batch": 2})
    assert [x[0, 0] for x, _ in dataset] == orders[1][2:]
    assert dataset.state() == {**built().state(), "epoch": 2}
    assert len(dataset) == len(orders[1])
    assert dataset[0][0][0, 0] == orders[1][0]
    losses = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: losses.append(batch)
    )
    fit(dataset, note)
    assert losses == list(range(len(dataset)))
    assert dataset.epoch == 2


def test_workers_go_on_where_the_whole_or_another_number_of_workers_was():
    whole, dataset = built(), built()
    whole.next_epoch()
    batches = list(whole)
    state = {**dataset.state(), "epoch": 1, "batch": 3}
    dataset.restore(state)
    restored = [built().shard(4, index) for index in range(4)]
    for worker in restored:
        worker.restore(state)
    for workers in ([dataset.shard(2, index) for index in range(2)], restored):
        assert {len(worker) for worker in workers} == {len(batches)}
        assert all(worker.state() == state for worker in workers)
        for step, shares in enumerate(zip(*workers, strict=True)):
            rows = np.concatenate([share[0] for share in shares])
            np.testing.assert_array_equal(rows, batches[3 + step][0])
        assert all(worker.state() == {**state, "epoch": 2, "batch": 0} for worker in workers)


def test_copies_go_on_from_the_same_place():
    dataset = built()
    fit(dataset, At(2, stop, epoch=1), epochs=2)
    for again in (copy.deepcopy(dataset), pickle.loads(pickle.dumps(dataset))):
        assert again.state() == dataset.state()
        assert again.epoch == dataset.epoch == 1
        fit(again)
        assert again.epoch == 2


def test_what_would_read_ahead_of_an_epoch_cannot_be_asked_for():
    dataset = built()
    assert dataset.workers == 1
    for name, value in (("workers", 2), ("use_multiprocessing", True)):
        with pytest.raises(AttributeError, match=name):
            setattr(dataset, name, value)


def test_keras_refuses_what_the_dataset_holds_already():
    dataset = built()
    for arguments in ({"y": np.zeros(48)}, {"sample_weight": np.ones(48)}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            compiled(4).fit(dataset, verbose=0, **arguments)


def test_evaluate_and_predict():
    _, validation = WindowedSeries(5, batch_size=8).split(np.sin(distinct(100)), at=0.7)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = validation.to_numpy()
    assert model.predict(validation, verbose=0).shape == (30, 1)
    np.testing.assert_allclose(
        model.evaluate(validation, verbose=0),
        np.mean((model.predict(np.array(x), verbose=0)[:, 0] - y) ** 2),
        rtol=1e-5,
    )
