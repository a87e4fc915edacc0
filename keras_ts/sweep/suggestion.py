"""Suggests a rate to train at from a curve of losses over rates. NumPy alone.

The rules give the same rate for ``a * losses + c``, where ``a > 0``, and for losses with a few
per cent of outliers.
"""

from collections.abc import Callable, Sequence

import numpy as np

from keras_ts._typing import Array
from keras_ts.sweep.divergence import divergence
from keras_ts.sweep.smoothing import (
    FEWEST_POINTS,
    level_curve,
    moving_average,
    usable,
    without_inner_outliers,
    without_outliers,
)

SHUFFLES = 999
RESAMPLES = 200
# At most this share of random orders may show a sign of a fall as clearly as the losses do.
_BY_CHANCE = 0.005
_VALLEY_DEPTH = 0.7


def suggest(
    rates: Sequence[float],
    repeats: Sequence[Sequence[float]],
    smoothing: float,
    stop_factor: float | None,
    rule: str,
) -> float:
    """Return the rate that ``rule`` picks from the recorded losses of one or more repeats.

    Raises:
        ValueError: The curve has too few usable points, or its loss does not fall by more
            than chance would have it.
    """
    losses = _before_divergence(repeats, smoothing, stop_factor).mean(axis=0)
    end = len(losses)
    if end < FEWEST_POINTS:
        raise ValueError(
            f"The sweep has {end} usable points, and a suggestion needs {FEWEST_POINTS}. "
            + (
                f"The loss is not finite from rate {rates[end]:.3g} on: start lower."
                if end < len(rates)
                else "Take more steps, or a smaller step from one rate to the next."
            )
        )
    curve = level_curve(losses, smoothing)
    bottom = int(curve.argmin())
    if bottom == 0:
        raise ValueError(
            f"The loss never falls below its value at the first rate, {rates[0]:.3g}. "
            "Start lower if it only rises, or end higher if it stays level."
        )
    before = _explosion(losses, curve)
    if not falls([run[:before] for run in repeats]):
        raise ValueError(
            "The loss falls no further than its noise would by chance, so no rate can be told "
            f"from another between {rates[0]:.3g} and {rates[end - 1]:.3g}. Take larger batches, "
            "repeats of find_learning_rate, or other ends; or the model does not learn."
        )
    return pick(rates[:end], curve, rule)


def smooth_curve(
    repeats: Sequence[Sequence[float]], smoothing: float, stop_factor: float | None
) -> Array:
    """Return the curve that ``suggest`` reads."""
    losses = _before_divergence(repeats, smoothing, stop_factor).mean(axis=0)
    return level_curve(losses, smoothing) if len(losses) else losses


def _before_divergence(
    repeats: Sequence[Sequence[float]], smoothing: float, stop_factor: float | None
) -> Array:
    """Return the repeats without outliers, ``(repeats, rates)``, up to the end of the valley.

    All repeats end before the first loss that is not finite in any of them, and one loss after the
    first divergence: in ``tests/sweep/test_quality.py`` this end did best. A sweep itself goes on
    for some losses more, which tell a divergence from an outlier.
    """
    ends = []
    for losses in repeats:
        finite = losses[: usable(losses)]
        smoothed = moving_average(without_outliers(finite), smoothing)
        place = divergence(finite, smoothed, stop_factor)
        ends.append(len(finite) if place is None else min(place + 2, len(finite)))
    return np.array([without_inner_outliers(losses)[: min(ends)] for losses in repeats])


def pick(rates: Sequence[float], curve: Array, rule: str) -> float:
    """Return the rate that ``rule`` picks from a curve that has been smoothed."""
    return float(np.exp(RULES[rule](np.log(rates), curve)))


