"""One call sweeps, and leaves the model as it was."""

import keras
import pytest

from keras_ts import WindowedSeries, course_series, find_learning_rate
from sweep_helpers import X, Y, assert_same_bits, dense, state


@pytest.mark.parametrize("shuffled", [True, False])
def test_another_epoch_gives_another_curve_and_the_dataset_stays_there(shuffled):
    windows = WindowedSeries(6, batch_size=16, shuffle=shuffled, seed=1)
    dataset = windows.build(course_series()[:200])
    model = dense("adam")
    model.optimizer.build(model.trainable_variables)
    before, curves = state(model), []
    # Once before: on JAX and PyTorch, Keras takes a batch more to build a model's metrics.
    for epoch in (0, 0, 1, 0):
        dataset.epoch = epoch
        position = dataset.state()
        sweep = find_learning_rate(model, dataset, end_lr=1e-2, steps=12, verbose=0)
        assert dataset.state() == position
        assert_same_bits(before, state(model))
        curves.append(sweep.losses)
    _, first, second, again = curves
    assert first == again
    assert (first == second) == (not shuffled)


def test_progress_is_one_bar(capsys):
    find_learning_rate(dense(), X, Y, end_lr=1e-3, steps=12, verbose=1)
    shown = capsys.readouterr().out
    assert "12/12" in shown
    assert "lr: " in shown
    find_learning_rate(dense(), X, Y, end_lr=1e-3, steps=12, verbose=0)
    assert capsys.readouterr().out == ""


def test_all_steps_run_under_accumulation():
    model = dense(keras.optimizers.SGD(1e-3, gradient_accumulation_steps=4))
    sweep = find_learning_rate(model, X, Y, end_lr=1e-5, steps=12, batch_size=96, verbose=0,
                               stop_factor=None)  # fmt: skip
    assert sweep.stopped == "finished"
    assert len(sweep.lrs) == 12
