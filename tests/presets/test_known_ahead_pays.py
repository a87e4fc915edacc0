"""A column known ahead is worth its effect, and another plan moves the forecast by it."""

import keras
import numpy as np
import pytest

from keras_ts import WindowedSeries, from_preset

EFFECT = 20.0


def promoted_series(seed):
    """Return a linear series with promotions, and the noise that nobody can forecast."""
    generator = np.random.default_rng(seed)
    promotion = (generator.random(3000) < 0.2).astype(float)
    noise = generator.normal(size=3000)
    return np.stack([50 + 0.05 * np.arange(3000) + EFFECT * promotion + noise, promotion], 1), noise


@pytest.mark.slow
@pytest.mark.parametrize("horizon", [1, 7])
@pytest.mark.parametrize("window_norm", ["last", "standard"])
def test_errors_fall_to_the_noise_with_the_future_column_alone(window_norm, horizon):
    table, noise = promoted_series(seed=1)
    errors, of_noise = {}, None
    for future in ([1], None):
        keras.utils.set_random_seed(0)
        windows = WindowedSeries(
            20, horizon, target_columns=0, future_columns=future, shuffle=True, seed=0
        )
        train, validation = windows.split(table, at=0.8)
        preset = from_preset("gru_32x2", window_norm=window_norm)
        model = preset.build(train)
        preset.recipe.compile(model, steps_per_epoch=len(train))
        model.fit(train, epochs=preset.recipe.epochs, verbose=0)
        predictions = model.predict(validation, verbose=0)
        aligned = validation.align(predictions.reshape(validation.to_numpy()[1].shape))
        errors[str(future)] = np.abs(aligned["prediction"] - aligned["actual"]).mean()
        of_noise = np.abs(noise[aligned["target"].astype(int)]).mean()
        if future:
            x, _ = validation.to_numpy()
            plans = [{**x, "future": np.full_like(x["future"], plan)} for plan in (0.0, 1.0)]
            without, with_promotion = (model.predict(plan, verbose=0) for plan in plans)
            moved = (with_promotion - without).mean()
    assert errors["[1]"] <= 1.1 * of_noise
    assert errors["None"] > 2 * of_noise
    assert 0.9 * EFFECT < moved < 1.1 * EFFECT