def interval(
    rates: Sequence[float],
    repeats: Sequence[Sequence[float]],
    smoothing: float,
    stop_factor: float | None,
    rule: str,
) -> tuple[float, float]:
    """Return the middle nine tenths of the rates that resampled repeats suggest.

    ``RESAMPLES`` times, as many repeats as there are get drawn with replacement and averaged
    (Efron's bootstrap). The range shows how far the suggestion would move with other seeds.
    """
    runs = _before_divergence(repeats, smoothing, stop_factor)
    drawn = np.random.default_rng(0).integers(len(runs), size=(RESAMPLES, len(runs)))
    picked = [
        pick(rates[: runs.shape[1]], level_curve(mean, smoothing), rule)
        for mean in runs[drawn].mean(axis=1)
    ]
    low, high = np.exp(np.quantile(np.log(picked), [0.05, 0.95]))
    return float(low), float(high)


def _explosion(losses: Array, curve: Array) -> int:
    """Return how many losses come before both the curve and the losses leave the valley."""
    bottom = int(curve.argmin())
    middle = (curve[: bottom + 1].max() + curve[bottom]) / 2
    risen = np.flatnonzero(curve[bottom:] > middle)
    within = losses[: bottom + risen[0]] if len(risen) else losses
    return int(np.flatnonzero(within <= middle)[-1]) + 1


def falls(repeats: Sequence[Sequence[float]]) -> bool:
    """Tell if losses fall more clearly than nearly all of ``SHUFFLES`` random orders of them.

    The test looks at two signs of a fall (a permutation test, R. A. Fisher, 1935): a trend,
    ``-sum_i i * loss_i``, which sees few losses without noise; and a step, the largest difference
    between the mean ranks before and after a point over its standard error, which sees a late dip
    in much noise. Noise passes for a fall in a few of a hundred curves, however it is
    distributed: to refuse a rate where the model does learn is the worse mistake.

    In each repeat, the highest and lowest tenth of the losses count as the next ones to them
    (winsorizing). Outliers replaced by their neighbours would make a random order unlike the
    recorded one.
    """
    losses = np.mean([_winsorized(run) for run in repeats], axis=0)
    values = losses - losses.mean()
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)
    places = np.tile(np.arange(len(values)), (SHUFFLES, 1))
    orders = np.random.default_rng(0).permuted(places, axis=1)
    return any(
        bool((statistic(series[orders]) >= statistic(series)).mean() <= _BY_CHANCE)
        for statistic, series in ((_trend, values), (_step, ranks))
    )


def _winsorized(losses: Sequence[float]) -> Array:
    """Return losses of which the highest and the lowest tenth are as the next ones to them."""
    ordered, tenth = np.sort(losses), len(losses) // 10
    return np.clip(losses, ordered[tenth], ordered[-1 - tenth])


def _trend(values: Array) -> Array:
    return -(values @ np.arange(values.shape[-1]))


def _step(values: Array) -> Array:
    length = values.shape[-1]
    before = np.arange(1, length)
    sums = np.cumsum(values - values.mean(axis=-1, keepdims=True), axis=-1)[..., :-1]
    return (sums / np.sqrt(before * (length - before))).max(axis=-1)


def _valley(log_rates: Array, curve: Array) -> float:
    """Return two thirds of the mean of two rates: after most of the fall, and at the lowest loss.

    The mean is geometric.
    A sweep spends one batch at the rate of the lowest loss. A fit stays at its rate, and ends
    lower at a rate somewhat below that one.
    """
    bottom = int(curve.argmin())
    top = curve[: bottom + 1].max()
    low = np.minimum.accumulate(curve[: bottom + 1])
    reached = low <= top - _VALLEY_DEPTH * (top - curve[bottom])
    return float((log_rates[reached.argmax()] + log_rates[bottom]) / 2 - np.log(1.5))


def _steepest(log_rates: Array, curve: Array) -> float:
    """Return the rate where the loss falls fastest per factor of the rate, before it is lowest.

    Past its lowest point the loss may fall again, back from an explosion.
    """
    slopes = np.gradient(curve, log_rates)[: curve.argmin() + 1]
    return float(log_rates[slopes.argmin()])


def _minimum(log_rates: Array, curve: Array) -> float:
    """Return a tenth of the rate with the lowest loss."""
    return float(log_rates[curve.argmin()] - np.log(10.0))


RULES: dict[str, Callable[[Array, Array], float]] = {
    "valley": _valley,
    "steepest": _steepest,
    "minimum": _minimum,
}
