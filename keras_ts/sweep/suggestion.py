"""Smooths the losses of a sweep, and suggests a rate to train at. NumPy alone.

No result depends on the unit of the loss: ``a * losses + c``, where ``a > 0``, gives the same
rate. A few per cent of outliers among the losses change it little.
"""

from collections.abc import Callable, Sequence

import numpy as np

from keras_ts._typing import Array

# Four outliers among nine losses do not move the median far. Five high losses in a row do, and are
# read as a divergence.
WINDOW = 9
_HALF = WINDOW // 2
# Five standard deviations of normal noise, as a multiple of its median absolute deviation.
_FARTHEST = 5 * 1.4826
# Smoothed losses before the tenth average too few losses to be compared.
FEWEST_POINTS = 10


def usable(losses: Sequence[float] | Array) -> int:
    """Return how many losses come before the first one that is not finite."""
    finite = np.isfinite(np.asarray(losses, dtype=np.float64))
    return len(finite) if finite.all() else int(finite.argmin())


def without_outliers(losses: Sequence[float] | Array) -> Array:
    """Return the losses with each outlier replaced by the median of its neighbours."""
    # A loss is an outlier if it lies more than five standard deviations from the median of the
    # ``WINDOW`` losses around it; their median absolute deviation gives the standard deviation
    # (Hampel's identifier; R. K. Pearson, Outliers in process modeling and identification, 2002).
    # Near an end, the first or the last ``WINDOW`` losses serve. The first loss that is not finite,
    # and all after it, stay as they are.
    values = np.array(losses, dtype=np.float64)
    finite = values[: usable(values)]
    if len(finite):
        around = np.lib.stride_tricks.sliding_window_view(finite, min(WINDOW, len(finite)))
        medians = np.median(around, axis=1)
        spreads = np.median(np.abs(around - medians[:, None]), axis=1)
        places = np.clip(np.arange(len(finite)) - _HALF, 0, len(around) - 1)
        far = np.abs(finite - medians[places]) > _FARTHEST * spreads[places]
        finite[far] = medians[places][far]
    return values


def without_inner_outliers(losses: Sequence[float] | Array) -> Array:
    """Return ``without_outliers(losses)``, but keep high outliers at the end as recorded."""
    # At the end, too few losses follow to tell an outlier from the start of a divergence. An
    # outlier taken for a divergence makes the suggested rate too low, which is safer than too high.
    recorded, cleaned = np.asarray(losses, dtype=np.float64), without_outliers(losses)
    calm = np.flatnonzero(recorded[: usable(recorded)] <= cleaned[: usable(recorded)])
    after = calm[-1] + 1 if len(calm) else 0
    return np.concatenate([cleaned[:after], recorded[after:]])


def moving_average(losses: Sequence[float] | Array, smoothing: float) -> Array:
    """Return the exponential moving average, corrected for its start at 0."""
    # The average is divided by the sum of its weights so far, as in Adam (Kingma and Ba, 2015).
    average, weight, averages = 0.0, 0.0, []
    for loss in losses:
        average = smoothing * average + (1 - smoothing) * float(loss)
        weight = smoothing * weight + (1 - smoothing)
        averages.append(average / weight)
    return np.array(averages)


def level_curve(losses: Sequence[float] | Array, smoothing: float) -> Array:
    """Return the losses smoothed from both sides, so that the curve does not lag behind them."""
    # A loss ``k`` steps away has weight ``s ** k``, with ``s = smoothing / (2 - smoothing)``, so
    # that both sides together average over as many losses as ``moving_average`` does. Losses after
    # the lowest point are cut off at the height of the curve's start, since the huge losses of a
    # divergence would move the lowest point.
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


SHUFFLES = 999
RESAMPLES = 200
# Losses fall if at most this share of their random orders falls as clearly.
_BY_CHANCE = 0.005
_VALLEY_DEPTH = 0.7


