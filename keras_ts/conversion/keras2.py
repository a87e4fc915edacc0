"""Translates files of tf.keras 2, and ``.h5`` files, for Keras 3.

Keras 3 loads the weights of Keras 2, but fails on settings that it no longer has, on the call
indices of inner models (which Keras 2 counts from 1), and on compile settings. Its ``hard_sigmoid``
has another slope. Keras 3 restores no optimizer state from ``.h5`` files, nor from ``.keras`` files
of Keras 2, which hold no variable for the learning rate. Settings that cannot be translated stay,
and Keras raises its own error.
"""

import copy
import io
import warnings
from typing import Any

import keras
import numpy as np

from keras_ts._typing import Array
from keras_ts.saving import archive
from keras_ts.saving.config import walk

# Settings that Keras 3 lacks, with the values whose removal changes nothing.
_DROPPED: dict[str, tuple[Any, ...]] = {
    "time_major": (False,),
    "implementation": (0, 1, 2),
    "input_length": (None,),
}
# ``hard_sigmoid`` of Keras 2, with its slope of 1 / 5, as stock layers; Keras 3 has 1 / 6.
_HARD_SIGMOID = {
    "module": "keras",
    "class_name": "Sequential",
    "config": {
        "name": "hard_sigmoid",
        "layers": [
            {"module": "keras.layers", "class_name": title, "config": settings}
            for title, settings in (
                ("Rescaling", {"scale": 0.2, "offset": 0.5}), ("ReLU", {"max_value": 1.0}),
            )
        ]
    },
}  # fmt: skip
_MODELS = ("Functional", "Model", "Sequential")
# Keras 2 and 3 order the variables of these optimizers alike: m and v of the first weight, ...
_SAME_ORDER = ("SGD", "Adam", "AdamW", "RMSprop")


def translate(config: Any) -> None:
    """Translate the config of a model, or its compile settings, in place."""
    for _, entry in walk(config):
        if not isinstance(entry, dict):
            continue
        for name, values in _DROPPED.items():
            if name in entry and entry[name] in values:
                del entry[name]
        for name in ("activation", "recurrent_activation"):
            if entry.get(name) == "hard_sigmoid":
                entry[name] = copy.deepcopy(_HARD_SIGMOID)
        title = entry.get("class_name")
        if isinstance(title, str):
            entry["class_name"] = title.removeprefix("Custom>")
            if title == "Functional" and "module" in entry:
                entry.update(module="keras", class_name="Model", registered_name=None)
        if title == "BatchNormalization" and isinstance(entry.get("config"), dict):
            axis = entry["config"].get("axis")
            if isinstance(axis, list) and len(axis) == 1:
                entry["config"]["axis"] = axis[0]
        layers = entry.get("layers")
        if isinstance(layers, list):
            _count_from_zero(entry, [layer for layer in layers if isinstance(layer, dict)])


def compile_config(training: dict[str, Any]) -> dict[str, Any]:
    """Turn the settings of Keras 2 or an ``.h5`` file into those for ``compile_from_config``."""
    optimizer = training.get("optimizer", training.get("optimizer_config"))
    config = {
        "optimizer": _entry(optimizer, "keras.optimizers"),
        "loss": _entry(training.get("loss"), "keras.losses"),
        "loss_weights": training.get("loss_weights"),
    }
    for name in ("metrics", "weighted_metrics"):
        metrics = training.get(name)
        # Keras 2 writes an outer list, which Keras 3.12 refuses.
        if isinstance(metrics, list) and len(metrics) == 1 and isinstance(metrics[0], list):
            metrics = metrics[0]
        config[name] = _entry(metrics, "keras.metrics")
    # Keras 2 writes None for the default.
    for name in ("run_eagerly", "steps_per_execution", "jit_compile"):
        if training.get(name) is not None:
            config[name] = training[name]
    return config


def is_legacy(training: dict[str, Any]) -> bool:
    """Return True if the optimizer is of the kind that tf.keras had up to 2.10."""
    optimizer = training.get("optimizer", training.get("optimizer_config"))
    settings = optimizer.get("config") if isinstance(optimizer, dict) else None
    return isinstance(settings, dict) and (
        "decay" in settings or bool(settings.get("is_legacy_optimizer"))
    )


