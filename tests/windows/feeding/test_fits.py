"""A fit that was cut off goes on as if it had not been, and one at a rate of 0 says so."""

import contextlib
import json
import warnings

import keras
import numpy as np
import pytest

from helpers import arrays, distinct, run_fresh, untraced
from keras_ts import WindowedSeries

BATCHES = 6
WINDOWS = WindowedSeries(6, batch_size=8, shuffle=True, seed=11)


def built():
    """A model and its data, as a program makes them each time that it is started."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return untraced(model), WINDOWS.build(np.sin(distinct(BATCHES * 8 + 6)))


class CutOff(keras.callbacks.Callback):
    def __init__(self, after):
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def assert_equal(model, other):
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def program(folder, save_freq, stops, before=lambda dataset: None, **arguments):
    """Start a program until it is through; each start but the last is cut off."""
    for stop in [*stops, None]:
        model, dataset = built()
        before(dataset)
        callbacks = [keras.callbacks.BackupAndRestore(folder / "backup", save_freq)]
        callbacks += [CutOff(stop)] if stop else []
        try:
            model.fit(dataset, verbose=0, callbacks=callbacks, **arguments)
        except KeyboardInterrupt:
            assert stop
    return model, dataset


@pytest.mark.parametrize(
    ("save_freq", "stops"),
    [
        ("epoch", [15]),
        ("epoch", [8, 8, 3]),
        (4, [6]),  # In the middle of the first epoch,
        (5, [12]),  # of a later one,
        (2, [9, 3]),  # twice in one;
        (6, [14]),  # after the last batch of an epoch,
        (6, [14, 2]),  # and again, before there is another backup.
    ],
)
def test_a_fit_with_backups_goes_on_as_if_it_had_not_been_cut_off(save_freq, stops, tmp_path):
    model, dataset = program(tmp_path, save_freq, stops, epochs=3)
    whole, data = built()
    whole.fit(data, epochs=3, verbose=0)
    assert_equal(model, whole)
    assert dataset.epoch == data.epoch == 3
    assert int(model.optimizer.iterations) == 3 * BATCHES


@pytest.mark.parametrize("built_anew", [False, True])
@pytest.mark.parametrize(("save_freq", "stop"), [("epoch", 15), ("epoch", 12), (4, 9)])
def test_a_notebook_fits_the_same_dataset_again(save_freq, stop, built_anew, tmp_path):
    """The dataset was read by the fit that was cut off, so it is not where that began."""
    model, dataset = built()
    dataset.on_epoch_end()
    for callbacks in ([CutOff(stop)], []):
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq)
        with contextlib.suppress(KeyboardInterrupt):
            model.fit(dataset, epochs=3, verbose=0, callbacks=[backup, *callbacks])
        if callbacks and built_anew:
            model = built()[0]
    whole, data = built()
    data.on_epoch_end()
    whole.fit(data, epochs=3, verbose=0)
    assert_equal(model, whole)
    assert dataset.epoch == data.epoch == 4


def test_a_finished_fit_goes_on_for_more_epochs_from_the_backup_that_it_kept(tmp_path):
    model, dataset = built()
    for epochs in (2, 4):
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
        model.fit(dataset, epochs=epochs, verbose=0, callbacks=[backup])
    whole, data = built()
    whole.fit(data, epochs=4, verbose=0)
    assert_equal(model, whole)
    assert dataset.epoch == 4


RUN = """
import os, pathlib, signal, sys, keras, numpy as np
from keras_ts import WindowedSeries
folder, kill = pathlib.Path(sys.argv[1]), int(sys.argv[2])
keras.utils.set_random_seed(1)
series = np.sin(np.arange(54, dtype="float32"))
data = WindowedSeries(6, batch_size=8, shuffle=True, seed=11).build(series)
model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
model.compile("adam", "mse", run_eagerly=keras.backend.backend() == "tensorflow")

class Kill(keras.callbacks.Callback):
    seen = 0
    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen == kill:
            os.kill(os.getpid(), signal.SIGKILL)

