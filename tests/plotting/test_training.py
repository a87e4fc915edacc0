"""Curves of a fit and of a sweep show what they were given."""

import keras
import numpy as np
import pytest

from keras_ts import plot_history
from keras_ts.plotting.curves import plot_sweep


def test_history():
    curves = {"loss": [3.0, 2.0, 1.0], "val_loss": [4.0, 3.0, 2.0]}
    axes = plot_history(curves, last=2)
    assert [line.get_xdata().tolist() for line in axes.lines] == [[2, 3], [2, 3]]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[2, 1], [3, 2]]
    with pytest.raises(
        ValueError, match=r"metric must be one of the history's, \['loss'.*metric='mae'"
    ):
        plot_history(curves, metric="mae")
    with pytest.raises(TypeError, match=r"last must be an integer >= 1\. Received: last=1\.5"):
        plot_history(curves, last=1.5)
    for history in (None, [1.0], "loss"):
        with pytest.raises(TypeError, match="history must be the History that fit returned"):
            plot_history(history)


def test_a_validation_stands_at_its_epoch():
    history = keras.callbacks.History()  # As fit(initial_epoch=2, epochs=6) fills it.
    history.epoch, history.history = [2, 3, 4, 5], {"loss": [4.0, 3.0, 2.0, 1.0]}
    assert plot_history(history).lines[0].get_xdata().tolist() == [3, 4, 5, 6]
    assert plot_history(history, last=1).lines[0].get_xdata().tolist() == [6]
    curves = {"loss": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0], "val_loss": [8.0, 7.0]}
    with pytest.raises(ValueError, match="'val_loss' for each of 6 epochs"):
        plot_history(curves)
    curves["val_loss"] = [None, None, 8.0, None, None, 7.0]
    line = plot_history(curves, last=5).lines[1]
    assert line.get_xdata()[np.isfinite(line.get_ydata())].tolist() == [3, 6]
    assert line.get_marker() == "o"


def test_epochs_are_whole_numbers():
    axes = plot_history({"loss": [2.0, 1.0]})
    assert set(axes.get_xticks()) <= {0, 1, 2, 3}


def test_sweep_draws_arrays(tmp_path):
    rates = np.logspace(-6, 0, 20)
    losses = np.linspace(2.0, 1.0, 20)
    axes = plot_sweep(
        rates, losses, smoothed=losses[:15], repeats=[losses, losses], suggested=1e-3,
        interval=(5e-4, 2e-3), filepath=tmp_path / "sweep.png",
    )  # fmt: skip
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    marked = ["suggested: 1.00e-03", "5.0e-04 to 2.0e-03"]
    assert labels == ["2 repeats", "loss, mean", "smoothed", *marked]
    assert [len(line.get_xdata()) for line in axes.lines[:2]] == [20, 15]
    assert axes.get_xscale() == "log"
    bare = plot_sweep([1e-3, 1e-2], [1.0, np.nan])
    assert [t.get_text() for t in bare.get_legend().get_texts()] == ["loss", "no rate suggested"]
