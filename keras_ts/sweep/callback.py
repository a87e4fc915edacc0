"""``ExponentialLRSweep``: the Keras hooks of a sweep, over its curve and the fit's session."""

import dataclasses
import os
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

import keras

from keras_ts import _checks, _keras_private
from keras_ts._registration import registered
from keras_ts.sweep import serialization
from keras_ts.sweep.curve import RecordedCurve, SweepCurve
from keras_ts.sweep.schedule import GeometricSchedule
from keras_ts.sweep.session import SweepSession, check_sweepable, steps_of_fit
from keras_ts.sweep.snapshot import Snapshot


def _of_curve(name: str) -> Any:
    """Return a property that reads an attribute of the sweep's curve, which each fit replaces."""
    return property(attrgetter(f"curve.{name}"))


@registered
class ExponentialLRSweep(RecordedCurve, keras.callbacks.Callback):
    """Trains through rates that grow by a constant factor, and records the loss at each rate.

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

    The course's own sweep holds each rate for an epoch, and has 20 rates a decade:

    >>> course = ExponentialLRSweep(1e-8, steps_per_decade=20, every="epoch")

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
            had fallen. Defaults to 4.0. With None, only a loss that is not finite stops the
            sweep early.
        restore: True to put everything back at the end. Defaults to True. In the list of
            callbacks, a callback that changes the model at the end, as ``EarlyStopping`` with
            ``restore_best_weights`` does, comes before the sweep.
        backup: A JSON file to write the curve to after every epoch. If a fit is cut off, and
            ``keras.callbacks.BackupAndRestore`` takes it up again, the sweep goes on with its
            curve; it comes first in the list of callbacks. Defaults to None: no file.

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
        backup: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        self.schedule = GeometricSchedule(
            _checks.positive("start_lr", start_lr),
            None if end_lr is None else _checks.positive("end_lr", end_lr),
            None if steps is None else _checks.integer("steps", steps, 2),
            None
            if steps_per_decade is None
            else _checks.positive("steps_per_decade", steps_per_decade),
        )
        self.curve = SweepCurve(
            _checks.choice("every", every, ("batch", "epoch")), smoothing, stop_factor
        )
        self.restores = _checks.boolean("restore", restore)
        self.backup = None if backup is None else os.fspath(backup)
        # The fit that runs, or one that was interrupted and not put back.
        self._session: SweepSession | None = None
        self._swept: keras.Model | None = None
        # The curve and the state that the first epoch may go on with.
        self._earlier: tuple[dict[str, Any] | None, Snapshot | None] = None, None

    def __bool__(self) -> bool:
        # On JAX and PyTorch, Keras runs the hooks of fit(callbacks=sweep), without the list, in
        # threads of its own, and batches come out of order. Keras asks for the truth of the
        # argument first, and nothing else allows to refuse it.
        raise TypeError(
            "A sweep has no truth value. If fit asked for it, put the sweep in a list: "
            "callbacks=[sweep]. To see whether it has run, look at sweep.stopped."
        )

    def on_train_begin(self, logs: Any = None) -> None:
        """Check that the sweep can run, and remember the state."""
        model = self.model
        check_sweepable(model)
        earlier = self._session
        if earlier is not None:
            earlier.release()
        # The curve and the state of another model are of no use.
        if self._swept is None or self._swept is model:
            self._earlier = self._earlier_content(), earlier.snapshot if earlier else None
        else:
            self._earlier = None, None
        self._swept = model
        self.curve = self.curve.emptied()
        self._session = SweepSession(model, self.curve)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Go on with an interrupted curve at the first epoch; let the next batch set the rate."""
        if self._session is None:
            return
        if not self._session.begun:
            self._resume(self._session, epoch)
            self._session.begin(self._schedule_of_fit(epoch))
        self._session.begin_epoch()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Record the epoch's loss, and write the backup."""
        if self._session is not None:
            self._session.end_epoch(epoch, logs)
            if self.backup is not None:
                self.to_json(self.backup)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the batch's rate, and empty Keras's mean of the losses."""
        if self._session is not None:
            self._session.set_rate()
            self._session.begin_batch(self.model, batch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Record the batch's loss, and put the epoch's mean back."""
        if self._session is not None:
            self._session.end_batch(self.model, batch, logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Put everything back."""
        if self.restores:
            self.restore()
        elif self._session is not None:
            self._session.release()

    def restore(self) -> None:
        """Put the model, its optimizer and the random state back as the sweep found them.

        Call it after a fit that ended in an exception, since Keras calls no callback then.
        """
        if self._session is not None:
            self._session.restore()
            self._session = None

    lrs: list[float] = _of_curve("lrs")
    """The rates that ran, in order."""
    losses: list[float] = _of_curve("losses")
    """The loss of exactly the batches (or the epoch) that ran at each rate."""
    repeats: list[list[float]] = _of_curve("repeats")
    """The losses of each repeat, where ``losses`` is their mean; else empty."""
    every: str = _of_curve("every")
    """The time that a rate is held, ``"batch"`` or ``"epoch"``."""
    smoothing: float = _of_curve("smoothing")
    """Weight of the past in the smoothed loss."""
    stop_factor: float | None = _of_curve("stop_factor")
    """The factor of the fall at which a rise of the smoothed loss stops the sweep, or None."""

    @property
    def stopped(self) -> str | None:
        """The reason the sweep ended: "finished", "diverged", "non-finite" or "interrupted".

        A fit that ended before the last rate was interrupted, too. The value is "running" while the
        fit runs, and None before.
        """
        # Keras tells a callback of no exception that ends a fit.
        if self.curve.stopped == "running" and not _keras_private.is_fitting(self._swept):
            return "interrupted"
        return self.curve.stopped

    def to_json(self, filepath: str | os.PathLike[str]) -> None:
        """Write the curve and the settings, to be read back by ``from_json``."""
        serialization.write(filepath, self._content())

    @classmethod
    def from_json(cls, filepath: str | os.PathLike[str]) -> "ExponentialLRSweep":
        """Return the sweep that ``to_json`` wrote, with the same bits."""
        content = serialization.read(filepath)
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

    def _schedule_of_fit(self, epoch: int) -> GeometricSchedule:
        """Return the schedule with its number of steps, by default as many as the fit has left."""
        if self.schedule.steps is not None:
            return self.schedule
        first = min(self.curve.epoch_starts, default=epoch + 1) - 1
        epochs, batches = self.params["epochs"] - first, self.params.get("steps")
        steps = steps_of_fit(self.model, self.every, epochs, batches)
        if not steps or steps < 2:
            raise ValueError(
                f"steps=None takes the length of the fit, which is {steps or 'not known'}. "
                "Pass steps to ExponentialLRSweep (2 or more), or fit for longer."
            )
        return dataclasses.replace(self.schedule, steps=steps)

    def _content(self) -> dict[str, Any]:
        """Return everything that ``to_json`` keeps."""
        curve = self.curve.to_dict()
        # Someone who reads the file of a running fit does so after that fit was cut off.
        if curve["stopped"] == "running":
            curve["stopped"] = "interrupted"
        return {
            "config": self.get_config(),
            "curve": curve,
            "began": self.curve.batches_before,
            "epoch_starts": list(self.curve.epoch_starts.items()),
        }

    def _read(self, content: dict[str, Any], points: int | None = None) -> None:
        """Take over the first ``points`` points of a sweep that ``_content`` returned."""
        self.curve.read_dict(content["curve"], points)
        self.curve.batches_before = content["began"]
        self.curve.epoch_starts = dict(content["epoch_starts"])

    def _earlier_content(self) -> dict[str, Any] | None:
        """Return the content of a fit that was interrupted: this object's own, or its backup's."""
        if self.curve.stopped == "interrupted":
            return self._content()
        if self.curve.stopped is None and self.backup is not None and Path(self.backup).exists():
            return serialization.read(self.backup)
        return None

    def _resume(self, session: SweepSession, epoch: int) -> None:
        """Go on with an earlier curve, where Keras takes an interrupted fit up again."""
        (earlier, snapshot), self._earlier = self._earlier, (None, None)
        starts = dict(earlier["epoch_starts"]) if earlier else {}
        if not earlier or epoch not in starts or earlier["curve"]["stopped"] != "interrupted":
            return
        if earlier["config"] != self.get_config():
            raise ValueError(
                f"backup={self.backup!r} holds a sweep with other settings. Delete it to start "
                f"anew. It has {earlier['config']}, and this sweep {self.get_config()}."
            )
        if snapshot is not None:
            session.snapshot = snapshot
        elif self.curve.batches_before != earlier["began"]:
            raise ValueError(
                "The model had been trained when the sweep began, so that it cannot be put back. "
                "In the list of callbacks, the sweep goes before BackupAndRestore."
            )
        self._read(earlier, starts[epoch])
        self.curve.stopped = "running"
