"""Opens old models whose Lambdas no longer load, with layers in place of the Lambdas.

Keras loads a temporary copy of the file, without the Lambdas. No stored code is run.
"""

import copy
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from keras_ts import _checks
from keras_ts._files import path_text
from keras_ts.conversion import keras2, lambda_bytecode
from keras_ts.conversion.portable import reached_layers
from keras_ts.layers.expand_series import ExpandSeries
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.saving import archive
from keras_ts.saving.config import entries, layer_name, short
from keras_ts.saving.load import load_model, look_through, refuse_too_many_weights


def migrate_lambdas(
    filepath: str | os.PathLike[str],
    replacements: Mapping[str, keras.layers.Layer] | None = None,
) -> keras.Model:
    """Open a ``.keras`` or ``.h5`` file with layers in place of its Lambdas.

    The file comes from tf.keras 2, or from Keras 3 and has Lambdas. The bytecode of
    ``Lambda(lambda x: expand_dims(x, -1))`` and ``Lambda(lambda x: x * 100.0)`` is recognised, and
    not run; for other Lambdas, pass the layers that replace them. Weights, loss, metrics and
    optimizer are kept. The model saves and loads as usual.

    Example:

    >>> import tempfile, keras
    >>> from keras_ts import migrate_lambdas
    >>> model = keras.Sequential([
    ...     keras.Input((20,)),
    ...     keras.layers.Lambda(lambda x: keras.ops.expand_dims(x, -1), name="expand"),
    ...     keras.layers.GRU(4),
    ...     keras.layers.Dense(1),
    ...     keras.layers.Lambda(lambda x: x * 100.0, name="scale"),
    ... ])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(folder + "/old.keras")
    ...     again = migrate_lambdas(folder + "/old.keras")
    >>> [type(layer).__name__ for layer in again.layers]
    ['ExpandSeries', 'GRU', 'Dense', 'ScaleOutput']

    Args:
        filepath: The file.
        replacements: Layers by the names of the Lambdas that they replace, such as
            ``{"scale": ScaleOutput(400.0)}``. A Lambda inside another model may be named by a path,
            ``"inner/scale"``, and must be if two Lambdas have the same name. The layers must have
            no weights, since a Lambda has none. Defaults to None: all Lambdas are recognised.

    Returns:
        The model, with the new layers under the Lambdas' names. It is compiled if the saved model
        was. If Keras cannot compile it, or its optimizer's state is lost, a warning says so.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: ``filepath`` is not a str or a Path, or a replacement is no layer, or a Lambda.
        ValueError: The file is of Keras 3 and holds no Lambda; a replacement names no Lambda, has
            weights, or does not load; or a Lambda without a replacement is not recognised, or may
            be reached by a mask.
    """
    passed = _checked(replacements)
    source = path_text("filepath", filepath)
    config, metadata = look_through(source)
    lambdas = _lambdas(config)
    old = str(metadata.get("keras_version")).startswith("2.")
    if not (lambdas or old):
        raise ValueError(f"{source!r} holds no Lambda: load it with keras_ts.load_model.")
    layers = _matched(passed, lambdas, source)
    proposed = [where for where in layers if layers[where] not in passed.values()]
    for where, entry in lambdas.items():
        _replace(entry, layers[where], where in proposed)
    if old:
        keras2.translate(config)
    customs = {type(layer).__name__: type(layer) for layer in passed.values()}
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / f"model{Path(source).suffix}")
        training = _write(source, target, config)
        if source.endswith(".keras") and not old:
            model = _load_compiled(target, source, customs)
        else:
            model = _load(target, source, customs)
            _compile(model, config.get("compile_config", training), source, customs)
    for where, layer in layers.items():
        if _layer_at(model, where).weights:
            raise ValueError(
                f"replacements[{where!r}]: {type(layer).__name__} has weights, and the file holds "
                "none for a Lambda. Pass a layer without weights."
            )
    _check_masks(model, {where: _layer_at(model, where) for where in proposed}, source)
    return model


def _checked(replacements: Any) -> dict[str, keras.layers.Layer]:
    if replacements is None:
        return {}
    _checks.instance("replacements", replacements, Mapping)
    for name, layer in replacements.items():
        _checks.instance(f"replacements[{name!r}]", layer, keras.layers.Layer)
        if isinstance(layer, keras.layers.Lambda):
            raise TypeError(f"replacements[{name!r}] is a Lambda again, which would not reload.")
    return dict(replacements)


