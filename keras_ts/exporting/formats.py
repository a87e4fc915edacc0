"""The formats of exported files.

Each format has a row of ``FORMATS`` and two functions, which import their packages when called: one
writes the description of inputs and output into a file from Keras, one runs a file.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from keras_ts._typing import Array
from keras_ts.exporting.description import KEY, OUTPUT

Format = Literal["onnx", "tf_saved_model"]


def _run_onnx(path: Path, inputs: dict[str, Array]) -> Array:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [result] = session.run([OUTPUT], inputs)
    return result


def _run_saved_model(path: Path, inputs: dict[str, Array]) -> Array:
    import tensorflow as tf

    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    return serve(**{role: tf.constant(values) for role, values in inputs.items()})[OUTPUT].numpy()


def _matched(roles: list[str], names: list[str]) -> dict[str, str]:
    """Return the file's name of each input by its role; old versions of Keras number them."""
    if set(roles) == set(names):
        return {role: role for role in roles}
    return dict(zip(roles, names, strict=True))


def _describe_onnx(path: Path, description: dict[str, Any]) -> None:
    """Name the inputs and the output by their roles, and write the metadata."""
    # Loops inside the graph read the converter's names, so these stay. An ``Identity``, which
    # runtimes remove, connects each of them with its role.
    import onnx

    model = onnx.load(str(path))
    graph = model.graph
    names = _matched(list(description["inputs"]), [entry.name for entry in graph.input])
    roles = {name: role for role, name in names.items()}
    for entry in graph.input:
        role = roles[entry.name]
        if entry.name != role:
            graph.node.insert(0, onnx.helper.make_node("Identity", [role], [entry.name]))
            entry.name = role
    [result] = graph.output
    if result.name != OUTPUT:
        graph.node.append(onnx.helper.make_node("Identity", [result.name], [OUTPUT]))
        result.name = OUTPUT
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
    run, inputs = module.loaded.signatures["serving_default"], description["inputs"]
    specs = {
        role: tf.TensorSpec(entry["shape"], entry["dtype"], name=role)
        for role, entry in inputs.items()
    }
    names = _matched(list(specs), list(run.structured_input_signature[1]))

    def serve(**values: Any) -> dict[str, Any]:
        fed = {names[role]: _checked(tf, role, values[role], inputs[role]) for role in specs}
        [ahead] = run(**fed).values()
        if not description["output"]["closes_steps"]:
            ahead = tf.debugging.assert_all_finite(ahead, "The forecast is not finite.")
        return {OUTPUT: ahead}

    text = tf.function(lambda: {"json": tf.constant(json.dumps(description))}, autograph=False)
    signatures = {
        "serving_default": tf.function(serve).get_concrete_function(**specs),
        "description": text.get_concrete_function(),
    }
    # Custom gradients from JAX cannot be saved again, and a server needs no gradients.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(path), signatures, options)
    shutil.rmtree(from_keras)
    # The folder of a SavedModel for files that TensorFlow does not read.
    extra = path / "assets.extra"
    extra.mkdir()
    (extra / f"{KEY}.json").write_text(json.dumps(description))


def _checked(tf: Any, role: str, values: Any, entry: dict[str, Any]) -> Any:
    """Return an input with operations that refuse values which the model cannot take."""
    # TensorFlow itself does not compare a request with the shape of the signature.
    values = tf.ensure_shape(values, entry["shape"])
    masked = tf.constant([name in entry["may_be_missing"] for name in entry["columns"]])
    fits = tf.math.is_finite(values) | (tf.math.is_nan(values) & masked)
    text = f"{role} holds an infinite value, or a missing one that the model does not mask."
    checks = [tf.debugging.Assert(tf.reduce_all(fits), [text])]
    if needed := entry.get("present"):
        least = "a row with a value" if needed["in_one_row"] else "a value"
        text = f"{role} must have {least} of each of {needed['columns']} to forecast from."
        checks.append(tf.debugging.Assert(_present(tf, values, entry["columns"], needed), [text]))
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


class FileFormat(NamedTuple):
    """What Keras and a runtime need for one format."""

    packages: Mapping[str, list[str]]  # By backend: those that write a file.
    runtime: str  # The package that runs a file.
    describe: Callable[[Path, dict[str, Any]], None]
    run: Callable[[Path, dict[str, Array]], Array]


_CONVERTERS = {"tensorflow": "tf2onnx", "jax": "jax2onnx", "torch": "onnxscript"}
FORMATS = {
    "onnx": FileFormat(
        {backend: ["onnx", converter] for backend, converter in _CONVERTERS.items()},
        "onnxruntime", _describe_onnx, _run_onnx,
    ),
    # TensorFlow traces no layers that run on PyTorch.
    "tf_saved_model": FileFormat(
        {"tensorflow": ["tensorflow"], "jax": ["tensorflow"]},
        "tensorflow", _describe_saved_model, _run_saved_model,
    ),
}  # fmt: skip
