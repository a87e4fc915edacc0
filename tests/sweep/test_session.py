"""A fit ends, is cut off or goes on, and the model is as it was."""

from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import BACKEND, run_fresh
from keras_ts import (
    ExponentialLRSweep,
    WindowedSeries,
    _keras_private,
    course_series,
    find_learning_rate,
)
from keras_ts.sweep.session import GeometricSchedule
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
    with pytest.raises(ValueError, match="Put the sweep before BackupAndRestore"):
        fit(ExponentialLRSweep(1e-4, 1e-1, backup=path), model=trained, initial_epoch=2)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_sweep_leaves_no_trace(optimizer):
    swept, untouched = dense(optimizer, noisy=True), dense(optimizer, noisy=True)

    def dataset():
        windows = WindowedSeries(6, batch_size=8, shuffle=True, seed=2)
        return windows.build(course_series()[:90])

    keras.utils.set_random_seed(5)
    before = state(swept)
    sweep = find_learning_rate(swept, dataset(), steps=30, verbose=0)
    assert len(sweep.lrs) >= 10
    for a, b in zip(before, state(swept), strict=False):
        np.testing.assert_array_equal(a, b)
    swept.fit(dataset(), epochs=2, shuffle=False, verbose=0)
    keras.utils.set_random_seed(5)
    untouched.fit(dataset(), epochs=2, shuffle=False, verbose=0)
    assert_same_bits(state(swept), state(untouched))


@pytest.mark.parametrize("drawn", [False, True])
def test_the_seeds_of_draws_without_a_seed_come_back(drawn):
    class Draw(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            keras.random.normal((1,))

    def next_draws(sweep):
        # Keras 3.12 keeps its generator where a seed is set.
        keras.utils.clear_session()
        keras.utils.set_random_seed(5)
        if drawn:
            keras.random.normal((1,))
        if sweep:
            find_learning_rate(dense(), X, Y, steps=10, verbose=0, callbacks=[Draw()])
            # dense() itself sets the seed to 1.
        else:
            dense()
        return keras.ops.convert_to_numpy(keras.random.normal((3,)))

    np.testing.assert_array_equal(next_draws(sweep=True), next_draws(sweep=False))


@pytest.mark.parametrize("wrap", [lambda layer: layer, keras.layers.Bidirectional])
def test_the_states_of_recurrent_layers_come_back(wrap):
    keras.utils.set_random_seed(1)
    recurrent = wrap(keras.layers.SimpleRNN(4, stateful=True))
    model = keras.Sequential([keras.Input((6, 1), batch_size=16), recurrent, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X[..., None], Y, batch_size=16, verbose=0)
    within = _keras_private.layers_within(model)
    layers = [each for each in within if isinstance(each, keras.layers.RNN)]
    assert len(layers) == (2 if wrap is keras.layers.Bidirectional else 1)

    def states():
        return [np.array(keras.ops.convert_to_numpy(each.states[0])) for each in layers]

    before = states()
    # On JAX, Keras itself leaves them at zero.
    assert BACKEND == "jax" or all(np.abs(each).max() > 0 for each in before)
    find_learning_rate(model, X[..., None], Y, steps=10, batch_size=16, verbose=0)
    assert_same_bits(before, states())


@given(st.floats(1e-9, 1e-2), st.floats(1.5, 1e8), st.integers(2, 500))
def test_schedule_reaches_both_ends_by_equal_factors(start, factor, steps):
    end = start * factor
    rates = np.array(GeometricSchedule(start, end).rates(steps))
    assert rates[0] == start
    assert rates[-1] == end
    np.testing.assert_allclose(
        rates[1:] / rates[:-1], (end / start) ** (1 / (steps - 1)), rtol=1e-6
    )


def test_schedule_of_the_course():
    ladder = GeometricSchedule(1e-8, per_decade=20)
    np.testing.assert_allclose(
        ladder.rates(100),
        [1e-8 * 10 ** (i / 20) for i in range(100)],
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "Received neither"),
        ({"end": 1.0, "per_decade": 20}, "Received both"),
        ({"end": 1e-9, "steps": 10}, "end_lr must be larger than start_lr"),
        ({"end": 1.0, "steps": 1}, "steps must be >= 2"),
        ({"per_decade": 0}, "steps_per_decade must be > 0"),
    ],
)
def test_schedule_misuse(settings, says):
    with pytest.raises(ValueError, match=says):
        GeometricSchedule(1e-8, **settings)
