"""Exports a model, and runs the file in its own runtime: TensorFlow's, ONNX's, LiteRT, OpenVINO.

Each runtime is imported when a file of its format is to be run. Another format needs a row in each
table, and a function that runs its files.
"""

import importlib.util
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_ts import _keras_private
from keras_ts._typing import Array
from keras_ts.saving.diagnose import short

Run = Callable[[list[Array]], list[Array]]

CONVERTERS = {
    ("onnx", "tensorflow"): "tf2onnx",
    ("onnx", "jax"): "jax2onnx",
    ("onnx", "torch"): "onnxscript",
    ("litert", "torch"): "litert-torch",
}
# The packages that write a file's description, whatever the backend.
_WRITERS = {"tf_saved_model": "tensorflow", "onnx": "onnx", "openvino": "openvino"}
_FIXED = "From the TensorFlow backend, recurrent layers need unroll=True and a fixed window."
_TRACED = (
    "From PyTorch a recurrent layer's loop is unrolled at one length: build the model with a "
    "fixed window, or export it from the TensorFlow or JAX backend."
)
_ELSEWHERE = "{} Save the model, and export the .keras file from the {} backend."
# By format and backend: the likely reason, and what to do.
_CURES = {
    ("tf_saved_model", "tensorflow"): "TensorFlow must be able to trace every layer.",
    ("tf_saved_model", "jax"): _ELSEWHERE.format(
        "TensorFlow must know each operation that JAX makes of the layers.", "TensorFlow"
    ),
    ("tf_saved_model", "torch"): _ELSEWHERE.format(
        "TensorFlow does not trace layers that run on PyTorch.", "TensorFlow or JAX"
    ),
    ("onnx", "tensorflow"): _ELSEWHERE.format(
        "tf2onnx must know each operation of the layers.", "JAX"
    ),
    ("onnx", "jax"): _ELSEWHERE.format(
        "jax2onnx must know each operation of the layers. It knows no loop that runs backwards, as "
        "in Bidirectional.",
        "TensorFlow",
    ),
    ("onnx", "torch"): _TRACED,
    ("litert", "tensorflow"): _FIXED,
    ("litert", "jax"): _ELSEWHERE.format("Keras exports no LiteRT from JAX.", "TensorFlow"),
    ("litert", "torch"): _TRACED,
    ("openvino", "tensorflow"): _FIXED,
    ("openvino", "jax"): _ELSEWHERE.format("OpenVINO reads nothing that JAX compiles.", "PyTorch"),
    ("openvino", "torch"): _TRACED,
}


def require(kind: str, run: bool) -> None:
    """Refuse if a package is missing to write a file or, with ``run``, to run it."""
    writer = RUNTIMES[kind][0] if run else _WRITERS.get(kind)
    for package in (writer, CONVERTERS.get((kind, keras.backend.backend()))):
        if package and importlib.util.find_spec(_module(package)) is None:
            raise ImportError(
                f"{_needs(kind)} {package}, which is not installed: pip install {package}"
            )


def _needs(kind: str) -> str:
    return f"format={kind!r} on the {keras.backend.backend()} backend needs"


def _module(package: str) -> str:
    return package.replace("-", "_")


def exported(model: keras.Model, x: Any, kind: str, folder: Path, **options: Any) -> Path:
    """Export a model into an empty folder, as Keras does; return the path of the file."""
    path = folder / f"model{RUNTIMES[kind][1]}"
    # Keras exports to ONNX only a model that has been called.
    model(keras.tree.map_structure(np.asarray, x))
    try:
        model.export(str(path), format=kind, verbose=False, **options)
    except Exception as error:
        if "Unrecognized format" in str(error):
            raise ValueError(
                f"Keras {keras.__version__} does not export to {kind!r}: pip install -U keras."
            ) from None
        check_imports(kind, error)
        raise ValueError(
            f"The model cannot be exported as {kind!r} from the {keras.backend.backend()} backend: "
            f"{short(error)}\n{cure(kind)}"
        ) from error
    return path


