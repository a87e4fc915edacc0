"""A file of ``export_model`` gives ``forecast``'s numbers by its own description, or an error."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import export_helpers
from described_inputs import arrays
from export_helpers import needs
from helpers import BACKEND
from keras_ts import (
    RecurrentPreset,
    Rollout,
    WindowedSeries,
    check_export,
    export_model,
    forecast,
)
from keras_ts.exporting import export
from keras_ts.exporting.description import describe
from keras_ts.exporting.formats import FORMATS
from keras_ts.interface import remember
from keras_ts.windows.carried import Carried

# Warnings of converters and runtimes are theirs.
pytestmark = pytest.mark.filterwarnings("ignore")

WITH_LOOPS = export_helpers.WITH_LOOPS[BACKEND]
WITHOUT_LOOPS = export_helpers.WITHOUT_LOOPS[BACKEND]
RANDOM = np.random.default_rng(0)
SERIES = RANDOM.normal(size=60)
TABLE = np.stack([SERIES, RANDOM.normal(size=60)], axis=1)


def covariates(missing="raise"):
    """A model with every input, of two columns, a number known ahead and a calendar."""
    windows = WindowedSeries(
        6, 3, target_columns=0, future_columns=[1], static_columns=[2], calendar=[7],
        missing=missing,
    )  # fmt: skip
    tables = [np.column_stack([TABLE + n, np.full(60, n)]) for n in (1.0, 2.0)]
    model = RecurrentPreset(cell="gru", units=(3,), quantiles=[0.1, 0.5, 0.9]).build(
        windows.build(tables)
    )
    return model, tables[1]


def plain():
    return RecurrentPreset(units=(2,)).build(WindowedSeries(6, 2).build(SERIES))


def files(folder):
    """Tell files that were written again from those that were left."""
    return sorted((file.name, file.stat().st_ino) for file in folder.rglob("*"))


def described(path, format):
    """Read the description as a server does."""
    if format == "onnx":
        import onnxruntime

        metadata = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
        return json.loads(metadata["keras_ts"])
    if format == "tf_saved_model":
        import tensorflow as tf

        signature = tf.saved_model.load(path).signatures["description"]
        text = signature()["json"].numpy().decode()
        assert text == (Path(path) / "assets.extra" / "keras_ts.json").read_text()
        return json.loads(text)
    if format == "openvino":
        import openvino

        return json.loads(openvino.Core().read_model(path).get_rt_info(["keras_ts"]).astype(str))
    return json.loads(zipfile.ZipFile(path).read("keras_ts.json"))


def run(path, format, x):
    return FORMATS[format].run(path, list(x))(list(x.values()))[0]


@pytest.mark.parametrize("format", WITH_LOOPS)
def test_the_file_gives_the_forecast_by_its_own_description(format, tmp_path):
    needs(format)
    if BACKEND == "torch" and keras.version().startswith("3.12."):
        pytest.skip("Keras 3.12 exports no dicts from PyTorch")
    model, table = covariates()
    path = str(tmp_path / f"model{FORMATS[format].suffix}")
    export_model(model, path, format)
    about = described(path, format)
    rows = [dict(enumerate(row)) for row in table.tolist()]
    x = arrays(about, rows[:50], rows[50:])
    wanted = forecast(model, table[:50], future=table[50:53, 1:2])
    np.testing.assert_allclose(run(path, format, x)[0], wanted, rtol=1e-4, atol=1e-5)
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        assert {entry.name for entry in session.get_inputs()} == {"past", "future", "static"}
        assert [entry.name for entry in session.get_outputs()] == ["forecast"]
        assert all(entry.shape[0] == "batch" for entry in session.get_inputs())


@pytest.mark.skipif(BACKEND == "torch", reason="TensorFlow traces no PyTorch")
def test_a_saved_model_refuses_what_the_model_cannot_take(tmp_path):
    """An error and no number, also from the runtime that TensorFlow Serving calls."""
    needs("tf_saved_model")
    import tensorflow as tf

    export_model(plain(), tmp_path / "model")
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path / "model"))
        signature = graph.signature_def["serving_default"]
        tensors = [
            session.graph.get_tensor_by_name(entries[name].name)._as_tf_output()
            for entries, name in ((signature.inputs, "past"), (signature.outputs, "forecast"))
        ]
        session._extend_graph()

        def ask(past):
            # Below Python's own comparison of shapes, which TensorFlow Serving does not have.
            feed = {tensors[0]: np.asarray(past, "float32")}
            return session._call_tf_sessionrun(None, feed, [tensors[1]], [], None)[0]

        assert ask([SERIES[-6:]] * 3).shape == (3, 2)
        for past, says in (
            ([SERIES[-5:]], "not compatible with expected shape"),
            ([np.full(6, np.nan)], "past holds a missing or infinite value, which the model does"),
            ([np.full(6, np.inf)], "past holds a missing or infinite value"),
        ):
            with pytest.raises(tf.errors.InvalidArgumentError, match=says):
                ask(past)


@pytest.mark.skipif(BACKEND == "torch", reason="TensorFlow traces no PyTorch")
def test_a_saved_model_of_a_model_that_masks(tmp_path):
    """Values may be missing where the model masks them, and as long as one is left."""
    needs("tf_saved_model")
    import tensorflow as tf

    model, table = covariates("mask")
    export_model(model, tmp_path / "model")
    serve = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    table[-3, 0] = table[-6, 1] = np.nan
    about = describe(Rollout(model))
    rows = [dict(enumerate(row)) for row in table.tolist()]
    x = arrays(about, rows, rows[:3])
    x = {name: tf.constant(values) for name, values in x.items()}
    wanted = forecast(model, table, future=table[:3, 1:2])
    np.testing.assert_allclose(serve(**x)["forecast"][0], wanted, rtol=1e-4, atol=1e-5)
    empty = tf.constant(np.full_like(x["past"], np.nan))
    infinite = np.array(x["past"])
    infinite[0, 1, 0] = np.inf
    for name, values, says in (
        ("past", empty, "past must have a value of each of .0. to forecast from"),
        ("past", infinite, "past holds an infinite value"),
        ("future", x["future"] * np.nan, "future holds a missing or infinite value"),
        ("static", x["static"] * np.inf, "static holds a missing or infinite value"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=says):
            serve(**{**x, name: values})


@pytest.mark.slow
@pytest.mark.parametrize("format", WITHOUT_LOOPS)
def test_formats_without_loops(format, tmp_path):
    needs(format)
    dataset = WindowedSeries(6, 2).build(SERIES)
    past = keras.Input((6,))
    model = keras.Model(past, keras.layers.Dense(2)(past))
    path = str(tmp_path / f"model{FORMATS[format].suffix}")
    export_model(model, path, format, windows=dataset)
    about = described(path, format)
    x = {"past": SERIES[None, -6:].astype("float32")}
    wanted = forecast(model, SERIES, dataset)
    np.testing.assert_allclose(run(path, format, x)[0], wanted, rtol=1e-4, atol=1e-5)
    assert about["output"]["rows"] == [1, 2]


@pytest.mark.parametrize("format", WITH_LOOPS[:1])
def test_an_existing_file_is_replaced_only_by_a_whole_one(format, tmp_path, monkeypatch):
    needs(format)
    path = tmp_path / f"model{FORMATS[format].suffix}"
    export_model(plain(), path, format)
    before = files(tmp_path)

    def fail(*_):
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setitem(FORMATS, format, FORMATS[format]._replace(describe=fail))
        with pytest.raises(RuntimeError, match="disk is full"):
            export_model(plain(), path, format)
    with monkeypatch.context() as broken:
        broken.setitem(FORMATS, format, FORMATS[format]._replace(run=fail))
        with pytest.raises(ValueError, match="does not load: the disk is full"):
            export_model(plain(), path, format)
    assert files(tmp_path) == before
    export_model(Rollout(plain()), path, format)
    assert list(tmp_path.iterdir()) == [path]
    assert described(str(path), format)["horizon"] == 2


@pytest.mark.skipif(BACKEND == "torch", reason="TensorFlow traces no PyTorch")
def test_a_folder_of_somebodys_own_is_left_alone(tmp_path):
    needs("tf_saved_model")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("years")
    with pytest.raises(FileExistsError, match=r"no folder with a saved_model\.pb"):
        export_model(plain(), tmp_path / "own")
    assert (tmp_path / "own" / "thesis.txt").read_text() == "years"


class Subclassed(keras.Model):
    """It has no graph that a file could hold."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


