"""Decides when the losses of a sweep have left the valley for good. NumPy alone."""

from collections.abc import Sequence

import numpy as np

from keras_ts.sweep.smoothing import FEWEST_POINTS


def diverged(losses: Sequence[float], smoothed: Sequence[float], factor: float) -> bool:
    """Tell whether the smoothed loss has risen ``factor`` times as far as it had fallen.

    ``losses`` are as recorded, and ``smoothed`` are those of a ``Smoother``, without outliers. The
    rise counts from the best value: ``smoothed > best + factor * fall``. The fall is
    ``start - best``, or the typical step from one recorded loss to the next if that is larger, so
    that noise before the first fall stops nothing. The first few values are means of too few
    losses to be the best; the highest of them is the start.
    """
    if len(losses) < FEWEST_POINTS:
        return False
    start, best = max(smoothed[:FEWEST_POINTS]), min(smoothed[FEWEST_POINTS - 1 :])
    # A level loss moves by float32's rounding, which is no rise.
    rounding = 4 * float(np.finfo(np.float32).eps) * abs(best)
    if smoothed[-1] <= best + factor * max(start - best, rounding):
        return False
    # The median takes long, so it comes last and is seldom needed.
    typical = float(np.median(np.abs(np.diff(losses))))
    return smoothed[-1] > best + factor * typical
