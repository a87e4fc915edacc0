"""``MaskMissing`` turns missing values into masked steps, whatever reads them next."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as numpy

from helpers import warned_of_masks
from keras_ts.layers import MaskMissing, NormalizeWindow
from keras_ts.windows.scale import parted, window_scales


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_step_is_masked_if_any_of_its_values_is_missing(hole):
    x = np.array([[[1.0, 2.0], [hole, 3.0], [4.0, 5.0]]], "float32")
    layer = MaskMissing()
    assert numpy(layer(x)).tolist() == [[[1.0, 2.0], [0.0, 3.0], [4.0, 5.0]]]
    assert numpy(layer.compute_mask(x)).tolist() == [[True, False, True]]
    compiled = keras.Sequential([keras.Input((3, 2)), layer])
    compiled.compile(jit_compile=keras.backend.backend() != "torch")
    assert compiled.predict(x, verbose=0).tolist() == [[[1.0, 2.0], [0.0, 3.0], [4.0, 5.0]]]
    before = np.array([[False, True, True]])
    assert numpy(layer.compute_mask(x, before)).tolist() == [[False, False, True]]


def test_a_step_of_several_targets_is_masked_if_all_are_missing():
    x = np.array([[[1.0, 2.0], [np.nan, 3.0], [np.inf, np.nan]]], "float32")
    layer = MaskMissing("all")
    assert numpy(layer(x)).tolist() == [[[1.0, 2.0], [0.0, 3.0], [0.0, 0.0]]]
    assert numpy(layer.compute_mask(x)).tolist() == [[True, True, False]]
    with pytest.raises(ValueError, match="features must be one of"):
        MaskMissing("some")


@warned_of_masks
def test_layers_behind_it_see_the_short_window():
    inputs = keras.Input((None, 1))
    normal, location, scale = NormalizeWindow("standard")(MaskMissing()(inputs))
    model = keras.Model(inputs, [keras.layers.SimpleRNN(3)(normal), location, scale])
    x = np.random.default_rng(0).normal(size=(2, 5, 1)).astype("float32")
    padded = np.concatenate([np.full((2, 3, 1), np.nan, "float32"), x], axis=1)
    for long, short in zip(model(padded), model(x), strict=True):
        np.testing.assert_allclose(numpy(long), numpy(short), rtol=1e-5, atol=1e-6)


def test_half_precision_keeps_the_level():
    layer = MaskMissing(dtype="mixed_float16")
    assert numpy(layer(np.array([[[100_000.25]]], "float32"))).tolist() == [[[100_000.25]]]
    assert layer(keras.Input((4, 1))).dtype == "float32"


@pytest.mark.parametrize("shape", [(2, 5), (2, 5, 3, 1)])
def test_another_number_of_axes_is_refused(shape):
    with pytest.raises(ValueError, match=r"\(batch, time, features\).*ExpandSeries"):
        MaskMissing()(np.ones(shape, "float32"))


def test_keras_parts_and_scales_windows_as_numpy_does():
    """The arithmetic is one function for both: layers call it with ``keras.ops``."""
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(30, 9, 2)).astype("float32")
    windows[rng.random(windows.shape) < 0.3] = np.nan
    windows[0, 3], windows[1, 4], windows[2] = np.inf, -np.inf, np.nan
    for ours, tensors in zip(parted(windows), parted(windows, keras.ops), strict=True):
        np.testing.assert_array_equal(numpy(tensors), ours)
    scales = numpy(window_scales(windows, keras.ops))
    np.testing.assert_allclose(scales, window_scales(windows), rtol=1e-5)
