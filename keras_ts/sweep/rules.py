"""What a curve of losses over rates says: smoothing, divergence, and a rate to train at.

All rules are unchanged by ``loss -> a * loss + c`` for ``a > 0``.
"""

from collections.abc import Callable, Sequence

import numpy as np

from keras_ts._typing import Array

FEWEST_POINTS = 10
_VALLEY_DEPTH = 0.9


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
    # A level loss moves by float32's rounding, which is no rise.
    rounding = 1e-5 * abs(best)
    return smoothed[-1] > best + factor * max(smoothed[0] - best, typical, rounding)


def suggest(rates: Sequence[float], losses: Sequence[float], smoothing: float, rule: str) -> float:
    """Return the rate that ``rule`` picks from a curve of raw losses.

    Raises:
        ValueError: The curve has too few usable points, or its loss never falls.
    """
    finite = np.isfinite(np.asarray(losses, dtype=np.float64))
    end = len(finite) if finite.all() else int(finite.argmin())
    if end < FEWEST_POINTS:
        raise ValueError(
            f"The sweep has {end} usable points, and a suggestion needs {FEWEST_POINTS}. "
            + (
                f"The loss is not finite from rate {rates[end]:.3g} on: start lower."
                if end < len(finite)
                else "Take more steps, or a smaller step from one rate to the next."
            )
        )
    curve = level_curve(losses[:end], smoothing)
    if curve.argmin() == 0:
        raise ValueError(
            f"The loss never falls below its value at the first rate, {rates[0]:.3g}. "
            "Start lower if it only rises, or end higher if it stays level."
        )
    return float(np.exp(RULES[rule](np.log(rates[:end]), curve)))


def level_curve(losses: Sequence[float], smoothing: float) -> Array:
    """The losses smoothed from both sides, so that the curve is not late.

    Past its lowest point a loss counts at most as much as where the curve began: the
    explosion at its end would otherwise reach back over the bottom.
    """
    raw = np.asarray(losses, dtype=np.float64)
    weights = _decaying_sum(np.ones(len(raw)), smoothing)
    forward = _decaying_sum(raw, smoothing) / weights
    bottom = int(forward.argmin())
    level = forward[:FEWEST_POINTS].max()
    capped = np.concatenate([raw[:bottom], np.minimum(raw[bottom:], level)])
    sums = _decaying_sum(capped, smoothing) + _decaying_sum(capped[::-1], smoothing)[::-1] - capped
    return sums / (weights + weights[::-1] - 1)


def _decaying_sum(values: Array, smoothing: float) -> Array:
    """``sum_j smoothing ** j * values[i - j]`` for every ``i``."""
    total, sums = 0.0, []
    for value in values:
        total = smoothing * total + value
        sums.append(total)
    return np.array(sums)


def _valley(log_rates: Array, curve: Array) -> float:
    """Where the curve has made nine tenths of its way down."""
    bottom = int(curve.argmin())
    top = curve[: bottom + 1].max()
    low = np.minimum.accumulate(curve[: bottom + 1])
    reached = low <= top - _VALLEY_DEPTH * (top - curve[bottom])
    return float(log_rates[reached.argmax()])


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
