"""Computes the margins of prediction intervals from held-out errors: split conformal prediction.

Plain NumPy, without a framework.
"""

import math

import numpy as np

from keras_ts._typing import Array


def windows_needed(coverage: float) -> int:
    """Return the smallest number of windows for which the margin of this coverage exists."""
    count = max(math.floor(coverage / (1 - coverage)) - 1, 1)
    while _rank(count, coverage) > count:
        count += 1
    return count


def margins(scores: Array, coverage: float) -> Array:
    """Return the margin of each step that holds a new error with probability ``coverage``.

    Scores are ``(windows, ...)``, in units of their windows' scales; NaN is left out.
    """
    # The ``ceil((n + 1) * coverage)``-th smallest of ``n`` exchangeable scores holds exactly that
    # share of new ones: Lei and others, 2018, theorem 2.2.
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
    """Return the smallest scale above 0 of each target, or 1."""
    # It replaces the scale of a constant window, which is 0 and would leave no width.
    positive = np.where(scales > 0, scales, np.inf).min(axis=0)
    return np.where(np.isfinite(positive), positive, 1.0)


def _rank(count: int, coverage: float) -> int:
    # Rounded, since a floating-point error must not push a whole number up: 0.8 * 5 is 4.
    return math.ceil(round((count + 1) * coverage, 9))
