"""Finds the place at which the losses of a sweep left the valley for good. NumPy alone."""

from collections.abc import Sequence

import numpy as np

from keras_ts._typing import Array
from keras_ts.sweep.smoothing import FEWEST_POINTS


def divergence(
    losses: Sequence[float] | Array, smoothed: Sequence[float] | Array, factor: float | None
) -> int | None:
    """Return the place where the smoothed loss has risen ``factor`` times as far as it had fallen.

    ``losses`` are as recorded; ``smoothed`` come from a ``Smoother``, without outliers. The rise
    counts from the best value: ``smoothed > best + factor * fall``. The fall is ``start - best``,
    or the typical step from one recorded loss to the next if that is larger, so that noise before
    the first fall stops nothing. The first few values are means of too few losses to be the best;
    the highest of them is the start. The result is None if there is no such place, or ``factor``
    is None.
    """
    if factor is None or len(losses) < FEWEST_POINTS:
        return None
    smooth = np.asarray(smoothed)
    start, later = smooth[:FEWEST_POINTS].max(), smooth[FEWEST_POINTS - 1 :]
    best = np.minimum.accumulate(later)
    # A level loss moves by float32's rounding, which is no rise.
    rounding = 4 * float(np.finfo(np.float32).eps) * np.abs(best)
    risen = np.flatnonzero(later > best + factor * np.maximum(start - best, rounding))
    for place in risen.tolist():
        end = place + FEWEST_POINTS
        typical = float(np.median(np.abs(np.diff(losses[:end]))))
        if later[place] > best[place] + factor * typical:
            return end - 1
    return None
