"""The optimizer's rate, which can be set from outside for as long as a sweep runs."""

import contextlib
from typing import Any

import keras

from keras_ts import _keras_private


class HeldRate:
    """Holds the rate of a model's optimizer, also where a schedule or a function sets it."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._schedule = _keras_private.schedule_of(inner(model.optimizer))
        if self._schedule is not None:
            with variable_scope(model):
                _keras_private.set_aside_schedule(inner(model.optimizer))
            # What was traced has the schedule in it.
            model.make_train_function(force=True)

    def set(self, rate: float) -> None:
        """Set the rate for the batches that follow."""
        # On JAX Keras reads it anew for a batch that a callback's ``model`` was asked for
        # since the last one, or that an epoch begins with.
        self._model.optimizer.learning_rate = rate

    def release(self) -> None:
        """Put the schedule back, if there was one."""
        if self._schedule is not None:
            inner(self._model.optimizer).learning_rate = self._schedule
            self._model.make_train_function(force=True)


def inner(optimizer: Any) -> Any:
    """The optimizer that makes the updates, inside the one that scales the loss."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def accumulation(optimizer: Any) -> int:
    """How many batches go into an update."""
    return getattr(inner(optimizer), "gradient_accumulation_steps", None) or 1


def batches_seen(optimizer: Any) -> int:
    """How many batches a built optimizer has seen."""
    # Its first variable. The property ``iterations`` counts updates instead.
    return int(keras.ops.convert_to_numpy(inner(optimizer).variables[0]))


def variable_scope(model: keras.Model) -> Any:
    """Where to make variables that go with a model's: under its distribution strategy."""
    strategy = getattr(model, "distribute_strategy", None)
    return strategy.scope() if strategy is not None else contextlib.nullcontext()
