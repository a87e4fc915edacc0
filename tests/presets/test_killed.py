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
        (by_a_blend, {}),
        (by_hand, {}),
    ],
)
def test_each_epoch_has_the_order_of_the_uninterrupted_fit(fit, settings, tmp_path):
    """Equal losses and weights show it: each update depends on the windows before it."""

    def run(end, *callbacks):
        keras.utils.set_random_seed(1)
        windows = WindowedSeries(8, batch_size=16, shuffle=True, seed=3, **settings)
        watch = Watch(end)
        if end is None:
            model = fit(windows.build(SERIES), [watch, *callbacks])
            return watch.losses, model.get_weights()
        with pytest.raises(KilledError):
            fit(windows.build(SERIES), [watch, *callbacks])
        return watch.losses, None

    whole, expected = run(None)
    before, _ = run(2, keras.callbacks.BackupAndRestore(tmp_path / "backup"))
    after, given = run(None, keras.callbacks.BackupAndRestore(tmp_path / "backup"))
    assert (list(whole), list(before), list(after)) == ([0, 1, 2, 3], [0, 1], [2, 3])
    for epoch, loss in {**before, **after}.items():
        assert loss == pytest.approx(whole[epoch], rel=1e-5)
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


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
