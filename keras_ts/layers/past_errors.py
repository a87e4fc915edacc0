"""Backtests smoothing within a window: how well each level and trend forecast its earlier steps.

The past of a series shows which discount suits it, and if its trend lasts. Statistical packages fit
these parameters to the errors one step ahead, series by series. Here every pair of a level and a
trend is tried at every origin of a window, on the next steps of the same window.

A pair forecasts ``a[i, o] + s[m, o] g[d, k]`` for the step ``k`` after the origin ``o``: the level
``a[i, o]``, the slope ``s[m, o]``, and ``g[d, k] = d + d^2 + ... + d^k`` for the damping ``d``. Its
error is the mean square of the forecast less the window's value, over origins and steps. The square
is expanded, so that each sum over ``k`` is computed once for all levels and slopes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_ts._typing import Array

# Forecasts are tried from origins with this many values up to them: a slope of fewer follows noise.
_LEAST_VALUES = 5
# Stands for a discount of 0, which uses only the last value. If up to a dozen values are missing,
# its powers are still large enough for float32.
_SMALLEST = 1e-3


def past_errors(
    windows: Any,
    weights: Any,
    levels: Sequence[float],
    lines: Sequence[float],
    growths: Array,
    ridge: float,
) -> Any:
    """Return mean squared errors, ``(batch, features, levels + lines, 1 + dampings * lines)``."""
    # The first column has no trend; the others follow damping by damping. A window without an
    # origin of enough values has errors of 1. ``windows`` are 0 at masked steps; ``weights``,
    # ``(batch or 1, time, 1)``, are 0 there and 1 elsewhere. ``levels`` are the discounts of means,
    # ``lines`` those of fitted lines; ``growths`` is ``g``, ``(dampings, steps)``.
    dtype = windows.dtype
    values, present = ops.transpose(windows, (0, 2, 1)), ops.transpose(weights, (0, 2, 1))
    candidates, slopes, counts = _at_origins(values, present, levels, lines, ridge)
    length, steps = windows.shape[1], growths.shape[1]
    after = np.arange(length)[:, None] - np.arange(length)  # How far a step lies after an origin.
    within, number = (after >= 1) & (after <= steps), np.clip(after, 1, steps) - 1

    def ahead(of: Any, factors: Array) -> Any:
        """Return sums over the steps after each origin, weighed by ``(rows, steps)``."""
        return _by_rows(of, np.where(within, factors[:, number], 0.0))

    ones = np.ones_like(growths[:1])
    usable = ops.cast(counts >= _LEAST_VALUES, dtype)
    tried = usable * ahead(present, ones)[:, :, 0]
    total = ops.sum(tried, axis=-1)[..., None, None]
    sums, squares = (usable * ahead(of, ones)[:, :, 0] for of in (values, ops.square(values)))
    # Axes from here on: batch, features, candidates, origins.
    level = ops.square(candidates) * tried[:, :, None] - 2.0 * candidates * sums[:, :, None]
    level = ops.sum(level + squares[:, :, None], axis=-1)
    spread = usable[:, :, None] * ahead(present, growths)
    quadratic = usable[:, :, None] * ahead(present, np.square(growths))
    product = usable[:, :, None] * ahead(values, growths)
    errors = [level[..., None]]
    for damping in range(len(growths)):
        with_level = slopes * spread[:, :, damping, None]
        crossed = ops.matmul(candidates, ops.transpose(with_level, (0, 1, 3, 2)))
        crossed = crossed - ops.sum(slopes * product[:, :, damping, None], axis=-1)[:, :, None]
        alone = ops.sum(ops.square(slopes) * quadratic[:, :, damping, None], axis=-1)[:, :, None]
        errors.append(level[..., None] + 2.0 * crossed + alone)
    joined = ops.maximum(ops.concatenate(errors, axis=-1), 0.0)
    return ops.where(total > 0, joined / ops.where(total > 0, total, 1.0), ops.ones_like(joined))


def _at_origins(
    values: Any, present: Any, levels: Sequence[float], lines: Sequence[float], ridge: float
) -> tuple[Any, Any, Any]:
    """Return levels and slopes at each origin, and the number of values up to there."""
    length = values.shape[2]
    back = np.arange(length) - np.arange(length)[:, None]
    before, back = back >= 0, np.maximum(back, 0)
    powers = np.array([*levels, *lines])[:, None, None].clip(_SMALLEST) ** back * before
    first, count, both = len(levels), len(lines), len(levels) + len(lines)
    of_lines = powers[first:]
    times = np.concatenate([powers, of_lines * back, of_lines * back**2, before[None]])
    sums_of_times = _by_rows(present, times)
    sums_of_values = _by_rows(values, times[: both + count])
    totals = ops.maximum(sums_of_times[:, :, :both], 1e-37)
    means = sums_of_values[:, :, :both] / totals
    totals, line_means = totals[:, :, first:], means[:, :, first:]
    centre = sums_of_times[:, :, both : both + count] / totals
    spread = sums_of_times[:, :, both + count : -1] / totals - ops.square(centre)
    covariance = sums_of_values[:, :, both:] / totals - centre * line_means
    slopes = -covariance / (ops.maximum(spread, 0.0) + ridge)
    candidates = ops.concatenate([means[:, :, :first], line_means + slopes * centre], axis=2)
    return candidates, slopes, sums_of_times[:, :, -1]


def _by_rows(values: Any, matrix: Array) -> Any:
    """Return ``values @ matrix`` for each of its rows: ``(batch, features, rows, origins)``."""
    rows, length, origins = matrix.shape
    flat = np.moveaxis(matrix, 0, 1).reshape(length, rows * origins)
    product = ops.matmul(values, ops.convert_to_tensor(flat, values.dtype))
    return ops.reshape(product, (-1, values.shape[1], rows, origins))