backup = keras.callbacks.BackupAndRestore(folder / "backup")
model.fit(data, epochs=3, verbose=0, callbacks=[backup, Kill()])
np.savez(folder / "weights.npz", *model.get_weights())
"""


def test_a_killed_fit_goes_on_from_its_backup_bit_for_bit(tmp_path):
    with pytest.raises(AssertionError):
        run_fresh(RUN, tmp_path, 15)
    assert json.loads((tmp_path / "backup" / "training_metadata.json").read_text())["epoch"] == 2
    run_fresh(RUN, tmp_path, 100)
    resumed = arrays(tmp_path / "weights.npz")
    whole, data = built()
    whole.fit(data, epochs=3, verbose=0)
    for name, weights in zip(resumed, whole.get_weights(), strict=True):
        np.testing.assert_array_equal(resumed[name], weights)


def test_a_program_may_fit_before(tmp_path):
    """Then a dataset goes on from where that fit has left it."""

    def before(dataset):
        built()[0].fit(dataset, epochs=2, verbose=0)

    model, dataset = program(tmp_path, "epoch", [15], before, epochs=4)
    whole, data = built()
    before(data)
    whole.fit(data, epochs=4, verbose=0)
    assert_equal(model, whole)
    assert dataset.epoch == 6


def test_epochs_of_some_steps_are_followed(tmp_path):
    model, dataset = program(tmp_path, "epoch", [5], epochs=6, steps_per_epoch=3)
    whole, data = built()
    whole.fit(data, epochs=6, steps_per_epoch=3, verbose=0)
    assert_equal(model, whole)
    assert dataset.epoch == data.epoch == 3


def test_a_dataset_that_nobody_has_read_begins_with_the_epoch_that_fit_is_told(tmp_path):
    """So does one whose model was saved at the end of an epoch, and loaded."""
    whole, data = built()
    whole.fit(data, epochs=1, verbose=0)
    whole.save(tmp_path / "model.keras")
    whole.fit(data, initial_epoch=1, epochs=3, verbose=0)
    model, dataset = keras.saving.load_model(tmp_path / "model.keras"), built()[1]
    model.fit(dataset, initial_epoch=1, epochs=3, verbose=0)
    assert_equal(model, whole)
    assert dataset.epoch == data.epoch == 3


def test_a_dataset_that_was_read_goes_on_whatever_fit_is_told():
    model, dataset = built()
    model.fit(dataset, epochs=1, verbose=0)
    model.fit(dataset, initial_epoch=4, epochs=6, verbose=0)
    assert dataset.epoch == 3
    dataset.reset()
    model.fit(dataset, initial_epoch=4, epochs=6, verbose=0)
    assert dataset.epoch == 6


def test_a_dataset_restored_to_the_place_of_a_backup_stays_there(tmp_path):
    states = []

    class Save(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            states.append(dataset.state())

    model, dataset = built()
    callbacks = [keras.callbacks.BackupAndRestore(tmp_path), Save(), CutOff(15)]
    with pytest.raises(KeyboardInterrupt):
        model.fit(dataset, epochs=3, verbose=0, callbacks=callbacks)
    model, dataset = built()
    dataset.restore(states[-1])
    model.fit(dataset, epochs=3, verbose=0, callbacks=callbacks[:1])
    assert dataset.epoch == 3
    whole, data = built()
    whole.fit(data, epochs=3, verbose=0)
    assert_equal(model, whole)


def test_a_fit_goes_on_from_a_state_with_whole_epochs_behind():
    whole, data = built()
    states, weights = [], []

    class Save(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            states.append(data.state())
            weights.append([np.array(v) for v in self.model.get_weights()])

    whole.compile(keras.optimizers.SGD(0.1), "mse")
    whole.fit(data, epochs=3, verbose=0, callbacks=[Save()])
    model, dataset = built()
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.set_weights(weights[8])
    dataset.restore(states[8])
    assert len(dataset) == 3
    model.fit(dataset, initial_epoch=dataset.epoch, epochs=3, verbose=0)
    assert_equal(model, whole)


@pytest.mark.parametrize(
    ("says", "arguments", "save_freq", "stop"),
    [
        ("its own validation set", {"validation_data": ...}, "epoch", 8),
        ("steps_per_epoch=4 does not divide its 6 batches", {"steps_per_epoch": 4}, "epoch", 5),
        ("in the middle of an epoch", {"steps_per_epoch": 3}, 2, 5),
    ],
)
def test_a_dataset_that_cannot_follow_says_so(says, arguments, save_freq, stop, tmp_path):
    for cut in (stop, None):
        model, dataset = built()
        beside = {name: dataset if value is ... else value for name, value in arguments.items()}
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq)
        callbacks = [backup, CutOff(cut)] if cut else [backup]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                model.fit(dataset, epochs=4, verbose=0, callbacks=callbacks, **beside)
            except KeyboardInterrupt:
                assert cut
        messages = [str(warning.message) for warning in caught]
        assert len([text for text in messages if "cannot follow" in text]) == (not cut)
    assert any(says in text and "dataset.restore(state)" in text for text in messages)


SCHEDULES = keras.optimizers.schedules
# Schedules, the batch that a fit of 12 begins with, and if it moves a weight.
RATES = {
    "a warm-up": (SCHEDULES.PolynomialDecay(0.0, 100, 0.1), 0, True),
    "a warm-up of Keras's cosine": (
        SCHEDULES.CosineDecay(0.0, 9, warmup_target=0.1, warmup_steps=5),
        0,
        True,
    ),
    "a warm-up that rests first": (SCHEDULES.PiecewiseConstantDecay([9], [0.0, 0.1]), 0, True),
    "one that rises at the last": (SCHEDULES.PiecewiseConstantDecay([10], [0.0, 0.1]), 0, True),
    "a rate between rests": (SCHEDULES.PiecewiseConstantDecay([5, 7], [0.0, 0.1, 0.0]), 0, True),
    "a restart": (SCHEDULES.CosineDecayRestarts(0.1, 8), 8, True),
    "a decay at its end": (SCHEDULES.CosineDecay(0.1, 30), 30, False),
    "a decay behind its end": (SCHEDULES.CosineDecay(0.1, 30), 99, False),
    "a rest longer than the fit": (SCHEDULES.PiecewiseConstantDecay([12], [0.0, 0.1]), 0, False),
    "a decay with a floor": (SCHEDULES.CosineDecay(0.1, 30, 0.01), 99, True),
    "a rate of 0": (0.0, 0, False),
    "a rate": (0.1, 0, True),
}


@pytest.mark.parametrize("name", RATES)
def test_a_fit_warns_of_a_rate_that_moves_no_weight(name):
    rate, updates, moves = RATES[name]
    model, dataset = built()
    model.compile(keras.optimizers.SGD(rate), "mse")
    model.optimizer.iterations.assign(updates)
    before = model.get_weights()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(dataset, epochs=2, verbose=0, validation_data=built()[1])
    messages = [str(warning.message) for warning in caught if "rate of 0" in str(warning.message)]
    assert moves is (not np.array_equal(before[0], model.get_weights()[0]))
    assert len(messages) == (not moves)
    assert moves or "Compile the model again" in messages[0]


def test_nothing_else_warns_of_a_rate_of_zero():
    """Neither do fits whose callbacks may raise it, one with scaled losses at a rate, or arrays."""
    model, dataset = built()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.evaluate(dataset, verbose=0)
    model.predict(dataset, verbose=0)
    x, y = (np.array(part) for part in dataset.to_numpy())
    model.fit(x, y, validation_data=dataset, verbose=0)
    for callback in (
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 * epoch),
        keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: None),
    ):
        model.fit(dataset, epochs=2, verbose=0, callbacks=[callback])
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), "mse")
    model.fit(dataset, verbose=0)
