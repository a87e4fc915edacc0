"""Before any training, quantiles are as far apart as those of the errors of the forecast."""

import keras
import numpy as np

from keras_ts import from_preset
from keras_ts.presets.initial_fit.parts import spread

LEVELS = (0.1, 0.5, 0.9)


def test_steps_share_the_shape_of_errors_and_differ_in_size():
    errors = np.array([[-2.0, -4.0], [0.0, 0.0], [1.0, 2.0], [3.0, 6.0]])[..., None]
    relative = np.repeat([-2.0, 0.0, 1.0, 3.0], 2) / 1.5
    shape = np.quantile(relative, LEVELS) - np.median(relative)
    np.testing.assert_allclose(spread(errors, LEVELS), [[1.5 * shape], [3.0 * shape]])


def test_missing_errors_and_steps_without_any_add_nothing():
    whole = np.array([-2.0, 0.0, 1.0, 3.0])
    errors = np.stack([np.append(whole, np.nan), np.full(5, np.nan)], axis=1)[..., None]
    expected = spread(whole[:, None, None], LEVELS)
    np.testing.assert_allclose(spread(errors, LEVELS)[:1], expected)
    np.testing.assert_array_equal(spread(errors, LEVELS)[1], 0)


def test_quantiles_hold_what_they_say_before_any_training():
    """The median stays where the forecast by smoothing is."""
    series = 20 + np.random.default_rng(0).normal(size=(100, 2))
    series[:, 1] *= 1000
    preset = from_preset("seasonal_gru", units=(2,), quantiles=LEVELS)
    windows = preset.windows_for(series, horizon=4)
    train = windows.build(series)
    model = preset.build(train)
    x, y = train.to_numpy()
    low, median, high = np.moveaxis(keras.ops.convert_to_numpy(model(x)), -1, 0)
    held = ((low <= y) & (y <= high)).mean(axis=(0, 1))
    np.testing.assert_allclose(held, 0.8, atol=0.04)
    keras.utils.set_random_seed(0)
    point = from_preset("seasonal_gru", units=(2,)).build(train)
    np.testing.assert_allclose(median, keras.ops.convert_to_numpy(point(x)), rtol=1e-5)
