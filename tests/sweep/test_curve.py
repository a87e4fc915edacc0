"""A curve says what was recorded: as a picture, as a dict, and where it is too short."""

import json

import keras
import numpy as np
import pytest

from keras_ts import ExponentialLRSweep, find_learning_rate
from sweep_helpers import X, Y, dense


def test_too_few_points_say_so():
    sweep = find_learning_rate(dense(), X, Y, steps=9, verbose=0)
    with pytest.raises(ValueError, match=r"needs 10 finite losses. The sweep begins with 9"):
        sweep.suggest()
    for accumulated in (None, 2):  # A fit of one batch
        model = dense(keras.optimizers.SGD(0.1, gradient_accumulation_steps=accumulated))
        with pytest.raises(ValueError, match="The fit has less than two rates"):
            model.fit(X, Y, batch_size=96, verbose=0, callbacks=[ExponentialLRSweep(1e-3, 1e-1)])


def test_the_plot_marks_suggestion_and_divergence(tmp_path):
    sweep = find_learning_rate(dense(), X, Y, steps=80, batch_size=32, verbose=0)
    assert sweep.stopped == "diverged"
    axes = sweep.plot(filepath=tmp_path / "sweep.png")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    suggested = f"suggested: {sweep.suggest():.2e}"
    assert labels == ["loss of the batch", "smoothed", "diverged", suggested]
    assert axes.get_xscale() == "log"
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), sweep.lrs)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), sweep.losses)
    assert (tmp_path / "sweep.png").stat().st_size > 0


def test_a_plot_without_a_suggestion_says_so():
    sweep = find_learning_rate(dense(), X, Y, steps=4, end_lr=1e-5, batch_size=96, verbose=0)
    labels = [text.get_text() for text in sweep.plot().get_legend().get_texts()]
    assert labels == ["loss of the batch", "smoothed", "no rate suggested"]


def test_the_dict_holds_the_curve():
    sweep = ExponentialLRSweep(1e-4, 1e9, steps=60, stop_factor=None)
    dense().fit(X, Y, batch_size=8, epochs=5, verbose=0, callbacks=[sweep])
    curve = json.loads(json.dumps(sweep.to_dict()))
    assert list(curve) == ["lrs", "losses", "smoothed_losses", "stopped"]
    assert curve["stopped"] == "non-finite"
    for name in ("lrs", "losses", "smoothed_losses"):
        np.testing.assert_array_equal(curve[name], getattr(sweep, name))
    assert not np.isfinite(curve["losses"][-1])
