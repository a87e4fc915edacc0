"""Keeps the settings of a model's windows in its file.

The windows ride in ``metadata.json``, which Keras writes and does not read: a fourth member would
make Keras unpack the whole archive to disk at every load.
"""

from pathlib import Path
from typing import Any

import keras

from keras_ts.saving import archive
from keras_ts.saving.diagnose import short
from keras_ts.windows.windowed_series import WindowedSeries

# A model remembers its windows, so that they outlive being loaded and saved again.
_ATTRIBUTE = "_keras_ts_windows"
_KEY = "keras_ts"


def put_windows(path: Path, windows: WindowedSeries) -> None:
    """Put ``windows`` into a ``.keras`` file that nobody else sees yet."""
    archive.update_json(path, archive.METADATA, {_KEY: {"windows": windows.get_config()}})


def windows_in(metadata: dict[str, Any], path: str) -> WindowedSeries | None:
    """Return the windows that the metadata of the file at ``path`` holds, or None."""
    ours = metadata.get(_KEY)
    config = ours.get("windows") if isinstance(ours, dict) else ours
    if config is None:
        return None
    try:
        return WindowedSeries.from_config(config)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path!r} holds windows that make no sense: {short(error)}") from None


def remember(model: keras.Model, windows: WindowedSeries | None) -> None:
    """Keep ``windows`` with ``model``, for ``remembered`` to return."""
    setattr(model, _ATTRIBUTE, windows)


def remembered(model: keras.Model) -> WindowedSeries | None:
    """Return the windows that ``model`` was loaded or saved with, or None."""
    return getattr(model, _ATTRIBUTE, None)
