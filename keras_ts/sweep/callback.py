"""``ExponentialLRSweep``: the Keras callback that sets learning rates and records losses."""

import math
import os
from pathlib import Path
from typing import Any, Literal

import keras

from keras_ts import _checks
from keras_ts._models import build_optimizer
from keras_ts._registration import registered
from keras_ts.sweep.curve import SweepCurve, read_sweep, write_sweep
from keras_ts.sweep.session import (
    GeometricSchedule,
    HeldRate,
    Snapshot,
    UpdateLoss,
    accumulation,
    batches_of_rate,
    batches_seen,
    check_sweepable,
    logged_loss,
    steps_of_fit,
)
from keras_ts.sweep.suggestion import divergence, moving_average, without_outliers


@registered
class ExponentialLRSweep(SweepCurve, keras.callbacks.Callback):
    """Trains at rates that grow by a constant factor, and records the loss at each rate.

    At the end it puts the model, its optimizer and the random state back, if ``restore`` is True.

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

    A sweep can also hold each rate for one epoch, here with 20 rates in each factor of ten:

    >>> by_epoch = ExponentialLRSweep(1e-8, steps_per_decade=20, every="epoch")

    Args:
        start_lr: The first rate. Defaults to 1e-8.
        end_lr: The last rate. Give this or ``steps_per_decade``.
        steps: Number of rates. Defaults to None: as many as the fit has batches, or epochs
            with ``every="epoch"``.
        steps_per_decade: Number of rates in each factor of ten. Give this or ``end_lr``.
        every: How long each rate is used: one ``"batch"`` or one ``"epoch"``. With gradient
            accumulation or ``steps_per_execution``, ``"batch"`` means as many batches as an update
            and its executions take. Defaults to ``"batch"``.
        smoothing: Weight of the past in the smoothed loss, in [0, 1). Defaults to 0.9.
        stop_factor: The sweep stops when the smoothed loss has risen this many times as far as it
            had fallen. With None, only a loss that is not finite stops it early. Defaults to 4.0.
        restore: True to put the model, its optimizer and the random state back at the end. A
            callback that changes the model at the end, such as ``EarlyStopping`` with
            ``restore_best_weights``, must come before the sweep in the list of callbacks.
            Defaults to True.
        backup: A JSON file to write the curve to after every epoch. If a fit is interrupted and
            ``BackupAndRestore`` resumes it, the sweep continues its curve from this file. The sweep
            must then come first in the list of callbacks. Defaults to None: no file.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument is out of range, or both or neither of ``end_lr`` and
            ``steps_per_decade`` are given; in ``fit``, the model is not built or not compiled, or
            ``steps=None`` and the fit's length is not known or gives only one rate.
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
        backup: str | os.PathLike[str] | None = None,
    ) -> None:
        keras.callbacks.Callback.__init__(self)
        self.schedule = GeometricSchedule(start_lr, end_lr, steps, steps_per_decade)
        every_text = _checks.choice("every", every, ("batch", "epoch"))
        SweepCurve.__init__(self, every_text, smoothing, stop_factor)
        self.restores = _checks.boolean("restore", restore)
        self.backup = None if backup is None else os.fspath(backup)
        # The state of the model before the running fit, or before an interrupted fit that
        # ``restore`` has not undone.
        self._snapshot: Snapshot | None = None
        self._swept: keras.Model | None = None
        self._loss: UpdateLoss | None = None  # None until the first epoch begins
        self._rate: HeldRate | None = None
        self._rates: list[float] = []
        self._rate_due = False
        # The curve and the snapshot of an interrupted fit, which the first epoch may continue.
        self._earlier: tuple[dict[str, Any] | None, Snapshot | None] = None, None

    def __bool__(self) -> bool:
        # On JAX and PyTorch, fit(callbacks=sweep), without a list, makes Keras call the callback
        # from other threads, with batches out of order. Before that, Keras takes the truth value of
        # the argument: the only place where the sweep can refuse.
        raise TypeError(
            "A sweep has no truth value. If fit asked for it, put the sweep in a list: "
            "callbacks=[sweep]. To see whether it has run, look at sweep.stopped."
        )

    def on_train_begin(self, logs: Any = None) -> None:
        """Check that the model can be swept, and take a snapshot of its state."""
        model = self.model
        check_sweepable(model)
        self._release()
        self._earlier = None, None
        # The curve and the snapshot of another model cannot be continued.
        if self._swept is None or self._swept is model:
            if self._state == "interrupted":
                self._earlier = self._content(), self._snapshot
            elif self._state is None and self.backup is not None and Path(self.backup).exists():
                self._earlier = read_sweep(self.backup), self._snapshot
        self._empty()
        build_optimizer(model)
        # Nothing is recorded before the first epoch begins: in between, callbacks such as
        # ``BackupAndRestore`` may load another state into the model.
        self._swept, self._snapshot, self._loss = model, Snapshot(model), None
        self._batches_before = batches_seen(model.optimizer)
        self._state = "running"

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """In the first epoch, continue an interrupted curve; let the next batch set the rate."""
        model = self._swept
        if self._snapshot is None or model is None:
            return
        if self._loss is None:
            self._resume(epoch)
            self._rates = self._rates_of_fit(epoch)
            self._loss = UpdateLoss(accumulation(model.optimizer), batches_seen(model.optimizer))
            held = self.params.get("steps") if self.every == "epoch" else batches_of_rate(model)
            self._rate = HeldRate(model, self._rates, held or 1)
        # Other callbacks may still set the rate before the first batch does.
        self._rate_due = True
        self._loss.begin_epoch()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Record the epoch's loss, and write the backup."""
        if self._loss is None:
            return
        if self.every == "epoch":
            self._add(logged_loss(logs))
        else:
            self._loss.end_epoch(logs)
        self._epoch_starts[epoch + 1] = len(self.lrs)
        if self.backup is not None:
            self.to_json(self.backup)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the batch's rate, and empty Keras's mean of the losses."""
        if self._loss is None:
            return
        if self._rate_due and self._rate is not None and self._state == "running":
            self._rate.set(len(self.lrs))
        self._rate_due = False
        model = self.model  # On JAX, reading ``self.model`` makes Keras read the new rate.
        if self.every == "batch":
            self._loss.begin(model, batch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Record the loss if the batch completes an update, and put the epoch's mean back."""
        if self._loss is None:
            return
        model = self.model
        loss = self._loss.end(model, batch, logs) if self.every == "batch" else None
        if loss is not None:
            self._add(loss)
            self._rate_due = True

    def on_train_end(self, logs: Any = None) -> None:
        """End the sweep; with ``restore=True``, put model, optimizer and random state back."""
        if self.restores:
            self.restore()
        else:
            self._release()

    def restore(self) -> None:
        """Put the model, its optimizer and the random state back as they were before the sweep.

        Call this after a fit that raised an exception, since Keras then calls no callback.
        """
        self._release()
        if self._snapshot is not None:
            self._snapshot.restore(self._swept)
            self._snapshot = self._loss = None

    def to_json(self, filepath: str | os.PathLike[str]) -> None:
        """Write the curve and the settings to a file that ``from_json`` reads."""
        write_sweep(filepath, self._content())

    @classmethod
    def from_json(cls, filepath: str | os.PathLike[str]) -> "ExponentialLRSweep":
        """Return the sweep that ``to_json`` wrote, equal to it bit for bit."""
        content = read_sweep(filepath)
        try:
            sweep = cls.from_config(content["config"])
            sweep._read(content)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{filepath} is not a sweep that to_json wrote: {error}") from None
        return sweep

    def get_config(self) -> dict[str, Any]:
        """Return the settings as plain Python values that JSON takes."""
        return {
            "start_lr": self.schedule.start,
            "end_lr": self.schedule.end,
            "steps": self.schedule.steps,
            "steps_per_decade": self.schedule.per_decade,
            "every": self.every,
            "smoothing": self.smoothing,
            "stop_factor": self.stop_factor,
            "restore": self.restores,
            "backup": self.backup,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ExponentialLRSweep":
        """Return a sweep with these settings."""
        return cls(**config)

    def _rates_of_fit(self, epoch: int) -> list[float]:
        """Return ``steps`` rates, or one for each batch or epoch since the sweep began."""
        steps = self.schedule.steps
        if steps is None:
            first_epoch = min(self._epoch_starts, default=epoch + 1) - 1
            epochs, batches = self.params["epochs"] - first_epoch, self.params.get("steps")
            steps = steps_of_fit(self.model, self.every, epochs, batches)
            if not steps or steps < 2:
                raise ValueError(
                    "steps must be 2 or more. Received: steps=None, and a fit whose length is "
                    f"{'not known' if steps is None else steps}. Pass steps to "
                    "ExponentialLRSweep, or fit for longer."
                )
        return self.schedule.rates(steps)

    def _release(self) -> None:
        """End the sweep, and put the optimizer's schedule back."""
        if self._rate is not None:
            self._rate.release()
            self._rate = None
        if self._state == "running":
            self._state = "interrupted"

    def _add(self, loss: float) -> None:
        """Record a loss; stop the fit after the last rate, or if the loss diverges."""
        if self._state != "running":
            return
        self._record(self._rates[len(self.lrs)], loss)
        smoothed = moving_average(without_outliers(self.losses), self.smoothing)
        if not math.isfinite(loss):
            self._state = "non-finite"
        elif divergence(self.losses, smoothed, self.stop_factor) is not None:
            self._state = "diverged"
        elif len(self.lrs) == len(self._rates):
            self._state = "finished"
        else:
            return
        self.model.stop_training = True

    def _content(self) -> dict[str, Any]:
        """Return everything that ``to_json`` writes."""
        return {
            "config": self.get_config(),
            "curve": self.to_dict(),
            "began": self._batches_before,
            "epoch_starts": list(self._epoch_starts.items()),
        }

    def _read(self, content: dict[str, Any], points: int | None = None) -> None:
        """Take over the first ``points`` points, or all, of what ``_content`` returned."""
        curve = content["curve"]
        for rate, loss in list(zip(curve["lrs"], curve["losses"], strict=True))[:points]:
            self._record(float(rate), float(loss))
        self.repeats = [list(map(float, run)) for run in curve.get("repeats", [])]
        self._state = curve["stopped"]
        self._batches_before = content["began"]
        self._epoch_starts = dict(content["epoch_starts"])

    def _resume(self, epoch: int) -> None:
        """Continue the curve of an interrupted fit, if this fit resumes at one of its epochs."""
        (earlier, snapshot), self._earlier = self._earlier, (None, None)
        starts = dict(earlier["epoch_starts"]) if earlier else {}
        if not earlier or epoch not in starts or earlier["curve"]["stopped"] != "interrupted":
            return
        if earlier["config"] != self.get_config():
            raise ValueError(
                f"backup={self.backup!r} holds a sweep with other settings, {earlier['config']}. "
                f"Received: {self.get_config()}. To start anew, delete the file."
            )
        if snapshot is not None:
            self._snapshot = snapshot
        elif self._batches_before != earlier["began"]:
            raise ValueError(
                "The model has been trained since the interrupted sweep began, so the sweep cannot "
                "put it back. Put the sweep before BackupAndRestore in the list of callbacks."
            )
        self._read(earlier, starts[epoch])
        self._state = "running"