def test_a_subclass_is_refused_by_name():
    model = Subclassed()
    model(np.zeros((1, 6)))
    with pytest.raises(TypeError, match=r"built Sequential or functional model\. .*Subclassed"):
        export_model(model, "model", windows=WindowedSeries(6, 2))


@pytest.mark.parametrize(
    ("path", "format", "error"),
    [
        ("none/model", "tf_saved_model", FileNotFoundError),
        ("own", "tf_saved_model", FileExistsError),
        ("none/model.onnx", "onnx", FileNotFoundError),
        ("folder.onnx", "onnx", IsADirectoryError),
    ],
)
def test_a_place_that_takes_no_file_is_refused_before_the_export(
    path, format, error, tmp_path, monkeypatch
):
    monkeypatch.setattr(export, "written", None)
    (tmp_path / "own").mkdir()
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(error):
        export_model(plain(), tmp_path / path, format)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"filepath": "model.h5", "format": "onnx"}, ValueError, r"must end in '.onnx' for"),
        ({"filepath": "model.onnx"}, ValueError, "must name a folder for format='tf_saved_model'"),
        ({"filepath": 3}, TypeError, "filepath must be a str or a Path"),
        ({"format": "h5"}, ValueError, "format must be one of"),
        ({"model": 3}, TypeError, "model must be a Keras model"),
        ({"model": "none"}, ValueError, r"carries no windows: pass windows=dataset.windows"),
        ({"windows": WindowedSeries(5)}, ValueError, "window=6 against window=5"),
        ({"model": "rollout", "windows": WindowedSeries(6)}, ValueError, "leave windows out"),
    ],
)
def test_refuses(arguments, error, says):
    inputs = keras.Input((6,))
    model = {"model": plain()} if arguments.get("model") in (None, "rollout") else {}
    if arguments.get("model") == "none":
        arguments = {**arguments, "model": keras.Model(inputs, keras.layers.Dense(1)(inputs))}
    elif arguments.get("model") == "rollout":
        arguments = {**arguments, "model": Rollout(model["model"])}
    with pytest.raises(error, match=says):
        export_model(**{"filepath": "model", **model, **arguments})


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch's loops are refused")
def test_loops_keep_their_refusals(tmp_path):
    needs("litert")
    with pytest.raises(ValueError, match="LiteRT runs no loop"):
        export_model(Rollout(plain(), steps=5), tmp_path / "model.tflite", "litert")


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch unrolls the loop")
def test_a_file_that_no_runtime_loads_replaces_none(tmp_path):
    """From JAX and TensorFlow, a recurrent layer in half precision."""
    needs("onnx")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = plain()
    finally:
        keras.config.set_dtype_policy(policy)
    path = tmp_path / "model.onnx"
    path.write_text("yesterday's")
    with pytest.raises(ValueError, match=r"computes in bfloat16\. Build it again after"):
        export_model(model, path, "onnx")
    assert path.read_text() == "yesterday's"