def _lambdas(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the entry of every outermost Lambda by its path, such as ``inner/scale``."""
    lambdas: dict[tuple[str, ...], dict[str, Any]] = {}
    for place, entry in entries(config.get("config")):
        inside = (place.layers[:depth] in lambdas for depth in range(len(place.layers)))
        if entry["class_name"] == "Lambda" and layer_name(entry) and not any(inside):
            lambdas[place.layers] = entry
    return {"/".join(names): entry for names, entry in lambdas.items()}


def _matched(
    passed: dict[str, keras.layers.Layer], lambdas: dict[str, dict[str, Any]], source: str
) -> dict[str, keras.layers.Layer]:
    """Return the layer for each Lambda: the one passed for it, or one that computes the same."""
    layers = {}
    for name, layer in passed.items():
        named = [where for where in lambdas if where.rpartition("/")[2] == name]
        if name in lambdas:
            named = [name]
        if len(named) != 1:
            what = f"fits {len(named)} Lambdas: use a path" if named else "fits no Lambda"
            raise ValueError(
                f"{source!r}: replacements[{name!r}] {what}. Its Lambdas: "
                f"{', '.join(map(repr, lambdas))}."
            )
        layers[named[0]] = layer
    missing = {}
    for where, entry in lambdas.items():
        if where not in layers:
            layer, reason = _proposed(entry["config"])
            if layer is None:
                missing[where] = reason
            else:
                layers[where] = layer
    if missing:
        reasons = "".join(f"\n{where!r}: {reason}" for where, reason in missing.items())
        items = ", ".join(f"{where!r}: ..." for where in missing)
        raise ValueError(
            f"{source!r}: pass layers to replace the Lambdas that are not recognised:{reasons}\n"
            f"migrate_lambdas(filepath, {{{items}}})"
        )
    return layers


def _proposed(settings: dict[str, Any]) -> tuple[keras.layers.Layer | None, str]:
    """Return a layer with the same result as a Lambda's code, or None and the reason."""
    function = settings.get("function")
    if isinstance(function, dict) and function.get("class_name") == "__lambda__":
        function = function.get("config")
        parts = [function.get(key) for key in ("code", "defaults", "closure")] if isinstance(
            function, dict) else []  # fmt: skip
    else:
        # Keras 2 keeps a lambda as a list, and a function by its name alone.
        parts = function if isinstance(function, list) else []
    if len(parts) != 3:
        name = function.get("config") if isinstance(function, dict) else function
        return None, f"the file holds only the name of its function, {str(name)[:60]!r}"
    code = lambda_bytecode.read(parts[0])
    if code is None:
        return None, "its code cannot be read"
    extras = [parts[1], parts[2], settings.get("arguments"), settings.get("mask")]
    # Keras writes an absent value as null, or as an empty list or dict.
    if any(extra not in (None, [], {}) for extra in extras):
        return None, f"it takes values from outside; {code}"
    axis, factor = code.axis(), code.factor()
    try:
        if axis is not None:
            return ExpandSeries(axis), ""
        if factor is not None:
            return ScaleOutput(factor), ""
    except ValueError as error:
        return None, str(error)
    return None, str(code)


def _replace(entry: dict[str, Any], layer: keras.layers.Layer, proposed: bool) -> None:
    """Put ``layer`` where ``entry`` was, under its name and with its connections."""
    new = copy.deepcopy(keras.saving.serialize_keras_object(layer))
    new["config"]["name"] = entry["config"]["name"]
    # A proposed layer computes in the Lambda's precision, not in the current default.
    if proposed and "dtype" in entry["config"]:
        new["config"]["dtype"] = entry["config"]["dtype"]
    entry.update({key: new[key] for key in ("module", "class_name", "config", "registered_name")})
    for call in entry.get("inbound_nodes") or ():
        # Keras saves the arguments mask and training of a call. If they are None, they are removed,
        # since the new layer may not take them.
        calls = [call] if isinstance(call, dict) else call
        for item in calls if isinstance(calls, list) else ():
            arguments = item.get("kwargs") if isinstance(item, dict) else item[-1]
            for name in ("mask", "training"):
                if isinstance(arguments, dict) and arguments.get(name) is None:
                    arguments.pop(name, None)


def _write(source: str, target: str, config: dict[str, Any]) -> Any:
    """Copy the file with another ``config``; return the compile settings of an ``.h5`` file."""
    if source.endswith(".keras"):
        archive.rewrite(source, target, {archive.CONFIG: json.dumps(config).encode()})
        return None
    import h5py

    shutil.copyfile(source, target)
    with h5py.File(target, "r+") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        return file.attrs.get("training_config")


def _load_compiled(target: str, source: str, customs: dict[str, Any]) -> keras.Model:
    """Load a file of Keras 3, uncompiled if only its loss, metrics or optimizer fail to load."""
    refuse_too_many_weights(look_through(target)[0], source, customs)
    try:
        return keras.saving.load_model(target, customs)
    except Exception as error:
        model = _load(target, source, customs)
        _warn_uncompiled(source, error)
    return model


def _load(target: str, source: str, customs: dict[str, Any]) -> keras.Model:
    try:
        return load_model(target, customs, compile=False)
    except ValueError as error:
        raise ValueError(str(error).replace(repr(target), repr(source))) from None


def _compile(model: keras.Model, training: Any, source: str, customs: dict[str, Any]) -> None:
    """Compile the model as the file says, and restore the optimizer's state."""
    if training is None:
        return
    try:
        if not isinstance(training, dict):
            training = json.loads(training)
        with keras.saving.custom_object_scope(customs):
            model.compile_from_config(keras2.compile_config(training))
    except Exception as error:
        _warn_uncompiled(source, error)
    else:
        keras2.restore_optimizer(model.optimizer, source, keras2.is_legacy(training))


def _warn_uncompiled(source: str, error: Exception) -> None:
    warnings.warn(
        f"{source!r}: the model is not compiled, because Keras says: {short(error)}",
        stacklevel=5,
    )


def _layer_at(model: keras.Model, where: str) -> Any:
    layer: Any = model
    for name in where.split("/"):
        layer = getattr(layer, "layer", None) or layer.get_layer(name)
    return layer


def _check_masks(model: keras.Model, proposed: dict[str, Any], source: str) -> None:
    """Refuse a proposed layer that a mask reaches: it would pass the mask on, a Lambda does not."""
    reached = reached_layers(
        model, lambda layer: any(layer is stand_in for stand_in in proposed.values())
    )
    for where, layer in proposed.items():
        if reached is None or any(layer is passed for passed in reached):
            what = "may reach" if reached is None else "reaches"
            title = type(layer).__name__
            raise ValueError(
                f"{source!r}: a mask {what} {where!r}. The Lambda ended it, and {title} would "
                "pass it on, which changes results. If that is what you want, say so: "
                f"migrate_lambdas(filepath, {{{where!r}: {title}(...)}})"
            )
