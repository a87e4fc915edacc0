"""Loads models, with errors that fit on a screen and say what to do.

Keras accepts weights with a wrong checksum, follows links out of a file of weights, and raises
errors of 7 KB. So each file is checked before Keras loads it. If Keras fails, the cause is looked
for in the file's config.
"""

import contextlib
import copy
import os
import random
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import keras

from keras_ts import _checks, _keras_private
from keras_ts._files import path_text
from keras_ts.interface import remember
from keras_ts.saving import archive
from keras_ts.saving.config import entries, explain, short, title, walk
from keras_ts.windows.carried import Carried
from keras_ts.windows.windowed_series import WindowedSeries

HDF5 = (".h5", ".hdf5")
_SAVED_MODEL = (
    "is a SavedModel, which Keras 3 runs but does not load: "
    "keras.layers.TFSMLayer(filepath, call_endpoint='serving_default')."
)
# The file of the model in a folder that ``save_model`` wrote.
IN_FOLDER = "model.keras"
# A model may have this many weights that no file holds, such as states of random numbers.
_UNSAVED_VALUES = 1 << 20
# The windows of a model without a ``WindowedInput`` ride in ``metadata.json``, which Keras writes
# and does not read. One more file in the archive would make Keras unpack all of it at every load.
KEY = "keras_ts"
_LAYER = "keras_ts>WindowedInput"
_FIELDS = tuple(field.name for field in fields(Carried))


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,  # noqa: A002 - Keras's name
    safe_mode: bool = True,
) -> keras.Model:
    """Load a model as ``keras.saving.load_model`` does, with short errors that say what to do.

    Window settings that ``keras_ts.save_model`` put into the file's metadata stay with the model,
    and go into the next file that ``keras_ts.save_model`` writes.

    Example:

    >>> import tempfile
    >>> from keras_ts import RecurrentPreset, load_model, save_model
    >>> model = RecurrentPreset(units=(4,)).build(window=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, folder + "/model.keras")
    ...     load_model(folder + "/model.keras").output_shape
    (None, 1)

    Args:
        filepath: A ``.keras`` or ``.h5`` file, a folder that ``save_model`` wrote, or anything else
            that Keras loads from.
        custom_objects: Classes and functions by the names that the file gives them, where
            they are not registered with Keras.
        compile: True to compile the model, if the saved model was. Defaults to True.
        safe_mode: True to refuse a ``Lambda``, which would run code from the file. Defaults to
            True.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: ``filepath`` is not a str or a Path, or ``custom_objects`` is not a dict.
        ValueError: The file cannot be loaded; the message says why, and what to do.
    """
    path = located(path_text("filepath", filepath))
    _checks.instance("custom_objects", custom_objects, Mapping | None)
    if (Path(path).is_dir() and not _is_saved_model(path)) or "://" in path:
        # Only Keras reads unpacked models, checkpoints and remote places.
        try:
            return keras.saving.load_model(filepath, custom_objects, compile, safe_mode)
        except Exception as error:
            kind = "is a folder, and" if Path(path).is_dir() else "could not be loaded:"
            raise ValueError(f"{path!r} {kind} Keras says: {short(error)}") from None
    config, metadata = look_through(path)
    carried = carried_in(config, metadata, path)
    masks_pass = masks_counted_on(metadata)
    with unwarned_of_masks(masks_pass):
        refuse_too_many_weights(config, path, custom_objects)
        try:
            model = keras.saving.load_model(path, custom_objects, compile, safe_mode)
        except Exception as error:
            version = metadata.get("keras_version")
            raise ValueError(explain(path, error, config, version, custom_objects)) from None
    if masks_pass:
        pass_masks_on(model)
    remember(model, carried)
    return model


def load_windows(filepath: str | os.PathLike[str]) -> WindowedSeries:
    """Return the window settings of the model in a file, without building the model.

    The settings are in the model's ``WindowedInput`` or, without one, in the file's metadata, where
    ``save_model`` put them.

    Example:

    >>> import tempfile
    >>> from keras_ts import RecurrentPreset, WindowedSeries, load_windows, save_model
    >>> windows = WindowedSeries(20, horizon=7, shuffle=True, seed=1)
    >>> model = RecurrentPreset(units=(4,)).build(window=20, outputs=7)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, folder + "/model.keras", windows=windows)
    ...     load_windows(folder + "/model.keras") == windows
    True

    Args:
        filepath: The file, or a folder that ``save_model`` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: ``filepath`` is not a str or a Path.
        ValueError: The file is neither a ``.keras`` nor an ``.h5`` file, or holds no windows or
            invalid ones.
    """
    return load_carried(filepath).windows


def load_carried(filepath: str | os.PathLike[str]) -> Carried:
    """Return the windows in a file, with the columns, frequency and scorecard beside them."""
    path = located_file(path_text("filepath", filepath))
    carried = carried_in(*look_through(path, to_load=False), path)
    if carried is None:
        raise ValueError(
            f"{path!r} holds no windows. Put a keras_ts.WindowedInput into the model, or the "
            "windows into the file: keras_ts.save_model(model, filepath, windows=...)."
        )
    return carried


def located(path: str) -> str:
    """Return the path of the model in a folder that ``save_model`` wrote, or ``path`` itself."""
    inside = Path(path) / IN_FOLDER
    return str(inside) if inside.is_file() else path


