"""Margins of calibrated bands, read off held-out errors: split conformal prediction.

NumPy alone.
"""

import math

import numpy as np

from keras_ts._typing import Array


def windows_needed(coverage: float) -> int:
    """Return the fewest windows that can give a band of this coverage.

    The margin is the ``ceil((n + 1) * coverage)``-th smallest of ``n`` errors, which has to exist.
    """
    count = max(math.floor(coverage / (1 - coverage)) - 1, 1)
    while _rank(count, coverage) > count:
        count += 1
    return count


def margins(scores: Array, coverage: float) -> Array:
    """Return, for each step, the margin that holds a new error with probability ``coverage``.

    With ``n`` scores it is the ``ceil((n + 1) * coverage)``-th smallest, whose coverage is exact
    for scores that can be exchanged for one another (Lei and others, 2018, theorem 2.2).

    Args:
        scores: ``(windows, ...)``.
        coverage: Share of new errors to hold.
    """
    rank = _rank(len(scores), coverage)
    if rank > len(scores):
        raise ValueError(f"{len(scores)} scores are fewer than coverage={coverage} needs.")
    found: Array = np.partition(scores, rank - 1, axis=0)[rank - 1]
    return found


def floors(scales: Array) -> Array:
    """Return the least scale of each target: its smallest one above 0, or 1 without any.

    A window that stands still has the scale 0, whose band would have no width.
    """
    positive = np.where(scales > 0, scales, np.inf).min(axis=0)
    return np.where(np.isfinite(positive), positive, 1.0)


def _rank(count: int, coverage: float) -> int:
    # Rounding may not push a whole number up by one: 0.8 * 5 is 4.
    return math.ceil(round((count + 1) * coverage, 9))
