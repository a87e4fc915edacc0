"""Finds the fit that reads a dataset, and uses the private parts of it that keras_ts needs.

Keras does not tell a dataset which epoch a fit begins with, or what a callback has restored. The
frame of ``fit`` shows both. A resumed epoch is shorter than the length that Keras has asked for,
since its first batches were trained on before; so the length of each epoch is set in Keras's
``EpochIterator``. A ``BackupAndRestore`` that saves every ``n`` batches forgets the epoch that it
has restored, and after the last batch of an epoch it saves that epoch as not finished. Both are
corrected here.
``tests/windows/feeding/test_fits.py`` notices when that changes.

Keras weighs the batches of an epoch by their rows. A callback that weighs a filled one anew joins
those of a running fit; ``tests/windows/feeding/test_filled_batch.py`` notices when that changes.

A ``BackupAndRestore`` saves in every process of a run, each over the files of the others. Here it
saves in one of them. ``examples/workers/jax_processes.py`` notices when that changes.
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras

from keras_ts._models import undistributed

try:
    # This function also looks in cloud storage, where backups may lie.
    from keras.src.utils.file_utils import exists as _exists
except ImportError:  # pragma: no cover - a future Keras

    def _exists(path: str) -> bool:
        return Path(path).exists()


@dataclass(frozen=True)
class Fit:
    """The state of a running ``fit`` that reads a dataset.

    Attributes:
        model: The model.
        epoch: The current epoch, or the first one before it has begun.
        epochs: The number of the epoch before which the fit ends.
        steps_per_epoch: Number of batches in an epoch; None: as many as the dataset has.
        callbacks: The callbacks.
        validates: True if the dataset is the validation set, too.
        iterator: Keras's ``EpochIterator``, or None before Keras has made it.
    """

    model: keras.Model
    epoch: int
    epochs: int
    steps_per_epoch: int | None
    callbacks: list[Any]
    validates: bool
    iterator: Any


def fit_beginning(dataset: Any) -> Fit | None:
    """Return the fit that asks ``dataset`` for its length as it begins, or None."""
    variables = _locals_of_fit()
    if variables.get("x") is not dataset or "epoch_iterator" in variables:
        return None
    return _fit(variables, variables["initial_epoch"], dataset)


def fit_in_epoch(dataset: Any) -> Fit | None:
    """Return the fit that begins or ends an epoch of ``dataset``, or None."""
    variables = _locals_of_fit()
    # Keras reads the batch that builds a model before the first epoch begins.
    if "epoch" not in variables or variables["epoch_iterator"].data_adapter is not dataset:
        return None
    return _fit(variables, variables["epoch"], dataset)


def method_calling() -> tuple[str, keras.Model | None]:
    """Return the name of the ``fit``, ``evaluate`` or ``predict`` that calls, and its model."""
    frame = _frame_of_method()
    return ("", None) if frame is None else (frame.f_code.co_name, frame.f_locals.get("self"))


@dataclass(frozen=True)
class Loop:
    """A running ``fit`` or ``evaluate``.

    Attributes:
        method: "fit" or "evaluate".
        model: The model.
        callbacks: Keras's list of its callbacks.
        steps: Number of steps in an epoch; None: as many as the dataset has batches.
    """

    method: str
    model: keras.Model
    callbacks: Any
    steps: int | None


def loop_reading(dataset: Any) -> Loop | None:
    """Return the fit or evaluation that begins an epoch of ``dataset``, or None."""
    frame = _frame_of_method()
    variables = {} if frame is None else frame.f_locals
    reads = getattr(variables.get("epoch_iterator"), "data_adapter", None) is dataset
    # Keras reads the batch that builds a model before it makes the list.
    callbacks = variables.get("callbacks")
    if not reads or not isinstance(callbacks, keras.callbacks.CallbackList):
        return None
    steps = variables.get("steps_per_epoch", variables.get("steps"))
    return Loop(frame.f_code.co_name, variables["self"], callbacks, steps)


def add_callback(loop: Loop, callback: keras.callbacks.Callback) -> None:
    """Add a callback to a running fit or evaluation, in the same thread as the training."""
    callback.set_model(loop.model)
    loop.callbacks.callbacks.append(callback)
    loop.callbacks._async_train = loop.callbacks._async_test = False


def _locals_of_fit() -> dict[str, Any]:
    """Return the local variables of the calling ``fit``, or none for another method of Keras."""
    frame = _frame_of_method()
    return dict(frame.f_locals) if frame is not None and frame.f_code.co_name == "fit" else {}


def _frame_of_method() -> Any:
    """Return the frame of the ``fit``, ``evaluate`` or ``predict`` that calls, or None."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("keras"):
        if frame.f_code.co_name in ("fit", "evaluate", "predict"):
            return frame
        frame = frame.f_back
    return None


