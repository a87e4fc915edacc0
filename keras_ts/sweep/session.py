"""Runs the sweep of one fit: sets rates, records losses, and puts the model back."""

import math
from typing import Any

import keras

from keras_ts._models import build_optimizer, check_model
from keras_ts.sweep.batch_loss import UpdateLoss, logged_loss
from keras_ts.sweep.curve import SweepCurve
from keras_ts.sweep.divergence import divergence
from keras_ts.sweep.optimizer_access import HeldRate, accumulation, batches_seen
from keras_ts.sweep.schedule import GeometricSchedule
from keras_ts.sweep.smoothing import Smoother
from keras_ts.sweep.snapshot import Snapshot


# It takes the snapshot as the fit begins, and records only from ``begin`` on, as the first epoch
# begins: in between, callbacks such as ``TrainingBackup`` may load another state into the model.
class SweepSession:
    """Sets the rates of one fit, records its losses, and puts the model back after it."""

    def __init__(self, model: keras.Model, curve: SweepCurve) -> None:
        build_optimizer(model)
        self.model = model
        self.curve = curve
        self.snapshot = Snapshot(model)
        self._schedule: GeometricSchedule | None = None
        self._rate: HeldRate | None = None
        self._rate_due = False
        curve.batches_before = batches_seen(model.optimizer)
        curve.stopped = "running"

    @property
    def begun(self) -> bool:
        """True once the first epoch has begun."""
        return self._schedule is not None

    def begin(self, schedule: GeometricSchedule, batches: int | None) -> None:
        """Take the rates, from the first without a loss; ``batches`` make an epoch, if known."""
        self._schedule = schedule
        self._smoother = Smoother(self.curve.smoothing)
        for loss in self.curve.losses:
            self._smoother.add(loss)
        optimizer = self.model.optimizer
        self._loss = UpdateLoss(accumulation(optimizer), batches_seen(optimizer))
        assert schedule.steps is not None
        rates = [schedule.rate(number) for number in range(schedule.steps)]
        held = batches if self.curve.every == "epoch" else batches_of_rate(self.model)
        self._rate = HeldRate(self.model, rates, held or 1)

    def begin_epoch(self) -> None:
        """Let the first batch set the rate, since other callbacks may still set it before then."""
        self._rate_due = True
        self._loss.begin_epoch()

    def end_epoch(self, epoch: int, logs: Any) -> None:
        """Record the epoch's loss if each rate takes an epoch; else log the epoch's mean loss."""
        if self.curve.every == "epoch":
            self._record(logged_loss(logs))
        else:
            self._loss.end_epoch(logs)
        self.curve.epoch_starts[epoch + 1] = len(self.curve.lrs)

    def set_rate(self) -> None:
        """Set the rate before the first batch of each rate and of each epoch."""
        if self._rate_due and self._rate is not None and self.curve.stopped == "running":
            self._rate.set(len(self.curve.lrs))
        self._rate_due = False

    def begin_batch(self, model: keras.Model, batch: int) -> None:
        """Begin to read the batch's own loss, unless each rate takes an epoch."""
        if self.curve.every == "batch":
            self._loss.begin(model, batch)

    def end_batch(self, model: keras.Model, batch: int, logs: Any) -> None:
        """Record the loss if the batch finishes an update, unless each rate takes an epoch."""
        if self.curve.every == "batch":
            loss = self._loss.end(model, batch, logs)
            if loss is not None:
                self._record(loss)
                self._rate_due = True

    def release(self) -> None:
        """End the sweep, and give the rate back to the optimizer's schedule, if it has one."""
        if self._rate is not None:
            self._rate.release()
            self._rate = None
        if self.curve.stopped == "running":
            self.curve.stopped = "interrupted"

    def restore(self) -> None:
        """Put the model, its optimizer and the random state back as they were before the fit."""
        self.release()
        self.snapshot.restore(self.model)

    def _next_rate(self) -> float:
        assert self._schedule is not None
        return self._schedule.rate(len(self.curve.lrs))

    def _record(self, loss: float) -> None:
        curve = self.curve
        if curve.stopped != "running":
            return
        curve.record(self._next_rate(), loss)
        self._smoother.add(loss)
        if not math.isfinite(loss):
            curve.stopped = "non-finite"
        elif divergence(curve.losses, self._smoother.smoothed, curve.stop_factor) is not None:
            curve.stopped = "diverged"
        elif self._schedule is not None and len(curve.lrs) == self._schedule.steps:
            curve.stopped = "finished"
        else:
            return
        self.model.stop_training = True


def check_sweepable(model: keras.Model) -> None:
    """Raise an error if a model cannot be swept, or could not be put back afterwards."""
    check_model(model)
    if not getattr(model, "compiled", False):
        raise ValueError("model is not compiled: call model.compile(optimizer, loss) first.")
    if not model.built or not model.trainable_variables:
        raise ValueError(
            "model must be built and have trainable weights, since a sweep puts them back at its "
            "end: add keras.Input(shape) in front, or call model.build(input_shape)."
        )


def steps_of_fit(model: keras.Model, every: str, epochs: int, batches: int | None) -> int | None:
    """Return how many rates a fit takes, or None if its number of batches is not known."""
    if every == "epoch":
        return epochs
    if not batches:
        return None
    executions = -(-batches // model.steps_per_execution)
    return epochs * executions * model.steps_per_execution // batches_of_rate(model)


def batches_of_rate(model: keras.Model) -> int:
    """Return how many batches a rate serves: those of an update, in whole executions."""
    executions = -(-accumulation(model.optimizer) // model.steps_per_execution)
    return int(executions * model.steps_per_execution)
