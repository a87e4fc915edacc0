"""A file of ``export_model`` gives ``forecast``'s numbers by its own description, or an error."""

import json
import warnings

import keras
import numpy as np
import pytest

from described_inputs import arrays
from export_helpers import FORMATS_HERE, SERIES, covariates, needs, path_for, plain, with_holes
from helpers import BACKEND
from keras_ts import (
    Rollout,
    WindowedInput,
    WindowedSeries,
    calibrate,
    export_model,
    forecast,
    from_preset,
)
from keras_ts.exporting import export
from keras_ts.exporting.description import describe
from keras_ts.exporting.formats import FORMATS

# Warnings of runtimes are theirs.
pytestmark = pytest.mark.filterwarnings("ignore")

NAN = np.nan


def dense(outputs=lambda past: keras.layers.Dense(2)(past)):
    """A model that is converted in no time."""
    past = keras.Input((6,))
    windowed = WindowedInput.of(WindowedSeries(6, 2).build(SERIES))(past)
    return keras.Model(past, outputs(windowed))


def files(folder):
    """Tell files that were written again from those that were left."""
    return sorted((file.name, file.stat().st_ino) for file in folder.rglob("*"))


def served(path, format, x):
    """Return the description and the forecast, as a server gets them."""
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        assert {entry.name for entry in session.get_inputs()} == set(x)
        assert all(entry.shape[0] == "batch" for entry in session.get_inputs())
        about = session.get_modelmeta().custom_metadata_map["keras_ts"]
        return json.loads(about), session.run(["forecast"], x)[0]
    import tensorflow as tf

    signatures = tf.saved_model.load(str(path)).signatures
    about = signatures["description"]()["json"].numpy().decode()
    assert about == (path / "assets.extra" / "keras_ts.json").read_text()
    fed = {name: tf.constant(values) for name, values in x.items()}
    return json.loads(about), signatures["serving_default"](**fed)["forecast"].numpy()


@pytest.mark.parametrize("format", FORMATS_HERE)
def test_the_file_gives_the_forecast_by_its_own_description(format, tmp_path, capfd):
    needs(format)
    if BACKEND == "torch" and keras.version().startswith("3.12."):
        pytest.skip("Keras 3.12 exports no dicts from PyTorch")
    model, table = covariates()
    path = path_for(tmp_path, format)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        export_model(model, path, format)
    rows = [dict(enumerate(row)) for row in table.tolist()]
    x = arrays(json.loads(json.dumps(describe(Rollout(model)))), rows[:50], rows[50:])
    capfd.readouterr()
    about, out = served(path, format, {name: np.repeat(part, 3, 0) for name, part in x.items()})
    # onnxruntime warns of every constant that nothing reads, of which jax2onnx leaves some.
    assert "initializer" not in capfd.readouterr().err
    assert about == json.loads(json.dumps(describe(Rollout(model))))
    wanted = forecast(model, table[:50], future=table[50:53, 1:2])
    np.testing.assert_allclose(out, [wanted] * 3, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("format", FORMATS_HERE)
def test_masks_and_bands_are_in_the_file(format, tmp_path):
    needs(format)
    dataset = WindowedSeries(8, 2, missing="mask", batch_size=16).build(SERIES)
    model = from_preset("seasonal_gru", period=2, units=(3,)).build(dataset)
    past = with_holes(dataset.to_numpy()[0])
    export_model(calibrate(model, dataset, 0.8), path_for(tmp_path, format), format, check=past)


def failing(result):
    raise RuntimeError("no such operation")


@pytest.mark.parametrize("format", FORMATS_HERE[-1:])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda result: result + 0.5, r"they differ by 0\.5, where the model's reach 0\.\d+\. No"),
        (lambda result: result * [1, NAN], "they are NaN elsewhere"),
        (lambda result: result[:, :1], "they are NaN elsewhere"),
        (failing, "no such operation"),
    ],
)
def test_a_file_that_differs_is_an_error_and_replaces_none(
    format, change, says, tmp_path, monkeypatch
):
    needs(format)
    form, model, past = FORMATS[format], dense(), np.stack([SERIES[:6], SERIES[6:12]]) / 10
    monkeypatch.setitem(
        FORMATS, format, form._replace(run=lambda path, x: change(form.run(path, x)))
    )
    path = path_for(tmp_path, format)
    with pytest.raises((ValueError, RuntimeError), match=says):
        export_model(model, path, format, check=past)
    assert not files(tmp_path)
    export_model(model, path, format)
    before = files(tmp_path)
    with pytest.raises((ValueError, RuntimeError), match=says):
        export_model(model, path, format, check=past)
    assert files(tmp_path) == before
    monkeypatch.setitem(FORMATS, format, form)
    export_model(Rollout(model), path, format, check=past)
    assert files(tmp_path) != before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf2onnx adds what was not chosen, times 0")
def test_a_converter_that_computes_something_else_is_found(tmp_path):
    needs("onnx")
    ops = keras.ops
    model = dense(lambda past: ops.where(past > 0, ops.log(past), 0.0)[:, :2])
    with pytest.raises(ValueError, match="they are NaN elsewhere, where the model's reach"):
        export_model(model, tmp_path / "model.onnx", check=np.ones((1, 6)) * [1, -1, 1, 1, 1, 1])
    assert not files(tmp_path)


@pytest.mark.parametrize(
    ("path", "format", "error", "says"),
    [
        ("none/model", "tf_saved_model", FileNotFoundError, "does not exist"),
        ("own", "tf_saved_model", FileExistsError, r"no folder with a saved_model\.pb"),
        ("none/model.onnx", "onnx", FileNotFoundError, "does not exist"),
        ("folder.onnx", "onnx", IsADirectoryError, "is a folder"),
        ("model.h5", "onnx", ValueError, r"must end in .onnx for format='onnx'.*'onnx'\.$"),
        ("model.onnx", "tf_saved_model", ValueError, "must .* name a folder for format='tf_saved"),
    ],
)
def test_a_place_that_takes_no_file_is_refused_before_the_export(
    path, format, error, says, tmp_path, monkeypatch
):
    monkeypatch.setattr(Rollout, "export", None)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("years")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(error, match=says):
        export_model(plain(), tmp_path / path, format)
    assert (tmp_path / "own" / "thesis.txt").read_text() == "years"


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"filepath": 3}, TypeError, "filepath must be a str or a Path"),
        ({"format": "h5"}, ValueError, "format must be one of"),
        ({"model": 3}, TypeError, "model must be a Keras model"),
        ({"model": "none"}, ValueError, "carries no windows"),
    ],
)
def test_refuses(arguments, error, says):
    inputs = keras.Input((6,))
    if arguments.get("model") == "none":
        arguments = {"model": keras.Model(inputs, keras.layers.Dense(1)(inputs))}
    with pytest.raises(error, match=says):
        export_model(**{"model": plain(), "filepath": "model.onnx", **arguments})


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install onnx \w+$"):
        export_model(plain(), tmp_path / "model.onnx")
    with pytest.raises(ImportError, match=r"pip install onnx \w+ onnxruntime$"):
        export_model(plain(), tmp_path / "model.onnx", check=SERIES[None, :6])


@pytest.mark.skipif(BACKEND != "torch", reason="the others write it")
def test_pytorch_writes_no_saved_model(tmp_path):
    with pytest.raises(ValueError, match="torch backend writes no 'tf_saved_model'"):
        export_model(plain(), tmp_path / "model", "tf_saved_model")
