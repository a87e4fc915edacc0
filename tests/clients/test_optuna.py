"""Trials of Optuna are pruned, and judged on the same targets whatever their windows."""

from dataclasses import replace

import numpy as np
import pytest

from keras_ts import backtest, course_series, from_preset

optuna = pytest.importorskip("optuna")
integration = pytest.importorskip("optuna_integration")

SERIES = course_series()[:400]
BASE = from_preset("gru_32x2", units=(2,))
EPOCHS = 4


@pytest.fixture(scope="module")
def study():
    """Trials with a good rate, with longer windows, and with a rate that learns nothing."""

    def objective(trial):
        rate = trial.suggest_float("rate", 1e-9, 1e-1, log=True)
        preset = replace(BASE, recipe=replace(BASE.recipe, learning_rate=rate))
        windows = {"horizon": 3, "window": trial.suggest_int("window", 5, 60), "seed": 1}
        callbacks = [integration.KerasPruningCallback(trial, "val_loss")]
        report = backtest(
            preset, SERIES, windows, 1, validation_size=60, test_size=80,
            callbacks=callbacks, epochs=EPOCHS, verbose=0,
        )  # fmt: skip
        trial.set_user_attr("judged", report.comparison.judged_on)
        trial.set_user_attr("actual", np.asarray(report.table["actual"]).tolist())
        return float(report.scores()["mae"][0])

    optuna.logging.disable_default_handler()
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2)
    study = optuna.create_study(pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    for rate, window in ((1e-2, 5), (1e-2, 60), (1e-9, 20)):
        study.enqueue_trial({"rate": rate, "window": window})
    study.optimize(objective, n_trials=3)
    return study


def test_a_trial_that_does_worse_is_pruned(study):
    """It ends before its epochs do, and leaves the study running."""
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "COMPLETE", "PRUNED"]
    lengths = [len(trial.intermediate_values) for trial in study.trials]
    assert lengths[:2] == [EPOCHS, EPOCHS]
    assert lengths[2] < EPOCHS


def test_trials_are_judged_on_the_same_targets_whatever_their_windows(study):
    short, long = (trial.user_attrs for trial in study.trials[:2])
    assert short["actual"] == long["actual"]
    for key in ("fingerprint", "windows", "first", "last"):
        assert short["judged"][key] == long["judged"][key]
    assert (short["judged"]["window"], long["judged"]["window"]) == (5, 60)


def test_the_best_trial_can_be_made_again(study):
    """Its settings give its score, since the seed of the windows fixes all random numbers."""
    best = study.best_trial
    preset = replace(BASE, recipe=replace(BASE.recipe, learning_rate=best.params["rate"]))
    windows = {"horizon": 3, "window": best.params["window"], "seed": 1}
    report = backtest(
        preset, SERIES, windows, 1, validation_size=60, test_size=80, epochs=EPOCHS, verbose=0
    )
    assert float(report.scores()["mae"][0]) == pytest.approx(study.best_value, rel=1e-5)
