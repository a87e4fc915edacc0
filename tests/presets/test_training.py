"""A few windows of a single series train a preset with smoothing little."""

import keras
import numpy as np
import pandas as pd
import pytest

from keras_ts import forecast, from_preset

WALK = 20 + np.random.default_rng(5).normal(size=48).cumsum()
LONG = np.random.default_rng(0).normal(size=300)
PLAN = pd.DataFrame({"units": WALK, "promotion": np.arange(48) % 2})


@pytest.mark.parametrize(
    ("series", "share", "settings"),
    [
        (WALK, (48 - 12 - 8 + 1) / 256, {}),
        (LONG, 1, {}),
        ([WALK, WALK], 1, {}),
        (PLAN, 1, {"target_columns": "units", "future_columns": "promotion"}),
    ],
    ids=["short", "long", "panel", "known ahead"],
)
def test_windows_of_one_series_that_do_not_fill_a_batch_lower_the_rate(series, share, settings):
    preset = from_preset("seasonal_gru", units=(2,))
    train = preset.windows_for(series, horizon=8, **settings).build(series)
    model = preset.fit(train, epochs=1, verbose=0)
    rate = model.optimizer.get_config()["learning_rate"]["config"]["initial_learning_rate"]
    assert rate == pytest.approx(share * preset.recipe.learning_rate)


def test_a_fit_on_forty_rows_is_hardly_worse_than_no_training():
    """At the full rate, the error on what follows this random walk is 50 % larger."""
    series, actual = WALK[:40], WALK[40:]
    preset = from_preset("seasonal_gru")
    train = preset.windows_for(series, horizon=8, seed=1).build(series)
    keras.utils.set_random_seed(1)
    untrained, trained = (
        np.abs(np.asarray(forecast(model, series)) - actual).mean()
        for model in (preset.build(train), preset.fit(train, verbose=0))
    )
    assert trained < 1.1 * untrained
