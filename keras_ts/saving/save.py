"""Saving a model together with the windows it was trained on.

The settings stand in ``metadata.json``, which Keras writes and does not read: a fourth
member would make it unpack the whole archive to disk at every load.
"""

import os
from typing import Any

import keras

from keras_ts._files import path_text, replacing
from keras_ts._models import check_model
from keras_ts.saving import archive
from keras_ts.saving.causes import short
from keras_ts.windows.windowed_series import WindowedSeries

# A model remembers its windows, so that they outlive being loaded and saved again.
_ATTRIBUTE = "_keras_ts_windows"
_KEY = "keras_ts"


def save_model(
    model: keras.Model, path: str | os.PathLike[str], windows: WindowedSeries | None = None
) -> None:
    """Save a model as a ``.keras`` file, with the settings of its windows inside.

    It is Keras's own file, which ``keras.saving.load_model`` opens as well. A file that is
    already there is replaced at the end, whole, or not at all.

    Example:

    >>> import tempfile
    >>> from keras_ts import RecurrentPreset, WindowedSeries, load_windows, save_model
    >>> model = RecurrentPreset(units=(4,), window=20).build()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, folder + "/model.keras", windows=WindowedSeries(20))
    ...     load_windows(folder + "/model.keras").window
    20

    Args:
        model: The model, with optimizer, loss and metrics if it is compiled.
        path: Where to; ends in ``.keras``.
        windows: The settings to keep with it. Defaults to None: those it was loaded or
            saved with before, if any.

    Raises:
        TypeError: ``model`` is not a Keras model or ``windows`` not a ``WindowedSeries``.
        ValueError: ``path`` does not end in ``.keras``, or names of columns fill megabytes.
        FileNotFoundError: The folder of ``path`` does not exist.
    """
    if not isinstance(windows, WindowedSeries | None):
        raise TypeError(f"windows must be a WindowedSeries or None. Received: {windows!r}.")
    check_saveable(model, path)
    windows = windows or remembered(model)
    write(model, path, windows)
    remember(model, windows)


def load_windows(path: str | os.PathLike[str]) -> WindowedSeries:
    """Return the window settings that ``save_model`` put into a ``.keras`` file.

    Example:

    >>> import tempfile
    >>> from keras_ts import RecurrentPreset, WindowedSeries, load_windows, save_model
    >>> windows = WindowedSeries(20, horizon=7, shuffle=True, seed=1)
    >>> model = RecurrentPreset(units=(4,), window=20, outputs=7).build()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, folder + "/model.keras", windows=windows)
    ...     load_windows(folder + "/model.keras") == windows
    True

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: ``path`` is not a str or a Path.
        ValueError: It is not a ``.keras`` file, holds no windows, or wrong ones.
    """
    path = path_text("path", path)
    with archive.opened(path) as opened:
        windows = windows_in(archive.read_json(opened, archive.METADATA), path)
    if windows is None:
        raise ValueError(
            f"{path!r} holds no windows. Put them in when saving: "
            "keras_ts.save_model(model, path, windows=...)."
        )
    return windows


def windows_in(metadata: dict[str, Any], path: str | os.PathLike[str]) -> WindowedSeries | None:
    """Return the windows that a file's metadata holds, or None."""
    ours = metadata.get(_KEY)
    config = ours.get("windows") if isinstance(ours, dict) else ours
    if config is None:
        return None
    try:
        return WindowedSeries.from_config(config)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} holds windows that make no sense: {short(error)}"
        ) from None


def check_saveable(model: Any, path: str | os.PathLike[str]) -> None:
    """Refuse what is not a model, and a name that is not a ``.keras`` file's."""
    check_model(model)
    text = path_text("path", path)
    if not text.endswith(".keras"):
        raise ValueError(f"path must end in .keras. Received: path={text!r}.")


def write(model: keras.Model, path: str | os.PathLike[str], windows: WindowedSeries | None) -> None:
    """Write Keras's file, and ``windows`` in its metadata."""
    with replacing(path) as temporary:
        keras.saving.save_model(model, temporary)
        if windows is not None:
            settings = {"windows": windows.get_config()}
            archive.update_json(temporary, archive.METADATA, {_KEY: settings})


def remember(model: keras.Model, windows: WindowedSeries | None) -> None:
    """Let ``model`` know its windows."""
    setattr(model, _ATTRIBUTE, windows)


def remembered(model: keras.Model) -> WindowedSeries | None:
    """Return the windows that ``model`` was loaded or saved with, or None."""
    return getattr(model, _ATTRIBUTE, None)
