"""A pass over all batches that was finished counts as an epoch, whoever went through it."""

import copy
import pickle

import keras
import numpy as np
import pytest

from helpers import (
    BACKEND,
    arrays,
    distinct,
    run_fresh,
)
from keras_ts import WindowedSeries, _keras_fits

WINDOWS = WindowedSeries(4, batch_size=8, shuffle=True, seed=1)


def built(length=52, windows=WINDOWS):
    return windows.build(np.sin(distinct(length)))


def compiled():
    model = keras.Sequential([keras.layers.Dense(1)])
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
    (model or compiled()).fit(dataset, verbose=0, callbacks=list(callbacks), **arguments)


def starts(dataset):
    """The epoch's order, as what its batches begin with."""
    return [dataset[batch][0][0, 0] for batch in range(len(dataset))]


def test_a_fit_that_stops_at_the_last_batch_has_finished_its_epoch():
    """In the live dataset as in a restored one, and for the fit that follows."""
    live, fresh = built(), built()
    batches = len(live)
    fit(live, At(batches - 1, stop), epochs=3)
    assert (live.epoch, live.state()["epoch"], live.state()["batch"]) == (1, 1, 0)
    fresh.restore(live.state())
    assert starts(live) == starts(fresh)
    orders = []

    class Order(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            orders.append(live.epoch)

    fit(live, Order(), epochs=2)
    assert orders == [1, 2]
    assert live.epoch == 3


def test_a_fit_that_stops_before_begins_its_epoch_again():
    dataset = built()
    fit(dataset, At(2, stop), epochs=3)
    assert (dataset.epoch, dataset.state()["batch"]) == (0, 3)
    fit(dataset)
    assert (dataset.epoch, dataset.state()["batch"]) == (1, 0)


@pytest.mark.parametrize("length", [10, 52])
def test_the_batch_that_builds_a_model_counts_for_nothing(length):
    """Also where an epoch has no other."""
    dataset = built(length)
    model = compiled()
    fit(dataset, model=model, epochs=2)
    assert dataset.epoch == 2
    model.evaluate(dataset, verbose=0)
    assert dataset.epoch == 3
    model.predict(dataset, verbose=0)
    assert dataset.epoch == 4


def test_state_and_dataset_agree_throughout_a_fit():
    dataset = built()
    batches, seen = len(dataset), []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            state = dataset.state()
            assert state["epoch"] == dataset.epoch
            seen.append(state["epoch"] * batches + state["batch"])

        def on_epoch_end(self, epoch, logs=None):
            assert dataset.epoch == dataset.state()["epoch"] == epoch + 1

    fit(dataset, Watch(), epochs=2)
    assert seen == list(range(1, 2 * batches + 1))


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_a_pass_may_last_for_several_epochs_of_keras(steps):
    dataset = built()
    fit(dataset, epochs=12, steps_per_epoch=steps)
    assert dataset.epoch == 12 * steps // len(dataset)
    assert dataset.state()["epoch"] == dataset.epoch


def test_looking_at_batches_within_a_fit_takes_nothing_over():
    dataset = built()
    last = len(dataset) - 1

    def look(callback):
        before = dataset.state()
        next(iter(dataset))
        assert len(list(dataset)) == len(dataset)
        dataset[last]
        assert dataset.num_batches == len(dataset)
        assert dataset.state() == before

    with pytest.raises(KeyboardInterrupt):
        fit(dataset, At(1, look), At(3, interrupt))
    assert (dataset.epoch, dataset.state()["batch"]) == (0, 4)
    fit(dataset)
    assert dataset.epoch == 1


@pytest.mark.parametrize("method", ["evaluate", "predict", "fit"])
def test_another_run_in_the_middle_of_an_epoch_is_refused(method):
    """It would be counted as training, and the state be false."""
    dataset, other = built(), compiled()
    run = getattr(other, method)
    with pytest.raises(RuntimeError, match="in the middle of an epoch"):
        fit(dataset, At(2, lambda _: run(dataset, verbose=0)))
    assert dataset.state()["batch"] == 3
    run(dataset, verbose=0)


def test_an_evaluation_between_epochs_is_a_pass_of_its_own():
    dataset, other = built(), compiled()
    evaluate = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: other.evaluate(dataset, verbose=0)
    )
    fit(dataset, evaluate, epochs=2)
    assert dataset.epoch == 4
    fit(dataset, validation_data=dataset)
    assert dataset.epoch == 6