def suggest(
    rates: Sequence[float],
    repeats: Sequence[Sequence[float]],
    smoothing: float,
    stop_factor: float | None,
    rule: str,
) -> float:
    """Return the rate that ``rule`` picks from the losses of one or more repeats, or refuse."""
    losses = _before_divergence(repeats, smoothing, stop_factor).mean(axis=0)
    end = len(losses)
    if end < FEWEST_POINTS:
        raise ValueError(
            f"A suggestion needs {FEWEST_POINTS} finite losses. The sweep begins with {end}. "
            + (
                f"The loss is not finite from rate {rates[end]:.3g} on: start lower."
                if end < len(rates)
                else "Take more steps, or more steps_per_decade."
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
            f"Between the rates {rates[0]:.3g} and {rates[end - 1]:.3g} the loss falls no further "
            "than its noise would by chance, so no rate is better than another. Take larger "
            "batches, repeats of find_learning_rate, or other rates; or the model does not learn."
        )
    return pick(rates[:end], curve, rule)


def smooth_curve(
    repeats: Sequence[Sequence[float]], smoothing: float, stop_factor: float | None
) -> Array:
    """Return the smooth curve from which ``suggest`` picks a rate."""
    losses = _before_divergence(repeats, smoothing, stop_factor).mean(axis=0)
    return level_curve(losses, smoothing) if len(losses) else losses


def _before_divergence(
    repeats: Sequence[Sequence[float]], smoothing: float, stop_factor: float | None
) -> Array:
    """Return the repeats without outliers, ``(repeats, rates)``, up to the first divergence."""
    # All repeats are cut at one rate: before the first loss of any repeat that is not finite, or
    # one loss after the first divergence, if that is earlier. This cut gave the best rates in
    # ``tests/sweep/test_quality.py``.
    ends = []
    for losses in repeats:
        finite = losses[: usable(losses)]
        smoothed = moving_average(without_outliers(finite), smoothing)
        place = divergence(finite, smoothed, stop_factor)
        ends.append(len(finite) if place is None else min(place + 2, len(finite)))
    return np.array([without_inner_outliers(losses)[: min(ends)] for losses in repeats])


def pick(rates: Sequence[float], curve: Array, rule: str) -> float:
    """Return the rate that ``rule`` picks from a smooth curve."""
    return float(np.exp(RULES[rule](np.log(rates), curve)))


def interval(
    rates: Sequence[float],
    repeats: Sequence[Sequence[float]],
    smoothing: float,
    stop_factor: float | None,
    rule: str,
) -> tuple[float, float]:
    """Return the middle nine tenths of the rates that resampled repeats suggest."""
    # Efron's bootstrap: each draw averages as many repeats as there are, taken with replacement.
    runs = _before_divergence(repeats, smoothing, stop_factor)
    drawn = np.random.default_rng(0).integers(len(runs), size=(RESAMPLES, len(runs)))
    picked = [
        pick(rates[: runs.shape[1]], level_curve(mean, smoothing), rule)
        for mean in runs[drawn].mean(axis=1)
    ]
    low, high = np.exp(np.quantile(np.log(picked), [0.05, 0.95]))
    return float(low), float(high)


def _explosion(losses: Array, curve: Array) -> int:
    """Return how many losses come before the rise at the end of the curve."""
    # ``middle`` lies halfway between the lowest point of the curve and the top before that point.
    # The last loss counted is the last at or below ``middle`` before the curve rises above it.
    bottom = int(curve.argmin())
    middle = (curve[: bottom + 1].max() + curve[bottom]) / 2
    risen = np.flatnonzero(curve[bottom:] > middle)
    within = losses[: bottom + risen[0]] if len(risen) else losses
    return int(np.flatnonzero(within <= middle)[-1]) + 1


def falls(repeats: Sequence[Sequence[float]]) -> bool:
    """Return True if the losses fall more clearly than nearly all their random orders."""
    # This is a permutation test (R. A. Fisher, 1935) with ``SHUFFLES`` random orders and two
    # statistics. The trend, ``-sum_i i * loss_i``, detects a fall in few losses with little noise.
    # The step, the largest difference between the mean ranks before and after any point, over its
    # standard error, detects a late dip in much noise. One of them is enough, so at most one in a
    # hundred curves of noise passes for a fall. In each repeat, the highest and the lowest tenth of
    # the losses are first clipped to the others (winsorizing). Replacing outliers by the median of
    # their neighbours would smooth only the recorded order.
    clipped = []
    for run in repeats:
        ordered, tenth = np.sort(run), len(run) // 10
        clipped.append(np.clip(run, ordered[tenth], ordered[-1 - tenth]))
    losses = np.mean(clipped, axis=0)
    values = losses - losses.mean()
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)
    places = np.tile(np.arange(len(values)), (SHUFFLES, 1))
    orders = np.random.default_rng(0).permuted(places, axis=1)
    return any(
        bool((statistic(series[orders]) >= statistic(series)).mean() <= _BY_CHANCE)
        for statistic, series in ((_trend, values), (_step, ranks))
    )


def _trend(values: Array) -> Array:
    return -(values @ np.arange(values.shape[-1]))


def _step(values: Array) -> Array:
    length = values.shape[-1]
    before = np.arange(1, length)
    sums = np.cumsum(values - values.mean(axis=-1, keepdims=True), axis=-1)[..., :-1]
    return (sums / np.sqrt(before * (length - before))).max(axis=-1)


def _valley(log_rates: Array, curve: Array) -> float:
    """Return two thirds of the geometric mean of two rates, late in the fall and at its end."""
    # At the first, the curve has fallen ``_VALLEY_DEPTH`` of the way to its lowest point; at the
    # second, it is lowest. A fit, which stays at one rate, does best at a somewhat lower rate than
    # a sweep, which trains for one batch at each.
    bottom = int(curve.argmin())
    top = curve[: bottom + 1].max()
    low = np.minimum.accumulate(curve[: bottom + 1])
    reached = low <= top - _VALLEY_DEPTH * (top - curve[bottom])
    return float((log_rates[reached.argmax()] + log_rates[bottom]) / 2 - np.log(1.5))


def _steepest(log_rates: Array, curve: Array) -> float:
    """Return the rate where the loss falls fastest over the log of the rate, on its way down."""
    # After its lowest point the loss may rise and fall again, in a divergence.
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


def divergence(
    losses: Sequence[float] | Array, smoothed: Sequence[float] | Array, factor: float | None
) -> int | None:
    """Return where the smoothed loss has risen ``factor`` times as far as it fell, or None."""
    # That is where ``smoothed > best + factor * fall``: ``best`` is the lowest smoothed loss so far
    # (from the tenth on), and ``fall`` is ``start - best`` or, if larger, the median change between
    # recorded losses, so that noise before the first fall stops no sweep. ``start`` is the highest
    # of the first ten smoothed losses.
    if factor is None or len(losses) < FEWEST_POINTS:
        return None
    smooth = np.asarray(smoothed)
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
