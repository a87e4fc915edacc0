"""A curve survives the process that was drawing it, beside Keras's own BackupAndRestore."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from helpers import run_fresh
from keras_ts import ExponentialLRSweep, _keras_private
from sweep_helpers import X, Y, assert_same_bits, dense, state

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


def fit(sweep, *others, model=None, **arguments):
    model = model or dense("adam")
    model.fit(X, Y, batch_size=24, epochs=4, verbose=0, shuffle=False,
              callbacks=[sweep, *others], **arguments)  # fmt: skip
    return model


def test_the_same_sweep_goes_on_in_the_same_process():
    """Where Keras is told to go on at a later epoch; the first state comes back."""
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
    """Where Keras is told to go on at a later epoch, too; the second model's own state comes back."""
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
    with pytest.raises(ValueError, match="the sweep goes before BackupAndRestore"):
        fit(ExponentialLRSweep(1e-4, 1e-1, backup=path), model=trained, initial_epoch=2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: "{", "is not a sweep that to_json wrote: Expecting"),
        (lambda c: "[1]", "it lacks config, curve, began, epoch_starts"),
        (lambda c: json.dumps({**c, "curve": {"lrs": []}}), "it lacks curve.losses, curve.stopped"),
        (lambda c: json.dumps({k: v for k, v in c.items() if k != "config"}), "it lacks config"),
        (
            lambda c: json.dumps({**c, "config": {"start": 1}}),
            "unexpected keyword argument 'start'",
        ),
        (lambda c: json.dumps({**c, "config": {"start_lr": -1}}), "start_lr must be > 0"),
        (
            lambda c: json.dumps({**c, "curve": {**c["curve"], "losses": [1.0]}}),
            "zip.. argument 2 is shorter",
        ),
        (lambda c: "[" * 100_000, "is not a sweep that to_json wrote"),
        (
            lambda c: json.dumps({**c, "curve": {**c["curve"], "losses": [10**400] * 16}}),
            "int too large",
        ),
        (
            lambda c: json.dumps({**c, "curve": {**c["curve"], "repeats": [[1.0], [2.0]]}}),
            "as long as lrs",
        ),
        *(
            (lambda c, lrs=lrs: json.dumps({**c, "curve": {**c["curve"], "lrs": lrs}}), says)
            for lrs, says in (
                ([-1e-3] * 16, r"lrs\[0\] must be > 0. Received: lrs\[0\]=-0.001"),
                ([1e-3] * 15 + [0], r"lrs\[15\] must be > 0"),
                ([1e-3] * 15 + ["nan"], r"lrs\[15\] must be finite. Received: lrs\[15\]=nan"),
                ([1e-3] * 15 + ["inf"], r"lrs\[15\] must be finite"),
                ([1e-3] * 15 + ["1e-3"], r"lrs\[15\] must be a finite number"),
                ([1e-3] * 15 + [True], r"lrs\[15\] must be a finite number"),
                ([1e-3] * 15 + [1e-4], r"lrs must not fall. Received: lrs\[15\]=0.0001 after"),
            )
        ),
        (
            lambda c: json.dumps({**c, "curve": {**c["curve"], "stopped": "early"}}),
            "stopped must be one of .* Received: 'early'",
        ),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, change, says):
    path = tmp_path / "sweep.json"
    sweep = ExponentialLRSweep(1e-4, 1e-1)
    fit(sweep)
    sweep.to_json(path)
    path.write_text(change(json.loads(path.read_text())))
    with pytest.raises(ValueError, match=says):
        ExponentialLRSweep.from_json(path)
