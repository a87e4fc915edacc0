"""The level of windows without a value is that of series with such static columns."""

import keras
import numpy as np
import pytest

from helpers import called
from keras_ts import RecurrentPreset, WindowedSeries
from keras_ts.layers.plumbing import LevelByStatic


def panel_of(levels, static=None, rows=30):
    noise = np.random.default_rng(0).normal(size=(len(levels), rows))
    series = [level * (1 + 0.1 * of) for level, of in zip(levels, noise, strict=True)]
    if static is None:
        return series
    return [
        np.stack([of, np.full(rows, kind)], axis=1) for of, kind in zip(series, static, strict=True)
    ]


def dataset_of(panel, **settings):
    if panel[0].ndim == 2:
        settings |= {"target_columns": 0, "static_columns": 1}
    settings = {"horizon": 2, "missing": "mask_targets", "min_inputs": 0, **settings}
    return WindowedSeries(8, **settings).build(panel)


def first_forecasts(dataset, **settings):
    """Return what an untrained model makes of the windows without a value."""
    settings = {"units": (2,), **settings}
    keras.utils.set_random_seed(0)
    model = RecurrentPreset(**settings).build(dataset)
    x, *_ = dataset.to_numpy()
    past = x["past"] if isinstance(x, dict) else x
    empty = ~np.isfinite(past.reshape(len(past), -1)).any(axis=1)
    made = called(model, keras.tree.map_structure(lambda part: part[empty], x))
    return model, made.reshape(int(empty.sum()), 2, -1)


@pytest.mark.parametrize("settings", [
    {"window_norm": "last", "smoothing": "mixed"}, {"window_norm": "last", "smoothing": "linear"},
    {"window_norm": "seasonal", "period": 4, "smoothing": "mixed"},
])  # fmt: skip
def test_without_static_columns_it_is_the_median(settings):
    """What the net adds begins at 0."""
    levels = [1.0, 2.0, 30.0, 400.0, 5000.0]
    _, made = first_forecasts(dataset_of(panel_of(levels)), **settings)
    np.testing.assert_allclose(made, 30.0, rtol=0.05)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_static_column_tells_the_size(sign):
    sizes = [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
    levels = sign * np.array([90.0, 100.0, 110.0, 9000.0, 10_000.0, 11_000.0])
    settings = {"window_norm": "last", "smoothing": "mixed", "quantiles": (0.1, 0.5, 0.9)}
    model, made = first_forecasts(dataset_of(panel_of(levels, sizes)), **settings)
    small, large = np.abs(made[:3]).mean(), np.abs(made[3:]).mean()
    assert 100 < small < 250  # Shrunk to the others: three series are of its size.
    assert 4000 < large < 10_000
    assert (np.sign(made) == sign).all()
    (layer,) = (layer for layer in model.layers if isinstance(layer, LevelByStatic))
    assert not layer.trainable_variables


def test_mean_keeps_the_scale_of_one_and_a_net_without_a_norm_forecasts():
    panel = panel_of([10.0, 20.0, 30.0], [0.0, 1.0, 1.0])
    model, made = first_forecasts(dataset_of(panel), window_norm="mean")
    (layer,) = (layer for layer in model.layers if isinstance(layer, LevelByStatic))
    scales = layer([np.full((1, 8, 1), np.nan), *np.ones((2, 1, 1, 1)), np.ones((1, 1))])[1]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(scales), 1.0)
    _, plain = first_forecasts(dataset_of(panel))
    assert np.isfinite([made, plain]).all()


@pytest.mark.parametrize("settings", [
    {"window_norm": "last", "smoothing": "mixed"},
    {"window_norm": "seasonal", "period": 4, "smoothing": "mixed"},
])  # fmt: skip
def test_a_few_values_have_the_scale_of_other_series(settings):
    """So that a band, a season or a promotion is no flat line after the first day."""
    dataset = dataset_of(panel_of([20.0, 25.0, 30.0, 35.0]))
    keras.utils.set_random_seed(0)
    model = RecurrentPreset(units=(2,), quantiles=(0.1, 0.5, 0.9), **settings).build(dataset)
    x = np.full((7, 8, 1), np.nan, "float32")
    for known in range(7):
        x[known, 8 - known :] = 30.0 * (1 + 0.001 * np.arange(known))[:, None]
    low, _, high = np.moveaxis(called(model, x).reshape(7, 2, 3), 2, 0)
    assert ((high - low) > 0.5 * (high - low)[0]).all()
    constant = np.full((1, 8, 1), 30.0, "float32")
    np.testing.assert_allclose(called(model, constant), 30.0, atol=0.05)


def test_nothing_changes_for_windows_of_seven_values():
    """Weights that both have are equal bit for bit, and so are forecasts."""
    panel = panel_of([1.0, 20.0, 300.0])
    preset = RecurrentPreset(units=(2,), window_norm="last", smoothing="mixed")
    models, windows = [], [dataset_of(panel, min_inputs=least) for least in (1, 0)]
    for dataset in windows:
        keras.utils.set_random_seed(0)
        models.append(preset.build(dataset))
    x = windows[0].to_numpy()[0]
    x = x[np.isfinite(x.reshape(len(x), -1)).sum(axis=1) >= 7]
    assert len(x)
    first, second = (called(model, x) for model in models)
    np.testing.assert_array_equal(first, second)


def test_a_linear_map_is_refused():
    with pytest.raises(ValueError, match="cell='linear' is a map of the window"):
        RecurrentPreset(cell="linear").build(dataset_of(panel_of([1.0, 2.0])))
