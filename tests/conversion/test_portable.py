"""A portable file gives the same results where keras_ts cannot be imported, or is not written."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from helpers import run_fresh, untraced, warned_of_masks
from keras_ts import (
    ExpandSeries,
    RecurrentPreset,
    ScaleOutput,
    WindowedInput,
    WindowedSeries,
    from_preset,
    load_model,
    load_windows,
    preset_names,
    save_model,
    save_portable,
)
from keras_ts.interface import carried_by
from keras_ts.layers import NormalizeWindow, RestoreWindow, SortedQuantiles
from keras_ts.losses import QuantileLoss
from keras_ts.windows.carried import Carried

CARRIED = Carried(WindowedSeries(9, horizon=2), quantiles=(0.1, 0.5, 0.9))
NOT_OF_KERAS = "which is not of Keras"
HOLED = WindowedSeries(4, missing="keep").build(np.arange(9.0))

# Loads every model of a folder where importing keras_ts raises.
WITHOUT_US = """
import pathlib, sys

class Blocked:
    def find_spec(self, name, *_):
        if name.split(".")[0] == "keras_ts":
            raise ImportError(name)

sys.meta_path.insert(0, Blocked())
try:
    import keras_ts
except ImportError:
    pass
else:
    raise SystemExit("keras_ts was imported")

import keras, numpy as np
for path in pathlib.Path(sys.argv[1]).glob("*.keras"):
    model = keras.saving.load_model(path)
    data = np.load(path.with_suffix(".npz"))
    y = keras.ops.convert_to_numpy(model(data["x"]))
    np.testing.assert_allclose(y, data["y"], rtol=1e-5, atol=1e-6, err_msg=path.name)
    if "loss" in data:
        loss = float(model.compute_loss(y=data["y"] + 1, y_pred=data["y"]))
        np.testing.assert_allclose(loss, data["loss"], rtol=1e-5)
        for i, variable in enumerate(model.optimizer.variables):
            np.testing.assert_array_equal(
                keras.ops.convert_to_numpy(variable), data[f"slot{i}"], err_msg=path.name
            )
