"""Puts the description of a forecaster into its file, in the place that each format has for it.

| format | where a server finds the JSON |
| --- | --- |
| SavedModel | ``assets.extra/keras_ts.json``; the signature ``description`` returns it, too |
| ONNX | ``custom_metadata_map["keras_ts"]`` |
| OpenVINO | ``model.get_rt_info(["keras_ts"])`` |
| LiteRT | ``keras_ts.json`` in the ZIP archive that follows the model in the file |
"""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_ts.exporting.description import KEY
from keras_ts.exporting.saved_model import describe_saved_model, matched


def put_description(kind: str, path: Path, description: dict[str, Any]) -> None:
    """Put a description into a file, or the folder of a SavedModel, that Keras exported."""
    _DESCRIBED[kind](path, description)


def _describe_onnx(path: Path, description: dict[str, Any]) -> None:
    """Name the inputs and the output by their roles, and write the metadata."""
    # The converters' names stay within the graph, so that none has to be changed in a loop: one
    # operation passes an input on to the old name, or the output to the new one. Runtimes remove
    # it.
    import onnx

    model = onnx.load(str(path))
    graph, output = model.graph, description["output"]["name"]
    names = matched(list(description["inputs"]), [entry.name for entry in graph.input])
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
    for role, name in matched(roles, names).items():
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
    "tf_saved_model": describe_saved_model,
    "onnx": _describe_onnx,
    "litert": _describe_litert,
    "openvino": _describe_openvino,
}
