"""Reads a saved config as a tree of objects.

Keras writes every object as a dict of ``class_name`` and ``config``, and objects within objects.
Error messages, portable files and migrated ones all read configs by the walk below.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

LAMBDAS = ("Lambda", "__lambda__")
# Keras looks here for functions that a file holds only by name.
_FUNCTIONS = (
    "activations", "constraints", "initializers", "losses", "metrics", "regularizers",
)  # fmt: skip


class Place(NamedTuple):
    """The names of the layers around a value, outermost first, and the compile setting it is in."""

    layers: tuple[str, ...] = ()
    part: str = ""

    def __str__(self) -> str:
        if self.part:
            return f"The model's {self.part}"
        return f"Layer {self.layers[-1]!r}" if self.layers else "The model"


# The walk enters only these types, so that a list of a million numbers does not fill memory.
_GO_ON = (dict, list)


def walk(config: Any) -> Iterator[tuple[Place, Any]]:
    """Yield every dict and list in ``config`` with its place, outer ones first."""
    # The caller may change a dict or list once it is yielded: the walk reads its content later.
    pending = [(Place(), config)]
    while pending:
        place, value = pending.pop()
        if isinstance(value, list):
            yield place, value
            pending.extend([(place, item) for item in reversed(value) if isinstance(item, _GO_ON)])
        elif isinstance(value, dict):
            name = layer_name(value)
            # Losses and optimizers have names, too, but their part identifies them.
            if name is not None and not place.part:
                place = Place((*place.layers, name))
            yield place, value
            compiling = "optimizer" in value and "loss" in value
            pending.extend(
                (Place(place.layers, key) if compiling else place, item)
                for key, item in reversed(value.items())
                if isinstance(item, _GO_ON)
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
    """Return the name by which Keras looks up the class or function of an entry."""
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
