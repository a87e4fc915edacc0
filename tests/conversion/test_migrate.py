"""Old models with Lambdas: opened without running them, with the same predictions."""

import json

import keras
import numpy as np
import pytest

from helpers import called, run_fresh, unpacked_lambdas, untraced, warned_of_masks
from keras_ts import ExpandSeries, ScaleOutput, migrate_lambdas

X = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")
SUFFIXES = ["keras", "h5"]
# Keras says of its own .h5 format that it is old.
pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")


def course():
    return keras.Sequential([
        keras.Input((None,)),
        keras.layers.Lambda(lambda x: keras.ops.expand_dims(x, axis=-1), name="front"),
        keras.layers.GRU(3),
        keras.layers.Dense(1),
        keras.layers.Lambda(lambda x: x * 100.0, name="back"),
    ])  # fmt: skip


def functional():
    series = keras.Input((6,), name="series")
    x = keras.layers.Lambda(lambda x: keras.ops.expand_dims(x, -1), name="front")(series)
    x = keras.layers.Bidirectional(keras.layers.LSTM(2, return_sequences=True))(x)
    x = keras.layers.TimeDistributed(keras.layers.Dense(2))(x)
    return keras.Model(series, keras.layers.Lambda(lambda x: 2 * x, name="back")(x))


def nested():
    inner = functional()
    series = keras.Input((6,))
    x = keras.layers.Flatten()(inner(series))
    x = keras.layers.Dense(1)(x)
    return keras.Model(series, keras.layers.Lambda(lambda x: x * 10.0, name="back")(x))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("build", [course, nested])
def test_files_of_keras_3(build, suffix, tmp_path):
    model = build()
    model.compile(keras.optimizers.Adam(1e-3), "mae", metrics=["mse"])
    y = np.ones((5, *(size or 6 for size in model.output_shape[1:])), "float32")
    untraced(model).fit(X, y, verbose=0)
    slots = [variable.numpy() for variable in model.optimizer.variables]
    path = tmp_path / f"old.{suffix}"
    model.save(path)

    again = migrate_lambdas(path)
    assert not any(type(layer) is keras.layers.Lambda for layer in again._flatten_layers())
    np.testing.assert_allclose(called(again, X), called(model, X), rtol=1e-6)
    loss = model.evaluate(X, y, verbose=0)
    np.testing.assert_allclose(untraced(again).evaluate(X, y, verbose=0), loss, rtol=1e-6)
    for ours, theirs in zip(again.optimizer.variables, slots, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)


def test_what_is_saved_again_needs_no_migration(tmp_path):
    path, truth = unpacked_lambdas("course", "h5", tmp_path)
    migrate_lambdas(path).save(tmp_path / "new.keras")
    predictions = run_fresh(
        "import sys, json, keras, numpy as np, keras_ts\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "print(json.dumps(model.predict(np.array(json.loads(sys.argv[2])), verbose=0).tolist()))",
        tmp_path / "new.keras",
        json.dumps(truth["x"].tolist()),
    )
    np.testing.assert_allclose(json.loads(predictions), truth["y"], rtol=1e-4, atol=1e-5)


@keras.saving.register_keras_serializable("tests")
class Sine(keras.layers.Layer):
    def call(self, inputs):
        return keras.ops.sin(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape


class Unregistered(Sine):
    pass


def sine(name):
    return keras.layers.Lambda(lambda x: keras.ops.sin(x), name=name)


@pytest.fixture
def other(tmp_path):
    """A model whose Lambdas are not recognised, names repeating inside it."""
    number = 3.0
    models = []
    for name in ("first", "second"):
        inner = keras.Input((4, 1))
        models.append(keras.Model(inner, sine("wave")(inner), name=name))
    series = keras.Input((4, 1))
    x = sine("wave")(models[1](models[0](series)))
    x = keras.layers.TimeDistributed(sine("step"), name="steps")(x)
    model = keras.Model(series, keras.layers.Lambda(lambda x: x * number, name="factor")(x))
    model.save(tmp_path / "other.keras")
    return tmp_path / "other.keras", model


def stand_ins(layer=Sine):
    names = ["wave", "first/wave", "second/wave", "step"]
    return {**{name: layer() for name in names}, "factor": ScaleOutput(3.0)}


@pytest.mark.parametrize("layer", [Sine, Unregistered])
def test_replacements_by_name(other, layer):
    path, model = other
    again = migrate_lambdas(path, stand_ins(layer))
    x = X[:, :4, None]
    np.testing.assert_allclose(called(again, x), called(model, x), rtol=1e-6)
    assert [layer.name for layer in again._flatten_layers()] == [
        layer.name for layer in model._flatten_layers()
    ]


def test_what_is_not_recognised_is_asked_for_all_at_once(other):
    with pytest.raises(ValueError, match="pass layers to replace the Lambdas") as caught:
        migrate_lambdas(other[0], {"wave": Sine()})
    lines = str(caught.value).splitlines()
    assert lines[1] == "'first/wave': its code has the names keras, ops, sin"
    assert lines[3] == "'steps/step': its code has the names keras, ops, sin"
    assert lines[4] == "'factor': it takes values from outside; its code names nothing"
    assert lines[5].startswith("migrate_lambdas(filepath, {'first/wave': ..., 'second/wave': ...")


def test_a_function_known_by_name_alone_is_asked_for(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(keras.ops.sin, name="wave")])
    model.save(tmp_path / "model.keras")
    with pytest.raises(
        ValueError, match="'wave': the file holds only the name of its function, 'sin'"
    ):
        migrate_lambdas(tmp_path / "model.keras")


