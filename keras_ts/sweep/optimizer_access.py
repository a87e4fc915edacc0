"""Sets an optimizer's rate while a sweep runs, and reads how many batches it has seen."""

import contextlib
from typing import Any

import keras

from keras_ts import _keras_private


class HeldRate:
    """Sets the rate of a model's optimizer; a schedule or function that sets it is put aside."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._schedule = _keras_private.schedule_of(inner(model.optimizer))
        if self._schedule is not None:
            with variable_scope(model):
                _keras_private.set_aside_schedule(inner(model.optimizer))
            # Keras may have compiled the training step with the schedule in it.
            model.make_train_function(force=True)

    def set(self, rate: float) -> None:
        """Set the rate for the batches that follow."""
        # On JAX, Keras reads a new rate at the start of an epoch, or after a callback has read its
        # ``self.model``, as the sweep does before each batch.
        self._model.optimizer.learning_rate = rate

    def release(self) -> None:
        """Put the schedule back, if there was one."""
        if self._schedule is not None:
            inner(self._model.optimizer).learning_rate = self._schedule
            self._model.make_train_function(force=True)


def inner(optimizer: Any) -> Any:
    """Return the optimizer that updates the weights, without a ``LossScaleOptimizer`` around it."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def accumulation(optimizer: Any) -> int:
    """Return how many batches make one update of the weights."""
    return getattr(inner(optimizer), "gradient_accumulation_steps", None) or 1


def batches_seen(optimizer: Any) -> int:
    """Return how many batches a built optimizer has seen."""
    # The first variable counts batches; ``optimizer.iterations`` counts updates.
    return int(keras.ops.convert_to_numpy(inner(optimizer).variables[0]))


def variable_scope(model: keras.Model) -> Any:
    """Return the scope of the model's distribution strategy, in which variables must be created."""
    strategy = getattr(model, "distribute_strategy", None)
    return strategy.scope() if strategy is not None else contextlib.nullcontext()
