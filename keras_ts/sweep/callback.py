"""``ExponentialLRSweep``: the Keras hooks of the sweep."""

import json
import math
import os
from pathlib import Path
from typing import Any, Literal

import keras

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.sweep import rules
from keras_ts.sweep.curve import SweepCurve
from keras_ts.sweep.ladder import Ladder
from keras_ts.sweep.snapshot import Snapshot


@registered
class ExponentialLRSweep(SweepCurve, keras.callbacks.Callback):
    """Trains through rates that grow by a constant factor, recording each one's own loss.

    Afterwards the model, its optimizer and the random state are as they were before.

    Example:

    >>> import keras, numpy as np
    >>> from keras_ts import ExponentialLRSweep
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> sweep = ExponentialLRSweep(1e-5, 1e-1, steps=40)
    >>> x = np.random.default_rng(0).normal(size=(40, 3))
    >>> history = model.fit(x, x.sum(axis=1), batch_size=1, verbose=0, callbacks=[sweep])
    >>> len(sweep.lrs), sweep.lrs[0], sweep.lrs[-1], sweep.stopped
    (40, 1e-05, 0.1, 'finished')

    The course's own sweep, an epoch a rate and 20 rates a decade:

    >>> course = ExponentialLRSweep(1e-8, steps_per_decade=20, every="epoch")

    Attributes:
        lrs: The rates that ran, in order.
        losses: The loss of exactly the batches (or the epoch) that ran at each rate.
        smoothed_losses: Their debiased exponential moving average.
        stopped: Why the sweep ended: "finished", "diverged", "non-finite" or
            "interrupted" (also a fit that ended before the last rate). None before.

    Args:
        start_lr: The first rate. Defaults to 1e-8.
        end_lr: The last rate. Give this or ``steps_per_decade``.
        steps: Number of rates. Defaults to None: as many as the fit has batches (or
            epochs).
        steps_per_decade: Rates in each factor of ten.
        every: ``"batch"`` or ``"epoch"``: how long a rate is held. Under gradient
            accumulation a rate is held for all batches of one update. Defaults to
            ``"batch"``.
        smoothing: Weight of the past in the smoothed loss, in [0, 1). Defaults to 0.9.
        stop_factor: Stop once the smoothed loss has risen this many times as far as it
            had fallen. Defaults to 4.0; None never stops but for a loss that is not
            finite.
        restore: Whether to put everything back at the end. Defaults to True.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument is out of range, or both or neither of ``end_lr`` and
            ``steps_per_decade`` are given; in ``fit``, the model is not built.
    """

    def __init__(
        self,
        start_lr: float = 1e-8,
        end_lr: float | None = None,
        *,
        steps: int | None = None,
        steps_per_decade: float | None = None,
        every: Literal["batch", "epoch"] = "batch",
        smoothing: float = 0.9,
        stop_factor: float | None = 4.0,
        restore: bool = True,
    ) -> None:
        keras.callbacks.Callback.__init__(self)
        SweepCurve.__init__(self, smoothing)
        self.ladder = Ladder(
            _checks.positive("start_lr", start_lr),
            None if end_lr is None else _checks.positive("end_lr", end_lr),
            None if steps is None else _checks.integer("steps", steps, 2),
            None
            if steps_per_decade is None
            else _checks.positive("steps_per_decade", steps_per_decade),
        )
        self.every = _checks.choice("every", every, ("batch", "epoch"))
        self.stop_factor = (
            None if stop_factor is None else _checks.positive("stop_factor", stop_factor)
        )
        self.restores = _checks.boolean("restore", restore)
        self._snapshot: Snapshot | None = None

    def __bool__(self) -> bool:
        # Keras runs fit(callbacks=sweep), without the list, in threads of its own on JAX
        # and PyTorch: batches come out of order. It asks for the truth of the argument
        # first, which is the one place to refuse.
        raise TypeError(
            "A sweep has no truth value. If fit asked for it, put the sweep in a list: "
            "callbacks=[sweep]. To see whether it has run, look at sweep.stopped."
        )

    def on_train_begin(self, logs: Any = None) -> None:
        """Check that the sweep can run, and remember the state."""
        model = self.model
        check_sweepable(model)
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        self._clear()
        self._ladder = self._fitted_ladder()
        self._snapshot = Snapshot(model)
        self.stopped = "interrupted"
        # A rate is held until an update is made, which may be under way already.
        self._per_update, self._held = accumulation(model.optimizer)
        self._rate_due = True
        self._total = self._count = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the epoch's rate."""
        if self.every == "epoch":
            self._set_rate()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Record the epoch's loss."""
        if self.every == "epoch" and self.stopped == "interrupted":
            self._take(float((logs or {})["loss"]))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the batch's rate, and begin a mean of its own."""
        if self.every != "batch":
            return
        if self._rate_due:
            self._set_rate()
            self._rate_due = False
        self._first = batch
        tracker = _loss_tracker(self.model)
        self._seen = [keras.ops.convert_to_numpy(v) for v in tracker.variables]
        tracker.reset_state()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Record the batch's loss, and put the epoch's mean together again."""
        if self.every != "batch":
            return
        tracker = _loss_tracker(self.model)
        total, count = (float(keras.ops.convert_to_numpy(v)) for v in tracker.variables)
        for variable, seen in zip(tracker.variables, self._seen, strict=True):
            variable.assign_add(seen)
        self._total, self._count = self._total + total, self._count + count
        self._held += batch - self._first + 1
        if self._held >= self._per_update:
            self._take(self._total / self._count if self._count else math.nan)
            self._total = self._count = 0.0
            self._held, self._rate_due = 0, True

    def on_train_end(self, logs: Any = None) -> None:
        """Put everything back."""
        if self.restores:
            self.restore()

    def restore(self) -> None:
        """Put the model, its optimizer and the random state back as the sweep found them."""
        if self._snapshot is not None:
            self._snapshot.restore(self.model)
            self._snapshot = None

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the curve and the settings, to be read back by ``from_json``."""
        self._write_json(path, self.get_config())

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> "ExponentialLRSweep":
        """Return the sweep that ``to_json`` wrote, with the same bits."""
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        sweep = cls.from_config(content["config"])
        sweep._read_curve(content["curve"])
        return sweep

    def get_config(self) -> dict[str, Any]:
        """Return the settings as plain Python values that JSON takes."""
        return {
            "start_lr": self.ladder.start,
            "end_lr": self.ladder.end,
            "steps": self.ladder.steps,
            "steps_per_decade": self.ladder.per_decade,
            "every": self.every,
            "smoothing": self.smoothing,
            "stop_factor": self.stop_factor,
            "restore": self.restores,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ExponentialLRSweep":
        """Return a sweep with these settings."""
        return cls(**config)

    def _fitted_ladder(self) -> Ladder:
        """The ladder with its number of steps, taken from the fit where it was left open."""
        if self.ladder.steps is not None:
            return self.ladder
        epochs, batches = self.params.get("epochs"), self.params.get("steps")
        steps = epochs
        if self.every == "batch" and epochs and batches:
            executions = -(-batches // self.model.steps_per_execution)
            held = -(-accumulation(self.model.optimizer)[0] // self.model.steps_per_execution)
            steps = epochs * executions // held
        elif self.every == "batch":
            steps = None
        if not steps or steps < 2:
            raise ValueError(
                f"steps=None takes the length of the fit, which is {steps or 'not known'}. "
                "Pass steps to ExponentialLRSweep (2 or more), or fit for longer."
            )
        return Ladder(self.ladder.start, self.ladder.end, steps, self.ladder.per_decade)

    def _set_rate(self) -> None:
        # Through self.model each time: on JAX the property brings the state up to date.
        if self.stopped == "interrupted":
            self.model.optimizer.learning_rate = self._ladder.rate(len(self.lrs))

    def _take(self, loss: float) -> None:
        if self.stopped != "interrupted":
            return
        self._record(self._ladder.rate(len(self.lrs)), loss)
        if not math.isfinite(loss):
            self.stopped = "non-finite"
        elif self.stop_factor is not None and rules.diverged(
            self.losses, self.smoothed_losses, self.stop_factor
        ):
            self.stopped = "diverged"
        elif len(self.lrs) == self._ladder.steps:
            self.stopped = "finished"
        else:
            return
        self.model.stop_training = True


def check_sweepable(model: keras.Model) -> None:
    """Raise where a model cannot be swept and put back."""
    if not getattr(model, "compiled", False):
        raise ValueError("The model is not compiled: call model.compile(optimizer, loss) first.")
    if not model.built or not model.trainable_variables:
        raise ValueError(
            "The sweep restores a model's weights, so they must exist before it: add "
            "keras.Input(shape) in front, or call model.build(input_shape)."
        )
    rate = model.optimizer.get_config().get("learning_rate")
    if isinstance(rate, dict):
        raise ValueError(
            "The optimizer's learning rate is a schedule, which cannot be set from outside. "
            "Sweep with a plain rate: compile the model with a number, sweep, and compile it "
            "again with the schedule."
        )


def _loss_tracker(model: keras.Model) -> Any:
    return next(metric for metric in model.metrics if metric.name == "loss")


def accumulation(optimizer: Any) -> tuple[int, int]:
    """How many batches go into an update, and how many of the next one have been seen."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    batches = getattr(inner, "gradient_accumulation_steps", None) or 1
    return batches, int(inner.iterations) % batches
