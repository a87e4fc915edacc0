"""The private parts of Keras that keras_ts uses; no other file touches any.

Each has a test in ``tests/test_keras_private.py`` that notices when Keras changes it.
"""

import contextlib
import math
from typing import Any

import keras

try:
    from keras.src.backend.common import global_state
except ImportError:  # pragma: no cover - a future Keras: its generator is left as it is
    global_state = None

try:
    from keras.src.backend import get_keras_mask
except ImportError:  # pragma: no cover - a future Keras: its losses see no masks
    get_keras_mask = None

_SEED_GENERATOR = "global_seed_generator"


def global_seed_generator() -> Any:
    """Return Keras's generator for draws without a seed, or None before the first such draw."""
    # A sweep must put its state back, which ``model.variables`` lacks.
    return global_state and global_state.get_global_attribute(_SEED_GENERATOR)


def set_global_seed_generator(generator: Any) -> None:
    """Put back what ``global_seed_generator`` returned."""
    if global_state:
        global_state.set_global_attribute(_SEED_GENERATOR, generator)


def schedule_of(optimizer: Any) -> Any:
    """Return the schedule or function that sets an optimizer's rate, or None for a plain rate."""
    # The public ``learning_rate`` gives the current rate of a schedule.
    rate = optimizer._learning_rate
    return None if isinstance(rate, keras.Variable) else rate


def values_asked_for(build: Any) -> int:
    """Count the values of all weights that ``build`` would make, without making any."""
    # Under a ``StatelessScope`` Keras lists variables without a value, to give them one later. If
    # ``build`` fails, those listed until then are counted.
    if global_state is None:  # pragma: no cover
        return 0
    with keras.StatelessScope(initialize_variables=False), contextlib.suppress(Exception):
        build()
    made = global_state.get_global_attribute("uninitialized_variables") or []
    global_state.set_global_attribute("uninitialized_variables", [])
    return sum(math.prod(variable.shape) for variable in made)


def mask_of(tensor: Any) -> Any:
    """Return the mask that Keras keeps with a layer's output, or None."""
    return None if get_keras_mask is None else get_keras_mask(tensor)


def made_by(tensor: Any) -> tuple[Any, list[Any]]:
    """Return the layer or model whose call made a symbolic tensor, and what it was called on."""
    # A layer's own ``input`` is that of its first call, which another model may have made.
    operation, node, _ = tensor._keras_history
    return operation, list(operation._inbound_nodes[node].input_tensors)


def serialized_loss(loss: Any) -> dict[str, Any]:
    """Return a loss as a file has it, with the ``delta`` that Keras's ``Huber`` leaves out."""
    entry: dict[str, Any] = keras.losses.serialize(loss)
    if isinstance(loss, keras.losses.Huber):
        entry["config"] = {**getattr(loss, "_fn_kwargs", {}), **entry["config"]}
    return entry


def layers_within(model: keras.Model, kind: Any = keras.layers.Layer) -> list[Any]:
    """Return a model and all its layers, also those inside other layers, of some kind."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]
