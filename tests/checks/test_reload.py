"""Every loss that Keras keeps to itself is named, and a model that loses nothing is whole."""

import importlib

import keras
import numpy as np
import pytest
from keras import layers, ops

from helpers import BACKEND, timed, untraced
from keras_ts import RecurrentPreset, WindowedSeries, check_reload, from_preset, preset_names
from keras_ts.checks import reload
from keras_ts.checks.reload import compare

pytestmark = pytest.mark.filterwarnings(
    "ignore:You are saving your model as an HDF5 file",
    "ignore:Skipping variable loading for optimizer",
    "ignore:A layer's `trainable` state has changed",
)
X = np.linspace(-1.0, 1.0, 36, dtype="float32").reshape(4, 9, 1)


def net(*inner, **settings):
    return keras.Sequential([
        keras.Input(batch_shape=(4, 9, 1)),
        layers.SimpleRNN(3, name="rnn", **settings),
        *inner,
        layers.Dense(1, name="dense"),
    ])  # fmt: skip


def fitted(model, optimizer, loss, **settings):
    model.compile(optimizer, loss, **settings)
    untraced(model).fit(X, X[:, -1], batch_size=4, epochs=3, verbose=0)
    return model


def here(model, path):
    """The differences after a reload in this process, which costs less than a fresh one."""
    model.save(path)
    again = keras.saving.load_model(path)
    return list(map(str, compare(reload.take(model, X), reload.take(again, X))))


def squares(y, prediction):
    return ops.mean(ops.square(y - prediction), axis=-1)


def test_losses_are_named_one_a_line(forked_reload):
    model = fitted(net(stateful=True), "adam", keras.losses.Huber(delta=2.0))
    model.layers[1].trainable = False
    model(X)
    states = ops.convert_to_numpy(model.layers[0].states[0])
    assert np.abs(states).max() > 0

    report = check_reload(model, X)
    assert not report.ok
    lines = str(report).splitlines()
    assert lines[0] == f"Reloading loses or changes {len(report.differences)} things:"
    assert lines[1:] == list(map(str, report.differences))
    by_part = [difference.where for difference in report.differences]
    assert by_part == ["Layer 'rnn'", "Optimizer", "Optimizer", "Loss", "Results", "Results"]
    assert "states[0] is off" in lines[1]
    assert lines[2] == "Optimizer: iterations was 3, is 0"
    assert "lost" in lines[3]
    assert lines[4] == "Loss: fn_kwargs.delta was 2.0, is 1.0"
    assert "output is off" in lines[5]
    assert "loss was" in lines[6]
    # Looking changes nothing.
    np.testing.assert_array_equal(ops.convert_to_numpy(model.layers[0].states[0]), states)


def test_a_clean_model_is_said_to_be_whole(forked_reload):
    model = RecurrentPreset(
        "sequence_to_sequence", "gru", (3,), features=1, window_norm="last",
        output_scale=2.0,
    ).build(window=9)  # fmt: skip
    model.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.01, 100)), "mae",
        metrics=["mse"],
    )  # fmt: skip
    before = model.get_weights()
    report = check_reload(model, X)
    assert report.ok, str(report)
    assert "Reloads as it is" in str(report)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_functions_that_are_not_registered(forked_reload):
    """A model that does not load compiled is compared uncompiled."""
    model = fitted(net(), "sgd", squares)
    report = check_reload(model, X)
    (difference,) = report.differences
    assert difference.where == "Loading"
    assert "needs squares, which cannot be found. Put it into a module" in difference.what
    assert "imports=['that_module']" in difference.what


OWN = """
import keras

@keras.saving.register_keras_serializable("mine")
class Twice(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2
"""


