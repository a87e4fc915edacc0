"""A curve draws and exports what was recorded."""

import numpy as np
import pytest

from keras_ts import (
    ExponentialLRSweep,
    find_learning_rate,
)
from sweep_helpers import X, Y, dense


def test_too_few_points_say_so():
    sweep = find_learning_rate(dense(), X, Y, steps=9, verbose=0)
    with pytest.raises(ValueError, match=r"needs 10 finite losses. The sweep begins with 9"):
        sweep.suggest()
    with pytest.raises(ValueError, match="steps must be >= 2"):
        find_learning_rate(dense(), X, Y, steps=1)
    with pytest.raises(ValueError, match="Received: steps=None, and a fit whose length is 1"):
        dense().fit(X, Y, batch_size=96, verbose=0, callbacks=[ExponentialLRSweep(1e-3, 1e-1)])


def test_the_plot_shows_repeats_and_interval(sweep):
    axes = sweep.plot()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    low, high = sweep.suggest_interval()
    assert "5 repeats" in labels
    assert labels[-2:] == [f"suggested: {sweep.suggest():.2e}", f"{low:.1e} to {high:.1e}"]
    spans = [patch.get_extents().x0 for patch in axes.patches]
    assert axes.transData.transform((low, 0))[0] == pytest.approx(min(spans))


def test_a_run_for_tensorboard(sweep, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sweep.to_tensorboard(tmp_path / "logs")
    events = EventAccumulator(str(tmp_path / "logs"), size_guidance={"tensors": 0}).Reload()
    for name, values in (
        ("loss", sweep.losses),
        ("smoothed_loss", sweep.smoothed_losses),
        ("learning_rate", sweep.lrs),
    ):
        read = [
            (event.step, event.tensor_proto.float_val[0])
            for event in events.Tensors(f"sweep/{name}")
        ]
        assert [step for step, _ in read] == list(range(len(values)))
        np.testing.assert_allclose([value for _, value in read], values, rtol=1e-6)


def test_tensorboard_missing_says_what_to_install(sweep, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboard.summary", None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        sweep.to_tensorboard(tmp_path)


def test_sweep_marks_suggestion_and_divergence(tmp_path):
    sweep = ExponentialLRSweep(1e-6, 1.0, steps=60)
    with pytest.raises(ValueError, match="recorded nothing"):
        sweep.plot()
    for i in range(60):
        fall = 1 / (1 + np.exp(0.3 * (i - 25)))
        sweep.curve.record(10 ** (-6 + i / 10), fall + np.exp(0.5 * (i - 55)))
    sweep.curve.stopped = "diverged"
    axes = sweep.plot(filepath=tmp_path / "sweep.png")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[:2] == ["loss of the batch", "smoothed"]
    assert f"suggested: {sweep.suggest():.2e}" in labels
    assert "diverged" in labels
    assert axes.get_xscale() == "log"
