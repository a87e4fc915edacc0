"""Uses the private parts of Keras that keras_ts needs; beside ``_keras_fits`` no file touches any.

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

Keras keeps the mask of an output with the tensor, in a way that depends on the backend, and
multiplies losses by it. A loss that handles masks itself must read that mask;
``tests/test_losses.py`` notices when that changes.

Keras builds a model as its config says before it reads the weights, and so may run out of memory.
A build without weights tells how many there are; ``tests/saving/test_load.py`` notices when that
changes.

A symbolic tensor knows the call that made it. ``calibrate`` reads there what the last layer of a
model was called on; a layer's own ``input`` is that of its first call, which another model may
have made. ``tests/evaluation/test_calibrate.py`` notices when that changes.
"""

import contextlib
import math
import sys
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


def has_own_step(model: keras.Model) -> bool:
    """Return True if a model computes its loss by a method of its own."""
    steps = ("train_step", "test_step", "compute_loss")
    return any(getattr(type(model), name) is not getattr(keras.Model, name) for name in steps)


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


def values_asked_for(build: Any) -> int:
    """Return how many values the weights of what ``build`` makes hold, and make none of them.

    Under a ``StatelessScope`` Keras lists variables without a value, to give them one later. What
    was listed before ``build`` failed counts, too; 0 if a future Keras keeps no such list.
    """
    if global_state is None:  # pragma: no cover
        return 0
    with keras.StatelessScope(initialize_variables=False), contextlib.suppress(Exception):
        build()
    made = global_state.get_global_attribute("uninitialized_variables") or []
    global_state.set_global_attribute("uninitialized_variables", [])
    return sum(math.prod(variable.shape) for variable in made)


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
    "batches_read_ahead",
    "data_arguments",
    "epoch_iterator_calling",
    "feeds_from",
    "global_seed_generator",
    "has_own_step",
    "layers_within",
    "made_by",
    "mask_of",
    "schedule_of",
    "serialized_loss",
    "set_aside_schedule",
    "set_global_seed_generator",
    "values_asked_for",
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
