"""Writes a sweep as JSON and reads it back; NaN and infinities, not valid in JSON, are strings."""

import json
import math
import os
from typing import Any

from keras_ts._files import existing, path_text, replacing

_KEYS = {
    "": ("config", "curve", "began", "epoch_starts"),
    "curve": ("lrs", "losses", "stopped"),
}


def write(filepath: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Write ``content`` to a file, whole or not at all."""
    text = json.dumps(_mapped(content, _encoded), allow_nan=False, indent=1)
    with replacing(filepath) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read(filepath: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content that ``write`` wrote, its floats equal bit for bit."""
    file = existing(path_text("filepath", filepath))
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{filepath} is not a sweep that to_json wrote: {error}.") from None
    for name, keys in _KEYS.items():
        part = content.get(name) if name and isinstance(content, dict) else content
        held = part if isinstance(part, dict) else {}
        missing = [f"{name}.{key}".lstrip(".") for key in keys if key not in held]
        if missing:
            raise ValueError(
                f"{filepath} is not a sweep that to_json wrote: it lacks {', '.join(missing)}."
            )
    curve = content["curve"]
    content["curve"] = {key: _mapped(value, _decoded) for key, value in curve.items()}
    return content


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {key: _mapped(entry, change) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(entry, change) for entry in value]
    return change(value)


def _encoded(value: Any) -> Any:
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _decoded(value: Any) -> Any:
    return float(value) if value in ("nan", "inf", "-inf") else value
