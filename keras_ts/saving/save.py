"""Saves a model together with the windows it was trained on."""

import os
from typing import Any

import keras

from keras_ts._files import path_text, replacing, takes_path
from keras_ts._models import check_model
from keras_ts.saving.metadata import put_windows, remember, remembered
from keras_ts.windows.windowed_series import WindowedSeries


@takes_path
def save_model(
    model: keras.Model, filepath: str | os.PathLike[str], windows: WindowedSeries | None = None
) -> None:
    """Save a model as a ``.keras`` file, with the settings of its windows inside.

    ``keras.saving.load_model`` opens the file as well. A file that is already there is replaced
    when the new one is complete, or not at all.

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
        filepath: The file to write; its name ends in ``.keras``.
        windows: The settings to keep with the model. Defaults to None: those that the model was
            loaded or saved with before, if any.

    Raises:
        TypeError: ``model`` is not a Keras model, ``filepath`` not a path or ``windows`` not a
            ``WindowedSeries``.
        ValueError: ``filepath`` does not end in ``.keras``, or names of columns fill megabytes.
        FileNotFoundError: The folder of ``filepath`` does not exist.
    """
    if not isinstance(windows, WindowedSeries | None):
        raise TypeError(f"windows must be a WindowedSeries or None. Received: {windows!r}.")
    check_saveable(model, filepath)
    windows = windows or remembered(model)
    write(model, filepath, windows)
    remember(model, windows)


def check_saveable(model: Any, filepath: Any) -> None:
    """Refuse anything but a model, and a path that does not end in ``.keras``."""
    check_model(model)
    path = path_text("filepath", filepath)
    if not path.endswith(".keras"):
        raise ValueError(f"filepath must end in .keras. Received: filepath={path!r}.")


def write(
    model: keras.Model, filepath: str | os.PathLike[str], windows: WindowedSeries | None
) -> None:
    """Write Keras's file, with ``windows`` in its metadata."""
    with replacing(filepath) as temporary:
        keras.saving.save_model(model, temporary)
        if windows is not None:
            put_windows(temporary, windows)
