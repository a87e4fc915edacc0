"""What a curve of losses over rates says: smoothing, divergence, and a rate to train at.

All rules are unchanged by ``loss -> a * loss + c`` for ``a > 0``.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_ts._typing import Array

FEWEST_POINTS = 10


class Smoother:
    """An exponential moving average without the pull of its start (Kingma and Ba, 2015).

    Example:

    >>> smoother = Smoother(0.9)
    >>> [round(smoother(loss), 3) for loss in (1.0, 1.0, 2.0)]
    [1.0, 1.0, 1.369]
    """

    def __init__(self, smoothing: float) -> None:
        self._smoothing = smoothing
        self._average = 0.0
        self._weight = 0.0

    def __call__(self, loss: float) -> float:
        """Take in the next loss; return the smoothed one."""
        keep = self._smoothing
        self._average = keep * self._average + (1 - keep) * loss
        self._weight = keep * self._weight + (1 - keep)
        return self._average / self._weight


def diverged(losses: Sequence[float], smoothed: Sequence[float], factor: float) -> bool:
    """Whether the smoothed loss has risen ``factor`` times as far as it had fallen.

    It counts from the best value: ``smoothed > best + factor * fall``, the fall being
    ``first - best``, or the typical step from one raw loss to the next if that is larger,
    so that noise before the first fall stops nothing.
    """
    if len(losses) < FEWEST_POINTS:
        return False
    best = min(smoothed)
    typical = float(np.median(np.abs(np.diff(losses))))
    return smoothed[-1] > best + factor * max(smoothed[0] - best, typical)


def suggest(rates: Sequence[float], smoothed: Sequence[float], rule: str) -> float:
    """Return the rate that ``rule`` picks from a curve.

    Raises:
        ValueError: The curve has too few usable points, or its loss never falls.
    """
    usable = np.isfinite(np.asarray(smoothed, dtype=np.float64))
    end = len(usable) if usable.all() else int(usable.argmin())
    if end < FEWEST_POINTS:
        raise ValueError(
            f"The sweep has {end} usable points, and a suggestion needs {FEWEST_POINTS}. "
            + (
                f"The loss is not finite from rate {rates[end]:.3g} on: start lower."
                if end < len(usable)
                else "Take more steps, or a smaller step from one rate to the next."
            )
        )
    log_rates, curve = np.log(rates[:end]), np.asarray(smoothed[:end], dtype=np.float64)
    if curve.argmin() == 0:
        raise ValueError(
            f"The loss never falls below its value at the first rate, {rates[0]:.3g}. "
            "Start lower if it only rises, or end higher if it stays level."
        )
    return float(np.exp(RULES[rule](log_rates, curve)))


def _valley(log_rates: Array, curve: Array) -> float:
    """The middle of the longest falling subsequence of the curve."""
    begin, end = longest_fall(curve)
    return float(log_rates[(begin + end) // 2])


def _steepest(log_rates: Array, curve: Array) -> float:
    """Where the loss falls fastest per factor of the rate."""
    return float(log_rates[np.gradient(curve, log_rates).argmin()])


def _minimum(log_rates: Array, curve: Array) -> float:
    """A tenth of the rate with the lowest loss."""
    return float(log_rates[curve.argmin()] - np.log(10.0))


RULES: dict[str, Callable[[Array, Array], float]] = {
    "valley": _valley,
    "steepest": _steepest,
    "minimum": _minimum,
}


def longest_fall(curve: Any) -> tuple[int, int]:
    """First and last index of a longest strictly falling subsequence (patience sorting)."""
    negated: list[float] = []
    ends: list[int] = []
    previous = np.full(len(curve), -1)
    for index, value in enumerate(curve):
        length = bisect_left(negated, -value)
        if length:
            previous[index] = ends[length - 1]
        if length == len(negated):
            negated.append(-value)
            ends.append(index)
        else:
            negated[length], ends[length] = -value, index
    begin = ends[-1]
    while previous[begin] >= 0:
        begin = int(previous[begin])
    return begin, ends[-1]
