"""A net of one's own in place of the recurrent layers: all that stands around it works."""

import functools

import keras
import numpy as np
import pytest
from keras import layers

from helpers import called, run_fresh
from keras_ts import (
    RecurrentPreset,
    Rollout,
    WindowedSeries,
    calibrate,
    check_reload,
    compare,
    forecast,
    from_preset,
    load_model,
    sequence_to_vector,
)
from keras_ts.layers.plumbing import LastSteps, MaskAsColumn
from keras_ts.presets.blocks.core import takes_mask

pytestmark = pytest.mark.usefixtures("untraced_models")

RNG = np.random.default_rng(0)
TABLE = np.stack([20 + RNG.normal(size=80).cumsum(), RNG.normal(size=80), np.full(80, 3.0)], axis=1)
SERIES = TABLE[:, 0]
HOLED = TABLE.copy()
HOLED[[9, 30, 31, 70], 0] = np.nan


def ended(hidden, sequence):
    return hidden if sequence else layers.GlobalAveragePooling1D()(hidden)


def convolution(sequence):
    def core(columns):
        for rate in (1, 2):
            columns = layers.Conv1D(4, 2, dilation_rate=rate, padding="causal", activation="relu")(
                columns
            )
        return ended(columns, sequence)

    return core


def transformer(sequence):
    def core(columns):
        ones = keras.ops.ones_like(columns[..., 0], dtype="int32")
        steps = keras.ops.cumsum(ones, axis=1) - 1
        places = layers.Embedding(8, 4)(steps)
        x = layers.Dense(4)(columns) + places
        x = x + layers.MultiHeadAttention(2, 2)(x, x, use_causal_mask=True)
        x = layers.LayerNormalization()(x)
        return ended(x + layers.Dense(4, activation="gelu")(x), sequence)

    return core


def stack(sequence):
    return keras.Sequential([layers.Dense(4), layers.GRU(3, return_sequences=sequence)])


CORES = {
    "convolution": convolution,
    "transformer": transformer,
    "layer": lambda sequence: layers.GRU(3, return_sequences=sequence),
    "model": stack,
    "makes a layer": lambda sequence: functools.partial(
        layers.LSTM, 3, return_sequences=sequence
    ),
    "makes a model": lambda sequence: lambda: stack(sequence),
}  # fmt: skip
DATA = {
    "plain": {},
    "holes": {"missing": "mask"},
    "covariates": {"future_columns": [1], "static_columns": [2]},
    "quantiles": {},
    "all": {"missing": "mask", "future_columns": [1], "static_columns": [2]},
}
SLOW = ["holes", "covariates", "quantiles"]


def case(core, kind, data, **settings):
    """Return a dataset, a table to forecast from, and the built model."""
    windows = WindowedSeries(8, 2, targets=kind, target_columns=0, batch_size=16, **DATA[data])
    table = HOLED if "missing" in DATA[data] else TABLE
    if "static_columns" not in DATA[data]:
        table = table[:, :1]
    dataset = windows.build(table)
    if data in ("quantiles", "all"):
        settings["quantiles"] = (0.1, 0.5, 0.9)
    preset = RecurrentPreset(
        f"sequence_to_{kind}", units=(3,), window_norm=settings.pop("window_norm", "last"),
        minimum=0, **settings,
    )  # fmt: skip
    return dataset, table, preset.build(dataset, core=CORES[core](kind == "sequence"))


@pytest.mark.parametrize(
    "data", ["all", *(pytest.param(data, marks=pytest.mark.slow) for data in SLOW)]
)
@pytest.mark.parametrize("kind", ["vector", "sequence"])
@pytest.mark.parametrize("core", CORES)
def test_trained_saved_reloaded_and_forecast(core, kind, data, tmp_path):
    dataset, table, model = case(core, kind, data)
    from_preset("gru_32x2").recipe.compile(model, steps_per_epoch=len(dataset))
    x, y = dataset[0]
    before = [weight.copy() for weight in model.get_weights()]
    loss = model.train_on_batch(x, y)
    assert np.isfinite(loss).all()
    still = [(now == then).all() for now, then in zip(model.get_weights(), before, strict=True)]
    assert not any(still)
    model.save(tmp_path / "model.keras")
    plan = {"future": TABLE[:2, 1:2]} if "future_columns" in DATA[data] else {}
    ahead = forecast(model, table, **plan)
    assert ahead.shape == ((2, 3) if data in ("quantiles", "all") else (2,))
    assert np.isfinite(ahead).all()
    again = forecast(load_model(tmp_path / "model.keras"), table, **plan)
    np.testing.assert_allclose(again, ahead, rtol=1e-5)


