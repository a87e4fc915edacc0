"""Finds the point from which the loss of a sweep diverges. NumPy alone."""

from collections.abc import Sequence

import numpy as np

from keras_ts._typing import Array
from keras_ts.sweep.smoothing import FEWEST_POINTS


def divergence(
    losses: Sequence[float] | Array, smoothed: Sequence[float] | Array, factor: float | None
) -> int | None:
    """Return where the smoothed loss has risen ``factor`` times as far as it fell, or None."""
    # There ``smoothed > best + factor * fall``: ``best`` is the lowest smoothed loss so far, and
    # ``fall`` is ``start - best``. If the median change from one recorded loss to the next is
    # larger, ``fall`` is that, so that noise before the loss first falls stops no sweep. ``start``
    # is the highest of the first ten smoothed losses; the first nine average too few to count as
    # ``best``.
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
