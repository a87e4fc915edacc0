"""Opens old models whose Lambdas no longer load, with layers in place of the Lambdas.

Keras loads a temporary copy of the file, without the Lambdas. No stored code is read or run.
"""

import copy
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from keras_ts import _checks
from keras_ts._files import path_text
from keras_ts.saving import archive
from keras_ts.saving.config import entries, layer_name
from keras_ts.saving.load import HDF5, load_model, look_through


def migrate_lambdas(
    filepath: str | os.PathLike[str], layers: Mapping[str, keras.layers.Layer]
) -> keras.Model:
    """Open a ``.keras`` or ``.h5`` file with layers in place of its Lambdas.

    You name the layer that replaces each Lambda: ``ExpandSeries()`` computes what
    ``Lambda(lambda x: expand_dims(x, -1))`` does, and ``ScaleOutput(100.0)`` what
    ``Lambda(lambda x: x * 100.0)`` does. Compare a prediction with one that you know, since the
    code in the file is neither read nor run. All weights are kept.

    Example:

    >>> import tempfile, keras
    >>> from keras_ts import ExpandSeries, ScaleOutput, migrate_lambdas
    >>> model = keras.Sequential([
    ...     keras.Input((20,)),
    ...     keras.layers.Lambda(lambda x: keras.ops.expand_dims(x, -1), name="expand"),
    ...     keras.layers.GRU(4),
    ...     keras.layers.Dense(1),
    ...     keras.layers.Lambda(lambda x: x * 100.0, name="scale"),
    ... ])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(folder + "/old.keras")
    ...     again = migrate_lambdas(
    ...         folder + "/old.keras", {"expand": ExpandSeries(), "scale": ScaleOutput(100.0)}
    ...     )
    >>> [type(layer).__name__ for layer in again.layers]
    ['ExpandSeries', 'GRU', 'Dense', 'ScaleOutput']

    Args:
        filepath: The file.
        layers: A layer without weights for each Lambda, by the Lambda's name. A Lambda inside
            another model may be named by a path, ``"inner/scale"``, and must be if two Lambdas
            have the same name.

    Returns:
        The model, with the new layers under the Lambdas' names. It is not compiled.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: ``filepath`` is not a str or a Path, or ``layers`` does not hold layers.
        ValueError: The file holds no Lambda, or one that is not named; a name fits no Lambda or
            several; or Keras cannot load the file with these layers.
    """
    source = path_text("filepath", filepath)
    _checks.instance("layers", layers, Mapping)
    for name, layer in layers.items():
        _checks.instance(f"layers[{name!r}]", layer, keras.layers.Layer)
    config, _ = look_through(source)
    lambdas = _lambdas(config)
    if not lambdas:
        raise ValueError(f"{source!r} holds no Lambda: load it with keras_ts.load_model.")
    named = {_named(name, lambdas, source): layer for name, layer in layers.items()}
    if missing := [where for where in lambdas if where not in named]:
        raise ValueError(
            f"{source!r}: layers must name a layer for each Lambda. Missing: "
            f"{', '.join(map(repr, missing))}."
        )
    for where, layer in named.items():
        _replace(lambdas[where], layer)
    customs = {type(layer).__name__: type(layer) for layer in named.values()}
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / f"model{Path(source).suffix}")
        _write(source, target, config)
        try:
            return load_model(target, customs, compile=False)
        except ValueError as error:
            raise ValueError(str(error).replace(repr(target), repr(source))) from None


def _lambdas(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the entry of every outermost Lambda by its path, such as ``inner/scale``."""
    lambdas: dict[tuple[str, ...], dict[str, Any]] = {}
    for place, entry in entries(config.get("config")):
        inside = (place.layers[:depth] in lambdas for depth in range(len(place.layers)))
        if entry["class_name"] == "Lambda" and layer_name(entry) and not any(inside):
            lambdas[place.layers] = entry
    return {"/".join(names): entry for names, entry in lambdas.items()}


def _named(name: str, lambdas: Mapping[str, Any], source: str) -> str:
    """Return the path of the one Lambda that a name or path fits."""
    if name in lambdas:
        return name
    fitting = [where for where in lambdas if where.rpartition("/")[2] == name]
    if len(fitting) != 1:
        raise ValueError(
            f"{source!r}: layers[{name!r}] fits {len(fitting)} of its Lambdas: "
            f"{', '.join(map(repr, lambdas))}."
        )
    return fitting[0]


def _replace(entry: dict[str, Any], layer: keras.layers.Layer) -> None:
    """Put ``layer`` where ``entry`` was, under its name and with its connections."""
    new = copy.deepcopy(keras.saving.serialize_keras_object(layer))
    new["config"]["name"] = entry["config"]["name"]
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


def _write(source: str, target: str, config: dict[str, Any]) -> None:
    """Copy the file with another ``config``."""
    if not source.endswith(HDF5):
        archive.rewrite(source, target, {archive.CONFIG: json.dumps(config).encode()})
        return
    import h5py

    shutil.copyfile(source, target)
    with h5py.File(target, "r+") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