def test_on_epoch_end_by_hand_goes_on_to_the_next_epoch():
    dataset = built()
    with pytest.raises(KeyboardInterrupt):
        fit(dataset, At(2, interrupt))
    dataset.on_epoch_end()
    assert (dataset.epoch, dataset.state()["batch"]) == (1, 0)
    dataset.on_epoch_begin()
    assert len(list(dataset)) == len(dataset)
    assert dataset.epoch == 1
    dataset.on_epoch_end()
    assert dataset.epoch == 2


def test_reset_makes_a_second_fit_equal_the_first():
    dataset = built()
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        model = compiled()
        fit(dataset, At(3, stop, epoch=1), model=model, epochs=4)
        weights.append(model.get_weights())
        assert dataset.epoch == 1
        dataset.reset()
        assert dataset.state() == built().state()
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_reset_leaves_an_epoch_that_restore_went_on_with():
    dataset = built()
    dataset.restore({**dataset.state(), "epoch": 3, "batch": 2})
    dataset.reset()
    assert len(dataset) == len(built())
    assert starts(dataset) == starts(built())


def test_workers_go_on_where_the_whole_or_another_number_of_workers_was():
    whole, dataset = built(), built()
    whole.on_epoch_end()
    batches = list(whole)
    state = {**dataset.state(), "epoch": 1, "batch": 3}
    dataset.restore(state)
    restored = [built().shard(4, index) for index in range(4)]
    for worker in restored:
        worker.restore(state)
    for workers in ([dataset.shard(2, index) for index in range(2)], restored):
        assert {len(worker) for worker in workers} == {len(batches) - 3}
        assert all(worker.state() == state for worker in workers)
        for step, shares in enumerate(zip(*workers, strict=True)):
            rows = np.concatenate([share[0] for share in shares])
            np.testing.assert_array_equal(rows, batches[3 + step][0])
        assert all(worker.state() == {**state, "epoch": 2, "batch": 0} for worker in workers)
    dataset.on_epoch_end()
    assert dataset.shard(2, 0).epoch == 2
    peeked = built()
    next(iter(peeked))
    assert peeked.shard(2, 0).state()["batch"] == 0


def test_restoring_within_a_fit_is_refused():
    """Keras has asked for the number of batches by then, and would run out of them."""
    dataset = built()
    state = {**dataset.state(), "batch": 2}

    class Restore(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            dataset.restore(state)

    with pytest.raises(RuntimeError, match=r"restore\(\) was called within a fit"):
        fit(dataset, Restore())
    for action in (lambda _: dataset.restore(state), lambda _: dataset.reset()):
        with pytest.raises(RuntimeError, match=r"\(\) was called within a fit"):
            fit(dataset, At(1, action))
        assert dataset.state()["batch"] == 2
    fit(dataset)
    assert dataset.epoch == 1


def test_a_restored_validation_set_is_whole_again_after_the_first_validation():
    """On TensorFlow, too, where one pipeline serves all validations of a fit."""
    windows = WindowedSeries(4, batch_size=3)
    dataset = windows.build(distinct(20))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(1e-30), "mae")
    for batch in range(1, 6):
        dataset.reset()
        dataset.restore({**dataset.state(), "batch": batch})
        rest = np.concatenate([y for _, y in dataset]).mean()
        history = model.fit(built(), validation_data=dataset, epochs=3, verbose=0).history
        whole = dataset.to_numpy()[1].mean()
        np.testing.assert_allclose(history["val_loss"], [rest, whole, whole], rtol=1e-6)


def test_copies_go_on_from_the_same_place():
    dataset = built()
    fit(dataset, At(2, stop), epochs=2)
    for again in (copy.deepcopy(dataset), pickle.loads(pickle.dumps(dataset))):
        assert again.state() == dataset.state()
        assert again.epoch == dataset.epoch
        fit(again)
        assert again.epoch == 1


