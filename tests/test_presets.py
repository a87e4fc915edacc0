"""The eight recipes equal the models people learned from, and reload in a fresh process."""

import dataclasses
import itertools
import json

import keras
import numpy as np
import pytest
from keras import layers, ops

from helpers import run_fresh
from keras_ts import (
    RecurrentPreset,
    WindowedSeries,
    course_series,
    from_preset,
    preset_names,
    sequence_to_sequence,
    sequence_to_vector,
)

COURSE = [
    "simple_rnn_20x2",
    "simple_rnn_20x2_sequence",
    "simple_rnn_20x2_scaled",
    "simple_rnn_40x2_sweep",
    "simple_rnn_40x2",
    "bilstm_32",
    "bilstm_32x2",
    "bilstm_32x3",
]


def expand():
    return layers.Lambda(lambda x: ops.expand_dims(x, -1))


def times_100():
    return layers.Lambda(lambda x: x * 100.0)


def rnn(units, sequences=False):
    return [
        layers.SimpleRNN(units, return_sequences=True),
        layers.SimpleRNN(units, return_sequences=sequences),
    ]


def bilstm(count):
    return [
        expand(),
        *(
            layers.Bidirectional(layers.LSTM(32, return_sequences=i < count - 1))
            for i in range(count)
        ),
        layers.Dense(1),
        times_100(),
    ]


def as_taught(name):
    """The course's model, with its Lambdas."""
    plain = keras.Input((20,))
    stacks = {
        "simple_rnn_20x2": lambda: [keras.Input((None, 1)), *rnn(20), layers.Dense(1)],
        "simple_rnn_20x2_sequence": lambda: [
            keras.Input((None, 1)),
            *rnn(20, True),
            layers.Dense(1),
        ],
        "simple_rnn_20x2_scaled": lambda: [plain, expand(), *rnn(20), layers.Dense(1), times_100()],
        "simple_rnn_40x2_sweep": lambda: [plain, expand(), *rnn(40), layers.Dense(1), times_100()],
        "simple_rnn_40x2": lambda: [plain, expand(), *rnn(40), layers.Dense(1), times_100()],
        "bilstm_32": lambda: [plain, *bilstm(1)],
        "bilstm_32x2": lambda: [plain, *bilstm(2)],
        "bilstm_32x3": lambda: [plain, *bilstm(3)],
    }
    return keras.Sequential(stacks[name]())


def test_names():
    assert preset_names()[:8] == COURSE
    with pytest.raises(ValueError, match=r"name must be one of simple_rnn_20x2.*'lstm_99'"):
        from_preset("lstm_99")


@pytest.mark.parametrize("name", COURSE)
def test_recipes_train_as_the_lambda_models_do(name):
    preset = from_preset(name)
    ours, theirs = preset.build(), as_taught(name)
    theirs.set_weights(ours.get_weights())
    recipe = preset.recipe or from_preset("simple_rnn_40x2").recipe
    series = course_series()[:120]
    windows = WindowedSeries(
        20,
        targets="sequence" if preset.kind == "sequence_to_sequence" else "vector",
        batch_size=32,
        shuffle=True,
        seed=51,
    )
    curves = []
    for model in (ours, theirs):
        recipe.compile(model)
        curves.append(model.fit(windows.build(series), epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-4)
    assert curves[0][0] != curves[0][-1]


def test_saved_models_reload_in_a_process_that_only_imports_keras_ts(tmp_path):
    inputs = course_series()[: 20 * 4].reshape(4, 20)
    expected = {}
    for name in preset_names():
        model = from_preset(name).build()
        model.save(tmp_path / f"{name}.keras")
        x = inputs[..., None] if len(model.input_shape) == 3 else inputs
        expected[name] = model.predict(x, verbose=0)
    np.save(tmp_path / "inputs.npy", inputs)
    run_fresh(
        "import sys, pathlib, numpy as np, keras, keras_ts\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "inputs = np.load(folder / 'inputs.npy')\n"
        "for path in folder.glob('*.keras'):\n"
        "    model = keras.saving.load_model(path)\n"
        "    x = inputs[..., None] if len(model.input_shape) == 3 else inputs\n"
        "    np.save(path.with_suffix('.out.npy'), model.predict(x, verbose=0))\n",
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
    want = model.predict(x, verbose=0)
    assert want.shape == ((4, 2) if kind == "sequence_to_vector" else (4, 5, 2))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(clone.predict(x, verbose=0), want, rtol=1e-5)

    config = json.loads(json.dumps(preset.get_config(), allow_nan=False))
    assert RecurrentPreset.from_config(config) == preset
    assert hash(RecurrentPreset.from_config(config)) == hash(preset)
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(preset)))
    assert keras.saving.deserialize_keras_object(stored) == preset


@pytest.mark.parametrize("name", preset_names())
def test_named_presets_go_through_json(name):
    preset = from_preset(name, window=20)
    config = json.loads(json.dumps(preset.get_config(), allow_nan=False))
    assert RecurrentPreset.from_config(config) == preset


@pytest.mark.parametrize("norm", ["last", "mean", "standard"])
def test_normalized_forecasts_move_with_the_level(norm):
    model = sequence_to_vector(cell="gru", units=(4,), window=10, window_norm=norm)
    x = np.random.default_rng(0).normal(size=(5, 10)).astype("float32")
    np.testing.assert_allclose(
        model.predict(x + 64, verbose=0), model.predict(x, verbose=0) + 64, atol=1e-3
    )


@pytest.mark.parametrize("norm", [None, "last", "mean", "standard"])
def test_sequence_to_sequence_looks_only_back(norm):
    model = sequence_to_sequence(units=(4,), window_norm=norm)
    x = np.random.default_rng(0).normal(size=(2, 10)).astype("float32")
    changed = x.copy()
    changed[:, 6:] += 50
    np.testing.assert_allclose(
        model.predict(changed, verbose=0)[:, :6], model.predict(x, verbose=0)[:, :6], atol=1e-5
    )


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


def test_recipes_compile():
    preset = from_preset("gru_32x2", window=5)
    with pytest.raises(ValueError, match="steps_per_epoch"):
        preset.recipe.compile(preset.build())
    sgd = from_preset("simple_rnn_40x2").recipe
    assert dataclasses.asdict(sgd)["momentum"] == 0.9
    model = preset.build()
    sgd.compile(model)
    assert model.optimizer.momentum == 0.9


def test_course_series():
    series = course_series()
    assert series.dtype == np.float32
    assert [str(v) for v in series[:3]] == ["52.48357", "49.35275", "53.314735"]
    validation = series[1000:]
    assert abs(np.abs(np.diff(series)[999:]).mean() - 5.938) < 5e-4
    assert len(validation) == 461


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
        assert np.abs(model.predict(x, verbose=0) - centre).max() < 20
    with pytest.raises(ValueError, match="target=3, features=3"):
        RecurrentPreset(features=3, window_norm="last", target=3)
