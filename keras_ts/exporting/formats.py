"""The formats of exported files.

Each format has a row of ``FORMATS`` and two functions: one runs a file in the format's own runtime,
and one writes the description of inputs and output into a file from Keras. Both import their
packages when called.
"""

import json
import shutil
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from keras_ts._typing import Array
from keras_ts.exporting.description import KEY

Format = Literal["tf_saved_model", "onnx", "litert", "openvino"]
Run = Callable[[list[Array]], list[Array]]

_NOT_FINITE = (
    "The forecast is not finite: the inputs are so large that their squares overflow. Divide the "
    "series by a number, before training and before each request."
)
_FIXED = "From the TensorFlow backend, recurrent layers need unroll=True and a fixed window."
_TRACED = (
    "From PyTorch a recurrent layer's loop is unrolled at one length: build the model with a "
    "fixed window, or export it from the TensorFlow or JAX backend."
)
_ELSEWHERE = "Save the model, and export the .keras file from the {} backend."


def _run_saved_model(path: str, names: list[str]) -> Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    signature = loaded.signatures["serving_default"]
    file_names = list(signature.structured_input_signature[1])

    def run(arrays: list[Array]) -> list[Array]:
        outputs = signature(**_by_name(file_names, names, map(tf.constant, arrays)))
        return [outputs[name].numpy() for name in _in_order(outputs)]

    return run


def _run_onnx(path: str, names: list[str]) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # Hide warnings of unused initializers in files from JAX.
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    file_names = [entry.name for entry in session.get_inputs()]

    def run(arrays: list[Array]) -> list[Array]:
        return list(session.run(None, _by_name(file_names, names, arrays)))

    return run


def _run_openvino(path: str, names: list[str]) -> Run:
    import openvino

    # Without this hint OpenVINO may compute in half precision, whatever the file says.
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    # If the model only reshapes an input, the input also has the name of the reshaped tensor.
    file_names = [min(entry.names, key=lambda name: name not in names) for entry in compiled.inputs]

    def run(arrays: list[Array]) -> list[Array]:
        outputs = compiled(_by_name(file_names, names, arrays))
        return [outputs[entry] for entry in compiled.outputs]

    return run


def _run_litert(path: str, names: list[str]) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(path).get_signature_runner()
    file_names = list(runner.get_input_details())

    def run(arrays: list[Array]) -> list[Array]:
        outputs = runner(**_by_name(file_names, names, arrays))
        return [outputs[name] for name in _in_order(outputs)]

    return run


def _in_order(names: Collection[str]) -> list[str]:
    """Return the names of a file's outputs in the order of ``keras.tree.flatten``."""
    numbered = [f"output_{number}" for number in range(len(names))]
    # Names without numbers are the keys of a model that returns a dict.
    return numbered if set(numbered) == set(names) else sorted(names)


def _by_name(file_names: list[str], names: list[str], arrays: Any) -> dict[str, Any]:
    """Return the inputs by the names in the file: the model's, or others in the same order."""
    inputs = dict(zip(names, arrays, strict=True))
    if set(file_names) <= set(inputs):
        return {name: inputs[name] for name in file_names}
    return dict(zip(file_names, inputs.values(), strict=True))


# TensorFlow Serving answers every request that the graph can compute, even with a window of another
# length or a missing value that nothing masks. So the graph itself checks a request, and answers
# with the text of a check that fails.
def _describe_saved_model(path: Path, description: dict[str, Any]) -> None:
    """Rewrite a SavedModel with checked inputs, and a signature that returns the description."""
    import tensorflow as tf

    from_keras = path.rename(path.with_name(f"{path.name}-from-keras"))
    module = tf.Module()
    # As part of the module, the loaded variables are saved with the graph that reads them.
    module.loaded = tf.saved_model.load(str(from_keras))
    run = module.loaded.signatures["serving_default"]
    inputs, output = description["inputs"], description["output"]
    specs = {
        role: tf.TensorSpec(entry["shape"], entry["dtype"], name=role)
        for role, entry in inputs.items()
    }
    names = _matched(list(specs), list(run.structured_input_signature[1]))

    def serve(**values: Any) -> dict[str, Any]:
        fed = {names[role]: _checked(tf, role, values[role], inputs[role]) for role in specs}
        [ahead] = run(**fed).values()
        if not output["closes_steps"]:
            ahead = tf.debugging.assert_all_finite(ahead, _NOT_FINITE)
        return {output["name"]: ahead}

    def describe() -> dict[str, Any]:
        return {"json": tf.constant(json.dumps(description))}

    signatures = {
        "serving_default": tf.function(serve).get_concrete_function(**specs),
        "description": tf.function(describe).get_concrete_function(),
    }
    # Custom gradients from JAX cannot be saved again, and a server needs no gradients.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(path), signatures, options)
    shutil.rmtree(from_keras)
    # The folder of a SavedModel for files that TensorFlow does not read.
    extra = path / "assets.extra"
    extra.mkdir()
    (extra / f"{KEY}.json").write_text(json.dumps(description))


