"""A fit ends, is cut off or goes on, and the model is as it was."""

from pathlib import Path

import keras
import numpy as np
import pytest

from helpers import run_fresh
from keras_ts import (
    ExponentialLRSweep,
    WindowedSeries,
    _keras_private,
    course_series,
    find_learning_rate,
)
from sweep_helpers import X, Y, assert_same_bits, dense, fit, state


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_also_where_the_fit_is_interrupted(error):
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 7:
                raise error

    model = dense("adam", noisy=True)
    model.optimizer.build(model.trainable_variables)
    before, random = state(model), np.random.get_state()[1].copy()
    data = WindowedSeries(6, batch_size=8, seed=2).build(course_series()[:90])
    with pytest.raises(error):
        find_learning_rate(model, data, verbose=0, callbacks=[Interrupt()])
    assert_same_bits(before, state(model))
    np.testing.assert_array_equal(np.random.get_state()[1], random)


def test_also_where_another_callback_changes_the_model_at_the_end():
    stopping = keras.callbacks.EarlyStopping("loss", patience=99, restore_best_weights=True)
    model = dense("adam")
    model.optimizer.build(model.trainable_variables)
    before = state(model)
    sweep = find_learning_rate(model, X, Y, steps=20, verbose=0, callbacks=[stopping])
    assert_same_bits(before, state(model))
    assert sweep.get_config()["restore"]
    model.fit(X, Y, verbose=0, callbacks=[stopping, ExponentialLRSweep(1e-4, 1.0, steps=3)])
    assert_same_bits(before, state(model))


@pytest.mark.parametrize("every", ["batch", "epoch"])
def test_a_fit_that_begins_at_a_later_epoch_reaches_both_ends(every):
    sweep = ExponentialLRSweep(1e-4, 1e-2, every=every, stop_factor=None)
    dense().fit(X, Y, batch_size=24, epochs=5, initial_epoch=2, verbose=0, callbacks=[sweep])
    assert sweep.stopped == "finished"
    assert len(sweep.lrs) == (12 if every == "batch" else 3)
    assert sweep.lrs[-1] == 1e-2
    assert len(find_learning_rate(dense(), X, Y, steps=12, initial_epoch=99, verbose=0).lrs) == 12


def test_restore_false_keeps_what_was_trained():
    model = dense()
    before = state(model)
    sweep = ExponentialLRSweep(1e-3, 1e-2, restore=False)
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=[sweep])
    assert np.abs(before[0] - state(model)[0]).max() > 0
    sweep.restore()
    np.testing.assert_array_equal(before[0], state(model)[0])


def test_stops_at_once_where_the_loss_is_not_finite():
    model = dense()
    target = Y.copy()
    target[8 * 8] = np.nan
    sweep = ExponentialLRSweep(1e-6, 1e-3, steps=12)
    model.fit(X, target, batch_size=8, verbose=0, shuffle=False, callbacks=[sweep])
    assert sweep.stopped == "non-finite"
    assert len(sweep.lrs) == 9


def test_a_level_loss_is_no_divergence():
    model = dense()
    sweep = find_learning_rate(
        model, X, Y, start_lr=1e-12, end_lr=1e-9, steps=60, batch_size=96, verbose=0
    )
    assert sweep.stopped == "finished"


RUN = """
import os, sys
import keras, numpy as np
from keras_ts import ExponentialLRSweep
from sweep_helpers import X, Y, assert_same_bits, dense, state

folder, every, cut = sys.argv[1], sys.argv[2], int(sys.argv[3])

class Cut(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == cut:
            os._exit(0)

model = dense(keras.optimizers.Adam(1e-3))
model.optimizer.build(model.trainable_variables)
before = state(model)
sweep = ExponentialLRSweep(1e-4, 1e-1, every=every, stop_factor=None, backup=f"{folder}/sweep.json")
backup = keras.callbacks.BackupAndRestore(f"{folder}/backup")
model.fit(X, Y, batch_size=24, epochs=6, verbose=0, shuffle=False, callbacks=[sweep, backup, Cut()])
assert_same_bits(before, state(model))
"""


