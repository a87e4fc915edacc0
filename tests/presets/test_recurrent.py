"""Every combination of settings builds, normalizes as it says, and reloads in a fresh process."""

import itertools
import json

import keras
import numpy as np
import pytest

from helpers import called, run_fresh
from keras_ts import (
    RecurrentPreset,
    course_series,
    from_preset,
    preset_names,
    sequence_to_sequence,
    sequence_to_vector,
)


def test_saved_models_reload_in_a_process_that_only_imports_keras_ts(tmp_path):
    inputs = course_series()[: 20 * 4].reshape(4, 20)
    expected = {}
    for name in preset_names():
        model = from_preset(name).build()
        model.save(tmp_path / f"{name}.keras")
        x = inputs[..., None] if len(model.input_shape) == 3 else inputs
        expected[name] = called(model, x)
    np.save(tmp_path / "inputs.npy", inputs)
    run_fresh(
        "import sys, pathlib, numpy as np, keras, keras_ts\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "inputs = np.load(folder / 'inputs.npy')\n"
        "for path in folder.glob('*.keras'):\n"
        "    model = keras.saving.load_model(path)\n"
        "    x = inputs[..., None] if len(model.input_shape) == 3 else inputs\n"
        "    np.save(path.with_suffix('.out.npy'), keras.ops.convert_to_numpy(model(x)))\n",
        tmp_path,
    )
    for name, want in expected.items():
        got = np.load(tmp_path / f"{name}.out.npy")
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


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
        outputs=2, output_scale=(2.0, 3.0), dropout=0.1, window=5,
    )  # fmt: skip
    model = preset.build()
    x = np.random.default_rng(0).normal(size=(4, 5) if features is None else (4, 5, features))
    want = called(model, x)
    assert want.shape == ((4, 2) if kind == "sequence_to_vector" else (4, 5, 2))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(called(clone, x), want, rtol=1e-5)

    config = json.loads(json.dumps(preset.get_config(), allow_nan=False))
    assert RecurrentPreset.from_config(config) == preset
    assert hash(RecurrentPreset.from_config(config)) == hash(preset)
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(preset)))
    assert keras.saving.deserialize_keras_object(stored) == preset


@pytest.mark.parametrize("norm", ["last", "mean", "standard"])
def test_normalized_forecasts_move_with_the_level(norm):
    model = sequence_to_vector(cell="gru", units=(4,), window=10, window_norm=norm)
    x = np.random.default_rng(0).normal(size=(5, 10)).astype("float32")
    np.testing.assert_allclose(called(model, x + 64), called(model, x) + 64, atol=1e-3)


@pytest.mark.parametrize("norm", [None, "last", "mean", "standard"])
def test_sequence_to_sequence_looks_only_back(norm):
    model = sequence_to_sequence(units=(4,), window_norm=norm)
    x = np.random.default_rng(0).normal(size=(2, 10)).astype("float32")
    changed = x.copy()
    changed[:, 6:] += 50
    np.testing.assert_allclose(called(model, changed)[:, :6], called(model, x)[:, :6], atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kind": "vector"}, "kind must be one of"),
        ({"cell": "rnn"}, "cell must be one of 'simple_rnn', 'gru', 'lstm'"),
        ({"units": ()}, "units is empty"),
        ({"units": (4, 0)}, r"units\[1\] must be >= 1"),
        ({"units": "44"}, r"units\[0\] must be an integer"),
        ({"window": 0}, "window must be >= 1"),
        ({"outputs": 0}, "outputs must be >= 1"),
        ({"output_scale": 0}, "scale must not be 0"),
        ({"window_norm": "max"}, "window_norm must be one of 'last', 'mean', 'standard'"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\)"),
        ({"recipe": "sgd"}, "recipe must be a Recipe or None"),
    ],
)
def test_misuse(settings, says):
    with pytest.raises((TypeError, ValueError), match=says):
        RecurrentPreset(**settings)


def test_outputs_come_back_in_the_units_of_their_target():
    levels = np.array([0.0, 1000.0, -500.0])
    x = (np.random.default_rng(0).normal(size=(4, 9, 3)) + levels).astype("float32")
    for target, outputs, centre in (
        (0, 3, [0] * 3),
        (1, 3, [1000] * 3),
        (2, 1, [-500]),
        (None, 3, levels),
    ):
        model = sequence_to_vector(
            units=(3,), features=3, outputs=outputs, window_norm="last", target=target
        )
        assert np.abs(called(model, x) - centre).max() < 20
    with pytest.raises(ValueError, match="target=3, features=3"):
        RecurrentPreset(features=3, window_norm="last", target=3)
