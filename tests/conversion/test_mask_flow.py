"""A mask is followed to every layer that it reaches, through inner models, on real data."""

import keras
import pytest
from keras import layers

from helpers import warned_of_masks
from keras_ts import ScaleOutput
from keras_ts.conversion.portable import reached_layers
from keras_ts.layers import MaskMissing


def names(model):
    reached = reached_layers(model, lambda layer: isinstance(layer, ScaleOutput))
    # A layer that is reached more than once may stand in the list as often.
    return reached and sorted({layer.name for layer in reached})


def test_a_model_without_masks_reaches_none():
    assert names(keras.Sequential([keras.Input((4, 1)), ScaleOutput(2.0)])) == []


@warned_of_masks
@pytest.mark.parametrize("masking", [layers.Masking, MaskMissing])
def test_a_mask_ends_at_a_layer_that_returns_no_sequence(masking):
    model = keras.Sequential([
        keras.Input((None, 1)), masking(), ScaleOutput(2.0, name="before"),
        layers.GRU(2), ScaleOutput(2.0, name="behind"),
    ])  # fmt: skip
    assert names(model) == ["before"]


def test_an_embedding_masks_zeros_only_if_it_is_told_to():
    for masks, reached in ((False, []), (True, ["scale"])):
        embedding = layers.Embedding(5, 2, mask_zero=masks)
        model = keras.Sequential([keras.Input((4,)), embedding, ScaleOutput(2.0, name="scale")])
        assert names(model) == reached


def test_the_model_itself_is_left_as_it_is():
    scale = ScaleOutput(2.0)
    model = keras.Sequential([keras.Input((4, 1)), layers.Masking(), scale])
    names(model)
    assert scale.compute_mask(None, "mask") == "mask"


@pytest.mark.filterwarnings("ignore:Layer 'fussy")
def test_a_model_that_runs_on_no_window_of_zeros_cannot_be_followed():
    class Fussy(layers.Layer):
        def call(self, inputs):
            raise ValueError("not these")

        def compute_output_spec(self, inputs, **kwargs):
            return keras.KerasTensor(inputs.shape, inputs.dtype)

    model = keras.Sequential([keras.Input((4, 1)), layers.Masking(), Fussy()])
    assert names(model) is None