def _matched(roles: list[str], names: list[str]) -> dict[str, str]:
    """Return the file's name of each input by its role; old versions of Keras number them."""
    if set(roles) == set(names):
        return {role: role for role in roles}
    return dict(zip(roles, names, strict=True))


def _checked(tf: Any, role: str, values: Any, entry: dict[str, Any]) -> Any:
    """Return an input with operations that refuse values which the model cannot take."""
    # TensorFlow itself does not compare a request with the shape of the signature.
    values = tf.ensure_shape(values, entry["shape"])
    columns, may_be_missing = entry["columns"], entry["may_be_missing"]
    checks = []
    refused = [place for place, name in enumerate(columns) if name not in may_be_missing]
    if refused:
        part = values if len(refused) == len(columns) else tf.gather(values, refused, axis=-1)
        named = "" if len(refused) == len(columns) else f" in {[columns[at] for at in refused]}"
        text = f"{role} holds a missing or infinite value{named}, which the model does not mask."
        checks.append(tf.debugging.assert_all_finite(part, text))
    if may_be_missing:
        finite = tf.logical_not(tf.reduce_any(tf.math.is_inf(values)))
        checks.append(tf.debugging.Assert(finite, [f"{role} holds an infinite value."]))
    if entry.get("present") is not None:
        needed = entry["present"]
        least = "a row with a value" if needed["in_one_row"] else "a value"
        text = f"{role} must have {least} of each of {needed['columns']} to forecast from."
        checks.append(tf.debugging.Assert(_present(tf, values, columns, needed), [text]))
    with tf.control_dependencies(checks):
        return tf.identity(values)


def _present(tf: Any, values: Any, columns: list[Any], needed: dict[str, Any]) -> Any:
    """Return True if every window of a batch has the values that the forecast starts from."""
    values = tf.reshape(values, [-1, values.shape[1], len(columns)])[:, :: needed["every"]]
    places = [columns.index(name) for name in needed["columns"]]
    finite = tf.math.is_finite(tf.gather(values, places, axis=-1))
    if needed["in_one_row"]:
        return tf.reduce_all(tf.reduce_any(tf.reduce_all(finite, axis=2), axis=1))
    return tf.reduce_all(tf.reduce_any(finite, axis=1))


def _describe_onnx(path: Path, description: dict[str, Any]) -> None:
    """Name the inputs and the output by their roles, and write the metadata."""
    # Loops inside the graph read the converter's names, so these stay. An ``Identity``, which
    # runtimes remove, connects each of them with its role.
    import onnx

    model = onnx.load(str(path))
    graph, output = model.graph, description["output"]["name"]
    names = _matched(list(description["inputs"]), [entry.name for entry in graph.input])
    roles = {name: role for role, name in names.items()}
    for entry in graph.input:
        role = roles[entry.name]
        if entry.name != role:
            graph.node.insert(0, onnx.helper.make_node("Identity", [role], [entry.name]))
            entry.name = role
    [result] = graph.output
    if result.name != output:
        graph.node.append(onnx.helper.make_node("Identity", [result.name], [output]))
        result.name = output
    for entry in (*graph.input, result):
        entry.type.tensor_type.shape.dim[0].dim_param = "batch"
    _drop_unread(graph)
    model.metadata_props.add(key=KEY, value=json.dumps(description))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _drop_unread(graph: Any) -> set[str]:
    """Drop constants that nothing reads, since runtimes warn of them; return the names read."""
    read = {entry.name for entry in (*graph.input, *graph.output)}
    for node in graph.node:
        read.update(node.input)
        for attribute in node.attribute:
            for inner in [attribute.g] * attribute.HasField("g") + list(attribute.graphs):
                read |= _drop_unread(inner)
    for place in reversed(range(len(graph.initializer))):
        if graph.initializer[place].name not in read:
            del graph.initializer[place]
    return read


