"""The season of a window: how each phase of a period departs from the level around it.

Here a year is one period, and missing steps have weight 0. Years and phases are numbered back from
the window's last step, padding left out, so the step after that always has phase 0.

With ``m`` the period, ``x[t]`` a step in year ``y`` and phase ``p``, and ``Y`` whole years:

- ``M[y]``: the mean of year ``y``.
- ``b = mean(x[t + m] - x[t]) / m``: the slope, which a season does not change.
- ``d[t] = x[t] - M[y] - b (p - (m - 1) / 2)``: the departures.
- ``s[p]``: the mean departure of a phase. If steps are missing, ``M`` and ``s`` depend on each
  other, and are computed in turn, each from the other (least squares by backfitting).
- ``F = (Y mean(s^2)) / mean((d - s)^2 Y / (Y - 1))``: the variance of the season over that of the
  rest.
- ``max(0, 1 - 1 / F) s[p]``: the season without the share that noise alone would make: the
  positive part of James and Stein's estimator ("Estimation with quadratic loss", 1961).

A multiplicative season grows with the level: ``d[t] = a[t] s[p]``, where ``a[t]`` is the level
``M[y] + b (p - (m - 1) / 2)`` over its mean, clipped to 1/3 and 3. ``s`` is then the least-squares
coefficient of ``d`` on ``a`` in each phase.
"""

from typing import Any

import numpy as np
from keras import ops

# Rounds of backfitting, if steps are missing or the season is multiplicative. With half a year
# missing, the error after five is a hundredth of that after one.
_ROUNDS = 5
# The bounds of a multiplicative season's size relative to its size at the mean level.
_SMALLEST, _LARGEST = 1 / 3, 3.0


def amplitude(levels: Any, inverse_level: Any) -> Any:
    """Return the size of a season at levels relative to their mean; 1 if the season is additive."""
    return ops.where(
        inverse_level > 0, ops.clip(levels, _SMALLEST, _LARGEST), ops.ones_like(levels)
    )


def season(
    values: Any, weights: Any, last: Any, period: int, complete: bool, base: Any = None
) -> tuple[Any, Any, Any]:
    """Return the season by phase and by step, and the inverse level ``(batch, 1, features)``."""
    # ``values`` are finite and near 0, since a high level costs digits. ``last``, ``(batch, 1,
    # 1)``, is the position of the last step, padding left out. ``complete`` says that no step is
    # missing: one round then gives the exact means. ``base``, ``(batch, 1, features)``, was
    # subtracted from the values; if it is given, the season is multiplicative in windows without a
    # negative value. The inverse level is one over the mean level, 0 for an additive season.
    length = values.shape[1]
    values = weights * values
    # Constants come from NumPy: jax2onnx takes no ``ops.arange``.
    steps = ops.convert_to_tensor(np.arange(length).reshape(1, length, 1), "int32")
    back = ops.cast(last, "int32") - steps
    # jax2onnx divides no integers of an open batch. The half keeps rounding from crossing a whole
    # number.
    year = ops.cast(ops.floor((ops.cast(back, values.dtype) + 0.5) / period), "int32")
    phases = _one_hot(period - 1 - (back - period * year), period, values.dtype)
    years = _one_hot(year, -(-length // period), values.dtype)
    pairs = weights[:, period:] * weights[:, :-period]
    rise = ops.sum(pairs * (values[:, period:] - values[:, :-period]), axis=1, keepdims=True)
    slope = rise / (ops.maximum(ops.sum(pairs, axis=1, keepdims=True), 1.0) * period)
    centred = np.arange(period).reshape(period, 1) - (period - 1) / 2
    tilt = slope * ops.matmul(phases, ops.convert_to_tensor(centred, values.dtype))
    count = ops.sum(weights, axis=1, keepdims=True)
    inverse_level = ops.zeros_like(rise)
    if base is not None:
        mean = base + ops.sum(values, axis=1, keepdims=True) / ops.maximum(count, 1.0)
        lowest = ops.min(weights * (values + base), axis=1, keepdims=True)
        # Rounding may turn a 0 into less than 0.
        positive = ops.logical_and(lowest >= -1e-6 * mean, mean > 0)
        inverse_level = ops.where(positive, 1.0 / ops.where(positive, mean, 1.0), 0.0)
    values = weights * (values - tilt)
    seasonal = ops.zeros_like(values[:, :period])
    at_steps, sizes = ops.zeros_like(values), ops.ones_like(values)
    for _ in range(1 if complete and base is None else _ROUNDS):
        level = _means(years, values - weights * at_steps, weights)
        departures = weights * (values - ops.matmul(years, level))
        if base is not None:
            levels = ops.matmul(years, level) + tilt + base
            sizes = amplitude(levels * inverse_level, inverse_level)
        seasonal = _means(phases, departures, weights, sizes)
        seasonal = seasonal - ops.mean(seasonal, axis=1, keepdims=True)
        at_steps = sizes * ops.matmul(phases, seasonal)
    rest = weights * (departures - at_steps)
    num_years = ops.maximum(count / period, 1.0)
    noise = ops.sum(ops.square(rest), axis=1, keepdims=True) / ops.maximum(count - period, 1.0)
    size = ops.mean(ops.square(seasonal), axis=1, keepdims=True) * num_years
    # A window of less than two years, or without a season beyond noise, has a season of 0.
    evident = ops.logical_and(size > noise, count >= 2 * period)
    share = ops.where(evident, 1.0 - noise / ops.where(size > 0, size, 1.0), 0.0)
    # A multiplicative season subtracts at most the whole level, so that no sales become negative.
    deepest = ops.max(-seasonal, axis=1, keepdims=True) * inverse_level * share
    share = share / ops.maximum(deepest, 1.0)
    return share * seasonal, share * at_steps, inverse_level


def _one_hot(numbers: Any, count: int, dtype: str) -> Any:
    """Return ``(batch, time, count)``: 1 where a step has the number."""
    every = ops.convert_to_tensor(np.arange(count).reshape(1, 1, count), "int32")
    return ops.cast(ops.equal(numbers, every), dtype)


def _means(groups: Any, values: Any, weights: Any, sizes: Any = 1.0) -> Any:
    """Return the least-squares coefficients of values on sizes by group; 0 for an empty group."""
    groups = ops.transpose(groups, (0, 2, 1))
    squares = ops.matmul(groups, weights * sizes * sizes)
    sums = ops.matmul(groups, weights * sizes * values)
    return sums / ops.where(squares > 0, squares, 1.0)
