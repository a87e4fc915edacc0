"""What a sweep does to a model: sets its rates, reads its losses, puts it back bit for bit."""

import math
import random
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ts import _checks, _keras_private
from keras_ts._backends import generator_states, set_generator_states
from keras_ts._models import check_model, value_of


class _SweptRates(keras.optimizers.schedules.LearningRateSchedule):
    """Gives each rate of a sweep for ``held`` batches, in place of an optimizer's schedule."""

    def __init__(self, rates: Sequence[float], held: int, begin: int) -> None:
        super().__init__()
        self._rates, self._held, self._begin = np.array(rates, "float32"), held, begin

    def __call__(self, step: Any) -> Any:
        number = ops.floor_divide(ops.cast(step, "int32") - self._begin, self._held)
        last = len(self._rates) - 1
        return ops.take(ops.convert_to_tensor(self._rates), ops.clip(number, 0, last))


class HeldRate:
    """Sets the rate of a model's optimizer, in place of the schedule that it may have."""

    def __init__(self, model: keras.Model, rates: Sequence[float], held: int) -> None:
        self._model, self._rates, self._held = model, rates, held
        self._schedule = _keras_private.schedule_of(inner(model.optimizer))

    def set(self, number: int) -> None:
        """Set rate ``number`` for the next batches."""
        optimizer, rate = self._model.optimizer, self._rates[number]
        if self._schedule is None:
            # On JAX, Keras reads a new rate at the start of an epoch, or after a callback has read
            # its ``self.model``, as the sweep does before each batch.
            optimizer.learning_rate = rate
            return
        schedule = _keras_private.schedule_of(inner(optimizer))
        swept = isinstance(schedule, _SweptRates)
        if not swept or float(optimizer.learning_rate) != np.float32(rate):
            # A ``LossScaleOptimizer`` does not count a batch whose gradients are not finite, so the
            # count at which the first rate would have begun may change.
            begin = batches_seen(optimizer) - number * self._held
            inner(optimizer).learning_rate = _SweptRates(self._rates, self._held, begin)
            # The compiled training step may hold the old schedule.
            self._model.make_train_function(force=True)

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


_SMALLEST, _LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


class GeometricSchedule:
    """Rates that grow by a constant factor, given by ``end`` or by ``per_decade``."""

    def __init__(
        self,
        start: float,
        end: float | None = None,
        steps: int | None = None,
        per_decade: float | None = None,
    ) -> None:
        self.start = _rate("start_lr", start)
        self.end = None if end is None else _rate("end_lr", end)
        self.steps = None if steps is None else _checks.integer("steps", steps, 2)
        self.per_decade = per_decade
        if per_decade is not None:
            self.per_decade = _checks.positive("steps_per_decade", per_decade)
        if (self.end is None) == (self.per_decade is None):
            received = "neither" if self.end is None else "both"
            raise ValueError(
                "Give either end_lr or steps_per_decade; end_lr without steps takes as many steps "
                f"as the fit has. Received {received}."
            )
        if self.end is not None and self.end <= self.start:
            raise ValueError(
                f"end_lr must be larger than start_lr. Received: start_lr={self.start}, "
                f"end_lr={self.end}."
            )

    def rates(self, steps: int) -> list[float]:
        """Return the first ``steps`` rates; with ``end``, the last of them is ``end``."""
        if self.per_decade is not None:
            return [self.start * 10.0 ** (step / self.per_decade) for step in range(steps)]
        assert self.end is not None
        growth = self.end / self.start
        rates = [self.start * growth ** (step / (steps - 1)) for step in range(steps - 1)]
        return [*rates, self.end]


# Keras adds the loss of every batch to a mean, a metric named "loss". ``begin`` empties this mean;
# ``end`` reads the batches since then, and puts the epoch's mean back. A model with another
# ``train_step`` may have several metrics named "loss", or keep the mean under another name: then it
# is found after an epoch's first batch as the metric whose mean equals the logged loss. If a model
# keeps no mean, its logs hold the loss of each batch alone.
class UpdateLoss:
    """Reads the mean loss of the batches that make one update of the weights."""

    def __init__(self, batches: int, seen: int) -> None:
        # Under gradient accumulation, an update takes several ``batches``. The last of the batches
        # that the optimizer has ``seen`` may belong to an unfinished update.
        self._batches, self._done = batches, seen % batches
        self._total = self._count = 0.0
        self._begun = 0
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Forget the mean of the last epoch, as Keras does."""
        self._held: list[list[float]] = []
        self._epoch: list[float] | None = None
        self._name = "loss"
        self._first = True

    def begin(self, model: keras.Model, batch: int) -> None:
        """Empty Keras's mean before ``batch``, the first of an execution."""
        self._begun = batch
        means = _means(model, self._name)
        # Reading a metric is slow, so the values that ``end`` put back are reused.
        self._held = self._held or [_read(mean) for mean in means]
        for mean in means:
            mean.reset_state()

    def end(self, model: keras.Model, batch: int, logs: Any) -> float | None:
        """Return the mean loss of the update that ``batch`` completes, or None."""
        since_begin = None  # The sum of the losses since ``begin``, and their weight.
        for mean, held in zip(_means(model, self._name), self._held, strict=True):
            total, count = _read(mean)
            held[:] = held[0] + total, held[1] + count
            for variable, value in zip(mean.variables, held, strict=True):
                variable.assign(value)
            # An empty metric is not the loss. One that holds NaN is: nan != 0.
            if total != 0 or count != 0:
                since_begin = total, count
                self._epoch = held
        if since_begin is None and self._first:
            since_begin = self._find(model, logged_loss(logs))
        self._first = False
        total, count = since_begin or (logged_loss(logs), 1.0)
        self._total, self._count = self._total + total, self._count + count
        self._done += batch - self._begun + 1
        if self._done < self._batches:
            return None
        loss = self._total / self._count if self._count else math.nan
        self._total, self._count, self._done = 0.0, 0.0, 0
        return loss

    def end_epoch(self, logs: Any) -> None:
        """Log the epoch's mean, since a model's own ``train_step`` may log the last batch's."""
        if self._epoch is not None and self._epoch[1]:
            logs["loss"] = self._epoch[0] / self._epoch[1]

    def _find(self, model: keras.Model, loss: float) -> tuple[float, float] | None:
        """Find the metric whose mean is ``loss``, for this epoch; return its sum and weight."""
        for metric in model.metrics:
            if isinstance(metric, keras.metrics.Mean):
                total, count = _read(metric)
                if count and math.isclose(total / count, loss, rel_tol=1e-5):
                    self._name = metric.name
                    self._held = [[total, count]]
                    self._epoch = self._held[0]
                    return total, count
        return None