def _describe_openvino(path: Path, description: dict[str, Any]) -> None:
    """Name the inputs and the output by their roles, and write the runtime information."""
    import openvino

    model = openvino.Core().read_model(path)
    roles = list(description["inputs"])
    # An input may have several names.
    names = [min(entry.names, key=lambda name: name not in roles) for entry in model.inputs]
    for role, name in _matched(roles, names).items():
        model.input(name).tensor.set_names({role})
    model.output(0).tensor.set_names({description["output"]["name"]})
    model.set_rt_info(json.dumps(description), [KEY])
    rewritten = path.with_name(f"described-{path.name}")
    openvino.save_model(model, rewritten, compress_to_fp16=False)
    rewritten.replace(path)
    rewritten.with_suffix(".bin").replace(path.with_suffix(".bin"))


def _describe_litert(path: Path, description: dict[str, Any]) -> None:
    """Append a ZIP archive, which interpreters ignore and any ZIP tool opens."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{KEY}.json", json.dumps(description))


def _check_onnx(path: str) -> None:
    """Check the structure of a file, and the types and shapes of all its values."""
    import onnx

    onnx.checker.check_model(path, full_check=True)


def _own_operations() -> dict[str, Any]:
    """Return the options that keep TensorFlow's operations out of a LiteRT file."""
    # Keras allows TensorFlow's operations, but then a file runs only where TensorFlow is installed.
    import tensorflow as tf

    return {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}


class FileFormat(NamedTuple):
    """What Keras and a runtime need for one format."""

    runtime: str  # The package that runs a file.
    suffix: str  # Of a file; "" for a folder.
    run: Callable[[str, list[str]], Run]
    describe: Callable[[Path, dict[str, Any]], None]
    cures: Mapping[str, str]  # By backend: the likely reason for a failure, and what to do.
    converters: Mapping[str, str] = {}  # By backend: the package with which Keras converts.
    writer: str | None = None  # The package that writes the description.
    beside: str | None = None  # The suffix of a second file that belongs to the first.
    check: Callable[[str], None] | None = None  # Checks a file without its runtime.
    options: Mapping[str, Callable[[], dict[str, Any]]] = {}  # By backend: for ``model.export``.


FORMATS = {
    "tf_saved_model": FileFormat(
        "tensorflow", "", _run_saved_model, _describe_saved_model, writer="tensorflow",
        cures={
            "tensorflow": "TensorFlow must be able to trace every layer.",
            "jax": "TensorFlow must know each operation that JAX makes of the layers. "
            + _ELSEWHERE.format("TensorFlow"),
            "torch": "TensorFlow does not trace layers that run on PyTorch. "
            + _ELSEWHERE.format("TensorFlow or JAX"),
        },
    ),
    "onnx": FileFormat(
        "onnxruntime", ".onnx", _run_onnx, _describe_onnx, writer="onnx", check=_check_onnx,
        converters={"tensorflow": "tf2onnx", "jax": "jax2onnx", "torch": "onnxscript"},
        cures={
            "tensorflow": "tf2onnx must know each operation of the layers. "
            + _ELSEWHERE.format("JAX"),
            "jax": "jax2onnx must know each operation of the layers. It knows no loop that runs "
            "backwards, as in Bidirectional. " + _ELSEWHERE.format("TensorFlow"),
            "torch": _TRACED,
        },
    ),
    "litert": FileFormat(
        "ai-edge-litert", ".tflite", _run_litert, _describe_litert,
        converters={"torch": "litert-torch"}, options={"tensorflow": _own_operations},
        cures={
            "tensorflow": _FIXED,
            "jax": "Keras exports no LiteRT from JAX. " + _ELSEWHERE.format("TensorFlow"),
            "torch": _TRACED,
        },
    ),
    "openvino": FileFormat(
        "openvino", ".xml", _run_openvino, _describe_openvino, writer="openvino", beside=".bin",
        cures={
            "tensorflow": _FIXED,
            "jax": "OpenVINO reads nothing that JAX compiles. " + _ELSEWHERE.format("PyTorch"),
            "torch": _TRACED,
        },
    ),
}  # fmt: skip