def test_a_recognised_lambda_can_be_replaced_otherwise(tmp_path):
    model = course()
    model.save(tmp_path / "model.keras")
    again = migrate_lambdas(tmp_path / "model.keras", {"back": ScaleOutput(50.0)})
    half = called(model, X) / 2
    np.testing.assert_allclose(called(again, X), half, rtol=1e-5)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([ExpandSeries()], TypeError, "replacements must be a Mapping. Received"),
        ({"front": ExpandSeries}, TypeError, "must be a Layer. Received: .*<class"),
        ({"front": "ExpandSeries"}, TypeError, "must be a Layer. Received: .*'ExpandSeries'"),
        ({"front": lambda x: x}, TypeError, "must be a Layer. Received: .*<function"),
        ({"front": sine("again")}, TypeError, "is a Lambda again"),
        ({"fornt": ExpandSeries()}, ValueError, "fits no Lambda.*'front', 'back'"),
        ({"back": keras.layers.Dense(3)}, ValueError, "back"),
        ({"front": ScaleOutput(2.0)}, ValueError, "old.keras.* could not be loaded"),
        ({"back": ScaleOutput([1.0, 2.0])}, ValueError, r"2 scales.*last axis. .*\(None, 1\)"),
    ],
)
def test_bad_replacements(given, error, message, tmp_path):
    course().save(tmp_path / "old.keras")
    with pytest.raises(error, match=f"(?s){message}") as caught:
        migrate_lambdas(tmp_path / "old.keras", given)
    assert len(str(caught.value)) < 700


@warned_of_masks
@pytest.mark.filterwarnings("ignore:Layer 'back' .of type Lambda. was passed an input with a mask")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_mask_that_the_lambda_ended(suffix, tmp_path):
    """The layers proposed would pass it on, and those behind leave the padding out."""

    def build(*behind):
        return keras.Sequential([
            keras.Input((6, 1)), keras.layers.Masking(), *behind,
            keras.layers.Lambda(lambda x: x * 10.0, name="back"),
        ])  # fmt: skip

    path = tmp_path / f"old.{suffix}"
    build().save(path)
    message = "a mask reaches 'back'. The Lambda ended it, and ScaleOutput would pass it on"
    with pytest.raises(ValueError, match=message):
        migrate_lambdas(path)
    assert migrate_lambdas(path, {"back": ScaleOutput(10.0)}).get_layer("back").scale == 10.0

    model = build(keras.layers.SimpleRNN(2))
    model.save(path)
    x = np.where(X > 0, X, 0.0)[..., None]
    again = migrate_lambdas(path)
    np.testing.assert_allclose(called(again, x), called(model, x), rtol=1e-6)


def test_a_proposed_layer_computes_in_the_precision_of_its_lambda(tmp_path):
    """Not in that of the day: in half precision, 70,000 is infinite."""
    course().save(tmp_path / "old.keras")
    keras.config.set_dtype_policy("mixed_float16")
    try:
        again = migrate_lambdas(tmp_path / "old.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    front = again.get_layer("front")(np.full((1, 6), 70_000.0, "float32"))
    assert keras.ops.convert_to_numpy(front).max() == 70_000.0
    assert again.get_layer("back").dtype_policy.name == "float32"


def test_an_input_that_is_no_series(tmp_path):
    model = keras.Sequential([
        keras.Input((6, 1)), keras.layers.Lambda(lambda x: keras.ops.expand_dims(x, -1)),
    ])  # fmt: skip
    model.save(tmp_path / "old.keras")
    with pytest.raises(ValueError, match="Keras says: ExpandSeries takes a batch of plain series"):
        migrate_lambdas(tmp_path / "old.keras")


def test_a_name_that_several_have(tmp_path):
    models = []
    for name in ("first", "second"):
        inner = keras.Input((4,))
        models.append(keras.Model(inner, sine("wave")(inner), name=name))
    keras.Sequential([keras.Input((4,)), *models]).save(tmp_path / "model.keras")
    message = r"fits 2 Lambdas: use a path. Its Lambdas: 'first/wave', 'second/wave'"
    with pytest.raises(ValueError, match=message):
        migrate_lambdas(tmp_path / "model.keras", {"wave": Sine()})


def test_no_lambda_and_no_file(tmp_path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]).save(tmp_path / "plain.keras")
    with pytest.raises(ValueError, match=r"holds no Lambda: load it with keras_ts.load_model"):
        migrate_lambdas(tmp_path / "plain.keras")
    with pytest.raises(FileNotFoundError, match="no such file"):
        migrate_lambdas(tmp_path / "none.keras")


def test_a_folder_of_keras_2(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(ValueError, match=r"is a SavedModel, .*TFSMLayer\(filepath, call_endpoint"):
        migrate_lambdas(tmp_path)


def test_a_loss_that_is_gone_leaves_the_model_uncompiled(tmp_path):
    def loss(y, prediction):
        return keras.ops.mean(keras.ops.square(y - prediction), axis=-1)

    for suffix in SUFFIXES:
        model = course()
        model.compile("sgd", loss)
        model.save(tmp_path / f"old.{suffix}")
        with pytest.warns(UserWarning, match="the model is not compiled, because Keras says: "):
            again = migrate_lambdas(tmp_path / f"old.{suffix}")
        assert not again.compiled
