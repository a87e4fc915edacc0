"""Chooses the precision of layers that handle a series in its own units.

Half precision serves the inside of a network, and overflows at the levels of many series.
"""

from typing import Any


def at_least_float32(layer: Any) -> str:
    """Return the dtype in which ``layer`` computes: its own, or float32 for a half one."""
    return "float32" if layer.compute_dtype in ("float16", "bfloat16") else str(layer.compute_dtype)
