"""``ExponentialLRSweep``: the Keras callback that sets learning rates and records losses."""

import math
import os
from typing import Any, Literal

import keras

from keras_ts import _checks
from keras_ts._models import build_optimizer
from keras_ts._registration import registered
from keras_ts.plotting.curves import plot_sweep
from keras_ts.sweep import suggestion
from keras_ts.sweep.session import Snapshot, SweptFit, accumulation, check_sweepable, logged_loss

Rule = Literal["valley", "minimum"]


@registered
class ExponentialLRSweep(keras.callbacks.Callback):
    """Trains at rates that grow by a constant factor, and records the loss at each rate.

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

    The sweep is not saved: a fit that Keras's ``BackupAndRestore`` continues begins at ``start_lr``
    again, from the weights of the backup.

    Args:
        start_lr: The first rate. Defaults to 1e-8.
        end_lr: The last rate. Give this or ``steps_per_decade``.
        steps: Number of rates. Defaults to None: as many as the fit has batches or epochs.
        steps_per_decade: Number of rates in each factor of ten. Give this or ``end_lr``.
        every: How long each rate is used: one ``"batch"`` or one ``"epoch"``. With gradient
            accumulation, ``"batch"`` means the batches of an update. Defaults to ``"batch"``.
        smoothing: Weight of the past in the smoothed loss, in [0, 1). Defaults to 0.9.
        stop_factor: The sweep stops when the smoothed loss has risen this many times as far as it
            had fallen. With None, only a loss that is not finite stops it early. Defaults to 4.0.
        restore: Whether to put the model, its optimizer and the random state back at the end. A
            callback that changes the model at the end, such as ``EarlyStopping`` with
            ``restore_best_weights``, must come before the sweep in the list. Defaults to True.

    Raises:
        ValueError: Both or neither of ``end_lr`` and ``steps_per_decade`` are given; in ``fit``,
            the model is not built or has ``steps_per_execution`` above 1, or the fit is too short.
    """

    lrs: list[float]
    """The rates that ran, in order."""
    losses: list[float]
    """The mean loss of the batches that ran at each rate, and of no others."""
    stopped: str | None
    """Why the sweep ended: "finished", "diverged", "non-finite" or "interrupted". It is
    "interrupted" during a fit, and None before the first."""

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
        super().__init__()
        if (end_lr is None) == (steps_per_decade is None):
            received = "neither" if end_lr is None else "both"
            raise ValueError(f"Give either end_lr or steps_per_decade. Received {received}.")
        self.start_lr = _checks.positive("start_lr", start_lr)
        self.end_lr = None if end_lr is None else _checks.positive("end_lr", end_lr)
        if self.end_lr is not None and self.end_lr <= self.start_lr:
            raise ValueError(
                f"end_lr must be larger than start_lr. Received: start_lr={self.start_lr}, "
                f"end_lr={self.end_lr}."
            )
        self.steps = None if steps is None else _checks.integer("steps", steps, 2)
        self.steps_per_decade = steps_per_decade
        if steps_per_decade is not None:
            self.steps_per_decade = _checks.positive("steps_per_decade", steps_per_decade)
        self.every = _checks.choice("every", every, ("batch", "epoch"))
        self.smoothing = _checks.real("smoothing", smoothing)
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must lie in [0, 1). Received: smoothing={smoothing}.")
        self.stop_factor = stop_factor
        if stop_factor is not None:
            self.stop_factor = _checks.positive("stop_factor", stop_factor)
        self.restores = _checks.boolean("restore", restore)
        self.lrs, self.losses, self.stopped = [], [], None
        self._snapshot: Snapshot | None = None
        self._fit: Any = None  # A ``SweptFit`` from the first epoch on.

    def __bool__(self) -> bool:
        # On JAX and PyTorch, fit(callbacks=sweep), without a list, makes Keras call the callback
        # from other threads, with batches out of order. Before that, Keras takes the truth value of
        # the argument: the only place where the sweep can refuse.
        raise TypeError("A sweep has no truth value. Put it in a list: callbacks=[sweep].")

    @property
    def smoothed_losses(self) -> list[float]:
        """The debiased exponential moving average of the losses without outliers.

        A loss more than five standard deviations from the median of itself and its eight neighbours
        is replaced by that median (Hampel's identifier).
        """
        cleaned = suggestion.without_outliers(self.losses)
        return suggestion.moving_average(cleaned, self.smoothing).tolist()

    def suggest(self, rule: Rule = "valley") -> float:
        """Return a rate to train at.

        Both rules read one curve: the losses up to the divergence or the first one that is not
        finite, smoothed from both sides, since a moving average would lag behind them. Outliers are
        left out, except high ones at the end. ``b`` is the rate where the curve is lowest, ``r``
        the first rate where it has fallen by seven tenths of its fall to ``b``.

        Args:
            rule: ``"valley"``: ``sqrt(r * b) / 1.5``. ``"minimum"``: ``b / 10``.

        Raises:
            ValueError: No rate can be suggested; the message says why.
        """
        _checks.choice("rule", rule, tuple(suggestion.RULES))
        return suggestion.suggest(self.lrs, self.losses, self.smoothing, self.stop_factor, rule)

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the losses over the rates, on a logarithmic axis, and mark the suggested rate.

        The smooth line is the curve that ``suggest`` reads. Rates at which the loss has diverged,
        far above the top of this curve, are shaded.

        Args:
            ax: Axes to draw on. Defaults to a new figure's.
            filepath: File to save the picture in. Defaults to None: no file.

        Returns:
            The axes.
        """
        losses = suggestion.before_divergence(self.losses, self.smoothing, self.stop_factor)
        try:
            suggested = self.suggest()
        except ValueError:
            suggested = None
        curve = suggestion.level_curve(losses, self.smoothing) if len(losses) else ()
        label = f"loss of the {self.every}"
        return plot_sweep(self.lrs, self.losses, curve, suggested, label, ax=ax, filepath=filepath)

    def to_dict(self) -> dict[str, Any]:
        """Return ``lrs``, ``losses``, ``smoothed_losses`` and ``stopped`` as plain values."""
        return {
            "lrs": list(self.lrs),
            "losses": list(self.losses),
            "smoothed_losses": self.smoothed_losses,
            "stopped": self.stopped,
        }

    def restore(self) -> None:
        """Put the model, its optimizer and the random state back as they were before the sweep.

        Call this after a fit that raised an exception, since Keras then calls no callback.
        """
        self._release()
        if self._snapshot is not None:
            self._snapshot.restore()
            self._snapshot = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Check that the model can be swept, and take a snapshot of its state."""
        check_sweepable(self.model)
        self._release()
        build_optimizer(self.model)
        self._snapshot = Snapshot(self.model)
        # Keras tells no callback when an exception ends a fit.
        self.lrs, self.losses, self.stopped = [], [], "interrupted"

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Choose the rates, at the first epoch."""
        # Until the first epoch begins, other callbacks may load another state into the model.
        if self._fit is None:
            per_update = accumulation(self.model.optimizer)
            held = self.params.get("steps") if self.every == "epoch" else per_update
            self._fit = SweptFit(self.model, self._rates_of_fit(epoch), held)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the batch's rate, and empty Keras's mean of the losses."""
        self._fit.set_rate(len(self.lrs))
        _ = self.model  # On JAX, reading ``self.model`` makes Keras read the new rate.
        if self.every == "batch":
            self._fit.begin(batch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Record the loss if the batch completes an update, and put the epoch's mean back."""
        _ = self.model  # On JAX, this makes Keras put its metrics into the model.
        loss = self._fit.end(logs) if self.every == "batch" else None
        if loss is not None:
            self._add(loss)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Record the loss of the epoch."""
        if self.every == "epoch":
            self._add(logged_loss(logs))

    def on_train_end(self, logs: Any = None) -> None:
        """End the sweep; with ``restore=True``, put model, optimizer and random state back."""
        self._release()
        if self.restores:
            self.restore()

    def get_config(self) -> dict[str, Any]:
        """Return the settings as plain Python values that JSON takes."""
        return {
            "start_lr": self.start_lr,
            "end_lr": self.end_lr,
            "steps": self.steps,
            "steps_per_decade": self.steps_per_decade,
            "every": self.every,
            "smoothing": self.smoothing,
            "stop_factor": self.stop_factor,
            "restore": self.restores,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ExponentialLRSweep":
        """Return a sweep with these settings."""
        # Files of 0.3.0 hold a key, "backup", that is no argument.
        return cls(**{name: value for name, value in dict(config).items() if name != "backup"})

    def _rates_of_fit(self, epoch: int) -> list[float]:
        """Return ``steps`` rates, or one for each batch or epoch of a fit from ``epoch`` on."""
        steps = self.steps
        if steps is None:
            steps = self.params["epochs"] - epoch
            if self.every == "batch":
                batches = self.params.get("steps") or 0  # None if not known.
                steps = steps * batches // accumulation(self.model.optimizer)
            if steps < 2:
                raise ValueError(
                    "The fit has less than two rates, or its length is not known: pass steps to "
                    "ExponentialLRSweep, or fit for longer."
                )
        if self.steps_per_decade is not None:
            return [self.start_lr * 10.0 ** (i / self.steps_per_decade) for i in range(steps)]
        assert self.end_lr is not None
        growth, last = self.end_lr / self.start_lr, steps - 1
        return [*(self.start_lr * growth ** (i / last) for i in range(last)), self.end_lr]

    def _release(self) -> None:
        """Put the optimizer's schedule back."""
        if self._fit is not None:
            self._fit.release()
            self._fit = None

    def _add(self, loss: float) -> None:
        """Record a loss; stop the fit after the last rate, or if the loss diverges."""
        self.lrs.append(self._fit.rates[len(self.lrs)])
        self.losses.append(loss)
        if not math.isfinite(loss):
            self.stopped = "non-finite"
        elif suggestion.divergence(self.losses, self.smoothing, self.stop_factor) is not None:
            self.stopped = "diverged"
        elif len(self.lrs) == len(self._fit.rates):
            self.stopped = "finished"
        else:
            return
        self.model.stop_training = True