@pytest.mark.skipif(BACKEND != "tensorflow", reason="Keras exports it from TensorFlow")
def test_litert_files_need_no_operations_of_tensorflow(tmp_path):
    """Keras's own file of a recurrent layer runs only where TensorFlow was linked in."""
    needs("litert")
    with pytest.raises(ValueError, match="recurrent layers need unroll=True"):
        export_model(plain(), tmp_path / "model.tflite", "litert")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch's loops are refused")
def test_check_export_runs_the_file_that_is_served(monkeypatch):
    needs(WITH_LOOPS[0])
    seen = []

    def noted(path, description):
        seen.append(description["steps"])

    form = FORMATS[WITH_LOOPS[0]]._replace(describe=noted)
    monkeypatch.setitem(FORMATS, WITH_LOOPS[0], form)
    past = keras.Input((6,))
    model = keras.Model(past, keras.layers.Dense(2)(keras.ops.nan_to_num(past)))
    remember(model, Carried(WindowedSeries(6, 2, missing="mask")))
    assert check_export(model, SERIES[None, -6:], WITH_LOOPS[0]).missing
    report = check_export(plain(), SERIES[None, -6:], WITH_LOOPS[0])
    assert report.ok
    assert seen == [2, 2]


DESCRIPTION = {"inputs": {"past": {}, "static": {}}, "output": {"name": "forecast"}}


