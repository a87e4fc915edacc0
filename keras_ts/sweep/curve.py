"""``SweepCurve``: the rates and losses of a sweep, and the files that hold them."""

import csv
import json
import math
import os
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from keras_ts import _checks
from keras_ts._files import existing, path_text, replacing
from keras_ts.plotting.curves import plot_sweep
from keras_ts.sweep import suggestion

Rule = Literal["valley", "steepest", "minimum"]
_KEYS = ("config", "curve", "began", "epoch_starts", "lrs", "losses", "stopped")


class SweepCurve:
    """Holds the loss at each rate; suggests a rate, draws the losses and writes them to files."""

    lrs: list[float]
    """The rates that ran, in order."""
    losses: list[float]
    """The mean loss of the batches that ran at each rate, and of no others."""
    repeats: list[list[float]]
    """The losses of each repeat; ``losses`` is their mean. Empty for a sweep without repeats."""
    every: str
    """How long each rate is used, one ``"batch"`` or one ``"epoch"``."""
    smoothing: float
    """Weight of the past in the smoothed loss."""
    stop_factor: float | None
    """The sweep stops if the smoothed loss rises by this many times its fall. With None, only a
    loss that is not finite stops it."""

    def __init__(self, every: str, smoothing: float, stop_factor: float | None) -> None:
        self.every = every
        self.smoothing = _checks.real("smoothing", smoothing)
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must lie in [0, 1). Received: smoothing={smoothing}.")
        self.stop_factor = (
            None if stop_factor is None else _checks.positive("stop_factor", stop_factor)
        )
        self._empty()

    def _empty(self) -> None:
        """Forget all rates and losses."""
        self.lrs, self.losses, self.repeats = [], [], []
        self._state: str | None = None  # "running", or what ``stopped`` returns
        self._epoch_starts: dict[int, int] = {}
        self._batches_before = 0

    @property
    def stopped(self) -> str | None:
        """The reason the sweep ended: "finished", "diverged", "non-finite" or "interrupted".

        A fit that still runs also counts as "interrupted", since Keras tells no callback when an
        exception ends a fit. Before the first fit the value is None.
        """
        return "interrupted" if self._state == "running" else self._state

    @property
    def smoothed_losses(self) -> list[float]:
        """The debiased exponential moving average of the losses without outliers.

        A loss more than five standard deviations from the median of itself and its eight neighbours
        is replaced by that median (Hampel's identifier). While the sweep runs, the last four values
        may still change, since only later losses tell an outlier from a rise.
        """
        cleaned = np.mean([suggestion.without_outliers(run) for run in self._runs], axis=0)
        return suggestion.moving_average(cleaned, self.smoothing).tolist()

    def suggest(self, rule: Rule = "valley") -> float:
        """Return a rate to train at.

        All rules read one curve: the losses up to the divergence or the first one that is not
        finite, smoothed from both sides, since a moving average would lag behind them. Outliers are
        left out, except high ones at the end. ``b`` is the rate where the curve is lowest, ``r``
        the first rate where it has fallen by seven tenths of its fall to ``b``.

        Args:
            rule: ``"valley"``: ``sqrt(r * b) / 1.5``.
                ``"steepest"``: the rate up to ``b`` where the curve falls fastest over the
                logarithm of the rate. ``"minimum"``: ``b / 10``.

        Raises:
            ValueError: No rate can be suggested; the message says why.
        """
        _checks.choice("rule", rule, tuple(suggestion.RULES))
        return suggestion.suggest(self.lrs, self._runs, self.smoothing, self.stop_factor, rule)

    def suggest_interval(self, rule: Rule = "valley") -> tuple[float, float]:
        """Return the range of the middle nine tenths of suggestions from resampled repeats.

        The sweep's repeats are resampled with replacement and averaged, 200 times (B. Efron's
        bootstrap, 1979). Each average gives a suggestion. The range always includes
        ``suggest(rule)``, and is a single rate if all averages suggest that rate. All repeats start
        from the same weights, so the range shows only the noise of batches and dropout. Other
        weights may suggest a rate outside the range.

        Args:
            rule: See ``suggest``.

        Raises:
            ValueError: No rate can be suggested, or the sweep was not repeated.
        """
        rate = self.suggest(rule)
        if len(self.repeats) < 2:
            raise ValueError(
                "An interval needs repeats, and this sweep is a single one: call "
                "find_learning_rate(..., repeats=5)."
            )
        low, high = suggestion.interval(
            self.lrs, self.repeats, self.smoothing, self.stop_factor, rule
        )
        return min(low, rate), max(high, rate)

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the losses over the rates, on a logarithmic axis, and mark the suggested rate.

        The smooth line is the curve that ``suggest`` reads. Rates at which the loss has diverged,
        far above the top of this curve, are shaded. Repeats add two bands: from their lowest to
        their highest loss, and over the interval of the suggestion.

        Args:
            ax: Axes to draw on. Defaults to a new figure's.
            filepath: File to save the picture in. Defaults to None: no file.

        Returns:
            The axes.

        Raises:
            ValueError: The sweep has recorded nothing yet.
        """
        if not self.lrs:
            raise ValueError("The sweep has recorded nothing yet: fit with it first.")
        try:
            suggested = self.suggest()
        except ValueError:
            suggested = None
        repeated = len(self.repeats) > 1
        return plot_sweep(
            self.lrs,
            self.losses,
            smoothed=suggestion.smooth_curve(self._runs, self.smoothing, self.stop_factor),
            repeats=self.repeats,
            suggested=suggested,
            interval=self.suggest_interval() if repeated and suggested is not None else None,
            label=f"loss of the {self.every}",
            ax=ax,
            filepath=filepath,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as plain Python lists, with ``repeats`` if there are any."""
        curve = {
            "lrs": list(self.lrs),
            "losses": list(self.losses),
            "smoothed_losses": self.smoothed_losses,
            "stopped": self.stopped,
        }
        return {**curve, "repeats": [list(run) for run in self.repeats]} if self.repeats else curve

    def to_csv(self, filepath: str | os.PathLike[str]) -> None:
        """Write the curve as a CSV table.

        Its columns are ``lr``, ``loss``, ``smoothed_loss``, and for repeats ``loss_0``, ``loss_1``
        and so on.
        """
        with (
            replacing(filepath) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            names = [f"loss_{i}" for i in range(len(self.repeats))]
            writer.writerow(["lr", "loss", "smoothed_loss", *names])
            columns = (self.lrs, self.losses, self.smoothed_losses, *self.repeats)
            writer.writerows(zip(*columns, strict=True))

    def to_tensorboard(self, log_dir: str | os.PathLike[str]) -> None:
        """Write the curve as a run for TensorBoard.

        Its scalars are ``sweep/loss``, ``sweep/smoothed_loss`` and ``sweep/learning_rate``. Step
        ``i`` is the ``i``-th rate, so TensorBoard's horizontal axis looks like that of ``plot``.

        Args:
            log_dir: Folder of the run, created if it is missing.

        Raises:
            ImportError: The ``tensorboard`` package is missing. It needs no TensorFlow.
        """
        folder = path_text("log_dir", log_dir)
        writer = _checks.needed("tensorboard.summary", "to_tensorboard").Writer(folder)
        columns = {
            "loss": self.losses,
            "smoothed_loss": self.smoothed_losses,
            "learning_rate": self.lrs,
        }
        for name, values in columns.items():
            for step, value in enumerate(values):
                writer.add_scalar(f"sweep/{name}", value, step)
        writer.close()

    @property
    def _runs(self) -> list[list[float]]:
        """The losses of each repeat, or of the only run."""
        return self.repeats or [self.losses]

    def _record(self, rate: float, loss: float) -> None:
        """Add the loss at one rate."""
        self.lrs.append(rate)
        self.losses.append(loss)

    def _take_mean(self, sweeps: "Sequence[SweepCurve]") -> None:
        """Record the mean of several sweeps over the same rates, cut to the shortest."""
        shortest = min(sweeps, key=lambda sweep: len(sweep.lrs))
        self.repeats = [sweep.losses[: len(shortest.lrs)] for sweep in sweeps]
        for rate, *losses in zip(shortest.lrs, *self.repeats, strict=True):
            self._record(rate, sum(losses) / len(losses))
        self._state = shortest._state


def write_sweep(filepath: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Write ``content`` to a file, which is replaced only once the new one is complete."""
    text = json.dumps(_strict(content), allow_nan=False, indent=1)
    with replacing(filepath) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_sweep(filepath: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content that ``write_sweep`` wrote."""
    file = existing(path_text("filepath", filepath))
    try:
        content = dict(json.loads(file.read_text(encoding="utf-8")))
        if lacking := [key for key in _KEYS if key not in {*content, *content.get("curve", ())}]:
            raise ValueError(f"it lacks {', '.join(lacking)}")
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{filepath} is not a sweep that to_json wrote: {error}.") from None
    return content


def _strict(value: Any) -> Any:
    """Return a value with NaN and infinities as strings, since JSON has neither."""
    if isinstance(value, dict):
        return {key: _strict(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(entry) for entry in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value
