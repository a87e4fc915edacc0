"""The theta method, for many windows at once.

A forecast is a weighted mean of the window's trend, and of exponential smoothing of the window with
its departures from the trend multiplied by theta. The baseline ``Theta`` names the sources. With
``x[1..n]`` a window, ``A + B t`` its least-squares line, ``a`` the smoothing weight and
``w = 1 - 1 / theta`` in ``[0, 1]``:

- ``l[t] = a x[t] + (1 - a) l[t - 1]``
- ``m[t] = l[t - 1] + w ((1 - a)^(t - 1) A + (1 - (1 - a)^t) / a B)``, the one-step forecast
- ``l[n] + w ((1 - a)^n A + ((h - 1) + (1 - (1 - a)^(n + 1)) / a) B)``, the forecast of step ``h``.

The errors ``x[t] - m[t]`` are linear in ``w`` and ``l[0]``, so that for each ``a`` on a grid both
come from least squares; the ``a`` with the smallest sum of squares is taken.
"""

import numpy as np

from keras_ts._typing import Array, IntArray

_WEIGHTS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99])
# By chance, an autocorrelation exceeds this many standard errors one time in ten.
_LIMIT = 1.2816
_AT_ONCE = 4096  # Windows that fit into the processor's cache.


def theta(windows: Array, starts: IntArray, ahead: Array, period: int | None) -> Array:
    """Return forecasts ``(windows, steps)`` of ``(windows, inputs)``, finite from ``starts`` on."""
    # ``ahead`` counts steps from the last input, ``period`` the inputs in a season.
    made, inputs = [np.empty((0, len(ahead)))], windows.shape[1]
    for begin in range(0, len(windows), _AT_ONCE):
        part, begins = windows[begin : begin + _AT_ONCE], starts[begin : begin + _AT_ONCE]
        if period is None or inputs < 2 * period:
            made.append(_optimised(part, begins, ahead))
            continue
        phases, grows = _season(part, begins, period)
        season = phases[:, np.arange(inputs) % period]
        with np.errstate(divide="ignore", invalid="ignore"):
            rest = np.where(grows, part / season, part - season)
        forecasts = _optimised(rest, begins, ahead)
        season = phases[:, (inputs - 1 + ahead).round().astype(np.int64) % period]
        made.append(np.where(grows, forecasts * season, forecasts + season))
    return np.concatenate(made)


def _season(windows: Array, starts: IntArray, period: int) -> tuple[Array, Array]:
    """Return what each phase adds to a window, and for which windows it multiplies instead."""
    # By classical decomposition; without a season a phase adds 0, or multiplies by 1.
    live = np.arange(windows.shape[1]) >= starts[:, None]
    values = np.where(live, windows, np.nan)
    grows = np.nanmin(values, axis=1, keepdims=True) > 0
    # A centred mean over one period; for an even period, both ends count half.
    weights = np.ones(period + 1 - period % 2)
    if period % 2 == 0:
        weights[[0, -1]] = 0.5
    around = np.lib.stride_tricks.sliding_window_view(values, len(weights), axis=1)
    trend = np.full_like(values, np.nan)
    reach = len(weights) // 2
    trend[:, reach : values.shape[1] - reach] = around @ (weights / period)
    with np.errstate(divide="ignore", invalid="ignore"):
        departures = np.where(grows, values / trend, values - trend)
        phases = np.empty((len(values), period))
        for phase in range(period):
            found = departures[:, phase::period]
            known = np.isfinite(found)
            phases[:, phase] = np.where(known, found, 0.0).sum(axis=1) / known.sum(axis=1)
    # A season needs a value at each phase, and an autocorrelation that is more than chance.
    shows = np.isfinite(phases).all(axis=1) & _repeats(values, live, period)
    mean = phases.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        phases = np.where(grows, phases / mean, phases - mean)
    shows &= ~(grows[:, 0] & (phases < 0.01).any(axis=1))
    return np.where(shows[:, None], phases, np.where(grows, 1.0, 0.0)), grows


