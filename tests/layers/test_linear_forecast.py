"""``LinearForecast`` is the map that it says, and masked steps count for nothing."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as numpy

from keras_ts.layers import LinearForecast


def with_kernel(layer, length, features, seed=0):
    layer(np.zeros((1, length, features), "float32"))
    kernel = np.random.default_rng(seed).normal(size=layer.kernel.shape)
    layer.kernel.assign(kernel)
    return kernel


def test_it_begins_at_zero_and_then_each_feature_has_its_own_map():
    x = np.random.default_rng(1).normal(size=(4, 6, 2)).astype("float32")
    layer = LinearForecast(3)
    assert not numpy(layer(x)).any()
    kernel = with_kernel(layer, 6, 2)
    np.testing.assert_allclose(
        numpy(layer(x)), np.einsum("btf,fts->bsf", x, kernel), rtol=1e-4, atol=1e-5
    )


def test_masked_steps_count_as_zero_even_if_they_are_nan():
    x = np.random.default_rng(2).normal(size=(2, 5, 1)).astype("float32")
    layer = LinearForecast(2)
    with_kernel(layer, 5, 1)
    mask = np.array([[False, True, True, False, True], [True] * 5])
    holed = np.where(mask[..., None], x, np.nan).astype("float32")
    expected = numpy(layer(np.where(mask[..., None], x, 0.0)))
    np.testing.assert_allclose(numpy(layer(holed, mask=mask)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_the_symbolic_output_is_the_eager_one(policy):
    layer = LinearForecast(4, dtype=policy)
    symbolic = layer(keras.Input((7, 2)))
    eager = layer(np.ones((5, 7, 2), "float32"))
    assert symbolic.shape == (None, 4, 2)
    assert tuple(eager.shape) == (5, 4, 2)
    assert keras.backend.standardize_dtype(eager.dtype) == symbolic.dtype == "float32"


def test_bad_settings_and_masks_are_refused():
    with pytest.raises(ValueError, match="steps"):
        LinearForecast(0)
    with pytest.raises(TypeError, match="steps"):
        LinearForecast(1.5)
    with pytest.raises(ValueError, match=r"mask must be \(batch, time\)"):
        LinearForecast(2)(np.ones((2, 5, 1)), mask=np.ones((2, 4), bool))
