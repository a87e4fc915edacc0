"""Uses the private parts of Keras that keras_ts needs; no other file touches any.

``fit(dataset)`` shuffles the batches of a ``PyDataset`` with Python's global ``random``, unless it
gets ``shuffle=False``; the order of training would then depend on everything else that draws from
``random``. From an object that is itself a ``DataAdapter``, Keras (3.12.4 to 3.15.1) takes batches
in the object's own order. ``tests/test_package.py`` notices when that changes; datasets then fall
back to plain PyDatasets, which differ only in that order.

A sweep sets an optimizer's rate, which Keras refuses if a schedule sets it. So a plain variable
takes the place of the schedule during a sweep, and the public setter puts the schedule back. A
sweep must also put back two states that ``model.variables`` leaves out: that of Keras's generator
for draws without a seed, and those of stateful recurrent layers.
``tests/sweep/test_optimizer_access.py`` and ``tests/sweep/test_snapshot.py`` notice when that
changes.

Keras asks an adapter for its length, and calls ``on_epoch_end``, on three occasions: when a run
begins, when a run goes back to the start, and when an epoch ends. People call the same methods.
Only the method of Keras's ``EpochIterator`` that makes the call tells these apart;
``tests/windows/feeding/test_progress.py`` notices when that changes. Keras's JAX trainer reads one
batch ahead on accelerators, which a count of the batches trained on must leave out.

Keras calls no callback when an exception ends a fit. Only the stack shows whether a fit still
runs: it then holds a frame of a method ``fit`` whose ``self`` is the model.
``tests/sweep/test_callback.py`` notices when that changes; then a sweep says "interrupted" while it
runs.

Keras silently ignores ``y``, ``sample_weight``, ``class_weight`` and ``batch_size`` if the data is
an adapter. Here these arguments are read from the frame of the Keras method that asks the adapter
for its length, so that the adapter can refuse them.
``tests/windows/feeding/test_keras_adapter.py`` notices when that changes.

Keras does not tell a dataset which epoch a fit begins with, or what a callback has restored. The
frame of ``fit`` shows both. A resumed epoch is shorter than the length that Keras has asked for,
since its first batches were trained on before; so the length of each epoch is set in Keras's
``EpochIterator``. A ``BackupAndRestore`` that saves every ``n`` batches forgets the epoch that it
has restored, and after the last batch of an epoch it saves that epoch as not finished. Both are
corrected here.
``tests/windows/feeding/test_fits.py`` notices when that changes.

Keras keeps the mask of an output with the tensor, in a way that depends on the backend, and
multiplies losses by it. A loss that handles masks itself must read that mask;
``tests/test_losses.py`` notices when that changes.

A symbolic tensor knows the call that made it. ``calibrate`` reads there what the last layer of a
model was called on; a layer's own ``input`` is that of its first call, which another model may
have made. ``tests/evaluation/test_calibrate.py`` notices when that changes.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras

try:
    from keras.src.trainers.data_adapters.data_adapter import DataAdapter
except ImportError:  # pragma: no cover - a future Keras

    class DataAdapter:  # type: ignore[no-redef]
        """Stands in for Keras's class if that has moved."""


try:
    from keras.src.trainers.epoch_iterator import EpochIterator
except ImportError:  # pragma: no cover - a future Keras: what it ignores is not refused
    EpochIterator = None

try:
    from keras.src.backend.common import global_state
except ImportError:  # pragma: no cover - a future Keras: its generator is left as it is
    global_state = None

try:
    # This function also looks in cloud storage, where backups may lie.
    from keras.src.utils.file_utils import exists as _exists
except ImportError:  # pragma: no cover - a future Keras

    def _exists(path: str) -> bool:
        return Path(path).exists()


try:
    from keras.src.backend import get_keras_mask, set_keras_mask
except ImportError:  # pragma: no cover - a future Keras
    get_keras_mask = set_keras_mask = None

_SEED_GENERATOR = "global_seed_generator"


def epoch_iterator_calling() -> str | None:
    """Return the name of the ``EpochIterator`` method that called the caller, or None."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("keras."):
        if EpochIterator is None or isinstance(frame.f_locals.get("self"), EpochIterator):
            return str(frame.f_code.co_name)
        frame = frame.f_back
    return None


def feeds_from(dataset: Any) -> bool:
    """Return True if a fit, evaluation or prediction in this thread reads ``dataset``."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("keras."):
            running = frame.f_locals.get("epoch_iterator")
            if getattr(running, "data_adapter", None) is dataset:
                return True
        frame = frame.f_back
    return False


def batches_read_ahead() -> int:
    """Return how many batches Keras's JAX trainer reads ahead of the one that it trains on."""
    import jax
    from keras.src.backend.jax import trainer

    # Keras 3.12 lacks this method. It reads ahead only if ``builtin_prefetch`` of the adapter is
    # False, and that of our datasets is True.
    looks_ahead = hasattr(trainer.JAXEpochIterator, "_one_batch_ahead_iterator")
    undistributed = keras.distribution.distribution() is None
    return int(looks_ahead and undistributed and jax.default_backend() != "cpu")


