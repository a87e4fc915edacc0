"""The eight recipes equal the models people learned from."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

from helpers import untraced
from keras_ts import (
    RecurrentPreset,
    WindowedSeries,
    course_series,
    from_preset,
    preset_names,
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
    number = ["twelve", "thirteen", "fourteen", "fifteen"][len(preset_names()) - 12]
    assert f"[{number} presets]" in (Path(__file__).parents[2] / "README.md").read_text()
    with pytest.raises(ValueError, match=r"name must be one of simple_rnn_20x2.*'lstm_99'"):
        from_preset("lstm_99")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "bilstm_32x2" else n for n in COURSE]
)
def test_recipes_train_as_the_lambda_models_do(name):
    preset = from_preset(name)
    ours, theirs = preset.build(), as_taught(name)
    theirs.set_weights(ours.get_weights())
    recipe = preset.recipe or from_preset("simple_rnn_40x2").recipe
    series = course_series()[:52]
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
        fit = untraced(model).fit(windows.build(series), epochs=2, verbose=0)
        curves.append(fit.history["loss"])
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-4)
    assert curves[0][0] != curves[0][-1]


@pytest.mark.parametrize("name", preset_names())
def test_named_presets_go_through_json(name):
    preset = from_preset(name, **({"maximum": 9.0} if name == "linear" else {"dropout": 0.1}))
    config = json.loads(json.dumps(preset.get_config(), allow_nan=False))
    assert RecurrentPreset.from_config(config) == preset
