"""What a sweep does to a model: sets its rates, reads its losses, puts it back bit for bit."""

import math
import random
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ts import _keras_private
from keras_ts._backends import generator_states, set_generator_states
from keras_ts._models import check_model, value_of


def check_sweepable(model: keras.Model) -> None:
    """Refuse a model that cannot be swept, or could not be put back afterwards."""
    check_model(model)
    if not model.built or not model.trainable_variables:
        raise ValueError(
            "model must be built and have trainable weights: add keras.Input(shape) in front."
        )
    if model.steps_per_execution > 1:
        raise ValueError(
            "A sweep sets a rate for each batch: compile the model with steps_per_execution=1. "
            f"Received: steps_per_execution={model.steps_per_execution}."
        )


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


# Keras adds the loss of every batch to a mean, a metric named "loss". ``begin`` empties this mean;
# ``end`` reads the batch's loss, and puts the epoch's mean back. A ``train_step`` of one's own may
# keep the mean under another name: after the first batch, it is the one that equals the logged
# loss. If there is no mean, the logs hold the loss of each batch alone.
class SweptFit:
    """Sets the rates of a fit, and reads the mean loss of the batches that make an update."""

    def __init__(self, model: keras.Model, rates: list[float], held: int | None) -> None:
        # Without a known number of batches, a rate is held until the next is set.
        self._model, self.rates, self._held = model, rates, held or np.iinfo("int32").max
        self._schedule = _keras_private.schedule_of(inner(model.optimizer))
        # The last of the batches that the optimizer has seen may belong to an unfinished update.
        self._done = batches_seen(model.optimizer) % accumulation(model.optimizer)
        self._update = self._epoch = np.zeros(2)  # The sum of the losses, and their weight.
        self._mean, self._known = None, False

    def set_rate(self, number: int) -> None:
        """Set rate ``number``, in place of the schedule that the optimizer may have."""
        optimizer, rate = self._model.optimizer, self.rates[number]
        if self._schedule is None:
            optimizer.learning_rate = rate
            return
        swept = isinstance(_keras_private.schedule_of(inner(optimizer)), _SweptRates)
        if not swept or float(optimizer.learning_rate) != np.float32(rate):
            # A ``LossScaleOptimizer`` does not count a batch whose gradients are not finite, so the
            # rates may have to be counted anew.
            self._use(_SweptRates(self.rates[number:], self._held, batches_seen(optimizer)))

    def release(self) -> None:
        """Put the schedule back, if there was one."""
        if self._schedule is not None:
            self._use(self._schedule)

    def _use(self, schedule: Any) -> None:
        inner(self._model.optimizer).learning_rate = schedule
        # The compiled training step may hold another schedule.
        self._model.make_train_function(force=True)

    def begin(self, batch: int) -> None:
        """Empty Keras's mean before a batch."""
        if batch == 0:
            self._epoch = np.zeros(2)
        if self._mean is not None:
            self._mean.reset_state()

    def end(self, logs: Any) -> float | None:
        """Return the mean loss of the update that a batch completes, or None."""
        if not self._known:
            self._mean, self._known = _loss_mean(self._model, logs), True
        if self._mean is None:
            sums = np.array([logged_loss(logs), 1.0])
        else:
            sums = _read(self._mean)
            self._epoch = self._epoch + sums
            for variable, value in zip(self._mean.variables, self._epoch, strict=True):
                variable.assign(value)
        self._update = self._update + sums
        self._done += 1
        if self._done < accumulation(self._model.optimizer):
            return None
        (total, count), self._update, self._done = self._update.tolist(), np.zeros(2), 0
        return total / count if count else math.nan


class _SweptRates(keras.optimizers.schedules.LearningRateSchedule):
    """Gives each rate of a sweep for ``held`` batches, in place of an optimizer's schedule."""

    def __init__(self, rates: list[float], held: int, begin: int) -> None:
        super().__init__()
        self._rates, self._held, self._begin = np.array(rates, "float32"), held, begin

    def __call__(self, step: Any) -> Any:
        number = ops.floor_divide(ops.cast(step, "int32") - self._begin, self._held)
        last = len(self._rates) - 1
        return ops.take(ops.convert_to_tensor(self._rates), ops.clip(number, 0, last))


def logged_loss(logs: Any) -> float:
    """Return the loss in the logs of a batch or an epoch."""
    if "loss" not in (logs or {}):
        raise ValueError(
            "The model's train_step must update a metric named 'loss' or return {'loss': loss}. "
            f"Received logs with the keys {sorted(logs or {})}."
        )
    return float(logs["loss"])


def _loss_mean(model: keras.Model, logs: Any) -> Any:
    """Return the metric that holds the mean loss after the first batch; None if there is none."""
    used = [m for m in model.metrics if isinstance(m, keras.metrics.Mean) and _read(m)[1]]
    named = [mean for mean in used if mean.name == "loss"]
    loss = math.nan if named else logged_loss(logs)
    equal = [mean for mean in used if math.isclose(float(mean.result()), loss, rel_tol=1e-5)]
    return (named or equal or [None])[0]


def _read(mean: Any) -> Any:
    # On TensorFlow, numpy() takes two thirds of the time of convert_to_numpy.
    return np.array([float(variable.numpy()) for variable in mean.variables])


class Snapshot:
    """Copies the state of a built model, its optimizer and the random generators."""

    def __init__(self, model: keras.Model) -> None:
        # model.get_weights() leaves out the states of seed generators, such as those of dropout,
        # and optimizer.set_weights() leaves out the variables of a wrapped optimizer.
        layers = _keras_private.layers_within(model, keras.layers.RNN)
        states = keras.tree.flatten([layer.states for layer in layers if layer.states is not None])
        variables = [*model.variables, *states, *model.optimizer.variables]
        self._values = [(variable, value_of(variable)) for variable in variables]
        self._python = random.getstate()
        self._numpy = np.random.get_state()  # noqa: NPY002 - Keras and its users draw from it
        self._torch = generator_states()
        # Keras makes its global generator at the first draw without a seed.
        self._seeds = _keras_private.global_seed_generator()
        self._seed = None if self._seeds is None else value_of(self._seeds.state)

    def restore(self) -> None:
        """Put the model, its optimizer and the random generators back."""
        for variable, value in self._values:
            variable.assign(value)
        random.setstate(self._python)
        np.random.set_state(self._numpy)  # noqa: NPY002 - as above
        set_generator_states(self._torch)
        if self._seeds is not None:
            self._seeds.state.assign(self._seed)
        _keras_private.set_global_seed_generator(self._seeds)
