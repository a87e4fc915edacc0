"""The season of a window: how each phase of a period departs from the level about it.

Phases and years (periods) are counted back from the last step that is kept, so the step after a
window always has phase 0, however the window is padded.

With ``m`` the period, ``x[t]`` a step in year ``y`` and phase ``p``, and ``Y`` whole years:

- ``M[y]``: the mean of year ``y``. ``b = mean(x[t + m] - x[t]) / m``: the slope, which no season
  moves.
- ``d[t] = x[t] - M[y] - b (p - (m - 1) / 2)``: the departures. ``s[p]``: their mean over the years.
  In a year with steps that do not count, ``M`` and ``s`` depend on each other, and are computed in
  turn, each from the other (least squares by backfitting).
- ``F = (Y mean(s^2)) / mean((d - s)^2 Y / (Y - 1))``: the size of the season beside what is left.
- ``max(0, 1 - 1 / F) s[p]``: the season, shrunk by the share of it that noise alone would leave,
  the positive part of James and Stein's estimator ("Estimation with quadratic loss", 1961).
"""

from typing import Any

import numpy as np
from keras import ops

# Turns in which year means and phase means are computed if some steps do not count: with a year
# half empty, five leave a hundredth of the error of the first.
_ROUNDS = 5


def season(values: Any, weights: Any, last: Any, period: int, whole: bool) -> tuple[Any, Any]:
    """Return the season of each phase, and at each step.

    Args:
        values: ``(batch, time, features)``, finite, and near 0, since a high level costs digits.
        weights: ``(batch, time, 1)`` or ``(batch, time, features)``: 1 for the values that count,
            and 0 for the others.
        last: ``(batch, 1, 1)``: position of the last step that counts, an integer.
        period: Steps in a period.
        whole: True if all steps count, so that the first turn gives the exact means.

    Returns:
        ``(batch, period, features)``, from the phase that follows the window on, and
        ``(batch, time, features)``.
    """
    length = values.shape[1]
    values = weights * values
    # Constants come from NumPy: jax2onnx takes no ``ops.arange``.
    steps = ops.convert_to_tensor(np.arange(length).reshape(1, length, 1), "int32")
    back = ops.cast(last, "int32") - steps  # Steps before the last one that counts.
    # jax2onnx divides no integers of an open batch. Halves keep rounding away from whole numbers.
    year = ops.cast(ops.floor((ops.cast(back, values.dtype) + 0.5) / period), "int32")
    phases = _one_hot(period - 1 - (back - period * year), period, values.dtype)
    years = _one_hot(year, -(-length // period), values.dtype)
    both = weights[:, period:] * weights[:, :-period]
    rise = ops.sum(both * (values[:, period:] - values[:, :-period]), axis=1, keepdims=True)
    slope = rise / (ops.maximum(ops.sum(both, axis=1, keepdims=True), 1.0) * period)
    middle = (period - 1) / 2
    centred = ops.convert_to_tensor(np.arange(period).reshape(period, 1) - middle, values.dtype)
    values = weights * (values - slope * ops.matmul(phases, centred))
    seasonal = ops.zeros_like(values[:, :period])
    for _ in range(1 if whole else _ROUNDS):
        level = _means(years, values - weights * ops.matmul(phases, seasonal), weights)
        departures = weights * (values - ops.matmul(years, level))
        seasonal = _means(phases, departures, weights)
        seasonal = seasonal - ops.mean(seasonal, axis=1, keepdims=True)
    left = weights * (departures - ops.matmul(phases, seasonal))
    count = ops.sum(weights, axis=1, keepdims=True)
    many = ops.maximum(count / period, 1.0)  # Years that count.
    noise = ops.sum(ops.square(left), axis=1, keepdims=True) / ops.maximum(count - period, 1.0)
    size = ops.mean(ops.square(seasonal), axis=1, keepdims=True) * many
    # Without any season, in a window that stands still, and in less than two years, nothing is
    # taken off.
    evident = ops.logical_and(size > noise, count >= 2 * period)
    kept = ops.where(evident, 1.0 - noise / ops.where(size > 0, size, 1.0), 0.0)
    seasonal = kept * seasonal
    return seasonal, ops.matmul(phases, seasonal)


def _one_hot(numbers: Any, count: int, dtype: str) -> Any:
    """Return ``(batch, time, count)``: 1 where a step has the number."""
    every = ops.convert_to_tensor(np.arange(count).reshape(1, 1, count), "int32")
    return ops.cast(ops.equal(numbers, every), dtype)


def _means(groups: Any, values: Any, weights: Any) -> Any:
    """Return the mean of each group of steps, ``(batch, groups, features)``; 0 for an empty one."""
    groups = ops.transpose(groups, (0, 2, 1))
    counts = ops.matmul(groups, weights)
    return ops.matmul(groups, weights * values) / ops.maximum(counts, 1.0)
