"""Settings are checked, and come back from configs, old ones too."""

import copy
import dataclasses
import inspect
import itertools
import json
import pickle

import keras
import numpy as np
import pytest

import keras_ts
from helpers import called
from keras_ts import RecurrentPreset, from_preset


@pytest.mark.parametrize(
    ("kind", "cell", "bidirectional", "features", "norm"),
    list(
        itertools.product(
            ["sequence_to_vector", "sequence_to_sequence"],
            ["simple_rnn", "gru", "lstm"],
            [False, True],
            [None, 2],
            [None, "last"],
        )
    ),
)
def test_every_combination_builds_and_clones(kind, cell, bidirectional, features, norm):
    preset = RecurrentPreset(
        kind, cell, (3, 2), bidirectional=bidirectional, features=features, window_norm=norm,
        output_scale=(2.0, 3.0), dropout=0.1,
    )  # fmt: skip
    model = preset.build(outputs=2, window=3)
    x = np.random.default_rng(0).normal(size=(4, 3) if features is None else (4, 3, features))
    want = called(model, x)
    assert want.shape == ((4, 2) if kind == "sequence_to_vector" else (4, 3, 2))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(called(clone, x), want, rtol=1e-5)

    config = json.loads(json.dumps(preset.get_config(), allow_nan=False))
    assert RecurrentPreset.from_config(config) == preset
    assert hash(RecurrentPreset.from_config(config)) == hash(preset)
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(preset)))
    assert keras.saving.deserialize_keras_object(stored) == preset


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kind": "vector"}, "kind must be one of"),
        ({"cell": "rnn"}, "cell must be one of 'simple_rnn', 'gru', 'lstm'"),
        ({"units": ()}, "units is empty"),
        ({"units": (4, 0)}, r"units\[1\] must be >= 1"),
        ({"units": "44"}, r"units\[0\] must be an integer"),
        ({"features": 0}, "features must be >= 1"),
        ({"output_scale": 0}, "scale must not be 0"),
        ({"window_norm": "max"}, "window_norm must be one of 'last', 'mean', 'standard'"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\)"),
        ({"recipe": "sgd"}, "recipe must be a Recipe or None"),
    ],
)
def test_misuse(settings, says):
    with pytest.raises((TypeError, ValueError), match=says):
        RecurrentPreset(**settings)


def test_a_preset_with_quantiles_goes_through_json():
    preset = RecurrentPreset(quantiles=np.array([0.1, 0.5, 0.9]))
    config = json.loads(json.dumps(preset.get_config(), allow_nan=False))
    assert RecurrentPreset.from_config(config) == preset
    with pytest.raises(ValueError, match=r"quantiles must increase.*0\.5"):
        RecurrentPreset(quantiles=(0.1, 0.9))


def test_memory_is_refused_where_every_step_forecasts():
    with pytest.raises(ValueError, match="memory leaves out the first steps"):
        RecurrentPreset("sequence_to_sequence", memory=3)
    with pytest.raises(ValueError, match="memory"):
        RecurrentPreset(memory=0)


def test_settings_that_smoothing_refuses():
    with pytest.raises(ValueError, match="kind='sequence_to_sequence'"):
        RecurrentPreset("sequence_to_sequence", window_norm="last", smoothing="mixed")
    with pytest.raises(ValueError, match="set window_norm"):
        RecurrentPreset(smoothing="mixed")
    with pytest.raises(ValueError, match="smoothing must be one of"):
        RecurrentPreset(window_norm="last", smoothing="holt")


def test_a_pickle_and_a_copy_are_equal():
    preset = from_preset("gru_32x2")
    assert pickle.loads(pickle.dumps(preset)) == copy.deepcopy(preset) == preset


def test_what_was_set_is_printed():
    assert repr(RecurrentPreset(cell="gru", units=8)) == "RecurrentPreset(cell='gru', units=(8,))"
    preset = from_preset("seasonal_gru", period=7, quantiles=(0.1, 0.5, 0.9))
    assert eval(repr(preset), {**vars(keras_ts)}) == preset
    assert "dropout" not in repr(preset)


def test_a_signature_names_every_setting():
    """At most 17."""
    names = list(inspect.signature(RecurrentPreset).parameters)
    assert names == [field.name for field in dataclasses.fields(RecurrentPreset)]
    assert len(names) <= 17
    assert names[:3] == ["kind", "cell", "units"]
