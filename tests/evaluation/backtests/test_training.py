"""A fold's model is trained on its training part alone, and told of its validation part."""

import keras
import numpy as np
import pytest

from keras_ts import Recipe, RecurrentPreset, WindowedSeries, course_series
from keras_ts.evaluation.backtests.training import Trainer, check_fit_arguments
from keras_ts.windows.cut import folds_of
from keras_ts.windows.split import FoldSizes

WINDOWS = WindowedSeries(6, 2, shuffle=True, seed=3, batch_size=16)
RECIPE = Recipe("mae", "adamw", 1e-2, 16, 2, window=6)


def build(train):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.Adam(1e-2), "mae", run_eagerly=True)
    return model


def fold(series, validation_size=None):
    return next(folds_of(WINDOWS, series, FoldSizes(1, 20, None, validation_size), None))


def trained(maker, own, **arguments):
    keras.utils.set_random_seed(0)
    return Trainer(maker, {"epochs": 3, **arguments}).model(own)


def weights(model):
    return np.concatenate([w.ravel() for w in model.get_weights()])


class Seen(keras.callbacks.Callback):
    """Keeps the logs of every epoch."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))


def test_a_validation_part_is_watched_and_not_trained_on():
    series = course_series(90)
    other = series.copy()
    other[50:] += 100
    model, changed = (trained(build, fold(values, 20)) for values in (series, other))
    np.testing.assert_array_equal(weights(model), weights(changed))
    # The test can fail: rows in front of the part are trained on, and without it all are.
    other[49] -= 1000
    assert not np.array_equal(weights(model), weights(trained(build, fold(other, 20))))
    assert not np.array_equal(weights(model), weights(trained(build, fold(series))))
    seen = Seen()
    part = fold(series, 20)
    model = trained(build, part, callbacks=[seen])
    assert seen.logs[-1]["val_loss"] == pytest.approx(model.evaluate(part.validation, verbose=0))
    trained(build, fold(series), callbacks=seen)
    assert "val_loss" not in seen.logs[-1]


def callbacks(folder):
    stop = keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)
    slower = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.1, patience=1, min_delta=1.0)
    slowest = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)
    kept = keras.callbacks.ModelCheckpoint(folder / "best.keras", save_best_only=True)
    return [stop, slower, slowest, kept]


def test_callbacks_carry_nothing_from_one_fit_to_the_next(tmp_path):
    """The first series is easier, so its best loss would never be reached again."""
    series = course_series(90)
    alone = trained(build, fold(series, 20), callbacks=callbacks(tmp_path), epochs=6)
    saved = weights(keras.models.load_model(tmp_path / "best.keras"))
    own = callbacks(tmp_path)
    trained(build, fold(series * 0 + 1, 20), callbacks=own, epochs=6)
    again = trained(build, fold(series, 20), callbacks=own, epochs=6)
    np.testing.assert_array_equal(weights(alone), weights(again))
    np.testing.assert_array_equal(saved, weights(keras.models.load_model(tmp_path / "best.keras")))


def test_a_preset_is_trained_as_by_its_fit():
    preset = RecurrentPreset(units=(2,), window_norm="last", recipe=RECIPE)
    series = course_series(90)
    model = trained(preset, fold(series, 20), core=lambda: keras.layers.Flatten(), epochs=1)
    keras.utils.set_random_seed(0)
    own = fold(series, 20)
    again = preset.fit(
        own.train,
        validation_data=own.validation,
        core=lambda: keras.layers.Flatten(),
        epochs=1,
        verbose=0,
    )
    np.testing.assert_array_equal(weights(model), weights(again))


def test_what_would_show_later_values_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"validation_data would be the same.*validation_size"):
        check_fit_arguments({"validation_data": 0.5})
    backup = {"callbacks": [keras.callbacks.BackupAndRestore(tmp_path / "backup")]}
    with pytest.raises(ValueError, match=r"BackupAndRestore would load the weights of one fold"):
        check_fit_arguments(backup)
    with pytest.raises(TypeError, match="a CallbackList belongs to one model"):
        check_fit_arguments({"callbacks": keras.callbacks.CallbackList()})
    check_fit_arguments({"callbacks": keras.callbacks.EarlyStopping("loss")})