@pytest.mark.skipif(BACKEND != "jax", reason="Keras reads ahead on JAX alone")
def test_a_batch_that_keras_has_read_ahead_is_not_trained_on(monkeypatch):
    """As it does on accelerators."""
    import jax

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    dataset = built()
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((dataset.state()["epoch"], dataset.state()["batch"]))

    fit(dataset, Watch())
    assert seen == [*((0, batch) for batch in range(1, len(dataset))), (1, 0)]


def test_the_state_counts_the_fit_whatever_else_reads_the_dataset():
    dataset = WindowedSeries(3, batch_size=8, shuffle=True, seed=1).build(distinct(51))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    states = []

    class Note(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            states.append(dataset.state())

        def on_epoch_end(self, epoch, logs=None):
            next(iter(dataset))

    model.fit(dataset, validation_data=dataset, epochs=3, verbose=0, callbacks=[Note()])
    # Going through it to validate uses up an epoch as well.
    passed = [divmod(6 * s["epoch"] + s["batch"], 6) for s in states]
    assert passed == [divmod(12 * epoch + batch, 6) for epoch in range(3) for batch in range(1, 7)]
    assert dataset.epoch == 6


RUN = """
import json, os, signal, sys, pathlib, keras, numpy as np
from keras_ts import WindowedSeries
folder, mode = pathlib.Path(sys.argv[1]), sys.argv[2]

def begin():
    keras.utils.set_random_seed(1)
    series = np.sin(np.arange(150.0)).astype("float32")
    data = WindowedSeries(6, batch_size=8, shuffle=True, seed=11).build(series)
    layers = [keras.Input((6,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile("adam", "mse")
    return model, data

model, data = begin()

class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 6):
            self.model.save(folder / "model.keras")
            (folder / "state.json").write_text(json.dumps(data.state()))
            os.kill(os.getpid(), signal.SIGKILL)

if mode == "resume":
    model = keras.saving.load_model(folder / "model.keras")
    state = json.loads((folder / "state.json").read_text())
    assert (state["epoch"], state["batch"]) == (1, 7), state
    data.restore(state)
    model.fit(data, initial_epoch=1, epochs=3, verbose=0)
    np.savez(folder / "resumed.npz", *model.get_weights())
    model, data = begin()
model.fit(data, epochs=3, verbose=0, callbacks=[Kill()] if mode == "kill" else [])
np.savez(folder / "whole.npz", *model.get_weights())
"""


def test_a_killed_fit_goes_on_bit_for_bit(tmp_path):
    with pytest.raises(AssertionError):
        run_fresh(RUN, tmp_path, "kill")
    assert not (tmp_path / "whole.npz").exists()
    run_fresh(RUN, tmp_path, "resume")
    resumed, whole = arrays(tmp_path / "resumed.npz"), arrays(tmp_path / "whole.npz")
    assert len(whole) == 4
    for name in whole:
        np.testing.assert_array_equal(resumed[name], whole[name])


def test_a_resumed_epoch_wants_a_fit_of_its_own_if_keras_cannot_be_told(monkeypatch):
    monkeypatch.setattr(_keras_fits, "tell_length", lambda iterator, batches: False)
    data = WindowedSeries(3, batch_size=8).build(distinct(50))
    stream = iter(data)
    next(stream)
    data.restore(data.state())
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="a fit of its own"):
        model.fit(data, epochs=2, verbose=0)


def test_an_epoch_is_used_up_by_going_through_it_alone():
    """The same on every backend, whatever came before the fit."""
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = WindowedSeries(3, batch_size=8, shuffle=True, seed=1).build(distinct(50))
    data.on_epoch_end()
    assert data.epoch == 1
    model.fit(data, epochs=2, verbose=0)
    assert data.epoch == 3

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(data, epochs=2, verbose=0, callbacks=[Interrupt()])
    assert data.epoch == 3
    model.fit(data, epochs=1, verbose=0)
    assert data.epoch == 4
    model.fit(data, epochs=12, steps_per_epoch=3, verbose=0)
    assert data.epoch == 10
