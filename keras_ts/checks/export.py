"""Exports a model and runs the exported file, before anyone relies on it.

An export may succeed and compute something else: from PyTorch, ONNX and OpenVINO files hold a
recurrent layer's loop unrolled at one length, and run it so at any other; a converter may misread
what a missing value is. The check runs the exported file in its own runtime, beside the model: at
two lengths if the model takes any, and with missing values if the model masks them.
"""

import importlib.util
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.checks.holes import with_holes
from keras_ts.saving.diagnose import short

Format = Literal["tf_saved_model", "onnx", "litert", "openvino"]
Run = Callable[[list[Array]], list[Array]]

CONVERTERS = {
    ("onnx", "tensorflow"): "tf2onnx",
    ("onnx", "jax"): "jax2onnx",
    ("onnx", "torch"): "onnxscript",
    ("litert", "torch"): "litert-torch",
}
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
        "jax2onnx must know each operation of the layers; a loop that runs backwards, as in "
        "Bidirectional, it does not.",
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


@dataclass(frozen=True)
class ExportReport:
    """The result of ``check_export`` for a file that gives the outputs of the model.

    Attributes:
        format: The format that was checked.
        shapes: The shapes of the inputs, one list for each length that was run.
        difference: The largest difference of any output from ``model.predict``.
        magnitude: The largest output, to compare the difference with.
        rtol: The largest difference allowed, relative to the largest output.
        missing: True if windows with missing values were run, too.
    """

    format: str
    shapes: tuple[list[tuple[int, ...]], ...]
    difference: float
    magnitude: float
    rtol: float
    missing: bool = False

    @property
    def ok(self) -> bool:
        """Always True, since ``check_export`` raises an error for outputs that differ by more."""
        return self.difference <= self.rtol * self.magnitude

    def __str__(self) -> str:
        ran = ", ".join(" and ".join(map(str, shapes)) for shapes in self.shapes)
        return (
            f"{self.format}: the same outputs up to {self.difference:.2g} "
            f"(they reach {self.magnitude:.4g}), at input shapes {ran}"
            + (", with and without missing values." if self.missing else ".")
        )


def check_export(
    model: keras.Model,
    x: Any,
    format: Format = "tf_saved_model",  # noqa: A002 - Keras's name
    rtol: float = 1e-4,
) -> ExportReport:
    """Export a model to a temporary place, run it there, and compare it with ``predict``.

    A model that takes any length is run at two: that of ``x``, and half of it. A model that masks
    missing values is run on windows of ``x`` that lack some, too. Afterwards,
    ``model.export(filepath, format=...)`` exports what was checked.

    Example:

    >>> import numpy as np
    >>> from keras_ts import RecurrentPreset, check_export
    >>> model = RecurrentPreset(units=(4,), window=20).build()
    >>> report = check_export(model, np.ones((2, 20)), "onnx")  # doctest: +SKIP
    >>> print(report)  # doctest: +SKIP
    onnx: the same outputs up to 6e-08 (they reach 0.3124), at input shapes (2, 20).

    Args:
        model: A built Sequential or functional model.
        x: Inputs as ``model.predict`` takes them; more than a few rows only cost time.
        format: Format of the file: ``"tf_saved_model"`` (needs tensorflow), ``"onnx"``
            (onnxruntime, and a converter for the backend), ``"litert"`` (ai-edge-litert) or
            ``"openvino"``. Defaults to ``"tf_saved_model"``.
        rtol: Largest difference allowed, relative to the largest output. Defaults to 1e-4.

    Returns:
        An ``ExportReport`` with the shapes that were run and the largest difference; print it. Its
        ``ok`` is True: a file that gives other outputs is an error.

    Raises:
        ImportError: A package is missing; the message names it.
        TypeError: ``model`` is of another kind, such as a subclass, or not built.
        ValueError: ``format`` or ``rtol`` is out of range, ``x`` does not fit the model, Keras
            cannot export the model to ``format``, or the exported file does not run or gives
            other outputs than the model.
    """
    _checks.choice("format", format, tuple(RUNTIMES))
    rtol = _checks.positive("rtol", rtol)
    inputs = _inputs(model, x)
    _require(format)
    with tempfile.TemporaryDirectory() as folder:
        run_file = _exported(model, x, format, Path(folder))
        shapes, difference, magnitude, holes = [], 0.0, 0.0, False
        for arrays, holed in _runs(model, inputs):
            given = [array.shape for array in arrays]
            expected = keras.tree.pack_sequence_as(x, arrays)
            outputs = keras.tree.flatten(model.predict(expected, verbose=0))
            if holed and not all(np.isfinite(array).all() for array in outputs):
                continue  # The model masks another of its inputs.
            try:
                results = run_file(arrays)
            except Exception as error:
                _check_imports(format, error)
                raise _refused(format, f"does not run at input shapes {given}", error) from error
            worst, largest = _difference(outputs, results)
            if not worst <= rtol * max(largest, magnitude if holed else 0.0):
                raise ValueError(_differs(format, given, worst, largest, holed))
            if not holed:
                shapes.append(given)
            difference, magnitude = max(difference, worst), max(magnitude, largest)
            holes = holes or holed
    return ExportReport(format, tuple(shapes), difference, magnitude, rtol, holes)