def test_files_load_in_a_fresh_process(tmp_path):
    for core, kind in zip(CORES, ["vector", "sequence"] * 3, strict=True):
        dataset, _, model = case(core, kind, "all")
        name = core.replace(" ", "_")
        model.save(tmp_path / f"{name}.keras")
        x = keras.tree.map_structure(lambda part: part[:2], dataset[0][0])
        np.savez(tmp_path / f"{name}.npz", want=model.predict(x, verbose=0), **x)
    run_fresh(
        "import pathlib, sys, keras, numpy as np, keras_ts\n"
        "for path in pathlib.Path(sys.argv[1]).glob('*.keras'):\n"
        "    data = dict(np.load(path.with_suffix('.npz')))\n"
        "    want, model = data.pop('want'), keras.saving.load_model(path)\n"
        "    got = model.predict(data, verbose=0)\n"
        "    np.testing.assert_allclose(got, want, rtol=1e-5, err_msg=path.name)\n",
        tmp_path,
    )


@pytest.mark.parametrize(
    ("core", "settings"),
    [
        ("convolution", {"window_norm": None}),
        ("layer", {"window_norm": "mean"}),
        ("convolution", {"window_norm": "standard"}),
        ("convolution", {"window_norm": "seasonal", "period": 4}),
        ("layer", {"smoothing": "mixed"}),
        ("convolution", {"smoothing": "linear", "memory": 5}),
        ("convolution", {"window_norm": None, "output_scale": 2.0}),
    ],
)
def test_normalization_smoothing_and_memory_go_with_it(core, settings):
    dataset, _, model = case(core, "vector", "all", **settings)
    assert np.isfinite(model.predict(dataset, verbose=0)).all()
    assert any(isinstance(layer, LastSteps) for layer in model.layers) == ("memory" in settings)


def test_a_band_a_verdict_and_a_rollout():
    windows = WindowedSeries(8, 2, batch_size=16)
    train, held_out = windows.split(SERIES, at=0.6)
    model = RecurrentPreset(window_norm="last").build(train, core=convolution(sequence=False))
    band = calibrate(model, held_out, 0.8)
    assert compare(model, train, held_out).table["name"][0] == "model"
    assert forecast(band, SERIES).shape == (2, 3)
    steps = Rollout(model, steps=5)(SERIES[None, -8:])
    ahead = forecast(model, SERIES, steps=5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(steps)[0], ahead, rtol=1e-4)


@pytest.mark.slow
def test_a_reload_loses_nothing():
    dataset, _, model = case("convolution", "vector", "holes")
    model.compile("adam", "mae")
    report = check_reload(model, dataset[0][0][:3])
    assert report.ok, report


def test_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        dataset, _, model = case("transformer", "sequence", "holes")
        outputs = model.predict(dataset, verbose=0)
        assert outputs.dtype == np.float32
        assert np.isfinite(outputs).all()
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_layer_that_knows_masks_gets_the_mask_and_others_a_column():
    """A window whose first steps are missing is what the shorter window is to the first."""
    windows = WindowedSeries(8, missing="mask").build(SERIES)
    preset = RecurrentPreset(window_norm="last")
    for core, extra in ((layers.GRU(3), 0), (stack(False), 1), (convolution(False), 1)):
        model = preset.build(windows, core=core)
        assert sum(isinstance(layer, MaskAsColumn) for layer in model.layers) == extra
    assert takes_mask(layers.Bidirectional(layers.GRU(3)))
    assert takes_mask(layers.GlobalAveragePooling1D())
    assert not takes_mask(layers.Dense(3))  # It passes a mask on, and reads masked steps.
    assert not takes_mask(layers.Conv1D(3, 2))
    assert not takes_mask(keras.Sequential([layers.GRU(3)]))
    recurrent = preset.build(windows, core=layers.GRU(3))
    x = SERIES[:8].copy()
    x[:3] = np.nan
    shorter = RecurrentPreset(window_norm="last").build(
        WindowedSeries(5, missing="mask").build(SERIES), core=layers.GRU(3)
    )
    shorter.set_weights(recurrent.get_weights())
    np.testing.assert_allclose(called(recurrent, x[None]), called(shorter, x[None, 3:]), rtol=1e-4)


