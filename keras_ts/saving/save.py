"""Saves a model together with the windows it was trained on."""

import os
from typing import Any

import keras

from keras_ts._files import path_text, replacing
from keras_ts._models import check_model
from keras_ts.interface import Interface, in_layers, remember, remembered
from keras_ts.saving.metadata import put_carried
from keras_ts.windows.carried import Carried
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.windowed_series import WindowedSeries


def save_model(
    model: keras.Model,
    filepath: str | os.PathLike[str],
    windows: WindowedSeries | WindowDataset | None = None,
) -> None:
    """Save a model as a ``.keras`` file, with the settings of its windows inside.

    ``keras.saving.load_model`` opens the file as well. An existing file is replaced only once the
    new one is complete.

    A model with a ``WindowedInput`` carries its windows already, also into files that Keras's own
    ``model.save`` writes. For any other model they go into the file's metadata, which only this
    function writes.

    Example:

    >>> import tempfile
    >>> from keras_ts import RecurrentPreset, WindowedSeries, load_windows, save_model
    >>> model = RecurrentPreset(units=(4,)).build(window=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, folder + "/model.keras", windows=WindowedSeries(20))
    ...     load_windows(folder + "/model.keras").window
    20

    Args:
        model: The model, with optimizer, loss and metrics if it is compiled.
        filepath: The file to write; its name ends in ``.keras``.
        windows: The settings to keep with the model, or a dataset, whose column names and frequency
            are kept, too. If the model ends in ``SortedQuantiles``, its quantiles are kept with
            them. Defaults to None: those that the model was loaded or saved with before, if any.

    Raises:
        TypeError: ``model`` is not a Keras model, ``filepath`` is not a path, or ``windows`` is
            neither a ``WindowedSeries`` nor a ``WindowDataset``.
        ValueError: ``filepath`` does not end in ``.keras``, the names of columns take megabytes, or
            ``windows`` cut other windows than the model's ``WindowedInput`` carries.
        FileNotFoundError: The folder of ``filepath`` does not exist.
    """
    check_saveable(model, filepath)
    passed, own = _carried(model, windows), in_layers(model)
    if passed is not None and own is not None:
        disagreement = own.disagreement(passed)
        if disagreement is not None:
            raise ValueError(
                "windows are not those that the model's WindowedInput carries: it has "
                f"{disagreement}. Leave windows out, or build the model for these."
            )
    kept = None if own is not None else passed or remembered(model)
    write(model, filepath, kept)
    remember(model, kept)


def _carried(model: keras.Model, windows: Any) -> Carried | None:
    """Return what the argument ``windows`` asks to keep with a model, or None."""
    if windows is None:
        return None
    quantiles = Interface(model, None).quantiles
    if isinstance(windows, WindowDataset):
        return Carried.of(windows, quantiles)
    if isinstance(windows, WindowedSeries):
        return Carried(windows, quantiles=quantiles)
    raise TypeError(
        f"windows must be a WindowedSeries, a WindowDataset or None. Received: {windows!r}."
    )


def check_saveable(model: Any, filepath: Any) -> None:
    """Refuse anything but a model, and a path that does not end in ``.keras``."""
    check_model(model)
    path = path_text("filepath", filepath)
    if not path.endswith(".keras"):
        raise ValueError(f"filepath must end in .keras. Received: filepath={path!r}.")


def write(model: keras.Model, filepath: str | os.PathLike[str], carried: Carried | None) -> None:
    """Write Keras's file, with ``carried`` in its metadata."""
    with replacing(filepath) as temporary:
        keras.saving.save_model(model, temporary)
        if carried is not None:
            put_carried(temporary, carried)
