"""Trials of KerasTuner are judged by a backtest, and the best one is returned."""

from dataclasses import replace

import pytest

from keras_ts import backtest, course_series, from_preset

keras_tuner = pytest.importorskip("keras_tuner")

SERIES = course_series()[:400]
BASE = from_preset("gru_32x2", units=(2,))


@pytest.mark.parametrize("oracle", ["RandomSearch", "BayesianOptimization"])
def test_trials_differ_and_the_best_one_is_returned(tmp_path, oracle):
    """All are judged on the same targets, and no seed of a backtest makes a tuner repeat itself."""
    judged = []

    class Tuner(getattr(keras_tuner, oracle)):
        def run_trial(self, trial):
            hp = trial.hyperparameters
            rate = hp.Float("rate", 1e-4, 1e-1, sampling="log")
            preset = replace(BASE, recipe=replace(BASE.recipe, learning_rate=rate))
            windows = {"horizon": 3, "window": hp.Int("window", 5, 60), "seed": 1}
            report = backtest(preset, SERIES, windows, 1, test_size=80, epochs=1, verbose=0)
            mae = float(report.scores()["mae"][0])
            judged.append((mae, hp["window"], report.comparison.judged_on["fingerprint"]))
            return mae

    tuner = Tuner(max_trials=3, directory=tmp_path, overwrite=True)
    tuner.search()
    errors, windows, targets = zip(*judged, strict=True)
    assert len(errors) == len(set(windows)) == 3
    assert len(set(targets)) == 1
    assert tuner.get_best_hyperparameters()[0]["window"] == windows[errors.index(min(errors))]
