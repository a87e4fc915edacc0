"""The recorded curve of a sweep: what was measured, what it suggests, and ways to keep it."""

import csv
import os
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from keras_ts import _checks
from keras_ts._files import replacing
from keras_ts.sweep import rules, smoothing

Rule = Literal["valley", "steepest", "minimum"]
_STOPPED = (None, "finished", "diverged", "non-finite", "interrupted")


class SweepCurve:
    """Losses over rates.

    Attributes:
        lrs: The rates that ran, in order.
        losses: The loss of exactly the batches (or the epoch) that ran at each rate.
        smoothed_losses: Their debiased exponential moving average, outliers left out.
        stopped: Why the sweep ended: "finished", "diverged", "non-finite" or
            "interrupted". None before it did.
        repeats: The losses of each repeat, where ``losses`` is their mean; else empty.
    """

    every: str

    def __init__(self, smoothing: float) -> None:
        self.smoothing = _checks.real("smoothing", smoothing)
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must lie in [0, 1). Received: smoothing={smoothing}.")
        self._clear()

    def _clear(self) -> None:
        """Forget what was recorded."""
        self.lrs: list[float] = []
        self.losses: list[float] = []
        self.stopped: str | None = None
        self.repeats: list[list[float]] = []

    def _record(self, rate: float, loss: float) -> None:
        """Take in the loss of one rate."""
        self.lrs.append(rate)
        self.losses.append(loss)

    @property
    def smoothed_losses(self) -> list[float]:
        """Their debiased exponential moving average, outliers left out.

        A loss that is far from its eight neighbours counts as their median (``smoothing.py`` says
        how far), of repeats each by itself. So the last four values may change with the next loss.
        """
        losses = np.mean([smoothing.without_outliers(run) for run in self._runs], axis=0)
        return smoothing.moving_average(losses, self.smoothing).tolist()

    @property
    def _runs(self) -> list[list[float]]:
        """The losses of every repeat, a sweep without repeats being one."""
        return self.repeats or [self.losses]

    def _average(self, runs: "Sequence[SweepCurve]") -> None:
        """Take over the mean of several runs over the same rates, as far as all of them got."""
        shortest = min(runs, key=lambda run: len(run.lrs))
        self._clear()
        self.repeats = [run.losses[: len(shortest.lrs)] for run in runs]
        for rate, *losses in zip(shortest.lrs, *self.repeats, strict=True):
            self._record(rate, sum(losses) / len(losses))
        self.stopped = shortest.stopped

    def suggest(self, rule: Rule = "valley") -> float:
        """Return a rate to train at.

        Args:
            rule: ``"valley"``: ``sqrt(r * b) / 1.5``, ``b`` being the rate where the loss is
                lowest and ``r`` the first one where it has made seven tenths of its way down.
                ``"steepest"``: where it falls fastest per factor of the rate, before ``b``.
                ``"minimum"``: ``b / 10``. All look at the loss without outliers, smoothed from
                both sides, which is not late as the moving average is, and at rates before the
                first loss that is not finite.

        Raises:
            ValueError: No rate can be given; the message says why.
        """
        _checks.choice("rule", rule, tuple(rules.RULES))
        return rules.suggest(self.lrs, self._runs, self.smoothing, rule)

    def suggest_interval(self, rule: Rule = "valley") -> tuple[float, float]:
        """Return how far down and up the suggestion might lie with other seeds.

        The middle nine tenths of the suggestions from averages of repeats that are drawn, with
        replacement, from those there are.

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
        low, high = rules.interval(self.lrs, self.repeats, self.smoothing, rule)
        return min(low, rate), max(high, rate)

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as plain Python lists; ``repeats`` only where there are any."""
        curve = {
            "lrs": list(self.lrs),
            "losses": list(self.losses),
            "smoothed_losses": list(self.smoothed_losses),
            "stopped": self.stopped,
        }
        return {**curve, "repeats": [list(run) for run in self.repeats]} if self.repeats else curve

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the curve as a table.

        Its columns are ``lr, loss, smoothed_loss``, and ``loss_0, loss_1, ...`` of repeats.
        """
        with (
            replacing(path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            names = [f"loss_{i}" for i in range(len(self.repeats))]
            writer.writerow(["lr", "loss", "smoothed_loss", *names])
            columns = (self.lrs, self.losses, self.smoothed_losses, *self.repeats)
            writer.writerows(zip(*columns, strict=True))

    def to_tensorboard(self, log_dir: str | os.PathLike[str]) -> None:
        """Write the curve as a run for TensorBoard.

        Its scalars are ``sweep/loss``, ``sweep/smoothed_loss`` and ``sweep/learning_rate``. A
        step is a rate, so the usual horizontal axis is that of the plot.

        Args:
            log_dir: Folder of the run; made if need be.

        Raises:
            ImportError: The ``tensorboard`` package is missing. It needs no TensorFlow.
        """
        try:
            from tensorboard.summary import Writer
        except ImportError as error:
            raise ImportError(
                "to_tensorboard needs the tensorboard package: pip install tensorboard."
            ) from error
        writer = Writer(os.fspath(log_dir))
        columns = {
            "loss": self.losses,
            "smoothed_loss": self.smoothed_losses,
            "learning_rate": self.lrs,
        }
        for name, values in columns.items():
            for step, value in enumerate(values):
                writer.add_scalar(f"sweep/{name}", value, step)
        writer.close()

    def _read_curve(self, curve: dict[str, Any], points: int | None = None) -> None:
        """Take over the first ``points`` of what ``to_dict`` gave."""
        self._clear()
        _check_rates(curve["lrs"])
        for rate, loss in list(zip(curve["lrs"], curve["losses"], strict=True))[:points]:
            self._record(float(rate), float(loss))
        self.repeats = [list(map(float, run)) for run in curve.get("repeats", [])]
        if any(len(run) != len(self.lrs) for run in self.repeats):
            raise ValueError("Each of repeats must be as long as lrs.")
        if curve["stopped"] not in _STOPPED:
            raise ValueError(f"stopped must be one of {_STOPPED}. Received: {curve['stopped']!r}.")
        self.stopped = curve["stopped"]

    def plot(self, ax: Any = None, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the losses over a logarithmic axis, with the suggested rate marked.

        The smooth line is the one that ``suggest`` looks at, smoothed from both sides. Where
        the loss leaves its start behind for good, the picture is shaded. Repeats show as a
        band from their lowest to their highest, and the interval of the suggestion as another.

        Args:
            ax: Axes to draw on. Defaults to a new figure's.
            path: Where to save the picture. Defaults to None: nowhere.

        Returns:
            The axes.
        """
        from keras_ts.plotting import plot_sweep

        return plot_sweep(self, ax=ax, path=path)


def _check_rates(rates: Sequence[float]) -> None:
    """Raise where a saved curve has rates that no sweep can have run at."""
    before = 0.0
    for place, rate in enumerate(rates):
        if _checks.positive(f"lrs[{place}]", rate) < before:
            raise ValueError(
                f"lrs must not fall. Received: lrs[{place}]={rate} after lrs[{place - 1}]={before}."
            )
        before = rate
