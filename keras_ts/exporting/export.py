"""Exports a forecaster for a server: one file that describes its own inputs and outputs.

| format | where a server finds the JSON |
| --- | --- |
| SavedModel | ``assets.extra/keras_ts.json``; the signature ``description`` returns it, too |
| ONNX | ``custom_metadata_map["keras_ts"]`` |
| OpenVINO | ``model.get_rt_info(["keras_ts"])`` |
| LiteRT | ``keras_ts.json`` in the ZIP archive that follows the model in the file |
"""

import contextlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._files import file_target, folder_target, path_text, put_folder, replacing
from keras_ts._models import check_graph, check_model
from keras_ts._progress import told
from keras_ts.exporting import runtimes
from keras_ts.exporting.description import KEY, describe
from keras_ts.forecasting.rollout import Rollout
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.windowed_series import WindowedSeries

Format = Literal["tf_saved_model", "onnx", "litert", "openvino"]
# The suffix of a second file that belongs to the named one, by the suffix of that.
_BESIDE = {".xml": ".bin"}
# The file of every SavedModel.
_MARK = "saved_model.pb"
_NOT_FINITE = (
    "The forecast is not finite: the inputs are larger than those that the model can square. "
    "Divide the series by a number, before training too."
)


def export_model(
    model: keras.Model,
    filepath: str | os.PathLike[str],
    format: Format = "tf_saved_model",  # noqa: A002 - Keras's name
    windows: WindowedSeries | WindowDataset | None = None,
) -> None:
    """Export a forecaster into a file that a server reads without Keras and keras_ts.

    The file holds the whole forecast: it takes the last rows of series and returns the steps that
    follow, in units of the series. Its inputs are named ``past``, ``future`` and ``static``, as far
    as the model has them, and its output ``forecast``; they are those of a ``Rollout``.

    The file also holds a description as JSON: columns of each input in their order, categories, the
    formulas of the calendar, the rows that are read and forecast, what may be missing, targets,
    quantiles, bounds and frequency. The guide "Serving" lists it. A SavedModel refuses a missing
    value that the model does not mask, and windows of another length or number of columns.

    OpenVINO computes in bfloat16 on processors that have it, unless the file is compiled with
    ``{"INFERENCE_PRECISION_HINT": "f32"}``, as ``check_export`` does.

    ``check_export`` writes the same file, runs it in its own runtime and compares. An existing file
    is replaced only once the new one is complete and, if its runtime is installed, loads there.

    Example:

    >>> import json, numpy as np
    >>> from keras_ts import RecurrentPreset, WindowedSeries, export_model
    >>> dataset = WindowedSeries(window=20, horizon=7).build(np.arange(100.0))
    >>> model = RecurrentPreset(units=(4,)).build(dataset)
    >>> export_model(model, "sales.onnx", "onnx")  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession("sales.onnx")  # doctest: +SKIP
    >>> metadata = session.get_modelmeta().custom_metadata_map  # doctest: +SKIP
    >>> about = json.loads(metadata["keras_ts"])  # doctest: +SKIP
    >>> about["inputs"]["past"]["shape"], about["output"]["shape"]  # doctest: +SKIP
    ([None, 20], [None, 7])

    Args:
        model: A built Sequential or functional model that forecasts, or a ``Rollout`` for more
            steps than the horizon.
        filepath: The file to write: ``.onnx``, ``.tflite`` or ``.xml`` (with a ``.bin`` beside it);
            for ``"tf_saved_model"`` a folder.
        format: ``"tf_saved_model"`` (needs tensorflow), ``"onnx"`` (a converter for the backend),
            ``"litert"`` or ``"openvino"``. Defaults to ``"tf_saved_model"``.
        windows: The ``WindowedSeries`` that the model was trained on, or a dataset, for a model
            that does not carry them. Defaults to None: those that the model carries.

    Raises:
        ImportError: A package is missing; the message names it.
        FileExistsError: ``filepath`` is a folder that holds no SavedModel, or further files.
        FileNotFoundError: The folder of ``filepath`` does not exist.
        IsADirectoryError: ``filepath`` is a folder, and ``format`` has one file.
        PermissionError: The file exists, and may not be written.
        TypeError: ``model`` is not a Keras model or a subclass of its own, ``filepath`` is not a
            path, or ``windows`` are not windows.
        ValueError: ``format`` is out of range, or not that of ``filepath``; the model carries no
            windows, or does not fit them; or Keras cannot export it to ``format``, or to a file
            that loads.
    """
    _checks.choice("format", format, tuple(runtimes.RUNTIMES))
    path, suffix = Path(path_text("filepath", filepath)), runtimes.RUNTIMES[format][1]
    others = {suffix for _, suffix, _ in runtimes.RUNTIMES.values()} - {""}
    if path.suffix != suffix and (suffix or path.suffix in others):
        named = f"must end in {suffix!r}" if suffix else "must name a folder"
        raise ValueError(f"filepath {named} for format={format!r}. Received: {str(path)!r}.")
    rollout = as_rollout(model, windows)
    # Before the export, which takes long.
    if suffix:
        file_target(path)
    else:
        folder_target(path, _MARK)
    runtimes.require(format, run=False)
    x = keras.tree.map_structure(lambda part: np.zeros((1, *part.shape[1:])), rollout.input)
    doing = f"export_model traces the model and converts it to {format}, for {path} ..."
    with told(doing), tempfile.TemporaryDirectory() as folder:
        file = written(rollout, x, format, Path(folder))
        runtimes.check_loads(rollout, format, file)
        if file.is_dir():
            put_folder(file, path, _MARK)
        else:
            _put(file, path)


