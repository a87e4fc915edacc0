"""Why a file did not load: read from its config, after Keras gave up on it.

At most five lines: the file, the layer, and the cure.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any

import keras

LAMBDAS = ("Lambda", "__lambda__")
# Where Keras looks for functions that a file knows by name alone.
_FUNCTIONS = (
    "activations", "constraints", "initializers", "losses", "metrics", "regularizers",
)  # fmt: skip
_LONGEST = 300


def explain(
    path: str,
    error: Exception,
    config: dict[str, Any],
    version: Any,
    custom_objects: dict[str, Any] | None,
) -> str:
    """Say in a few lines why the file at ``path`` did not load, and what to do."""
    found = list(entries(config))
    lines = [f"{path!r} could not be loaded."]
    for where, entry in found:
        if entry["class_name"] in LAMBDAS:
            return "\n".join([
                *lines,
                f"{where} is a Lambda: its Python code would run, and often runs no longer.",
                "Open the file with keras_ts.migrate_lambdas(path), which knows an expand_dims and "
                "a factor by itself; for others give the layer, "
                f"migrate_lambdas(path, {{{_name(where)!r}: layer}}).",
            ])  # fmt: skip
    for where, entry in found:
        cure = _missing(where, entry, custom_objects or {})
        if cure is not None:
            return "\n".join([*lines, f"{where} needs {title(entry)}, which is not there.", cure])
    newer = _newer(version)
    if newer is not None:
        lines.append(
            f"It was saved by Keras {newer}, and this is {keras.__version__}, which reads files "
            f"of its own version and older: pip install 'keras>={newer}'."
        )
    for where, entry in found:
        reason = _wrong(entry, custom_objects)
        if reason is not None:
            return "\n".join([*lines[:2], f"{where} holds a wrong setting: {short(reason)}"])
    if path.endswith(("h5", "hdf5")):
        lines.append("If only its loss or optimizer is at fault: pass compile=False, and compile.")
    return "\n".join([*lines, f"Keras says: {short(error)}"])


def entries(config: Any, where: str = "The model") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every serialized object in ``config``, with the layer or part it stands in."""
    pending = [(where, config)]
    while pending:
        where, value = pending.pop()
        if isinstance(value, list):
            pending.extend((where, item) for item in reversed(value))
        if not isinstance(value, dict):
            continue
        if isinstance(value.get("class_name"), str) and "config" in value:
            settings = value["config"]
            name = settings.get("name") if isinstance(settings, dict) else None
            # Losses and optimizers have names, too, but are known by their part.
            if isinstance(name, str) and not where.startswith("The model's"):
                where = f"Layer {name!r}"
            yield where, value
        part = "The model's {}" if "optimizer" in value and "loss" in value else None
        pending.extend(
            (part.format(key) if part else where, item) for key, item in reversed(value.items())
        )


def is_stock(entry: dict[str, Any]) -> bool:
    """Whether Keras alone knows what ``entry`` names."""
    module = entry.get("module")
    if entry["class_name"] == "function":
        return any(hasattr(getattr(keras, part), str(entry["config"])) for part in _FUNCTIONS)
    if entry["class_name"].startswith("__"):
        return True
    # Files of Keras 2 name no module.
    stock = "module" not in entry or module == "keras" or str(module).startswith("keras.")
    return stock and entry.get("registered_name") in (None, entry["class_name"])


def _missing(where: str, entry: dict[str, Any], custom_objects: dict[str, Any]) -> str | None:
    """What to do about an object that is neither Keras's nor registered, or None."""
    if is_stock(entry):
        return None
    known_as = title(entry)
    names = (known_as, entry["class_name"], str(entry["config"]))
    if any(keras.saving.get_registered_object(name, custom_objects) for name in names):
        return None
    package = known_as.partition(">")[0] if ">" in known_as else None
    module = str(entry.get("module")).partition(".")[0]
    if package == "keras_ts":
        return "It comes from a newer keras_ts: pip install --upgrade keras-ts."
    if module not in ("builtins", "__main__", "None"):
        if str(entry.get("module")) in sys.modules:
            return f"{module} is imported and knows no such thing: another version of it may."
        return f"Run `import {module}` before loading; pip install it if that fails."
    name = known_as.rpartition(">")[2]
    return f"Define it before loading and pass custom_objects={{{known_as!r}: {name}}}" + (
        ", or pass compile=False." if where.startswith("The model's") else "."
    )


def _wrong(entry: dict[str, Any], custom_objects: dict[str, Any] | None) -> Exception | None:
    """The error of a single layer's settings, or None. Building it allocates nothing."""
    settings = entry["config"]
    whole = not isinstance(settings, dict) or "layers" in settings or "layer" in settings
    if whole or "module" not in entry:
        return None
    try:
        keras.saving.deserialize_keras_object({**entry, "build_config": None}, custom_objects)
    except Exception as error:
        return error
    return None


def _newer(version: Any) -> str | None:
    """The version that a file names, if it is newer than this Keras's, or None."""
    found = [
        re.match(r"(\d{1,4})\.(\d{1,4})(\.\d{1,4})?", str(v)) for v in (version, keras.__version__)
    ]
    theirs, ours = ([int(part) for part in m.group(1, 2)] if m else [0, 0] for m in found)
    return found[0].group() if found[0] and theirs > ours else None


def title(entry: dict[str, Any]) -> str:
    """Return the name that Keras looks an entry up by."""
    if entry["class_name"] == "function":
        return str(entry["config"])[:100]
    return str(entry.get("registered_name") or entry["class_name"])[:100]


def _name(where: str) -> str:
    return where.partition("'")[2].rpartition("'")[0] or "lambda"


def short(error: Exception) -> str:
    """Return the line of an error that says most: Keras quotes whole configs around it."""
    # Keras sets what a layer said in bold.
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    for mark in ("Exception encountered:", "Example error message for", "Error encountered:"):
        text = text.rpartition(mark)[2] if mark in text else text
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        del lines[0]
    if len(lines) > 1 and lines[0].endswith(":"):
        lines[0] += f" {lines[1]}"
    return (lines[0] if lines else type(error).__name__)[:_LONGEST]
