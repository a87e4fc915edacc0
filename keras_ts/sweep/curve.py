"""The recorded curve of a sweep: what was measured, what it suggests, and ways to keep it."""

import csv
import os
from typing import Any, Literal

from keras_ts import _checks
from keras_ts._files import replacing
from keras_ts.sweep import rules

Rule = Literal["valley", "steepest", "minimum"]


class SweepCurve:
    """Losses over rates.

    Attributes:
        lrs: The rates that ran, in order.
        losses: The loss of exactly the batches (or the epoch) that ran at each rate.
        smoothed_losses: Their debiased exponential moving average.
        stopped: Why the sweep ended: "finished", "diverged", "non-finite" or
            "interrupted". None before it did.
    """

    def __init__(self, smoothing: float) -> None:
        self.smoothing = _checks.real("smoothing", smoothing)
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must lie in [0, 1). Received: smoothing={smoothing}.")
        self._clear()

    def _clear(self) -> None:
        """Forget what was recorded."""
        self.lrs: list[float] = []
        self.losses: list[float] = []
        self.smoothed_losses: list[float] = []
        self.stopped: str | None = None
        self._smoother = rules.Smoother(self.smoothing)

    def _record(self, rate: float, loss: float) -> None:
        """Take in the loss of one rate."""
        self.lrs.append(rate)
        self.losses.append(loss)
        self.smoothed_losses.append(self._smoother(loss))

    def suggest(self, rule: Rule = "valley") -> float:
        """Return a rate to train at.

        Args:
            rule: ``"valley"``: where the smoothed loss has made nine tenths of its way
                down. ``"steepest"``: where it falls fastest per factor of the rate.
                ``"minimum"``: a tenth of the rate where it is lowest. All look at the loss
                smoothed from both sides, which is not late as the plotted one is.

        Raises:
            ValueError: No rate can be given; the message says why.
        """
        _checks.choice("rule", rule, tuple(rules.RULES))
        return rules.suggest(self.lrs, self.losses, self.smoothing, rule)

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as plain Python lists."""
        return {
            "lrs": list(self.lrs),
            "losses": list(self.losses),
            "smoothed_losses": list(self.smoothed_losses),
            "stopped": self.stopped,
        }

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the curve as a table with columns ``lr, loss, smoothed_loss``."""
        with (
            replacing(path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(["lr", "loss", "smoothed_loss"])
            writer.writerows(zip(self.lrs, self.losses, self.smoothed_losses, strict=True))

    def _read_curve(self, curve: dict[str, Any], points: int | None = None) -> None:
        """Take over the first ``points`` of what ``to_dict`` gave."""
        self._clear()
        for rate, loss in list(zip(curve["lrs"], curve["losses"], strict=True))[:points]:
            self._record(float(rate), float(loss))
        self.stopped = curve["stopped"]

    def plot(self, ax: Any = None, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the curve over a logarithmic axis, with the suggested rate marked.

        Args:
            ax: Axes to draw on. Defaults to a new figure's.
            path: Where to save the picture. Defaults to None: nowhere.

        Returns:
            The axes.
        """
        from keras_ts.plotting import plot_sweep

        return plot_sweep(self, ax=ax, path=path)
