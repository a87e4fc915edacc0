"""The one place that touches what Keras does not promise to keep.

``fit(dataset)`` shuffles the batches of a ``PyDataset`` with Python's global ``random``
unless told ``shuffle=False``, so the order of training would depend on whatever else drew
from it. Keras (3.12.4 to 3.15.1) asks an object that is itself a ``DataAdapter`` for its
batches and leaves their order alone. ``tests/test_package.py`` notices when that
changes; then datasets fall back to being plain PyDatasets, right in all but that order.

A sweep sets an optimizer's rate, which Keras refuses where a schedule sets it: a schedule
steps aside for a plain variable here and is put back through the public setter. And random
numbers drawn without a seed come from a generator of Keras's own, which a sweep must put
back with the rest; so it must the states of stateful recurrent layers, wherever they lie, which
Keras counts among no model's variables. ``tests/sweep/test_modes.py`` notices when that changes.
"""

from typing import Any

import keras

try:
    from keras.src.trainers.data_adapters.data_adapter import DataAdapter
except ImportError:  # pragma: no cover - a future Keras

    class DataAdapter:  # type: ignore[no-redef]
        """Stands in where Keras has moved its own."""


try:
    from keras.src.backend.common import global_state
except ImportError:  # pragma: no cover - a future Keras: its generator is left as it is
    global_state = None

_SEED_GENERATOR = "global_seed_generator"


def schedule_of(optimizer: Any) -> Any:
    """The schedule, or other callable, that sets an optimizer's rate; None for a plain rate."""
    rate = optimizer._learning_rate
    return None if isinstance(rate, keras.Variable) else rate


def set_aside_schedule(optimizer: Any) -> None:
    """Give an optimizer a rate that can be set, until a schedule is assigned to it again."""
    # Tracked by being assigned, and let go of by the public setter.
    optimizer._learning_rate = keras.Variable(
        0.0, dtype="float32", trainable=False, name="learning_rate"
    )


def global_seed_generator() -> Any:
    """Keras's generator for draws without a seed, or None before the first of them."""
    return global_state and global_state.get_global_attribute(_SEED_GENERATOR)


def set_global_seed_generator(generator: Any) -> None:
    """Put back what ``global_seed_generator`` returned."""
    if global_state:
        global_state.set_global_attribute(_SEED_GENERATOR, generator)


def layers_within(model: keras.Model) -> list[Any]:
    """A model and its layers, also those inside other layers."""
    return list(model._flatten_layers())


__all__ = [
    "DataAdapter",
    "global_seed_generator",
    "layers_within",
    "schedule_of",
    "set_aside_schedule",
    "set_global_seed_generator",
]
