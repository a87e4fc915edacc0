"""Half precision is for the network's inside: levels and units of a series overflow it."""

from typing import Any


def at_least_float32(layer: Any) -> str:
    """The dtype in which a layer works that handles the series' own units."""
    return "float32" if layer.compute_dtype in ("float16", "bfloat16") else str(layer.compute_dtype)
