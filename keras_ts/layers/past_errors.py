"""Backtests of smoothing within a window: how well each level and trend forecast earlier steps.

The past of a series shows which discount suits it, and if its trend lasts. Statistical packages fit
these parameters to the errors one step ahead, one series after the other. Here all candidates are
tried at every origin of a window, on the next steps of the same window, by matrix products.

With ``a[i, o]`` the level ``i`` at origin ``o``, ``s[m, o]`` the slope ``m``, ``g[d, k]`` the sum
``d + d^2 + ... + d^k`` and ``z`` the window, the error of a candidate is the mean square of
``a[i, o] + s[m, o] g[d, k] - z[o + k]`` over origins and steps ``k``. The square is expanded, so
that each sum over ``k`` is computed once for all levels and slopes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_ts._typing import Array

# An origin counts if it has this many values up to it: a slope of fewer follows noise.
_LEAST_VALUES = 5
# A discount of 0 uses only the last value. 1e-3 nearly does, and bridges a dozen missing values
# before its powers are too small for float32.
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
    # Means are over origins and the steps after them. The first column has no trend; the others
    # follow damping by damping. A window without an origin that counts has errors of 1. ``windows``
    # are 0 where masked; ``weights``, ``(batch or 1, time, 1)``, are 1 for the steps that count.
    # ``levels`` are discounts of means, ``lines`` of lines; ``growths`` is ``(dampings, steps)``.
    dtype = windows.dtype
    values, present = ops.transpose(windows, (0, 2, 1)), ops.transpose(weights, (0, 2, 1))
    candidates, slopes, counts = _at_origins(values, present, levels, lines, ridge)
    length, steps = windows.shape[1], growths.shape[1]
    after = np.arange(length)[:, None] - np.arange(length)  # How far a step lies after an origin.
    within, number = (after >= 1) & (after <= steps), np.clip(after, 1, steps) - 1

    def ahead(of: Any, weights: Array) -> Any:
        """Return sums over the steps that follow each origin, weighed by ``(rows, steps)``."""
        return _by_rows(of, np.where(within, weights[:, number], 0.0))

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
    """Return levels and slopes at each origin, and the number of values up to it."""
    length = values.shape[2]
    back = np.arange(length) - np.arange(length)[:, None]
    before, back = back >= 0, np.maximum(back, 0)
    powers = np.array([*levels, *lines])[:, None, None].clip(_SMALLEST) ** back * before
    of_lines = powers[len(levels) :]
    weight = np.concatenate([powers, of_lines * back, of_lines * back**2, before[None]])
    value = np.concatenate([powers, of_lines * back])
    summed = _by_rows(present, weight)
    moments = _by_rows(values, value)
    many = len(levels), len(levels) + len(lines)
    totals = ops.maximum(summed[:, :, : many[1]], 1e-37)
    means = moments[:, :, : many[1]] / totals
    per_line = totals[:, :, many[0] :]
    count = len(lines)
    centre = summed[:, :, many[1] : many[1] + count] / per_line
    spread = summed[:, :, many[1] + count : many[1] + 2 * count] / per_line - ops.square(centre)
    together = moments[:, :, many[1] :] / per_line - centre * means[:, :, many[0] :]
    slopes = -together / (ops.maximum(spread, 0.0) + ridge)
    ends = means[:, :, many[0] :] + slopes * centre
    candidates = ops.concatenate([means[:, :, : many[0]], ends], axis=2)
    return candidates, slopes, summed[:, :, -1]


def _by_rows(values: Any, matrix: Array) -> Any:
    """Return ``values @ matrix`` for each of its rows: ``(batch, features, rows, origins)``."""
    rows, length, origins = matrix.shape
    flat = np.moveaxis(matrix, 0, 1).reshape(length, rows * origins)
    product = ops.matmul(values, ops.convert_to_tensor(flat, values.dtype))
    return ops.reshape(product, (-1, values.shape[1], rows, origins))