@pytest.mark.parametrize("names", [("in_0", "in_1", "out"), ("past", "static", "forecast")])
def test_names_in_an_onnx_file(names, tmp_path):
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    first, second, last = names
    node = helper.make_node("Sub", [first, second], [last])
    inputs = [helper.make_tensor_value_info(name, kind, ["n", 2]) for name in (first, second)]
    outputs = [helper.make_tensor_value_info(last, kind, ["n", 2])]
    model = helper.make_model(
        helper.make_graph([node], "graph", inputs, outputs),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    model.metadata_props.add(key="author", value="somebody")
    path = tmp_path / "model.onnx"
    onnx.save(model, str(path))
    FORMATS["onnx"].describe(path, DESCRIPTION)
    session = runtime.InferenceSession(str(path))
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["keras_ts"]) == DESCRIPTION
    assert metadata["author"] == "somebody"
    x = {"past": np.full((3, 2), 5.0, "float32"), "static": np.ones((3, 2), "float32")}
    [out] = session.run(["forecast"], x)
    assert out.tolist() == [[4.0, 4.0]] * 3


def test_an_onnx_file_has_no_constant_that_nothing_reads(tmp_path):
    """Loops of jax2onnx have some, and onnxruntime warns of each when the file is loaded."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    numbers = [
        onnx.numpy_helper.from_array(np.float32([at]), name) for at, name in enumerate("abcd")
    ]
    result = helper.make_tensor_value_info("inner", kind, [1])
    # A branch reads a constant of its own, "a", and one of the graph around it, "c".
    branch = helper.make_graph(
        [helper.make_node("Add", ["a", "c"], ["inner"])], "branch", [], [result], numbers[:2]
    )
    nodes = [
        helper.make_node("IsNaN", ["past"], ["missing"]),
        helper.make_node("ReduceMax", ["d"], ["top"]),
        helper.make_node("Equal", ["top", "d"], ["same"]),
        helper.make_node("If", ["same"], ["more"], then_branch=branch, else_branch=branch),
        helper.make_node("Where", ["missing", "more", "past"], ["out"]),
    ]
    shapes = [helper.make_tensor_value_info(name, kind, ["n", 5]) for name in ("past", "out")]
    unread = onnx.numpy_helper.from_array(np.float32([9]), "e")
    graph = helper.make_graph(nodes, "net", shapes[:1], shapes[1:], [*numbers[2:], unread])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph), str(path))
    FORMATS["onnx"].describe(path, {**DESCRIPTION, "inputs": {"past": {}}})
    graph = onnx.load(path).graph
    [branches] = [node.attribute for node in graph.node if node.op_type == "If"]
    assert [entry.name for entry in graph.initializer] == ["c", "d"]
    assert [entry.name for each in branches for entry in each.g.initializer] == ["a", "a"]