def _inputs(model: Any, x: Any) -> list[Array]:
    """Return the inputs in the order and types of ``model.inputs``."""
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        unbuilt = isinstance(model, keras.Sequential)
        raise TypeError(
            "model must be a built Sequential or functional model. "
            f"Received: {type(model).__name__}"
            + (" that is not built: give it an Input." if unbuilt else ".")
        )
    arrays = [np.asarray(array) for array in keras.tree.flatten(x)]
    if len(arrays) != len(model.inputs):
        raise ValueError(
            f"x must hold the model's {len(model.inputs)} inputs. Received: {len(arrays)}."
        )
    for array, spec in zip(arrays, model.inputs, strict=True):
        fits = array.ndim == len(spec.shape) and all(
            size in (None, given) for size, given in zip(spec.shape, array.shape, strict=True)
        )
        if not array.size:
            raise ValueError(f"x must have at least one row. Received shape: {array.shape}.")
        if not fits:
            raise ValueError(
                f"x must have the shape of the model's input {spec.name!r}, {tuple(spec.shape)}. "
                f"Received: {array.shape}."
            )
        if _free(spec) and array.shape[1] < 2:
            raise ValueError(
                "x must have at least 2 steps: this model takes any length, so two are tried. "
                f"Received: {array.shape}."
            )
    return [
        array.astype(keras.backend.standardize_dtype(spec.dtype))
        for array, spec in zip(arrays, model.inputs, strict=True)
    ]


def _free(spec: Any) -> bool:
    return len(spec.shape) > 1 and spec.shape[1] is None


def _runs(model: keras.Model, inputs: list[Array]) -> Iterator[tuple[list[Array], bool]]:
    """Yield the inputs of each run, and True where values are missing that the model masks."""
    for arrays in _lengths(model, inputs):
        yield arrays, False
        for holed in with_holes(model, arrays):
            yield holed, True


def _lengths(model: keras.Model, inputs: list[Array]) -> list[list[Array]]:
    """Return the inputs as they came and, if lengths are free, cut to half of their steps."""
    if not any(map(_free, model.inputs)):
        return [inputs]
    short = [
        array[:, : array.shape[1] // 2] if _free(spec) else array
        for array, spec in zip(inputs, model.inputs, strict=True)
    ]
    return [inputs, short]


def _require(kind: str) -> None:
    """Raise an error that names a missing package, before anything is computed."""
    packages = [RUNTIMES[kind][0], CONVERTERS.get((kind, keras.backend.backend()))]
    for package in packages:
        if package and importlib.util.find_spec(_module(package)) is None:
            raise ImportError(
                f"check_export(format={kind!r}) on the {keras.backend.backend()} backend needs "
                f"{package}, which is not installed: pip install {package}"
            )


def _module(package: str) -> str:
    return package.replace("-", "_")


def _exported(model: keras.Model, x: Any, kind: str, folder: Path) -> Run:
    """Export the model and return a function that runs the file."""
    _, suffix, runtime = RUNTIMES[kind]
    path = str(folder / f"model{suffix}")
    # Keras exports to ONNX only a model that has been called.
    model(keras.tree.map_structure(np.asarray, x))
    try:
        model.export(path, format=kind, verbose=False)
        return runtime(path, [tensor.name for tensor in model.inputs])
    except Exception as error:
        if "Unrecognized format" in str(error):
            raise ValueError(
                f"Keras {keras.__version__} does not export to {kind!r}: pip install -U keras."
            ) from None
        _check_imports(kind, error)
        raise _refused(kind, "cannot be exported", error) from error


def _check_imports(kind: str, error: Exception) -> None:
    """Raise an error that names the package that a converter or runtime lacks, if it lacks one."""
    missing: ImportError | None = None
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ImportError):
            # Keras answers any failed import of a converter with: the converter is missing.
            missing, cause = cause, cause.__cause__ or cause.__context__
        else:
            cause = cause.__cause__
    if missing is None:
        return
    package = (missing.name or "").partition(".")[0]
    needs = f"check_export(format={kind!r}) on the {keras.backend.backend()} backend needs"
    if isinstance(missing, ModuleNotFoundError) and package:
        raise ImportError(
            f"{needs} {package}, which is not installed: pip install {package}"
        ) from error
    raise ImportError(f"{needs} a package that cannot be imported: {short(missing)}") from error


