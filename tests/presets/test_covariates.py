"""Covariates reach the steps that they belong to, and a column known ahead is worth its effect."""

import keras
import numpy as np
import pytest

from helpers import called, untraced
from keras_ts import RecurrentPreset, WindowedSeries, from_preset

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


@pytest.mark.parametrize("kind", ["vector", "sequence"])
@pytest.mark.parametrize("window_norm", [None, "last"])
@pytest.mark.parametrize("panel", [False, True])
def test_a_known_column_reaches_the_step_that_it_belongs_to_and_no_other(kind, window_norm, panel):
    series = np.random.default_rng(0).normal(size=(40, 2))
    dataset = WindowedSeries(6, 3, target_columns=0, future_columns=[1], targets=kind).build(
        [series, series[:20]] if panel else series
    )
    preset = RecurrentPreset(f"sequence_to_{kind}", units=(4,), window_norm=window_norm)
    model = preset.build(dataset)
    x, _ = dataset[0]
    before = keras.ops.convert_to_numpy(model(x))
    for step in range(3):
        future = x["future"].copy()
        future[:, step] += 1.0
        moved = keras.ops.convert_to_numpy(model({**x, "future": future})) != before
        reached = np.zeros(before.shape[1:], bool)
        if kind == "vector":
            reached[step] = True
        else:
            # The window's input p forecasts p + 1 .. p + 3, and the plan begins at 6.
            for place in range(6):
                for ahead in range(3):
                    reached[place, ahead] = place + ahead + 1 == 6 + step
        assert not moved[:, ~reached].any()
        assert moved[:, reached].any()


def test_static_columns_reach_the_forecast_and_a_panel_of_constants_stays_finite():
    generator = np.random.default_rng(0)
    series = [generator.normal(size=(30, 6)) for _ in range(3)]
    for number, values in enumerate(series):
        values[:, 1] = 7.0  # constant, past only
        values[:, 2] = 2e5 + number  # static
        values[:, 3] = generator.random(30) < 0.1  # 0 or 1, known ahead
        values[:, 4] = 0.0  # constant, known ahead
        values[:, 5] = 3e5  # static, and the same for all
    dataset = WindowedSeries(
        8, 2, target_columns=0, future_columns=[3, 4], static_columns=[2, 5], batch_size=64
    ).build(series)
    for window_norm in (None, "last", "mean", "standard"):
        model = RecurrentPreset(units=(4,), window_norm=window_norm).build(dataset)
        x, _ = dataset[0]
        moved = {**x, "static": x["static"] + np.array([1.0, 0.0])}
        assert (
            keras.ops.convert_to_numpy(model(x)) != keras.ops.convert_to_numpy(model(moved))
        ).any()
        model.compile(keras.optimizers.Adam(0.01), "mae")
        losses = untraced(model).fit(dataset, epochs=3, verbose=0).history["loss"]
        assert np.isfinite(losses).all()
        assert losses[-1] < losses[0] < 3.0


def test_columns_known_ahead_begin_without_an_effect():
    table = np.random.default_rng(0).normal(size=(80, 2))
    dataset = WindowedSeries(8, 2, target_columns=0, future_columns=[1]).build(table)
    x = dataset[0][0]
    for name, still in (("smooth_gru", True), ("gru_32x2", False)):
        model = from_preset(name, units=(3,)).build(dataset)
        before = called(model, x)
        after = called(model, {**x, "future": x["future"] + 1})
        assert np.array_equal(before, after) is still
