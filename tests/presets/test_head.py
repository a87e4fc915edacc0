"""The head: every value of a forecast in its place, and in the shape that is asked for."""

import keras
import numpy as np

from keras_ts import RecurrentPreset, WindowedSeries

LEVELS = (0.1, 0.5, 0.9)


def test_every_quantile_of_every_step_and_target_stands_in_its_place():
    """Biases number a dense layer's outputs; nothing else reaches them."""
    series = np.random.default_rng(0).normal(size=(40, 2))
    dataset = WindowedSeries(8, 2).build(series)
    model = RecurrentPreset(units=(2,), window_norm="mean", quantiles=LEVELS).build(dataset)
    dense = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    kernel, bias = dense.get_weights()
    # Steps, quantiles, targets.
    dense.set_weights([kernel * 0, np.arange(len(bias))])
    x, _ = dataset[0]
    outputs = keras.ops.convert_to_numpy(model(x)) - x.mean(axis=1)[:, None, :, None]
    expected = np.arange(12).reshape(2, 3, 2).transpose(0, 2, 1)
    np.testing.assert_allclose(outputs, np.broadcast_to(expected, outputs.shape), atol=1e-5)


def test_quantiles_without_a_dataset():
    model = RecurrentPreset(quantiles=LEVELS, window_norm="last").build(outputs=3, window=5)
    assert model.output_shape == (None, 3, 3)
    model = RecurrentPreset(
        "sequence_to_sequence", features=3, quantiles=LEVELS, window_norm="last"
    ).build()
    assert model.output_shape == (None, None, 1, 3)
    x = np.random.default_rng(0).normal(1e4, 1.0, (2, 7, 3)).astype("float32")
    x[..., 1:] = 0.0
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), 1e4, rtol=0.01)