def test_a_layer_of_ones_own_reloads_once_its_module_is_imported(
    forked_reload, tmp_path, monkeypatch
):
    (tmp_path / "own_layers.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    model = net(importlib.import_module("own_layers").Twice())
    (difference,) = check_reload(model, X).differences
    assert "needs mine>Twice, which cannot be found" in difference.what
    assert check_reload(model, X, imports=["own_layers"]).ok
    with pytest.raises(RuntimeError, match="No module named 'nowhere'"):
        check_reload(model, X, imports="nowhere")


@pytest.mark.slow
@pytest.mark.parametrize("name", preset_names())
def test_every_recipe_is_clean(forked_reload, name):
    preset = from_preset(name)
    solved = WindowedSeries(9).build(np.sin(np.arange(60.0)))
    model = preset.build(solved if preset.cell == "linear" else None)
    if preset.recipe:
        preset.recipe.compile(model, steps_per_epoch=5)
        x = X if len(model.input_shape) == 3 else X[..., 0]
        model.fit(x, X[:, -1], verbose=0)
    report = check_reload(model, X if len(model.input_shape) == 3 else X[..., 0])
    assert report.ok, str(report)


BUILT = {
    "panel": ({"cell": "gru", "window_norm": "standard", "quantiles": (0.1, 0.5, 0.9)}, {}),
    "sequence": (
        {"kind": "sequence_to_sequence", "cell": "lstm", "bidirectional": True},
        {"targets": "sequence"},
    ),
    "targets": (
        {"window_norm": "last", "quantiles": (0.25, 0.5)},
        {"target_columns": [1, 0]},
    ),
}


def built(name):
    """Return a model made for a dataset with a calendar, known and static columns, and a batch."""
    preset, windows = BUILT[name]
    series = [np.random.default_rng(number).normal(size=(30, 4)) for number in (1, 2)]
    for number, values in enumerate(series):
        values[:, 3] = number
    settings = {
        "window": 6, "horizon": 3, "target_columns": 0, "future_columns": [2],
        "static_columns": [3], "calendar": [7], "batch_size": 8, **windows,
    }  # fmt: skip
    table, settings = timed(series, **settings)
    dataset = WindowedSeries(**settings).build(table)
    model = RecurrentPreset(units=(3,), **preset).build(dataset)
    from_preset("gru_32x2").recipe.compile(model, steps_per_epoch=len(dataset))
    untraced(model).fit(dataset, epochs=1, verbose=0)
    return model, dataset[0][0]


@pytest.mark.parametrize("name", BUILT)
def test_models_made_for_a_dataset_are_clean(name, tmp_path):
    model, x = built(name)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert compare(reload.take(model, x), reload.take(again, x)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILT)
def test_models_made_for_a_dataset_are_clean_in_a_fresh_process(forked_reload, name):
    model, x = built(name)
    report = check_reload(model, x)
    assert report.ok, str(report)


def test_an_optimizer_popped_by_an_h5_save(tmp_path):
    model = fitted(net(), keras.optimizers.SGD(0.1, momentum=0.9), "mae")
    assert here(model, tmp_path / "model.keras") == []
    model.save(tmp_path / "model.h5")
    assert here(model, tmp_path / "model.keras") == ["Optimizer: SGD before, RMSprop after"]


def test_auto_scale_loss(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = net()
        model.compile("sgd", "mse", auto_scale_loss=False)
        lost = here(model, tmp_path / "model.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    assert lost == ["Optimizer: SGD before, LossScaleOptimizer after"]


def test_random_numbers_count_only_where_training_draws_them(tmp_path):
    idle = fitted(net(dropout=0.0), "sgd", "mse")
    assert here(idle, tmp_path / "model.keras") == []
    drawn = fitted(net(layers.Dropout(0.5, name="drop")), "sgd", "mse")
    lost = here(drawn, tmp_path / "model.keras")
    if BACKEND == "torch":
        # Dropout draws from PyTorch's own generator there.
        assert lost == []
    else:
        (line,) = lost
        assert line.startswith("Layer 'drop': state of its random numbers differs")


@keras.saving.register_keras_serializable("tests")
class Forgetful(layers.Layer):
    """Forgets to write one of its settings down."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        return {"name": self.name}


def test_what_nobody_foresaw(tmp_path):
    """The check knows no list: a setting that a stranger's layer forgets is found."""
    model = fitted(net(Forgetful(3.0, name="forgetful")), "sgd", "mse")
    lost = here(model, tmp_path / "model.keras")
    assert lost[0] == "Layer 'forgetful': factor was 3.0, is 1.0"
    assert any(line.startswith("Results: output is off") for line in lost)


def test_a_name_that_layers_of_two_inner_models_share(tmp_path):
    first, second = (
        keras.Sequential([keras.Input((9, 1)), Forgetful(factor, name="x")], name=name)
        for factor, name in ((3.0, "first"), (1.0, "second"))
    )
    lost = here(keras.Sequential([keras.Input((9, 1)), first, second]), tmp_path / "model.keras")
    assert lost[0] == "Layer 'first/x': factor was 3.0, is 1.0"


def test_a_variable_that_differs(tmp_path):
    model = fitted(net(), "sgd", "mse")
    before = reload.take(model, X)
    model.layers[1].bias.assign(model.layers[1].bias + 0.5)
    lost = list(map(str, compare(before, reload.take(model, X))))
    assert lost[0] == "Layer 'dense': bias was " + lost[0].partition("bias was ")[2]
    assert lost[1] == "Results: output is off by up to 0.5"
    assert len(lost) == 2


def test_inner_models_lists_and_dicts(forked_reload):
    first, second = keras.Input((9, 1), name="first"), keras.Input((9, 1), name="second")
    inner = keras.Sequential([keras.Input((9, 1)), layers.Dense(2, name="deep")], name="inner")
    x = layers.Concatenate()([inner(first), inner(second)])
    model = keras.Model({"first": first, "second": second}, [x, layers.Dense(1)(x)])
    taken = reload.take(model, {"first": X, "second": X})
    assert "Layer 'inner/deep'" in taken
    assert taken["Results"]["output[1]"].shape == (4, 9, 1)
    report = check_reload(model, {"first": X, "second": X})
    assert report.ok, str(report)


def test_misuse():
    with pytest.raises(TypeError, match="must be a Keras model"):
        check_reload("model", X)
    with pytest.raises(ValueError, match="not built"):
        check_reload(keras.Sequential([layers.Dense(1)]), X)
    for x in (np.zeros((0, 9, 1)), np.full((2, 9, 1), np.nan)):
        with pytest.raises(ValueError, match="The model returns no finite number on x"):
            check_reload(net(), x)
    inputs = keras.Input((9, 1))
    largest = keras.Model(inputs, keras.ops.argmax(inputs, axis=1))
    with pytest.raises(ValueError, match="no finite number"):
        check_reload(largest, np.zeros((0, 9, 1)))
