"""Sets an optimizer's rate while a sweep runs, and reads how many batches it has seen."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ts import _keras_private


class _SweptRates(keras.optimizers.schedules.LearningRateSchedule):
    """The rates of a sweep, each for ``held`` batches, for an optimizer that takes a schedule."""

    def __init__(self, rates: Sequence[float], held: int, begin: int) -> None:
        super().__init__()
        self._rates, self._held, self._begin = np.array(rates, "float32"), held, begin

    def __call__(self, step: Any) -> Any:
        number = ops.floor_divide(ops.cast(step, "int32") - self._begin, self._held)
        last = len(self._rates) - 1
        return ops.take(ops.convert_to_tensor(self._rates), ops.clip(number, 0, last))


class HeldRate:
    """Sets the rate of a model's optimizer; a schedule or function that sets it is put aside."""

    def __init__(self, model: keras.Model, rates: Sequence[float], held: int) -> None:
        self._model, self._rates, self._held = model, rates, held
        self._schedule = _keras_private.schedule_of(inner(model.optimizer))

    def set(self, number: int) -> None:
        """Set the rate of this number for the batches that follow."""
        optimizer, rate = self._model.optimizer, self._rates[number]
        if self._schedule is None:
            # On JAX, Keras reads a new rate at the start of an epoch, or after a callback has read
            # its ``self.model``, as the sweep does before each batch.
            optimizer.learning_rate = rate
            return
        schedule = _keras_private.schedule_of(inner(optimizer))
        swept = isinstance(schedule, _SweptRates)
        if not swept or float(optimizer.learning_rate) != np.float32(rate):
            # The optimizer does not count a batch whose gradients are not finite, so the count at
            # which the first rate began may have to be set anew.
            begin = batches_seen(optimizer) - number * self._held
            inner(optimizer).learning_rate = _SweptRates(self._rates, self._held, begin)
            self._compile_again()

    def release(self) -> None:
        """Put the schedule back, if there was one."""
        if self._schedule is not None:
            inner(self._model.optimizer).learning_rate = self._schedule
            self._compile_again()

    def _compile_again(self) -> None:
        # Keras may have compiled the training step with the schedule in it.
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