def _repeats(values: Array, live: Array, period: int) -> Array:
    """Return True for each window whose autocorrelation at the period is more than chance."""
    count = live.sum(axis=1)
    mean = np.nansum(values, axis=1) / count
    rest = np.where(live, values - mean[:, None], 0.0)
    # Padding keeps the end of a window from being correlated with its beginning.
    spectrum = np.fft.rfft(rest, 2 * rest.shape[1])
    covariances = np.fft.irfft(np.abs(spectrum) ** 2)[:, : period + 1]
    variance = covariances[:, :1]
    correlations = np.divide(
        covariances, variance, out=np.zeros_like(covariances), where=variance > 1e-12
    )
    spread = np.sqrt((1 + 2 * np.sum(correlations[:, 1:-1] ** 2, axis=1)) / count)
    return (correlations[:, -1] > _LIMIT * spread) & (count >= 2 * period)


def _optimised(values: Array, starts: IntArray, ahead: Array) -> Array:
    """Return the forecasts of windows without a season."""
    inputs = values.shape[1]
    # Subtracting the last value keeps digits of the sums of squares where the level is high.
    base = values[:, -1:]
    values = values - base
    live = np.arange(inputs) >= starts[:, None]
    count = (inputs - starts).astype(np.float64)
    intercept, slope = _line(np.where(live, values, 0.0), live, count)
    if (starts == starts[0]).all():
        starts = starts[:1]
    # Row t holds (1 - a)^t and (1 - (1 - a)^(t + 1)) / a.
    powers = (1 - _WEIGHTS) ** np.arange(inputs + 1)[:, None]
    sums = np.cumsum(powers, axis=0)
    level = np.zeros((len(values), len(_WEIGHTS)))
    squares, with_power, with_sum = (np.zeros_like(level) for _ in range(3))
    for step in range(inputs):
        ages = np.maximum(step - starts, 0)
        now = (step >= starts)[:, None]
        error = np.where(now, values[:, step, None] - level, 0.0)
        squares += error**2
        with_power += error * powers[ages]
        with_sum += error * sums[ages]
        level += _WEIGHTS * error
    ages = inputs - starts
    # The sums over a window of p^2, p q and q^2, where p is a power and q a sum of powers.
    pp, pq, qq = (
        (np.cumsum(first * second, axis=0))[ages - 1]
        for first, second in ((powers, powers), (powers, sums), (sums, sums))
    )
    a, b = intercept[:, None], slope[:, None]
    # The least squares of error = w g + l[0] p, with g = A p + B q.
    gg = a**2 * pp + 2 * a * b * pq + b**2 * qq
    gp, eg = a * pp + b * pq, a * with_power + b * with_sum
    free = gg - gp**2 / pp
    part = eg - gp * with_power / pp
    share = np.divide(part, free, out=np.zeros_like(part), where=free > 1e-9 * gg)
    share = np.clip(share, 0.0, 1.0)
    first = (with_power - share * gp) / pp
    left = squares - 2 * (share * eg + first * with_power)
    left += share**2 * gg + 2 * share * first * gp + first**2 * pp
    best = left.argmin(axis=1)
    rows = np.arange(len(values))
    share, level = share[rows, best], (level + first * powers[ages])[rows, best]
    power, total = (table[ages, best] for table in (powers, sums))
    start = level + share * (power * intercept + (total - 1) * slope)
    return base + start[:, None] + (share * slope)[:, None] * ahead


def _line(values: Array, live: Array, count: Array) -> tuple[Array, Array]:
    """Return each window's least-squares intercept, at the step before its first, and slope."""
    steps = np.where(live, np.cumsum(live, axis=1), 0.0)
    middle = (count + 1) / 2
    mean = values.sum(axis=1) / count
    spread = count * (count**2 - 1) / 12
    cross = (steps * values).sum(axis=1) - count * middle * mean
    slope = np.divide(cross, spread, out=np.zeros_like(cross), where=spread > 0)
    return mean - slope * middle, slope