def logged_loss(logs: Any) -> float:
    """Return the loss in the logs of a batch or an epoch."""
    if "loss" not in (logs or {}):
        raise ValueError(
            "The sweep finds no loss in the model's logs. Let the model's own train_step update a "
            "metric named 'loss', or return {'loss': loss}. Received logs with the keys "
            f"{sorted(logs or {})}."
        )
    return float(logs["loss"])


def _means(model: keras.Model, name: str) -> list[Any]:
    return [m for m in model.metrics if m.name == name and isinstance(m, keras.metrics.Mean)]


def _read(mean: Any) -> list[float]:
    # On TensorFlow, numpy() takes two thirds of the time of convert_to_numpy.
    return [float(variable.numpy()) for variable in mean.variables]


def check_sweepable(model: keras.Model) -> None:
    """Refuse a model that cannot be swept, or could not be put back afterwards."""
    check_model(model)
    if not getattr(model, "compiled", False):
        raise ValueError("model is not compiled: call model.compile(optimizer, loss) first.")
    if not model.built or not model.trainable_variables:
        raise ValueError(
            "model must be built and have trainable weights, since a sweep puts them back at its "
            "end: add keras.Input(shape) in front, or call model.build(input_shape)."
        )


def steps_of_fit(model: keras.Model, every: str, epochs: int, batches: int | None) -> int | None:
    """Return how many rates a fit has time for, or None if its number of batches is not known."""
    if every == "epoch":
        return epochs
    if not batches:
        return None
    executions = -(-batches // model.steps_per_execution)
    return epochs * executions * model.steps_per_execution // batches_of_rate(model)


def batches_of_rate(model: keras.Model) -> int:
    """Return how many batches share a rate: those of an update, rounded up to executions."""
    executions = -(-accumulation(model.optimizer) // model.steps_per_execution)
    return int(executions * model.steps_per_execution)


class Snapshot:
    """Copies the state of a built model, its optimizer and the random generators."""

    def __init__(self, model: keras.Model) -> None:
        self._values = [value_of(variable) for variable in _variables(model)]
        self._python = random.getstate()
        self._numpy = np.random.get_state()  # noqa: NPY002 - Keras and its users draw from it
        self._torch = generator_states()
        # Keras makes its global generator at the first draw without a seed.
        self._seeds = _keras_private.global_seed_generator()
        self._seed = None if self._seeds is None else value_of(self._seeds.state)

    def restore(self, model: keras.Model) -> None:
        """Put the model, its optimizer and the random generators back."""
        for variable, value in zip(_variables(model), self._values, strict=True):
            variable.assign(value)
        random.setstate(self._python)
        np.random.set_state(self._numpy)  # noqa: NPY002 - as above
        set_generator_states(self._torch)
        if self._seeds is not None:
            self._seeds.state.assign(self._seed)
        _keras_private.set_global_seed_generator(self._seeds)


def _variables(model: keras.Model) -> list[Any]:
    # model.get_weights() leaves out the states of seed generators, such as those of dropout, and
    # optimizer.set_weights() leaves out the variables of a wrapped optimizer.
    layers = _keras_private.layers_within(model, keras.layers.RNN)
    states = keras.tree.flatten([layer.states for layer in layers if layer.states is not None])
    return [*model.variables, *states, *model.optimizer.variables]


def _rate(name: str, value: Any) -> float:
    rate = _checks.positive(name, value)
    # Optimizers keep their rate in float32, in which smaller rates are 0 and larger ones infinite.
    if not _SMALLEST <= rate <= _LARGEST:
        raise ValueError(f"{name} must be a rate that float32 can hold. Received: {name}={rate}.")
    return rate
