"""Sets an optimizer's rate from outside for as long as a sweep runs, and reads its counters."""

import contextlib
from typing import Any

import keras

from keras_ts import _keras_private


class HeldRate:
    """Sets the rate of an optimizer, and sets aside a schedule or function that would set it."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._schedule = _keras_private.schedule_of(inner(model.optimizer))
        if self._schedule is not None:
            with variable_scope(model):
                _keras_private.set_aside_schedule(inner(model.optimizer))
            # The training function was traced with the schedule in it.
            model.make_train_function(force=True)

    def set(self, rate: float) -> None:
        """Set the rate for the batches that follow."""
        # On JAX, Keras re-reads the rate at the start of an epoch, and after a callback has
        # touched ``self.model``.
        self._model.optimizer.learning_rate = rate

    def release(self) -> None:
        """Put the schedule back, if there was one."""
        if self._schedule is not None:
            inner(self._model.optimizer).learning_rate = self._schedule
            self._model.make_train_function(force=True)


def inner(optimizer: Any) -> Any:
    """Return the optimizer that makes the updates, which a loss-scaling optimizer may wrap."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def accumulation(optimizer: Any) -> int:
    """Return how many batches go into an update."""
    return getattr(inner(optimizer), "gradient_accumulation_steps", None) or 1


def batches_seen(optimizer: Any) -> int:
    """Return how many batches a built optimizer has seen."""
    # The first variable counts batches; the property ``iterations`` counts updates.
    return int(keras.ops.convert_to_numpy(inner(optimizer).variables[0]))


def variable_scope(model: keras.Model) -> Any:
    """Return the scope of the model's strategy, which puts new variables beside the model's."""
    strategy = getattr(model, "distribute_strategy", None)
    return strategy.scope() if strategy is not None else contextlib.nullcontext()
