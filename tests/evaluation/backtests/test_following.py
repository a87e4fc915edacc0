"""Intervals of a backtest begin where the folds before left them, resumed or not."""

import keras
import numpy as np
import pytest

from backtest_helpers import run
from keras_ts import Recipe, RecurrentPreset, WindowedSeries

pytestmark = pytest.mark.usefixtures("untraced_models")

WINDOWS = WindowedSeries(4, 2, seed=3, batch_size=32)
CALIBRATED = {
    "n_splits": 3,
    "test_size": 30,
    "validation_size": 30,
    "epochs": 1,
    "windows": WINDOWS,
}


def persistence(train):
    """Return a model that all but repeats the last value, of which little is trained."""
    past = keras.Input((4,))
    last = keras.layers.Dense(2, kernel_initializer="zeros", name="little")(past) + past[:, -1:]
    model = keras.Model(past, last)
    model.compile(keras.optimizers.SGD(0.0), "mae", run_eagerly=True)
    return model


def restless(size=1.0):
    """Return a straight line that turns into noise, which a band of the line's errors misses."""
    noise = np.random.default_rng(0).normal(size=200)
    noise[:-90] *= 0.02
    return size * (np.arange(200.0) + 5 * noise)


def widths(report, fold):
    table = report.table
    own = (table["fold"] == fold) & (table["step"] == 1)
    return (table["prediction_0.9"] - table["prediction_0.1"])[own]


def bounds_missed(report, fold):
    table = report.table
    own = table["fold"] == fold
    low, high = table["prediction_0.1"][own], table["prediction_0.9"][own]
    return float(((table["actual"][own] < low) | (table["actual"][own] > high)).mean())


def test_later_folds_begin_at_the_levels_that_earlier_ones_left():
    series = restless()
    plain, moved = (
        run(series, maker=persistence, coverage=0.8, follow=own, **CALIBRATED)
        for own in (False, True)
    )
    np.testing.assert_array_equal(widths(moved, 0), widths(plain, 0))
    assert bounds_missed(plain, 0) > 0.25
    assert (widths(moved, 1) > widths(plain, 1)).all()
    np.testing.assert_array_equal(moved.table["prediction"], plain.table["prediction"])


def test_levels_are_those_of_coverages_that_a_model_calibrates():
    """Of quantiles, each pair moves by its own misses; of a panel, by those of all its series."""
    recipe = Recipe("mae", "adamw", 1e-2, 32, 1, window=4)
    preset = RecurrentPreset(units=(2,), quantiles=(0.1, 0.25, 0.5, 0.75, 0.9), recipe=recipe)
    panel = [restless(), restless(100.0)]
    settings = {**CALIBRATED, "coverage": 0.8, "maker": preset, "n_splits": 2}
    plain, moved = (run(panel, follow=own, **settings) for own in (False, True))
    for low, high in ((0.1, 0.9), (0.25, 0.75)):
        width = [
            (r.table[f"prediction_{high}"] - r.table[f"prediction_{low}"])[r.table["fold"] == 1]
            for r in (plain, moved)
        ]
        assert (width[0] != width[1]).mean() > 0.5


def test_following_needs_intervals():
    with pytest.raises(ValueError, match="follow=True moves intervals: pass coverage="):
        run(restless(), maker=persistence, windows=WINDOWS, follow=True)
