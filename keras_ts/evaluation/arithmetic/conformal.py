"""Computes the margins of prediction intervals from held-out errors: split conformal prediction.

Plain NumPy, without a framework.
"""

import math

import numpy as np

from keras_ts._typing import Array


def windows_needed(coverage: float) -> int:
    """Return the smallest number of windows that an interval of this coverage needs.

    The margin is the ``ceil((n + 1) * coverage)``-th smallest of ``n`` errors, which has to exist.
    """
    count = max(math.floor(coverage / (1 - coverage)) - 1, 1)
    while _rank(count, coverage) > count:
        count += 1
    return count


def margins(scores: Array, coverage: float) -> Array:
    """Return for each step the margin that a new error stays within with probability ``coverage``.

    With ``n`` scores of a step it is the ``ceil((n + 1) * coverage)``-th smallest, whose coverage
    is exact for exchangeable scores (Lei and others, 2018, theorem 2.2). A score that is NaN, of a
    missing target, counts as none.

    Args:
        scores: Errors in units of their windows' scales, ``(windows, ...)``.
        coverage: Share of new errors that the margin shall contain.
    """
    counts = np.sum(~np.isnan(scores), axis=0)
    ranks = {count: _rank(count, coverage) for count in np.unique(counts).tolist()}
    for count, rank in ranks.items():
        if rank > count:
            raise ValueError(f"{count} scores are fewer than coverage={coverage} needs.")
    # NaN is put last.
    ordered = np.partition(scores, sorted({rank - 1 for rank in ranks.values()}), axis=0)
    places = np.vectorize(ranks.__getitem__, otypes=[int])(counts) - 1
    margin: Array = np.take_along_axis(ordered, places[None], axis=0)[0]
    return margin


def floors(scales: Array) -> Array:
    """Return the smallest scale above 0 of each target, or 1 if it has none.

    It replaces the scale of a constant window, which is 0 and would leave its interval no width.
    """
    positive = np.where(scales > 0, scales, np.inf).min(axis=0)
    return np.where(np.isfinite(positive), positive, 1.0)


def _rank(count: int, coverage: float) -> int:
    # Rounded, since a floating-point error must not push a whole number up: 0.8 * 5 is 4.
    return math.ceil(round((count + 1) * coverage, 9))
