"""A last batch that was filled up counts as the windows that it has, in losses and metrics."""

import keras
import numpy as np
import pytest

from helpers import distinct
from keras_ts import WindowedSeries
from keras_ts.windows.feeding.workers import Workers


def history(monkeypatch, devices, callbacks=()):
    """Return the history of a fit on some devices; the last batch of three has 3 windows."""
    monkeypatch.setattr(Workers, "of_this_run", lambda model=None: Workers(devices=devices))
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    metrics = [keras.metrics.MeanAbsoluteError(), keras.metrics.RootMeanSquaredError()]
    model.compile(keras.optimizers.SGD(0.1), "mse", weighted_metrics=metrics, jit_compile=False)
    windows = WindowedSeries(4, batch_size=8, shuffle=True, seed=1)
    dataset = windows.build(np.sin(distinct(23)).astype("float32"))
    fit = model.fit(dataset, epochs=2, verbose=0, callbacks=list(callbacks))
    return fit.history


def test_the_loss_of_an_epoch_is_that_of_its_windows(monkeypatch):
    one, two = history(monkeypatch, 1), history(monkeypatch, 2)
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, rtol=1e-5)


class ResetsBefore(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()


class ResetsAfter(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.reset_metrics()


@pytest.mark.parametrize("callback", [ResetsBefore, ResetsAfter])
def test_other_callbacks_may_reset_the_metrics(callback, monkeypatch):
    one, two = (history(monkeypatch, devices, callbacks=[callback()]) for devices in (1, 2))
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=1e-5)


def test_a_list_of_callbacks_is_used_again(monkeypatch):
    """The second fit has no batch that is filled."""
    callbacks = keras.callbacks.CallbackList([], add_history=True)
    monkeypatch.setattr(Workers, "of_this_run", lambda model=None: Workers(devices=2))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-9), "mse")
    callbacks.set_model(model)
    for windows in (19, 16):
        dataset = WindowedSeries(4, batch_size=8).build(np.sin(distinct(windows + 4)))
        model.fit(dataset, verbose=0, callbacks=callbacks)
        x, y = dataset.to_numpy()
        expected = np.mean(np.square(model.predict(x, verbose=0)[:, 0] - y))
        np.testing.assert_allclose(model.history.history["loss"][-1], expected, rtol=1e-5)
