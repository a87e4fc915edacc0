"""Keeps a model's windows, columns and frequency in its file if it has no ``WindowedInput``.

They ride in ``metadata.json``, which Keras writes and does not read: a fourth member would make
Keras unpack the whole archive to disk at every load. Files of keras_ts 0.1 hold only the windows.
"""

from dataclasses import fields
from pathlib import Path
from typing import Any

from keras_ts.saving import archive
from keras_ts.saving.config import entries, title
from keras_ts.saving.diagnose import short
from keras_ts.windows.carried import Carried

_KEY = "keras_ts"
_LAYER = "keras_ts>WindowedInput"
# "levels" is the former name of quantiles.
_FIELDS = (*(field.name for field in fields(Carried)), "levels")


def put_carried(path: Path, carried: Carried) -> None:
    """Put ``carried`` into a ``.keras`` file that nobody else sees yet."""
    archive.update_json(path, archive.METADATA, {_KEY: carried.get_config()})


def carried_in(config: dict[str, Any], metadata: dict[str, Any], path: str) -> Carried | None:
    """Return what the file at ``path`` carries in a layer, or else in its metadata, or None."""
    places = [
        entry["config"]
        for place, entry in entries(config)
        if title(entry) == _LAYER and not place.part
    ]
    if not places:
        ours = metadata.get(_KEY)
        if ours is None or (isinstance(ours, dict) and ours.get("windows") is None):
            return None
        places = [ours]
    try:
        carried = [_read(settings) for settings in places]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path!r} holds invalid windows: {short(error)}") from None
    if any(other != carried[0] for other in carried):
        raise ValueError(f"{path!r} holds layers that carry different windows; keep one of them.")
    return carried[0]


def _read(settings: Any) -> Carried:
    if not isinstance(settings, dict):
        return Carried.from_config(settings)
    return Carried.from_config({name: settings[name] for name in _FIELDS if name in settings})