def _fit(variables: dict[str, Any], epoch: int, dataset: Any) -> Fit:
    callbacks = variables["callbacks"]
    return Fit(
        model=variables["self"],
        epoch=epoch,
        epochs=variables["epochs"],
        steps_per_epoch=variables["steps_per_epoch"],
        callbacks=keras.tree.flatten(getattr(callbacks, "callbacks", callbacks)),
        validates=variables.get("val_x") is dataset,
        iterator=variables.get("epoch_iterator"),
    )


def tell_length(iterator: Any, batches: int) -> bool:
    """Set the length of the next epoch in an ``EpochIterator``; return False if that fails."""
    takes_length = hasattr(iterator, "_num_batches")
    if takes_length:
        iterator._num_batches = batches
    return takes_length


def updates_of(optimizer: Any) -> int:
    """Return the count from which an optimizer's schedule computes the rate."""
    # It counts batches. The public ``iterations`` counts updates, of several batches under gradient
    # accumulation.
    return int(keras.ops.convert_to_numpy(optimizer._iterations))


def restored_backup(fit: Fit) -> Any:
    """Return the ``BackupAndRestore`` whose backup a fit was resumed from, or None.

    Call it before the first batch, when only an earlier fit can have saved a backup.
    """
    restored = [callback for callback in _backups(fit) if _exists(callback._weights_path)]
    return restored[-1] if restored else None


def backup_paths(fit: Fit) -> list[str]:
    """Return the paths of the backups that a fit saves."""
    return [callback._weights_path for callback in _backups(fit)]


def share_backups(fit: Fit, first: bool) -> None:
    """Let one of several processes save and delete the backups of a fit, which all restore.

    Args:
        fit: The fit.
        first: True in the process that saves.
    """
    for callback in _backups(fit):
        callback._save_model = partial(_save_alone, type(callback), callback) if first else _nothing
        callback.delete_checkpoint = callback.delete_checkpoint and first


def _save_alone(kind: Any, callback: Any) -> None:
    """Save a backup in this process, so that a file is whole whenever a process is killed."""
    if keras.backend.backend() == "jax":
        import jax

        # JAX computes behind the program's back: if another process dies, that shows here, and not
        # while a file is half written.
        jax.block_until_ready([variable.value for variable in callback.model.variables])
    paths = callback._weights_path, callback._training_metadata_path
    if "://" in paths[0]:  # In cloud storage a file appears once it is whole.
        with undistributed():
            kind._save_model(callback)
        return
    new = str(Path(paths[0]).with_name("new.weights.h5")), f"{paths[1]}.new"
    callback._weights_path, callback._training_metadata_path = new
    try:
        with undistributed():
            kind._save_model(callback)
    finally:
        callback._weights_path, callback._training_metadata_path = paths
    for written, path in zip(new, paths, strict=True):
        Path(written).replace(path)


def _nothing() -> None:
    pass


def begin_backups(fit: Fit) -> None:
    """Let the backups of a fit save the epoch that begins, also if that was restored."""
    for callback in _backups(fit):
        callback._current_epoch = fit.epoch


def finish_backups(fit: Fit) -> None:
    """Save a backup that the last batch of an epoch made again, with the next epoch in it."""
    for callback in _backups(fit):
        if callback.save_freq != "epoch" and not callback._batches_seen_since_last_saving:
            callback._current_epoch = fit.epoch + 1
            callback._save_model()


def _backups(fit: Fit) -> list[Any]:
    """Return the callbacks that save backups and have the attributes used here."""
    kind = keras.callbacks.BackupAndRestore
    kept = ("_weights_path", "_current_epoch", "_batches_seen_since_last_saving", "_save_model")
    return [
        callback
        for callback in fit.callbacks
        if isinstance(callback, kind) and all(hasattr(callback, name) for name in kept)
    ]