def _entry(value: Any, module: str) -> Any:
    """Return the config of a loss, metric or optimizer, or of several, with the module named."""
    if isinstance(value, str) and module == "keras.losses":
        # An unknown loss fails here, not at the first fit.
        keras.losses.get(value)
    if isinstance(value, list):
        return [_entry(item, module) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {output: _entry(item, module) for output, item in value.items()}
    title, settings = str(value["class_name"]).removeprefix("Custom>"), value.get("config")
    if not isinstance(settings, dict):
        return value
    if title.endswith("MetricWrapper"):
        return settings.get("name")
    # Keras 3 refuses these: ``fn`` names the function of a loss, the others belong to optimizers.
    unread = {"fn", "jit_compile", "is_legacy_optimizer"} | (
        {"decay"} if settings.get("decay") == 0 else set()
    )
    settings = {name: item for name, item in settings.items() if name not in unread}
    if settings.get("reduction") == "auto":
        settings["reduction"] = "sum_over_batch_size"
    if "lr" in settings:
        settings["learning_rate"] = settings.pop("lr")
    # ``.h5`` files name no module, and Keras 3 lacks some modules of Keras 2.
    if str(value.get("module", "keras")).startswith("keras"):
        value = {**value, "module": module, "registered_name": None}
    return {**value, "class_name": title, "config": settings}


def _count_from_zero(config: dict[str, Any], layers: list[dict[str, Any]]) -> None:
    """Count calls of inner models from 0; Keras 2 counts the model's construction as call 0."""
    inner = {layer.get("name"): layer.get("class_name") for layer in layers}
    inner = {name: title for name, title in inner.items() if title in _MODELS}
    for layer in layers:
        _shift(layer.get("inbound_nodes"), inner)
    # For outputs of an inner functional model, Keras 3 shifts the index itself.
    sequential = {name: title for name, title in inner.items() if title == "Sequential"}
    _shift(config.get("output_layers"), sequential)


def _shift(calls: Any, inner: dict[Any, Any]) -> None:
    for _, call in walk(calls):
        named = isinstance(call, list) and len(call) >= 3 and isinstance(call[0], str)
        if named and isinstance(call[1], int):
            call[1] -= call[0] in inner


def restore_optimizer(optimizer: Any, path: str, legacy: bool) -> None:
    """Restore the optimizer's state, if the file holds any; warn if the state does not fit."""
    # The optimizers of tf.keras up to 2.10 (``legacy``) kept all m before all v.
    try:
        saved = _saved_optimizer(path)
    # The type of h5py's error depends on what is wrong with the file.
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError):
        saved = []
    if saved is None:
        return
    variables = optimizer.variables
    if len(saved) == len(variables) - 1:
        saved.insert(1, np.asarray(float(optimizer.learning_rate)))
    same_order = ("SGD",) if legacy else _SAME_ORDER
    fits = [tuple(variable.shape) for variable in variables] == [value.shape for value in saved]
    if not fits or type(optimizer).__name__ not in same_order:
        warnings.warn(
            f"{path!r}: the state of {type(optimizer).__name__} could not be restored. "
            "Its settings are kept, and its momentum starts from zero.",
            stacklevel=5,
        )
        return
    for variable, value in zip(variables, saved, strict=True):
        variable.assign(value)


def _saved_optimizer(path: str) -> list[Array] | None:
    """Return the optimizer's variables in their order, or None if the file holds none."""
    import h5py

    if path.endswith(".keras"):
        with archive.opened(path) as opened:
            content = io.BytesIO(archive.read(opened, archive.WEIGHTS))
        with h5py.File(content, "r") as file:
            group = file.get("optimizer/vars")
            return [_number(group[name]) for name in sorted(group, key=int)] if group else None
    with h5py.File(path, "r") as file:
        group = file.get("optimizer_weights")
        return [_number(group[name]) for name in group.attrs["weight_names"]] if group else None


def _number(dataset: Any) -> Array:
    if dataset.dtype.kind not in "fiu":
        raise TypeError("an optimizer's state is numbers")
    return np.asarray(dataset[()])
