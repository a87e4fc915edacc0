"""``ExponentialLRSweep``: the Keras hooks of the sweep."""

import math
import os
from pathlib import Path
from typing import Any, Literal

import keras

from keras_ts import _checks
from keras_ts._models import check_model
from keras_ts._registration import registered
from keras_ts.sweep import rules, storage
from keras_ts.sweep.batch_loss import BatchLoss, logged_loss
from keras_ts.sweep.curve import SweepCurve
from keras_ts.sweep.ladder import Ladder
from keras_ts.sweep.rate import HeldRate, accumulation, batches_seen, variable_scope
from keras_ts.sweep.smoothing import Smoother
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
        smoothed_losses: Their debiased exponential moving average, outliers left out.
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
        restore: Whether to put everything back at the end. Defaults to True. In the list of
            callbacks, one that changes the model at the end, as ``EarlyStopping`` with
            ``restore_best_weights`` does, comes before the sweep.
        backup: A JSON file to write the curve to after every epoch. A fit that is cut off and
            that ``keras.callbacks.BackupAndRestore`` takes up again then goes on with the curve
            too; the sweep comes first in the list of callbacks. Defaults to None.

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
        self.backup = None if backup is None else os.fspath(backup)
        self._batch_loss = BatchLoss()
        self._snapshot: Snapshot | None = None
        self._rate: HeldRate | None = None
        self._swept: keras.Model | None = None

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
            with variable_scope(model):
                model.optimizer.build(model.trainable_variables)
        if self._rate is not None:
            self._rate.release()
            self._rate = None
        # A sweep goes on with a curve, and puts a state back, of the same model alone.
        self._earlier, self._earlier_snapshot = self._earlier_content(), self._snapshot
        if self._swept is not None and self._swept is not model:
            self._earlier = self._earlier_snapshot = None
        self._clear()
        self._swept = model
        self._snapshot = Snapshot(model)
        self._began = batches_seen(model.optimizer)
        self.stopped = "interrupted"
        self._at_first_epoch = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Go on with an interrupted curve at the first epoch; have the rate set."""
        if self._at_first_epoch:
            self._at_first_epoch = False
            self._resume(epoch)
            self._ladder = self._fitted_ladder(min(self._epoch_starts, default=epoch + 1) - 1)
            self._rate = HeldRate(self.model)
            # A rate is held until an update is made, which may be under way already.
            self._per_update = accumulation(self.model.optimizer)
            self._held = batches_seen(self.model.optimizer) % self._per_update
            self._total = self._count = 0.0
        # At the first batch, after any callback that sets a rate where an epoch begins or ends.
        self._rate_due = True
        self._batch_loss.begin_epoch()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Record the epoch's loss, and keep the curve."""
        if self.every == "epoch":
            self._take(logged_loss(logs))
        else:
            self._batch_loss.end_epoch(logs)
        self._epoch_starts[epoch + 1] = len(self.lrs)
        if self.backup is not None:
            self.to_json(self.backup)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the batch's rate, and begin a mean of its own."""
        if self._rate_due:
            self._set_rate()
            self._rate_due = False
        if self.every != "batch":
            return
        self._first = batch
        self._batch_loss.begin(self.model)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Record the batch's loss, and put the epoch's mean together again."""
        if self.every != "batch":
            return
        total, count = self._batch_loss.end(self.model, logs)
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
        elif self._rate is not None:
            self._rate.release()
            self._rate = None

    def restore(self) -> None:
        """Put the model, its optimizer and the random state back as the sweep found them.

        For a fit that ended in an exception, after which Keras calls no callback.
        """
        if self._rate is not None:
            self._rate.release()
            self._rate = None
        if self._snapshot is not None:
            self._snapshot.restore(self.model)
            self._snapshot = None

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the curve and the settings, to be read back by ``from_json``."""
        storage.write(path, self._content())

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> "ExponentialLRSweep":
        """Return the sweep that ``to_json`` wrote, with the same bits."""
        content = storage.read(path)
        try:
            sweep = cls.from_config(content["config"])
            sweep._read(content)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{path} is not a sweep that to_json wrote: {error}") from None
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
            "backup": self.backup,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ExponentialLRSweep":
        """Return a sweep with these settings."""
        return cls(**config)

    def _fitted_ladder(self, first_epoch: int) -> Ladder:
        """The ladder with its number of steps, taken from the fit where it was left open."""
        if self.ladder.steps is not None:
            return self.ladder
        epochs, batches = self.params["epochs"] - first_epoch, self.params.get("steps")
        steps = epochs
        if self.every == "batch" and batches:
            executions = -(-batches // self.model.steps_per_execution)
            held = -(-accumulation(self.model.optimizer) // self.model.steps_per_execution)
            steps = epochs * executions // held
        elif self.every == "batch":
            steps = None
        if not steps or steps < 2:
            raise ValueError(
                f"steps=None takes the length of the fit, which is {steps or 'not known'}. "
                "Pass steps to ExponentialLRSweep (2 or more), or fit for longer."
            )
        return Ladder(self.ladder.start, self.ladder.end, steps, self.ladder.per_decade)

    def _clear(self) -> None:
        super()._clear()
        self._began = 0
        self._epoch_starts: dict[int, int] = {}
        self._smoother = Smoother(self.smoothing)

    def _content(self) -> dict[str, Any]:
        """Everything that ``to_json`` keeps."""
        return {
            "config": self.get_config(),
            "curve": self.to_dict(),
            "began": self._began,
            "epoch_starts": list(self._epoch_starts.items()),
        }

    def _read(self, content: dict[str, Any], points: int | None = None) -> None:
        """Take over what ``_content`` gave, its first ``points`` points."""
        self._read_curve(content["curve"], points)
        self._began = content["began"]
        self._epoch_starts = dict(content["epoch_starts"])
        for loss in self.losses:
            self._smoother.add(loss)

    def _earlier_content(self) -> dict[str, Any] | None:
        """What is left of a fit that was interrupted: this object's own, or its backup's."""
        if self.stopped == "interrupted":
            return self._content()
        if self.stopped is None and self.backup is not None and Path(self.backup).exists():
            return storage.read(self.backup)
        return None

    def _resume(self, epoch: int) -> None:
        """Go on with an earlier curve, where Keras takes an interrupted fit up again."""
        earlier, snapshot = self._earlier, self._earlier_snapshot
        self._earlier = self._earlier_snapshot = None
        starts = dict(earlier["epoch_starts"]) if earlier else {}
        if not earlier or epoch not in starts or earlier["curve"]["stopped"] != "interrupted":
            return
        if earlier["config"] != self.get_config():
            raise ValueError(
                f"backup={self.backup!r} holds a sweep with other settings. Delete it to start "
                f"anew. It has {earlier['config']}, and this sweep {self.get_config()}."
            )
        if snapshot is not None:
            self._snapshot = snapshot
        elif self._began != earlier["began"]:
            raise ValueError(
                "The model had been trained when the sweep began, so that it cannot be put back. "
                "In the list of callbacks, the sweep goes before BackupAndRestore."
            )
        self._read(earlier, starts[epoch])

    def _set_rate(self) -> None:
        if self.stopped == "interrupted" and self._rate is not None:
            self._rate.set(self._ladder.rate(len(self.lrs)))

    def _take(self, loss: float) -> None:
        if self.stopped != "interrupted":
            return
        self._record(self._ladder.rate(len(self.lrs)), loss)
        self._smoother.add(loss)
        if not math.isfinite(loss):
            self.stopped = "non-finite"
        elif self.stop_factor is not None and rules.diverged(
            self.losses, self._smoother.smoothed, self.stop_factor
        ):
            self.stopped = "diverged"
        elif len(self.lrs) == self._ladder.steps:
            self.stopped = "finished"
        else:
            return
        self.model.stop_training = True


def check_sweepable(model: keras.Model) -> None:
    """Raise where a model cannot be swept and put back."""
    check_model(model)
    if not getattr(model, "compiled", False):
        raise ValueError("The model is not compiled: call model.compile(optimizer, loss) first.")
    if not model.built or not model.trainable_variables:
        raise ValueError(
            "The sweep restores a model's weights, so they must exist before it: add "
            "keras.Input(shape) in front, or call model.build(input_shape)."
        )
