"""Smooths the losses of a sweep, and suggests a rate to train at. NumPy alone.

No result depends on the unit of the loss: ``a * losses + c``, where ``a > 0``, gives the same
rate. A few per cent of outliers among the losses change it little.
"""

from collections.abc import Callable, Sequence

import numpy as np

from keras_ts._typing import Array

Losses = Sequence[float] | Array
# Four outliers among nine losses do not move the median far. Five high losses in a row do, and are
# read as a divergence.
WINDOW = 9
# Five standard deviations of normal noise, as a multiple of its median absolute deviation.
_FARTHEST = 5 * 1.4826
# Smoothed losses before the tenth average too few losses to be compared.
FEWEST_POINTS = 10
_SHUFFLES = 999
# Losses fall if at most this share of their random orders falls as clearly.
_BY_CHANCE = 0.005
_VALLEY_DEPTH = 0.7


def usable(losses: Losses) -> int:
    """Return how many losses come before the first one that is not finite."""
    finite = np.isfinite(np.asarray(losses, dtype=np.float64))
    return len(finite) if finite.all() else int(finite.argmin())


def without_outliers(losses: Losses) -> Array:
    """Return the losses with each outlier replaced by the median of its neighbours."""
    # A loss is an outlier if it lies more than five standard deviations from the median of the
    # ``WINDOW`` losses around it (Hampel's identifier; R. K. Pearson, Outliers in process modeling
    # and identification, 2002). Losses from the first that is not finite on stay as they are.
    values = np.array(losses, dtype=np.float64)
    finite = values[: usable(values)]
    if len(finite):
        around = np.lib.stride_tricks.sliding_window_view(finite, min(WINDOW, len(finite)))
        medians = np.median(around, axis=1)
        spreads = np.median(np.abs(around - medians[:, None]), axis=1)
        places = np.clip(np.arange(len(finite)) - WINDOW // 2, 0, len(around) - 1)
        far = np.abs(finite - medians[places]) > _FARTHEST * spreads[places]
        finite[far] = medians[places][far]
    return values


def moving_average(losses: Losses, smoothing: float) -> Array:
    """Return the exponential moving average, corrected for its start at 0."""
    # The average is divided by the sum of its weights so far, as in Adam (Kingma and Ba, 2015).
    average, weight, averages = 0.0, 0.0, []
    for loss in losses:
        average = smoothing * average + (1 - smoothing) * float(loss)
        weight = smoothing * weight + (1 - smoothing)
        averages.append(average / weight)
    return np.array(averages)


def level_curve(losses: Losses, smoothing: float) -> Array:
    """Return the losses smoothed from both sides, so that the curve does not lag behind them."""
    # A loss ``k`` steps away has weight ``s ** k``, with ``s = smoothing / (2 - smoothing)``, so
    # that both sides together average over as many losses as ``moving_average`` does. The huge
    # losses of a divergence are cut off, since they would move the lowest point.
    raw = np.asarray(losses, dtype=np.float64)
    decay = smoothing / (2 - smoothing)
    weights = _decaying_sum(np.ones(len(raw)), decay)
    forward = _decaying_sum(raw, decay) / weights
    bottom = int(forward.argmin())
    level = forward[:FEWEST_POINTS].max()
    capped = np.concatenate([raw[:bottom], np.minimum(raw[bottom:], level)])
    sums = _decaying_sum(capped, decay) + _decaying_sum(capped[::-1], decay)[::-1] - capped
    return sums / (weights + weights[::-1] - 1)


def _decaying_sum(values: Array, smoothing: float) -> Array:
    """Return ``sum_j smoothing ** j * values[i - j]`` for every ``i``."""
    total, sums = 0.0, []
    for value in values:
        total = smoothing * total + value
        sums.append(total)
    return np.array(sums)


def suggest(
    rates: Losses, recorded: Losses, smoothing: float, stop_factor: float | None, rule: str
) -> float:
    """Return the rate that ``rule`` picks from the recorded losses, or refuse."""
    losses = before_divergence(recorded, smoothing, stop_factor)
    end = len(losses)
    if end < FEWEST_POINTS:
        late = f", and is not finite from rate {rates[end]:.3g} on" if end < len(rates) else ""
        raise ValueError(
            f"A suggestion needs {FEWEST_POINTS} finite losses. The sweep begins with {end}{late}."
        )
    curve = level_curve(losses, smoothing)
    bottom = int(curve.argmin())
    if bottom == 0:
        raise ValueError(
            f"The loss never falls below its value at the first rate, {rates[0]:.3g}: start lower."
        )
    if not _falls(recorded[: _explosion(losses, curve)]):
        raise ValueError(
            f"Between the rates {rates[0]:.3g} and {rates[end - 1]:.3g} the loss falls no further "
            "than its noise would by chance. Take larger batches or other rates."
        )
    return float(np.exp(RULES[rule](np.log(rates[:end]), curve)))


def before_divergence(recorded: Losses, smoothing: float, stop_factor: float | None) -> Array:
    """Return the losses up to the divergence, without outliers except high ones at the end."""
    finite = np.array(recorded[: usable(recorded)], dtype=np.float64)
    cleaned = without_outliers(finite)
    place = divergence(finite, smoothing, stop_factor)
    # At the end, too few losses follow to tell an outlier from the start of a divergence. An
    # outlier taken for a divergence makes the suggested rate too low, which is safer than too high.
    calm = np.flatnonzero(finite <= cleaned)
    end = calm[-1] + 1 if len(calm) else 0
    losses = np.concatenate([cleaned[:end], finite[end:]])
    # This cut gave the best rates in ``tests/sweep/test_quality.py``.
    return losses if place is None else losses[: place + 2]


def _explosion(losses: Array, curve: Array) -> int:
    """Return how many losses come before the rise at the end of the curve."""
    # That is after the last loss in the lower half of the fall, before the curve leaves this half.
    bottom = int(curve.argmin())
    middle = (curve[: bottom + 1].max() + curve[bottom]) / 2
    risen = np.flatnonzero(curve[bottom:] > middle)
    within = losses[: bottom + risen[0]] if len(risen) else losses
    return int(np.flatnonzero(within <= middle)[-1]) + 1


def _falls(recorded: Losses) -> bool:
    """Return True if the losses fall more clearly than nearly all their random orders."""
    # A permutation test (R. A. Fisher, 1935) with two statistics: the trend detects a fall in few
    # losses with little noise; the step, a late dip in much noise. At most one in a hundred curves
    # of noise passes for a fall. The highest and the lowest tenth of the losses are first clipped
    # to the others (winsorizing): cleaning by neighbours would smooth the recorded order alone.
    ordered, tenth = np.sort(recorded), len(recorded) // 10
    losses = np.clip(recorded, ordered[tenth], ordered[-1 - tenth])
    values = losses - losses.mean()
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)
    places = np.tile(np.arange(len(values)), (_SHUFFLES, 1))
    orders = np.random.default_rng(0).permuted(places, axis=1)
    return any(
        bool((statistic(series[orders]) >= statistic(series)).mean() <= _BY_CHANCE)
        for statistic, series in ((_trend, values), (_step, ranks))
    )