def own_operations(kind: str) -> dict[str, Any]:
    """Return the options that keep operations of TensorFlow out of a file."""
    # Keras writes them into LiteRT files, which then run only where TensorFlow was linked in.
    if (kind, keras.backend.backend()) != ("litert", "tensorflow"):
        return {}
    import tensorflow as tf

    return {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}


def check_loads(model: keras.Model, kind: str, path: Path) -> None:
    """Raise an error if the runtime of a file refuses it, as far as the runtime is installed."""
    # Without onnxruntime, ``onnx`` compares the types of all values of an ONNX file.
    package, _, load = RUNTIMES[kind]
    try:
        if importlib.util.find_spec(_module(package)) is not None:
            load(str(path), [tensor.name for tensor in model.inputs])
        elif kind == "onnx":
            import onnx

            onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:
        check_imports(kind, error)
        raise ValueError(
            f"The file that was exported as {kind!r} from the {keras.backend.backend()} backend "
            f"does not load: {short(error)}\n{_half(model) or cure(kind)}"
        ) from error


def _half(model: keras.Model) -> str:
    """Return what to do about a model that computes in half precision; "" for another."""
    halves = {layer.compute_dtype for layer in _keras_private.layers_within(model)} & {
        "float16",
        "bfloat16",
    }
    if not halves:
        return ""
    return (
        f"The model computes in {halves.pop()}. Build it again after "
        "keras.config.set_dtype_policy('float32'), and set_weights(model.get_weights())."
    )


def check_imports(kind: str, error: Exception) -> None:
    """Raise an error that names the package that a converter or runtime lacks, if it lacks one."""
    missing: ImportError | None = None
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ImportError):
            # Keras reports any failed import of a converter as a missing converter.
            missing, cause = cause, cause.__cause__ or cause.__context__
        else:
            cause = cause.__cause__
    if missing is None:
        return
    package = (missing.name or "").partition(".")[0]
    if isinstance(missing, ModuleNotFoundError) and package:
        raise ImportError(
            f"{_needs(kind)} {package}, which is not installed: pip install {package}"
        ) from error
    raise ImportError(
        f"{_needs(kind)} a package that cannot be imported: {short(missing)}"
    ) from error


def cure(kind: str) -> str:
    """Return the likely reason that an export fails or differs, and what to do."""
    return _CURES.get((kind, keras.backend.backend()), "")


def _saved_model(path: str, names: list[str]) -> Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    signature = loaded.signatures["serving_default"]
    file_names = list(signature.structured_input_signature[1])

    def run(arrays: list[Array]) -> list[Array]:
        outputs = signature(**_by_name(file_names, names, map(tf.constant, arrays)))
        return [outputs[name].numpy() for name in _in_order(outputs)]

    return run


def _onnx(path: str, names: list[str]) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    file_names = [entry.name for entry in session.get_inputs()]

    def run(arrays: list[Array]) -> list[Array]:
        return list(session.run(None, _by_name(file_names, names, arrays)))

    return run


def _openvino(path: str, names: list[str]) -> Run:
    import openvino

    # Without this hint OpenVINO may compute in half precision, whatever the file says.
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    # An input that is only reshaped has the name of what the reshape returns, too.
    file_names = [min(entry.names, key=lambda name: name not in names) for entry in compiled.inputs]

    def run(arrays: list[Array]) -> list[Array]:
        outputs = compiled(_by_name(file_names, names, arrays))
        return [outputs[entry] for entry in compiled.outputs]

    return run


def _litert(path: str, names: list[str]) -> Run:
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
    """Return the inputs by the runtime's names, which are the model's names or in its order."""
    inputs = dict(zip(names, arrays, strict=True))
    if set(file_names) <= set(inputs):
        return {name: inputs[name] for name in file_names}
    return dict(zip(file_names, inputs.values(), strict=True))


# By format: the runtime's package, the suffix of a file, and the function that runs it.
RUNTIMES: dict[str, tuple[str, str, Callable[[str, list[str]], Run]]] = {
    "tf_saved_model": ("tensorflow", "", _saved_model),
    "onnx": ("onnxruntime", ".onnx", _onnx),
    "litert": ("ai-edge-litert", ".tflite", _litert),
    "openvino": ("openvino", ".xml", _openvino),
}
