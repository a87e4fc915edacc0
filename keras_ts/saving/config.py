"""Reads a saved config, which holds each object as a dict of ``class_name`` and ``config``.

``walk`` visits them all. ``explain`` finds in a config why Keras could not load its file, and says
in a few lines what to do.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

LAMBDAS = ("Lambda", "__lambda__")
# Keras looks here for functions that a file holds only by name.
_FUNCTIONS = (
    "activations", "constraints", "initializers", "losses", "metrics", "regularizers",
)  # fmt: skip


class Place(NamedTuple):
    """Where a value stands: in these layers, outermost first, or in a setting of ``compile``."""

    layers: tuple[str, ...] = ()
    part: str = ""

    def __str__(self) -> str:
        if self.part:
            return f"The model's {self.part}"
        return f"Layer {self.layers[-1]!r}" if self.layers else "The model"


# ``walk`` visits only these types, since a list may hold many numbers.
_NESTED = (dict, list)


def walk(config: Any) -> Iterator[tuple[Place, Any]]:
    """Yield every dict and list in ``config`` with its place, outer ones first."""
    # The caller may change a dict or list: its items are read after it was yielded.
    pending = [(Place(), config)]
    while pending:
        place, value = pending.pop()
        if isinstance(value, list):
            yield place, value
            pending.extend((place, item) for item in reversed(value) if isinstance(item, _NESTED))
        elif isinstance(value, dict):
            name = layer_name(value)
            # Losses and optimizers also have names, but ``part`` tells where they are.
            if name is not None and not place.part:
                place = Place((*place.layers, name))
            yield place, value
            compiling = "optimizer" in value and "loss" in value
            pending.extend(
                (Place(place.layers, key) if compiling else place, item)
                for key, item in reversed(value.items())
                if isinstance(item, _NESTED)
            )


def entries(config: Any) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield every serialized object in ``config`` with its place, outer ones first."""
    for place, value in walk(config):
        named = isinstance(value, dict) and isinstance(value.get("class_name"), str)
        if named and "config" in value:
            yield place, value


def layer_name(entry: dict[str, Any]) -> str | None:
    """Return the name of the layer that ``entry`` describes, or None if it describes none."""
    settings = entry.get("config")
    name = settings.get("name") if isinstance(settings, dict) else None
    return name if isinstance(name, str) and isinstance(entry.get("class_name"), str) else None


def title(entry: dict[str, Any]) -> str:
    """Return the name by which Keras looks up the class or function of an entry, cut short."""
    if entry["class_name"] == "function":
        return str(entry["config"])[:100]
    return str(entry.get("registered_name") or entry["class_name"])[:100]


def is_stock(entry: dict[str, Any]) -> bool:
    """Return True if the class or function of an entry is Keras's own."""
    module = entry.get("module")
    if entry["class_name"] == "function":
        return any(hasattr(getattr(keras, part), str(entry["config"])) for part in _FUNCTIONS)
    if entry["class_name"].startswith("__"):
        return True
    # Files of Keras 2 name no module.
    stock = "module" not in entry or module == "keras" or str(module).startswith("keras.")
    return stock and entry.get("registered_name") in (None, entry["class_name"])


_LONGEST = 300


def explain(
    path: str,
    error: Exception,
    config: dict[str, Any],
    version: Any,
    custom_objects: dict[str, Any] | None,
) -> str:
    """Return a few lines that say why the file at ``path`` did not load, and what to do."""
    objects = list(entries(config))
    lines = [f"{path!r} could not be loaded."]
    for place, entry in objects:
        if entry["class_name"] in LAMBDAS:
            name = place.layers[-1] if place.layers else "lambda"
            return "\n".join([
                *lines,
                f"{place} is a Lambda: its Python code would run, and old code often fails.",
                "Open the file with a layer in its place: "
                f"keras_ts.migrate_lambdas(filepath, {{{name!r}: layer}}).",
            ])  # fmt: skip
    for place, entry in objects:
        cure = _cure_of_missing(place, entry, custom_objects or {})
        if cure is not None:
            return f"{lines[0]}\n{place} needs {title(entry)}, which cannot be found.\n{cure}"
    saved_by = re.match(r"(\d{1,4})\.(\d{1,4})(\.\d{1,4})?", str(version))
    installed = [int(part) for part in keras.__version__.split(".")[:2]]
    if saved_by and [int(part) for part in saved_by.group(1, 2)] > installed:
        lines.append(
            f"It was saved by Keras {saved_by.group()}, and this is {keras.__version__}, which "
            f"reads files of its own version and older: pip install 'keras>={saved_by.group()}'."
        )
    for place, entry in objects:
        reason = _wrong_setting(entry, custom_objects)
        if reason is not None:
            return "\n".join([*lines, f"{place} has a wrong setting: {short(reason)}"])
    if str(version).startswith("2."):
        lines.append(
            "It was saved by Keras 2: build the same model, then call model.load_weights(filepath)."
        )
    elif path.endswith(("h5", "hdf5")):
        lines.append("If only its loss or optimizer is at fault: load it with compile=False.")
    return "\n".join([*lines, f"Keras says: {short(error)}"])


def _cure_of_missing(
    place: Place, entry: dict[str, Any], custom_objects: dict[str, Any]
) -> str | None:
    """Return what to do about an object that Keras does not find; None for one that it finds."""
    if is_stock(entry):
        return None
    known_as = title(entry)
    names = (known_as, entry["class_name"], str(entry["config"]))
    if any(keras.saving.get_registered_object(name, custom_objects) for name in names):
        return None
    package = known_as.partition(">")[0] if ">" in known_as else None
    module = str(entry.get("module")).partition(".")[0]
    if package == "keras_ts":
        return "It comes from a newer keras_ts: install that version."
    if module not in ("builtins", "__main__", "None"):
        if str(entry.get("module")) in sys.modules:
            return f"{module} is imported, but holds no such name. Install a version that does."
        return (
            f"The file asks for a module {module!r}, which is not imported. Import it before "
            "loading if you trust it and the file."
        )
    name = known_as.rpartition(">")[2]
    return f"Define it before loading and pass custom_objects={{{known_as!r}: {name}}}" + (
        ", or pass compile=False." if place.part else "."
    )


def _wrong_setting(
    entry: dict[str, Any], custom_objects: dict[str, Any] | None
) -> Exception | None:
    """Return the error that Keras raises for the settings of an object, or None."""
    settings = entry["config"]
    composite = not isinstance(settings, dict) or "layers" in settings or "layer" in settings
    if composite or "module" not in entry:
        return None
    try:
        keras.saving.deserialize_keras_object({**entry, "build_config": None}, custom_objects)
    except Exception as error:
        return error
    return None


def short(error: BaseException) -> str:
    """Return the line of an error that names the cause, without the configs that Keras quotes."""
    # Keras prints a layer's error in bold.
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    for mark in ("Exception encountered:", "Example error message for", "Error encountered:"):
        text = text.rpartition(mark)[2] if mark in text else text
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        del lines[0]
    if len(lines) > 1 and lines[0].endswith(":"):
        lines[0] += f" {lines[1]}"
    return (lines[0] if lines else type(error).__name__)[:_LONGEST]