def _trend(values: Array) -> Array:
    return -(values @ np.arange(values.shape[-1]))


def _step(values: Array) -> Array:
    """Return the largest difference of means before and after a point, in standard errors."""
    length = values.shape[-1]
    before = np.arange(1, length)
    sums = np.cumsum(values - values.mean(axis=-1, keepdims=True), axis=-1)[..., :-1]
    return (sums / np.sqrt(before * (length - before))).max(axis=-1)


def _valley(log_rates: Array, curve: Array) -> float:
    """Return two thirds of the geometric mean of two rates, late in the fall and at its end."""
    # A fit, which stays at one rate, does best at a somewhat lower rate than a sweep, which trains
    # for one batch at each.
    bottom = int(curve.argmin())
    top = curve[: bottom + 1].max()
    low = np.minimum.accumulate(curve[: bottom + 1])
    reached = low <= top - _VALLEY_DEPTH * (top - curve[bottom])
    return float((log_rates[reached.argmax()] + log_rates[bottom]) / 2 - np.log(1.5))


def _minimum(log_rates: Array, curve: Array) -> float:
    """Return a tenth of the rate with the lowest loss."""
    return float(log_rates[curve.argmin()] - np.log(10.0))


RULES: dict[str, Callable[[Array, Array], float]] = {"valley": _valley, "minimum": _minimum}


def divergence(losses: Losses, smoothing: float, factor: float | None) -> int | None:
    """Return where the smoothed loss has risen ``factor`` times as far as it fell, or None."""
    # ``best`` is the lowest smoothed loss so far, and the fall is ``start - best`` or, if larger,
    # the median change between recorded losses, so that noise before the first fall stops no sweep.
    if factor is None or len(losses) < FEWEST_POINTS:
        return None
    smooth = moving_average(without_outliers(losses), smoothing)
    start, later = smooth[:FEWEST_POINTS].max(), smooth[FEWEST_POINTS - 1 :]
    best = np.minimum.accumulate(later)
    # A constant loss still moves by the rounding of float32, which must not count as a rise.
    rounding = 4 * float(np.finfo(np.float32).eps) * np.abs(best)
    risen = np.flatnonzero(later > best + factor * np.maximum(start - best, rounding))
    for place in risen.tolist():
        end = place + FEWEST_POINTS
        typical = float(np.median(np.abs(np.diff(losses[:end]))))
        if later[place] > best[place] + factor * typical:
            return end - 1
    return None
