"""``RestoreWindow`` brings outputs back to the units of their own feature."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as numpy

from keras_ts.layers import NormalizeWindow, RestoreWindow

LOCATION = np.array([[[10.0, 20.0, 30.0]]], "float32")
SCALE = np.array([[[1.0, 2.0, 3.0]]], "float32")


def restored(outputs, feature=None, location=LOCATION, scale=SCALE, config=False):
    layer = RestoreWindow(feature)
    layer = RestoreWindow.from_config(layer.get_config()) if config else layer
    return numpy(layer([np.array(outputs, "float32"), location, scale])).tolist()


@pytest.mark.parametrize("outputs", [[[1.0, 2.0]], [[1.0, 1.0, 1.0]], [[[1.0, 1.0, 1.0]]]])
def test_several_features_need_a_name(outputs):
    """Three steps, quantiles or targets look alike: each went by another feature."""
    with pytest.raises(ValueError, match=r"needs feature, .*index\('sales'\).*feature=None"):
        restored(outputs)


def test_a_saved_layer_without_one_goes_by_each_outputs_own_feature_or_by_the_first():
    assert restored([[1.0, 1.0, 1.0]], config=True) == [[11.0, 22.0, 33.0]]
    assert restored([[1.0, 2.0]], config=True) == [[11.0, 12.0]]


def test_all_outputs_go_by_the_feature_that_is_named():
    assert restored([[1.0, 2.0]], feature=2) == [[33.0, 36.0]]
    assert restored([[1.0, 1.0, 1.0]], feature=1) == [[22.0, 22.0, 22.0]]


def test_every_step_goes_by_its_own_statistics_and_a_vector_by_the_last():
    location, scale = np.array([[[1.0], [2.0]]]), np.ones((1, 2, 1))
    assert restored([[[5.0], [5.0]]], None, location, scale) == [[[6.0], [7.0]]]
    assert restored([[5.0]], None, location, scale) == [[7.0]]


def test_a_mask_of_the_outputs_by_argument_reaches_the_layer_behind():
    """Behind a recurrent layer of Keras 3.16, no other way leads to a loss that reads the mask."""
    outputs, mask = keras.Input((3, 1)), keras.Input((3,), dtype="bool")
    location, scale = np.full((1, 1, 1), 10.0, "float32"), np.full((1, 1, 1), 2.0, "float32")
    restored = RestoreWindow()([outputs, location, scale], mask=mask)
    model = keras.Model([outputs, mask], keras.layers.GlobalAveragePooling1D()(restored))
    given = [np.array([[[1.0], [2.0], [9.0]]], "float32"), np.array([[True, True, False]])]
    assert numpy(model(given)).tolist() == [[13.0]]


def test_it_undoes_the_normalization():
    x = np.random.default_rng(0).normal(300.0, 20.0, (4, 7, 2)).astype("float32")
    np.testing.assert_allclose(
        numpy(RestoreWindow([0, 1])(list(NormalizeWindow("standard")(x)))), x, rtol=1e-5
    )


def test_a_feature_that_is_not_there():
    with pytest.raises(ValueError, match=r"one of 3 features\. Received: feature=3"):
        restored([[1.0]], feature=3)


def test_a_list_names_the_feature_of_each_output():
    assert restored([[1.0, 1.0]], feature=[2, 0]) == [[33.0, 11.0]]
    assert restored([[[1.0, 1.0], [2.0, 2.0]]], feature=[2, 0]) == [[[33.0, 11.0], [36.0, 12.0]]]
    assert RestoreWindow.from_config(RestoreWindow((2, 0)).get_config()).feature == [2, 0]


def test_outputs_with_more_axes_go_by_the_statistics_of_their_step():
    location, scale = np.array([[[1.0, 10.0], [2.0, 20.0]]]), np.ones((1, 2, 2))
    outputs = np.zeros((1, 2, 3, 2))
    expected = np.broadcast_to(location[:, :, None], outputs.shape)
    assert restored(outputs, [0, 1], location, scale) == expected.tolist()


def test_a_list_of_another_length_or_of_features_that_are_not_there():
    with pytest.raises(ValueError, match=r"one index for each of 2 outputs\. Received: .*\[0\]"):
        restored([[1.0, 1.0]], feature=[0])
    with pytest.raises(ValueError, match=r"one of 3 features\. Received: feature=\[0, 3\]"):
        restored([[1.0, 1.0]], feature=[0, 3])
    with pytest.raises(ValueError, match=r"feature\[1\] must be >= 0"):
        RestoreWindow([0, -1])


WINDOWS = np.random.default_rng(0).normal(size=(2, 8, 1)).astype("float32")


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 2, 1)])
def test_a_season_without_its_period(shape):
    """Two axes gave every step the last phase, more of them an error of the backend."""
    statistics = NormalizeWindow("seasonal", period=4)(WINDOWS)[1:]
    with pytest.raises(ValueError, match=r"period=4\) made it, use RestoreWindow\(period=4\)"):
        RestoreWindow()([np.ones(shape, "float32"), *statistics])


@pytest.mark.parametrize(
    "normalize",
    [
        NormalizeWindow("last"),
        NormalizeWindow("last", causal=True),
        NormalizeWindow("seasonal", period=2),
    ],
    ids=["last", "causal, of as many steps", "another period"],
)
def test_a_period_without_its_season(normalize):
    statistics = normalize(WINDOWS[:, :4])[1:]
    for shape in [(2, 3), (2, 3, 1)]:
        with pytest.raises(ValueError, match="leave period out for another statistic"):
            RestoreWindow(period=4)([np.ones(shape, "float32"), *statistics])