@pytest.mark.parametrize("every", [pytest.param("batch", marks=pytest.mark.slow), "epoch"])
def test_a_fit_that_was_cut_off_goes_on_with_the_curve(tmp_path, every):
    tests = str(Path(__file__).parent.parent)
    path = tmp_path / "sweep.json"
    run_fresh(RUN, tmp_path, every, 4, PYTHONPATH=tests)
    assert len(ExponentialLRSweep.from_json(path).lrs) == (16 if every == "batch" else 4)
    run_fresh(RUN, tmp_path, every, -1, PYTHONPATH=tests)
    again = ExponentialLRSweep.from_json(path)
    whole = ExponentialLRSweep(1e-4, 1e-1, every=every, stop_factor=None)
    dense(keras.optimizers.Adam(1e-3)).fit(
        X, Y, batch_size=24, epochs=6, verbose=0, shuffle=False, callbacks=[whole]
    )
    assert again.lrs == whole.lrs
    assert again.stopped == "finished"
    np.testing.assert_allclose(again.losses, whole.losses, rtol=1e-5)


class CutOff(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_the_same_sweep_goes_on_in_the_same_process():
    """Keras goes on at a later epoch; the state before the first fit comes back."""
    model = dense("adam")
    model.optimizer.build(model.trainable_variables)
    before = state(model)
    sweep = ExponentialLRSweep(1e-4, 1e-1, stop_factor=None)
    with pytest.raises(KeyboardInterrupt):
        fit(sweep, CutOff(), model=model)
    assert sweep.stopped == "interrupted"
    fit(sweep, model=model, initial_epoch=2)
    whole = ExponentialLRSweep(1e-4, 1e-1, stop_factor=None)
    fit(whole)
    assert sweep.lrs == whole.lrs
    np.testing.assert_allclose(sweep.losses, whole.losses, rtol=1e-5)
    assert_same_bits(before, state(model))


@pytest.mark.parametrize("backup", [False, True])
def test_a_sweep_of_another_model_starts_the_curve_anew(tmp_path, backup):
    """Keras goes on at a later epoch here, too; the second model's own state comes back."""
    sweep = ExponentialLRSweep(
        1e-4, 1e-1, stop_factor=None, backup=tmp_path / "sweep.json" if backup else None
    )
    with pytest.raises(KeyboardInterrupt):
        fit(sweep, CutOff())
    other = dense("adam")
    other.optimizer.build(other.trainable_variables)
    other.set_weights([2 * weight for weight in other.get_weights()])
    before = state(other)
    fit(sweep, model=other, initial_epoch=1)
    assert len(sweep.lrs) == 12
    assert sweep.lrs[0] == 1e-4
    assert sweep.stopped == "finished"
    assert_same_bits(before, state(other))


def test_a_fit_from_the_first_epoch_starts_the_curve_anew():
    sweep = ExponentialLRSweep(1e-4, 1e-1, stop_factor=None)
    with pytest.raises(KeyboardInterrupt):
        fit(sweep, CutOff())
    fit(sweep)
    assert len(sweep.lrs) == 16


def test_what_cannot_go_on_says_so(tmp_path):
    path = tmp_path / "sweep.json"
    with pytest.raises(KeyboardInterrupt):
        fit(ExponentialLRSweep(1e-4, 1e-1, backup=path), CutOff())
    with pytest.raises(ValueError, match="other settings"):
        fit(ExponentialLRSweep(1e-4, 1.0, backup=path), initial_epoch=2)
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 10)
    scheduled = dense(keras.optimizers.SGD(schedule))
    with pytest.raises(ValueError, match="other settings"):
        fit(ExponentialLRSweep(1e-4, 1.0, backup=path), model=scheduled, initial_epoch=2)
    assert _keras_private.schedule_of(scheduled.optimizer) is schedule
    trained = dense("adam")
    trained.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="Put the sweep before TrainingBackup"):
        fit(ExponentialLRSweep(1e-4, 1e-1, backup=path), model=trained, initial_epoch=2)