def test_a_layer_of_ones_own_gets_the_mask_if_its_call_takes_one():
    """Keras would warn of the first, which passes no mask on, if it got one by name."""
    seen = []

    class Mean(layers.Layer):
        def call(self, columns, mask=None):
            seen.append(mask)
            return keras.ops.mean(columns, axis=1)

    class Named(Mean):
        def call(self, columns, *, training=None, mask=None):
            return super().call(columns, mask)

        def compute_mask(self, inputs, mask):
            return None

    x = SERIES[None, :8].copy()
    x[0, 2:5] = np.nan
    for core in (Mean(), Named()):
        windows = WindowedSeries(8, missing="mask").build(SERIES)
        model = RecurrentPreset(window_norm="last").build(windows, core=core)
        seen.clear()
        called(model, x)
        [mask] = (keras.ops.convert_to_numpy(mask) for mask in seen)
        assert mask.tolist() == [[True, True, False, False, False, True, True, True]]


def test_missing_steps_are_seen_as_such_by_a_core_that_knows_no_masks():
    """What is read at a missing step is 0, and the column beside it 0."""
    seen = []

    class Read(layers.Layer):
        def call(self, columns):
            seen.append(columns)
            return columns[:, -1]

    model = RecurrentPreset(window_norm="last").build(
        WindowedSeries(8, missing="mask", target_columns=0).build(HOLED), core=Read()
    )
    seen.clear()
    x = HOLED[None, 20:28].copy()
    x[0, 4, 0] = np.nan
    called(model, x)
    [columns] = (keras.ops.convert_to_numpy(columns) for columns in seen)
    assert columns.shape == (1, 8, 4)
    assert columns[0, :, -1].tolist() == [1, 1, 1, 1, 0, 1, 1, 1]
    assert (columns[0, 4] == 0).all()


def test_built_without_a_dataset():
    model = sequence_to_vector(core=layers.LSTM(3), features=2)
    assert model.input_shape == (None, None, 2)
    assert model.output_shape == (None, 1)
    model = RecurrentPreset("sequence_to_sequence").build(core=convolution(True), outputs=2)
    assert model.output_shape == (None, None, 2)


def test_a_layer_of_ones_own_with_weights_serves_one_model():
    """A layer that was built elsewhere is fine the first time, with its weights."""
    layer = layers.GRU(3)
    layer(np.zeros((1, 8, 1)))
    kernel = layer.get_weights()[0].copy()
    dataset = WindowedSeries(8).build(SERIES)
    preset = RecurrentPreset(window_norm="last")
    model = preset.build(dataset, core=layer)
    assert any((weights == kernel).all() for weights in model.get_weights()
               if weights.shape == kernel.shape)  # fmt: skip
    says = "is in another model that was built.*core=lambda"
    for core in (layer, lambda: layer, lambda x: layer(x), keras.Sequential([layer])):
        with pytest.raises(ValueError, match=says):
            preset.build(dataset, core=core)
    core = convolution(False)
    first, second = (preset.build(dataset, core=core) for _ in range(2))
    assert not {id(weight) for weight in first.weights} & {id(weight) for weight in second.weights}


def test_a_layer_that_was_refused_may_be_used_again():
    layer = layers.GRU(3)
    with pytest.raises(ValueError, match="return_sequences=True"):
        RecurrentPreset("sequence_to_sequence").build(core=layer)
    RecurrentPreset().build(core=layer)


@pytest.mark.parametrize(
    ("core", "says"),
    [
        (7, "must be a Keras layer or model.*Received: core=7"),
        (layers.GRU, "Make an object of the class first"),
        (lambda: 7, "without arguments that returns 7"),
        (lambda columns: keras.Input((3,)), "not connected"),
        (lambda: layers.LSTM(3, return_state=True), r"must return one tensor \(batch, features\)"),
        (lambda: layers.Conv1D(3, 2), r"shape \(None, 7, 3\)\. Pool the steps"),
    ],
)
def test_what_is_no_core_is_refused(core, says):
    with pytest.raises((TypeError, ValueError), match=f"(?s){says}"):
        RecurrentPreset().build(core=core, window=8)


@pytest.mark.parametrize(
    ("core", "says"),
    [
        (lambda: layers.GRU(3), r"shape \(None, 3\).*return_sequences=True"),
        (lambda: layers.Conv1D(3, 2), r"\(batch, 8, features\).*padding='causal'"),
        (lambda: layers.Conv1D(3, 3, padding="same"), "core looks ahead: .*at step 0 .*step 1"),
        (
            lambda: layers.Bidirectional(layers.GRU(3, return_sequences=True)),
            "core looks ahead: .*at step 0 .*step 7",
        ),
        (
            lambda x: layers.MultiHeadAttention(1, 2)(x, x),
            "core looks ahead: .*use_causal_mask=True",
        ),
    ],
)
def test_what_is_no_core_of_a_sequence_is_refused(core, says):
    with pytest.raises(ValueError, match=f"(?s){says}"):
        RecurrentPreset("sequence_to_sequence").build(core=core, window=8)
