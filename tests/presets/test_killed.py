"""A fit that was killed and is run again reads the windows in the order of an uninterrupted fit."""

import keras
import numpy as np
import pytest

from keras_ts import Recipe, RecurrentPreset, WindowedSeries, course_series, from_preset

SERIES = course_series(120)
EPOCHS = 4


class KilledError(Exception):
    """A fit that is killed."""


class Watch(keras.callbacks.Callback):
    """Keeps the loss of each epoch, and ends the fit as an epoch begins."""

    def __init__(self, end):
        super().__init__()
        self.end, self.losses = end, {}

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.end:
            raise KilledError

    def on_epoch_end(self, epoch, logs=None):
        self.losses[epoch] = logs["loss"]


def by_preset(train, callbacks):
    recipe = Recipe("mae", "adamw", 1e-2, 16, EPOCHS)
    preset = RecurrentPreset(cell="gru", units=(2,), window_norm="last", recipe=recipe)
    return preset.fit(train, callbacks=callbacks, verbose=0)


def by_a_blend(train, callbacks):
    preset = from_preset("smooth_gru", units=(2,))
    return preset.fit(train, epochs=EPOCHS, callbacks=callbacks, verbose=0)


def by_hand(train, callbacks):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    model.compile("adam", "mae")
    order = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(train, "epoch", epoch)
    )
    callbacks = [order, *callbacks]
    model.fit(train, epochs=EPOCHS, shuffle=False, callbacks=callbacks, verbose=0)
    return model


@pytest.mark.parametrize(
    ("fit", "settings"),
    [
        (by_preset, {}),
        (by_preset, {"missing": "mask", "min_inputs": 4}),
        (by_preset, {"batch_size": 200}),
        (by_a_blend, {}),
        (by_hand, {}),
    ],
)
def test_each_epoch_has_the_order_of_the_uninterrupted_fit(fit, settings, tmp_path):
    """Equal losses show it, since each update depends on the windows before it."""
    settings = {"batch_size": 16, "shuffle": True, "seed": 3, **settings}

    def run(train, end=None, backup=True):
        keras.utils.set_random_seed(1)
        watch = Watch(end)
        backups = [keras.callbacks.BackupAndRestore(tmp_path / "backup")] if backup else []
        if end is None:
            return watch.losses, fit(train, [watch, *backups]).get_weights(), train.epoch
        with pytest.raises(KilledError):
            fit(train, [watch, *backups])
        return watch.losses

    plain, killed = (WindowedSeries(8, **settings).build(SERIES) for _ in range(2))
    whole, expected, epoch = run(plain, backup=False)
    before = run(killed, end=2)
    after, given, last = run(killed)
    assert (list(before), list(after), last) == ([0, 1], [2, 3], epoch)
    assert {**before, **after} == pytest.approx(whole, rel=1e-5)
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_an_epoch_can_be_set_and_has_its_order():
    dataset = WindowedSeries(4, shuffle=True, seed=1).build(SERIES)
    dataset.next_epoch()
    second = dataset[0][1]
    dataset.next_epoch()
    dataset.epoch = 1
    np.testing.assert_array_equal(dataset[0][1], second)
    assert dataset.state()["epoch"] == 1
    with pytest.raises(ValueError, match="epoch must be >= 0"):
        dataset.epoch = -1
