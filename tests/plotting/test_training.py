"""Curves of a fit and of a sweep show what they were given."""

import keras
import numpy as np

from keras_ts import plot_history


def test_history():
    curves = {"loss": [3.0, 2.0, 1.0], "val_loss": [4.0, 3.0, 2.0]}
    axes = plot_history(curves, last=2)
    assert [line.get_xdata().tolist() for line in axes.lines] == [[2, 3], [2, 3]]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[2, 1], [3, 2]]


def test_a_validation_stands_at_its_epoch():
    history = keras.callbacks.History()  # As fit(initial_epoch=2, epochs=6) fills it.
    history.epoch, history.history = [2, 3, 4, 5], {"loss": [4.0, 3.0, 2.0, 1.0]}
    assert plot_history(history).lines[0].get_xdata().tolist() == [3, 4, 5, 6]
    assert plot_history(history, last=1).lines[0].get_xdata().tolist() == [6]
    curves = {"loss": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]}
    curves["val_loss"] = [None, None, 8.0, None, None, 7.0]
    line = plot_history(curves, last=5).lines[1]
    assert line.get_xdata()[np.isfinite(line.get_ydata())].tolist() == [3, 6]
    assert line.get_marker() == "o"


def test_epochs_are_whole_numbers():
    axes = plot_history({"loss": [2.0, 1.0]})
    assert set(axes.get_xticks()) <= {0, 1, 2, 3}