def as_rollout(model: keras.Model, windows: Any = None) -> Rollout:
    """Return a model as the ``Rollout`` of its horizon, which takes rows and returns steps."""
    model = check_graph(check_model(model, built=True))
    if not isinstance(model, Rollout):
        return Rollout(model, windows)
    if windows is not None:
        raise ValueError("A Rollout carries the windows that it was made with: leave windows out.")
    return model


def written(model: keras.Model, x: Any, kind: str, folder: Path) -> Path:
    """Export into an empty folder, a ``Rollout`` with its description; return the path."""
    if not isinstance(model, Rollout):
        return runtimes.exported(model, x, kind, folder)
    path = runtimes.exported(model, x, kind, folder, **runtimes.own_operations(kind))
    put_description(kind, path, describe(model))
    return path


def _put(file: Path, path: Path) -> None:
    """Move a file, and the one that belongs to it, to ``path``."""
    beside = _BESIDE.get(file.suffix)
    with contextlib.ExitStack() as stack:
        # The named file is put in place last.
        suffixes = [file.suffix] if beside is None else [file.suffix, beside]
        for suffix in suffixes:
            temporary = stack.enter_context(replacing(path.with_suffix(suffix)))
            shutil.copyfile(file.with_suffix(suffix), temporary)


def put_description(kind: str, path: Path, description: dict[str, Any]) -> None:
    """Put a description into a file, or the folder of a SavedModel, that Keras exported."""
    _DESCRIBED[kind](path, description)


# TensorFlow Serving answers every request that the graph can compute: a window of another length,
# or a missing value that nothing masks, would come back as a number. So the checks are operations
# of the graph, and a request that fails one gets an error with its text.
def _describe_saved_model(path: Path, description: dict[str, Any]) -> None:
    """Rewrite a SavedModel with the signatures ``serving_default`` and ``description``, JSON."""
    import tensorflow as tf

    from_keras = path.rename(path.with_name(f"{path.name}-from-keras"))
    module = tf.Module()
    # The graph reads variables of what was loaded, which are saved as part of the module.
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
    # JAX leaves gradients that cannot be saved again, and a server asks for none.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(path), signatures, options)
    shutil.rmtree(from_keras)
    # This folder is for files that users add; they are read without TensorFlow.
    extra = path / "assets.extra"
    extra.mkdir()
    (extra / f"{KEY}.json").write_text(json.dumps(description))


def _matched(roles: list[str], names: list[str]) -> dict[str, str]:
    """Return a file's names of its inputs by their roles; old Keras numbers them in that order."""
    if set(roles) == set(names):
        return {role: role for role in roles}
    return dict(zip(roles, names, strict=True))


def _checked(tf: Any, role: str, values: Any, entry: dict[str, Any]) -> Any:
    """Return an input of the graph that passes on only what the model can take."""
    # TensorFlow does not compare what it is fed with the shape of a signature; this operation does.
    values = tf.ensure_shape(values, entry["shape"])
    columns, may_be_missing = entry["columns"], entry["may_be_missing"]
    checks = []
    refused = [place for place, name in enumerate(columns) if name not in may_be_missing]
    if refused:
        part = values if len(refused) == len(columns) else tf.gather(values, refused, axis=-1)
        named = "" if len(refused) == len(columns) else f" in {[columns[at] for at in refused]}"
        text = f"{role} holds a missing or infinite value{named}, which the model does not mask."
        checks.append(tf.debugging.assert_all_finite(part, text))
    if entry.get("present") is not None:
        needed = entry["present"]
        text = (
            f"{role} has no value of {needed['columns']} in "
            f"{'one of its rows' if needed['in_one_row'] else 'its rows'} to forecast from."
        )
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
    # The converters' names stay within the graph, so that none has to be changed in a loop: one
    # operation passes an input on to the old name, or the output to the new one. Runtimes remove
    # it.
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
    model.metadata_props.add(key=KEY, value=json.dumps(description))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _describe_openvino(path: Path, description: dict[str, Any]) -> None:
    """Name the output by its role, and write the runtime information."""
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


# By format: what puts a description into a file.
_DESCRIBED: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "tf_saved_model": _describe_saved_model,
    "onnx": _describe_onnx,
    "litert": _describe_litert,
    "openvino": _describe_openvino,
}