def data_arguments(dataset: Any) -> dict[str, Any]:
    """Return the arguments that ``fit``, ``evaluate`` or ``predict`` got besides ``dataset``.

    Call it while Keras asks the dataset for its length; at any other time it returns none.
    ``batch_size`` is left out for a validation set, since it is meant for the training data.
    """
    frame: Any = sys._getframe(2)
    if EpochIterator is None or frame.f_code is not EpochIterator.__init__.__code__:
        return {}
    arguments = dict(frame.f_locals)
    # TensorFlow's iterator is a subclass, whose own __init__ is one more frame.
    caller = frame.f_back
    while caller is not None and caller.f_code.co_name == "__init__":
        caller = caller.f_back
    if caller is None or caller.f_locals.get("x") is not dataset:
        arguments.pop("batch_size", None)
    return arguments


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


def has_own_step(model: keras.Model) -> bool:
    """Return True if a model computes its loss by a method of its own."""
    steps = ("train_step", "test_step", "compute_loss")
    return any(getattr(type(model), name) is not getattr(keras.Model, name) for name in steps)


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
        os.replace(written, path)


def _nothing() -> None:
    pass


@contextmanager
def undistributed() -> Iterator[None]:
    """Let this process do alone what Keras would do together with others.

    Keras makes objects to compare with while it saves a model. Under a distribution all processes
    would have to make their variables at the same time.
    """
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


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


def schedule_of(optimizer: Any) -> Any:
    """Return the schedule or function that sets an optimizer's rate, or None for a plain rate."""
    rate = optimizer._learning_rate
    return None if isinstance(rate, keras.Variable) else rate


def set_aside_schedule(optimizer: Any) -> None:
    """Replace an optimizer's schedule by a rate that can be set, until one is assigned again."""
    # The assignment lets Keras track the variable; the public setter later ends that.
    optimizer._learning_rate = keras.Variable(
        0.0, dtype="float32", trainable=False, name="learning_rate"
    )


def global_seed_generator() -> Any:
    """Return Keras's generator for draws without a seed, or None before the first such draw."""
    return global_state and global_state.get_global_attribute(_SEED_GENERATOR)


def set_global_seed_generator(generator: Any) -> None:
    """Put back what ``global_seed_generator`` returned."""
    if global_state:
        global_state.set_global_attribute(_SEED_GENERATOR, generator)


def mask_of(tensor: Any) -> Any:
    """Return the mask that Keras keeps with a layer's output, or None."""
    if get_keras_mask is None:  # pragma: no cover - a future Keras
        return getattr(tensor, "_keras_mask", None)
    return get_keras_mask(tensor)


def made_by(tensor: Any) -> tuple[Any, list[Any]]:
    """Return the layer or model whose call made a symbolic tensor, and what it was called on."""
    operation, node, _ = tensor._keras_history
    return operation, list(operation._inbound_nodes[node].input_tensors)


def with_mask(tensor: Any, mask: Any) -> Any:
    """Return the tensor, with a mask as Keras keeps it with a layer's output."""
    if set_keras_mask is None:  # pragma: no cover - a future Keras
        tensor._keras_mask = mask
    else:
        set_keras_mask(tensor, mask)
    return tensor


def serialized_loss(loss: Any) -> dict[str, Any]:
    """Return a loss as a file has it, with the ``delta`` that Keras's ``Huber`` leaves out."""
    entry: dict[str, Any] = keras.losses.serialize(loss)
    if isinstance(loss, keras.losses.Huber):
        settings = getattr(loss, "_fn_kwargs", {})
        entry["config"] = {**settings, **entry["config"]}
    return entry


def layers_within(model: keras.Model) -> list[Any]:
    """Return a model and all its layers, also those inside other layers."""
    return list(model._flatten_layers())


__all__ = [
    "DataAdapter",
    "Fit",
    "Loop",
    "add_callback",
    "backup_paths",
    "batches_read_ahead",
    "begin_backups",
    "data_arguments",
    "epoch_iterator_calling",
    "feeds_from",
    "finish_backups",
    "fit_beginning",
    "fit_in_epoch",
    "global_seed_generator",
    "has_own_step",
    "layers_within",
    "loop_reading",
    "made_by",
    "mask_of",
    "method_calling",
    "restored_backup",
    "schedule_of",
    "serialized_loss",
    "set_aside_schedule",
    "share_backups",
    "set_global_seed_generator",
    "tell_length",
    "undistributed",
    "updates_of",
    "with_mask",
]


def is_fitting(model: keras.Model) -> bool:
    """Return True if a fit of ``model`` runs, in any thread."""
    for frame in list(sys._current_frames().values()):
        caller: Any = frame
        while caller is not None:
            if caller.f_code.co_name == "fit" and caller.f_locals.get("self") is model:
                return True
            caller = caller.f_back
    return False