def located_file(path: str) -> str:
    """Return ``located(path)``, or refuse a folder without a model."""
    place = located(path)
    if Path(place).is_dir():
        raise FileNotFoundError(
            f"{path!r}: the folder holds no {IN_FOLDER}. Name the file of a model, or a folder "
            "that save_model wrote."
        )
    return place


def _is_saved_model(path: str) -> bool:
    """Return True if a path is the folder of a SavedModel, as tf.keras wrote by default."""
    return (Path(path) / "saved_model.pb").exists()


def refuse_too_many_weights(
    config: dict[str, Any], path: str, custom_objects: dict[str, Any] | None
) -> None:
    """Refuse a model of far more weights than the file can hold, before any takes memory."""
    # A config of a few bytes can ask for a billion weights. In a file, each takes at least a byte.
    objects: dict[str, Any] = {}
    if path.endswith(HDF5):
        size = Path(path).stat().st_size
        # The config in an ``.h5`` file names classes without their modules.
        objects = {**vars(keras.layers), "Functional": keras.Model, "Sequential": keras.Sequential}
    else:
        with archive.opened(path) as opened:
            size = sum(info.file_size for info in opened.infolist())

    def build() -> None:
        copied = copy.deepcopy(config) | {"compile_config": None}  # Keras changes what it reads.
        for _, value in walk(copied):
            if isinstance(value, dict) and value.get("stateful"):
                value["stateful"] = False  # States would take memory at once.
        keras.saving.deserialize_keras_object(copied, objects | (custom_objects or {}))

    drawn = random.getstate()  # Initializers draw their seeds.
    try:
        values = _keras_private.values_asked_for(build)
    finally:
        random.setstate(drawn)
    if values > size + _UNSAVED_VALUES:
        raise ValueError(
            f"{path!r} is refused: its model would have {values:,} weights, and the file holds "
            f"{size:,} bytes. If you made it yourself, keras.saving.load_model takes it."
        )


def look_through(path: str, to_load: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check a file, also its name and weights if ``to_load``; return its config and metadata."""
    if path.endswith(HDF5):
        return archive.check_hdf5(path)
    if _is_saved_model(path):
        raise ValueError(f"{path!r} {_SAVED_MODEL}")
    if to_load and not path.endswith(".keras"):
        raise ValueError(
            f"{path!r}: Keras loads files whose names end in .keras or .h5. Rename a file of that "
            "kind."
        )
    with archive.opened(path) as opened:
        config = archive.read_json(opened, archive.CONFIG)
        metadata = archive.read_json(opened, archive.METADATA)
        for name in opened.namelist() if to_load else ():
            content = archive.read(opened, name)
            if name == archive.WEIGHTS:
                archive.check_weights(content, f"{path!r}: {name}")
    return config, metadata


def carried_in(config: dict[str, Any], metadata: dict[str, Any], path: str) -> Carried | None:
    """Return what the file at ``path`` carries in a layer, or else in its metadata, or None."""
    places = [
        entry["config"]
        for place, entry in entries(config)
        if title(entry) == _LAYER and not place.part
    ]
    if not places:
        ours = metadata.get(KEY)
        if ours is None:
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


# Up to Keras 3.15, recurrent layers pass masks on. In Keras's master (3.16) a mask ends at the
# first of these layers, with a warning. Files of functional models keep their forecasts, since they
# name the mask of each layer as an argument. A ``Sequential``, and a model that is called with a
# mask, would forecast differently, and a loss that reads the mask of the outputs would change. So
# ``load_model`` makes the layers of older files pass masks on, and ``save_model`` notes this in the
# metadata, since no config holds it.
MASKS_MARK = {"keras_ts_passes_masks": True}
_LAST = (3, 15)
_PASSED = (keras.layers.RNN, keras.layers.Bidirectional, keras.layers.TimeDistributed)


def masks_counted_on(metadata: dict[str, Any]) -> bool:
    """Return True if a file's layers passed masks on, and those of this Keras do not."""
    version = re.match(r"(\d{1,4})\.(\d{1,4})", str(metadata.get("keras_version")))
    old = version is not None and tuple(map(int, version.groups())) <= _LAST
    return (old or MASKS_MARK.items() <= metadata.items()) and not _passes_by_itself()


@contextlib.contextmanager
def unwarned_of_masks(masks_pass: bool) -> Iterator[None]:
    """If ``masks_pass``, hide Keras's warnings that layers do not pass masks on."""
    if not masks_pass:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* does not support masking")
        yield


def pass_masks_on(model: keras.Model) -> None:
    """Let the recurrent layers of a model pass masks on."""
    for layer in _keras_private.layers_within(model, _PASSED):
        layer.supports_masking = True


def masks_passed_on(model: keras.Model) -> bool:
    """Return True if the recurrent layers of a model were set to pass masks on."""
    passing = [layer.supports_masking for layer in _keras_private.layers_within(model, _PASSED)]
    return bool(passing) and all(passing) and not _passes_by_itself()


def _passes_by_itself() -> bool:
    """Return True if the recurrent layers of this Keras pass masks on, as they do up to 3.15."""
    # Without a name, the probe would change the numbers in Keras's names of later layers.
    probe = keras.layers.TimeDistributed(keras.layers.Identity(name="probe"), name="probe")
    return bool(probe.supports_masking)