def _refused(kind: str, what: str, error: Exception) -> ValueError:
    return ValueError(
        f"The model {what} as {kind!r} from the {keras.backend.backend()} backend: "
        f"{short(error)}\n{_cure(kind)}"
    )


def _cure(kind: str) -> str:
    return _CURES[kind, keras.backend.backend()]


def _difference(expected: list[Array], results: list[Array]) -> tuple[float, float]:
    """Return the largest difference, infinite if shapes or NaN differ, and the largest value."""
    largest = max(float(np.nanmax(np.abs(array), initial=0.0)) for array in expected)
    if len(results) < len(expected):
        return float("inf"), largest
    worst = 0.0
    # OpenVINO's files give inner values after the outputs.
    for ours, theirs in zip(expected, results, strict=False):
        if ours.shape != theirs.shape or (np.isnan(ours) != np.isnan(theirs)).any():
            return float("inf"), largest
        worst = max(worst, float(np.nanmax(np.abs(ours - theirs), initial=0.0)))
    return worst, largest


def _differs(
    kind: str, given: list[tuple[int, ...]], worst: float, largest: float, holed: bool
) -> str:
    missing = ", with missing values," if holed else ""
    differ = f"differ by {worst:.3g}" if np.isfinite(worst) else "are NaN or of other shapes"
    return (
        f"The exported {kind!r} file gives other outputs than the model: at input shapes "
        f"{given}{missing} they {differ}, where the model's reach {largest:.3g}.\n"
        f"{_cure(kind)}"
    )


def _saved_model(path: str, names: list[str]) -> Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    signature = loaded.signatures["serving_default"]
    wanted = list(signature.structured_input_signature[1])

    def run(arrays: list[Array]) -> list[Array]:
        outputs = signature(**_by_name(wanted, names, map(tf.constant, arrays)))
        return [outputs[name].numpy() for name in _in_order(outputs)]

    return run


def _onnx(path: str, names: list[str]) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = [entry.name for entry in session.get_inputs()]

    def run(arrays: list[Array]) -> list[Array]:
        return list(session.run(None, _by_name(wanted, names, arrays)))

    return run


def _openvino(path: str, names: list[str]) -> Run:
    import openvino

    # Without this hint OpenVINO may compute in half precision, whatever the file says.
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    wanted = [entry.any_name for entry in compiled.inputs]

    def run(arrays: list[Array]) -> list[Array]:
        outputs = compiled(_by_name(wanted, names, arrays))
        return [outputs[entry] for entry in compiled.outputs]

    return run


def _litert(path: str, names: list[str]) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(path).get_signature_runner()
    wanted = list(runner.get_input_details())

    def run(arrays: list[Array]) -> list[Array]:
        outputs = runner(**_by_name(wanted, names, arrays))
        return [outputs[name] for name in _in_order(outputs)]

    return run


def _in_order(names: Collection[str]) -> list[str]:
    """Return the names of a file's outputs in the order of ``keras.tree.flatten``."""
    numbered = [f"output_{number}" for number in range(len(names))]
    # Names without numbers are the keys of a model that returns a dict.
    return numbered if set(numbered) == set(names) else sorted(names)


def _by_name(wanted: list[str], names: list[str], arrays: Any) -> dict[str, Any]:
    """Return the inputs by the runtime's names, which are the model's or stand in its order."""
    given = dict(zip(names, arrays, strict=True))
    if set(wanted) <= set(given):
        return {name: given[name] for name in wanted}
    return dict(zip(wanted, given.values(), strict=True))


# By format: the runtime's package, the suffix of a file, and the function that runs it.
RUNTIMES: dict[str, tuple[str, str, Callable[[str, list[str]], Run]]] = {
    "tf_saved_model": ("tensorflow", "", _saved_model),
    "onnx": ("onnxruntime", ".onnx", _onnx),
    "litert": ("ai-edge-litert", ".tflite", _litert),
    "openvino": ("openvino", ".xml", _openvino),
}