assert "keras_ts" not in sys.modules
print("loaded", len(list(pathlib.Path(sys.argv[1]).glob("*.keras"))))
"""


def trained(model, x):
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.MeanAbsoluteError(), metrics=["mse"])
    untraced(model).fit(x, outputs(model, x) + 0.1, epochs=1, verbose=0)
    return model


def plain():
    inputs = keras.Input((None,))
    x = layers.GRU(3)(ExpandSeries(name="expand")(inputs))
    return keras.Model(inputs, ScaleOutput(10.0, -2.0, name="scale")(layers.Dense(1)(x)))


def nested():
    inner = keras.Sequential([keras.Input((9,)), ExpandSeries(), layers.SimpleRNN(3)])
    inputs = keras.Input((9,))
    outer = layers.Dense(2)(inner(inputs))
    return keras.Model(inputs, keras.Sequential([ScaleOutput([2.0, 3.0], 1.0)])(outer))


def nested_normalization():
    """An inner functional model with weights, whose place in the file must not be mistaken."""
    inputs = keras.Input((9, 2))
    x = layers.SimpleRNN(3, dropout=0.1)(inputs)
    core = keras.Model(inputs, layers.Dense(2)(x))
    outer = keras.Input((9, 2))
    x, location, scale = NormalizeWindow("standard")(outer)
    return keras.Model(outer, RestoreWindow([0, 1])([core(x), location, scale]))


def bidirectional():
    return RecurrentPreset(
        "sequence_to_sequence", "lstm", (3, 2), bidirectional=True, output_scale=5.0, dropout=0.1
    ).build()


def called_twice():
    layer = NormalizeWindow("mean")
    inputs = keras.Input((9, 1))
    shorter = layers.AveragePooling1D(3)(inputs)
    both = [layers.GlobalMaxPooling1D()(layer(x)[0]) for x in (inputs, shorter)]
    return keras.Model(inputs, layers.Concatenate()(both))


def integers():
    inputs = keras.Input((9,), dtype="int32")
    return keras.Model(inputs, layers.SimpleRNN(2)(ExpandSeries()(inputs)))


def quantiles():
    """Two steps ahead, three quantiles each, behind the windows that the model carries."""
    inputs = keras.Input((9, 2))
    x = layers.GRU(3)(WindowedInput(**CARRIED.get_config(), name="windows")(inputs))
    return keras.Model(inputs, SortedQuantiles(CARRIED.quantiles)(layers.Dense(6)(x)))


def quantiles_of_sequences():
    """A mask goes through WindowedInput, and no further than the recurrent layer."""
    carrier = WindowedInput(**CARRIED.get_config())
    return keras.Sequential([
        keras.Input((None, 2)), layers.Masking(), carrier, layers.GRU(3),
        layers.RepeatVector(4), layers.Dense(3), SortedQuantiles(CARRIED.quantiles),
    ])  # fmt: skip


def mask_behind():
    """Padding is masked behind ExpandSeries, and the mask crosses ScaleOutput."""
    inputs = keras.Input((9,))
    x = layers.Masking(0.0)(ExpandSeries()(inputs))
    x = ScaleOutput(2.0)(x)
    return keras.Model(inputs, layers.LSTM(3)(x))


def masked_sequential():
    return keras.Sequential([
        keras.Input((9, 1)), layers.Masking(), layers.GRU(2), layers.Dense(1), ScaleOutput(3.0),
    ])  # fmt: skip


MODELS = {
    "plain": plain,
    "nested": nested,
    "nested_normalization": nested_normalization,
    "bidirectional": bidirectional,
    "mask_behind": mask_behind,
    "masked_sequential": masked_sequential,
    "called_twice": called_twice,
    "quantiles": quantiles,
    "quantiles_of_sequences": quantiles_of_sequences,
    **{
        f"{kind}_{norm}_{features}": (
            lambda kind=kind, norm=norm, features=features: RecurrentPreset(
                kind, "gru", (3,), window_norm=norm, features=features,
                output_scale=(2.0, 0.5),
            ).build(outputs=2)
        )
        for kind in ("sequence_to_vector", "sequence_to_sequence")
        for norm in ("last", "mean", "standard")
        for features in (None, 2)
    },
}  # fmt: skip


def windows_of(model):
    rng = np.random.default_rng(5)
    x = rng.normal(20.0, 3.0, size=(6, 9, 2)[: len(model.input_shape)]).astype("float32")
    x[1, 5:] = 0.0
    return x


def outputs(model, x):
    return ops.convert_to_numpy(model(x))


def test_loads_without_keras_ts_with_all_that_belongs_to_it(tmp_path):
    model = nested_normalization()
    x = windows_of(model)
    trained(model, x)
    before = model.get_weights()
    save_portable(model, tmp_path / "model.keras")
    y = outputs(model, x)
    slots = {f"slot{i}": ops.convert_to_numpy(v) for i, v in enumerate(model.optimizer.variables)}
    loss = float(model.compute_loss(y=y + 1, y_pred=y))
    np.savez(tmp_path / "model.npz", x=x, y=y, loss=loss, **slots)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert run_fresh(WITHOUT_US, tmp_path).split()[-1] == "1"


def same_without_us(folder, builders):
    for name, build in builders.items():
        model = build()
        x = windows_of(model)[..., : model.input_shape[-1] if len(model.input_shape) == 3 else None]
        save_portable(model, folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", x=x, y=outputs(model, x))
    assert run_fresh(WITHOUT_US, folder).split()[-1] == str(len(builders))


@warned_of_masks
def test_the_same_results_without_keras_ts(tmp_path):
    names = (
        "plain", "nested", "mask_behind", "masked_sequential", "called_twice", "quantiles",
        "quantiles_of_sequences", "sequence_to_sequence_last_2",
    )  # fmt: skip
    same_without_us(tmp_path, {name: MODELS[name] for name in names})


@warned_of_masks
@pytest.mark.slow
def test_the_same_results_of_every_model_and_preset(tmp_path):
    presets = {name: from_preset(name) for name in preset_names()}
    builds = {  # Smoothing and the regression have no stock form.
        name: preset.build
        for name, preset in presets.items()
        if not preset.smoothing and preset.cell != "linear"
    }
    same_without_us(tmp_path, {**MODELS, **builds})


def test_integers_and_half_precision(tmp_path):
    def check(name, model, x):
        save_portable(model, tmp_path / f"{name}.keras")
        again = keras.saving.load_model(tmp_path / f"{name}.keras")
        want, got = outputs(model, x), outputs(again, x)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
        assert not any(type(layer).__module__ == "keras_ts" for layer in again.layers)

    check("integers", integers(), np.arange(18, dtype="int32").reshape(2, 9))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        for norm in (None, "last"):
            model = RecurrentPreset(units=(3,), window_norm=norm, output_scale=100.0).build()
            check("half", model, windows_of(model))
    finally:
        keras.config.set_dtype_policy("float32")


def test_training_goes_on_from_the_optimizer_as_it_was(tmp_path):
    model = plain()
    x = windows_of(model)
    trained(model, x)
    save_portable(model, tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for either in (model, again):
        untraced(either).fit(x, x[:, :1], epochs=2, verbose=0, shuffle=False)
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-7)


def test_windows_stay_inside(tmp_path):
    model = plain()
    save_model(model, tmp_path / "model.keras", windows=WindowedSeries(9))
    save_portable(model, tmp_path / "portable.keras")
    assert load_windows(tmp_path / "portable.keras") == WindowedSeries(9)


def test_what_a_layer_carries_goes_into_the_metadata(tmp_path):
    model = quantiles()
    save_portable(model, tmp_path / "model.keras")
    assert load_windows(tmp_path / "model.keras") == CARRIED.windows
    again = load_model(tmp_path / "model.keras")
    assert carried_by(again) == CARRIED
    assert [type(layer).__name__ for layer in again.layers[:2]] == ["InputLayer", "Identity"]


def test_the_level_of_a_series_survives_in_half_precision(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        for dtype in ("float32", "float16", "int32"):
            inputs = keras.Input((9,), dtype=dtype)
            model = keras.Model(inputs, WindowedInput(WindowedSeries(9))(inputs))
            x = np.array([[2049.0] * 9]).astype(dtype)
            save_portable(model, tmp_path / "model.keras")
            got = keras.saving.load_model(tmp_path / "model.keras")(x)
            assert keras.backend.standardize_dtype(got.dtype) == dtype
            np.testing.assert_array_equal(ops.convert_to_numpy(got), x)
    finally:
        keras.config.set_dtype_policy("float32")


def trained_for_quantiles():
    model = quantiles()
    model.compile("sgd", QuantileLoss(CARRIED.quantiles))
    return model


def test_the_cure_for_a_loss_without_stock_form(tmp_path):
    model = trained_for_quantiles()
    save_model(model, tmp_path / "ours.keras")
    save_portable(load_model(tmp_path / "ours.keras", compile=False), tmp_path / "model.keras")
    x = windows_of(model)
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(outputs(again, x), outputs(model, x), rtol=1e-5)


def masked():
    """Windows that are all padding are masked whole: of stock layers, a mask of plain series."""
    inputs = keras.Input((9,))
    x = ExpandSeries(name="expand")(layers.Masking()(inputs))
    return keras.Model(inputs, layers.Dense(2)(x))


class Padded(layers.Layer):
    def call(self, inputs):
        return inputs


def masked_normalization():
    inputs = keras.Input((9, 1))
    x, location, scale = NormalizeWindow("last", name="norm")(layers.Masking()(inputs))
    return keras.Model(inputs, RestoreWindow()([layers.GRU(1)(x), location, scale]))


def masked_inner():
    """The mask comes from outside, and meets our layer in an inner model."""
    inputs = keras.Input((9, 2))
    inner = keras.Model(inputs, layers.GRU(2)(ScaleOutput([1.0, 2.0], name="scale")(inputs)))
    outer = keras.Input((9, 2))
    return keras.Model(outer, inner(layers.Masking()(outer)))


def masked_in_an_inner_model():
    """The mask arises in an inner model, and meets our layer outside."""
    inputs = keras.Input((None, 1))
    inner = keras.Sequential([keras.Input((None, 1)), layers.Masking()])
    x, location, scale = NormalizeWindow("last", name="norm")(inner(inputs))
    return keras.Model(inputs, RestoreWindow()([layers.GRU(1)(x), location, scale]))


def other_axis():
    return keras.Sequential([keras.Input((9,)), ExpandSeries(axis=1, name="expand")])


def wrapped():
    return keras.Sequential([
        keras.Input((4, 9)), layers.TimeDistributed(ScaleOutput(2.0), name="wrapper"),
    ])  # fmt: skip


def a_lambda():
    return keras.Sequential([keras.Input((9,)), layers.Lambda(lambda x: 2 * x, name="twice")])


def foreign():
    return keras.Sequential([keras.Input((9,)), Padded(name="padded")])


def squares(y, prediction):
    return ops.mean(ops.square(y - prediction))


def own_loss():
    model = plain()
    model.compile("sgd", squares)
    return model


class Subclass(keras.Model):
    def call(self, inputs):
        return inputs


# Keras says of inner models that they destroy a mask, and passes it into them all the same.
@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (masked, "mask reaches 'expand'"),
        (masked_normalization, "mask reaches 'norm' .*read the padding"),
        (masked_inner, "mask reaches 'scale'"),
        (masked_in_an_inner_model, "mask reaches 'norm'"),
        (other_axis, r"'expand': ExpandSeries\(axis=1\) has no stock form"),
        (wrapped, "'scale_output.*' holds keras_ts>ScaleOutput, which has no stock form there"),
        (lambda: from_preset("smooth_gru").build(window=9), "keras_ts>SmoothedForecast, which"),
        (lambda: RecurrentPreset(units=2).build(HOLED), f"keras_ts>MaskMissing, {NOT_OF_KERAS}"),
        (a_lambda, "'twice' is a Lambda"),
        (foreign, f"'padded' needs .*Padded, {NOT_OF_KERAS}"),
        (own_loss, f"The model's loss needs squares, {NOT_OF_KERAS}"),
        (trained_for_quantiles, r"compiled with QuantileLoss.*save it uncompiled.*compile=False"),
        (lambda: keras.Sequential([layers.Dense(1)]), "not built yet"),
        (Subclass, "functional or sequential"),
    ],
)
def test_refuses_what_would_differ(tmp_path, build, reason):
    with pytest.raises(ValueError, match=reason):
        save_portable(build(), tmp_path / "model.keras")
    assert not list(tmp_path.iterdir())


def test_refuses_an_optimizer_whose_state_would_be_lost(tmp_path):
    model = plain()
    trained(model, windows_of(model))
    model.layers[2].trainable = False
    with pytest.raises(ValueError, match="frozen or freed"):
        save_portable(model, tmp_path / "model.keras")
