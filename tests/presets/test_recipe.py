"""A recipe compiles a model as it says."""

import dataclasses

import pytest

from keras_ts import (
    from_preset,
)


def test_recipes_compile():
    preset = from_preset("gru_32x2", window=5)
    with pytest.raises(ValueError, match="steps_per_epoch"):
        preset.recipe.compile(preset.build())
    sgd = from_preset("simple_rnn_40x2").recipe
    assert dataclasses.asdict(sgd)["momentum"] == 0.9
    model = preset.build()
    sgd.compile(model)
    assert model.optimizer.momentum == 0.9
