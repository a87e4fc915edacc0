"""Recurring events: large errors that return at the same phase of every cycle.

A holiday is one day of the year, and a series has few years: a network takes its errors there for
outliers. Unlike outliers, they return on the same day.
"""

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

# Expected number of false events in a cycle.
_BY_CHANCE = 0.05


def returning(phases: IntArray, errors: Array) -> Array:
    """Return the recurring error of each phase, ``(phases,)``; 0 where errors do not recur.

    An error is large beyond ``s sqrt(2 log(n))``, where ``s`` is the standard deviation of the
    errors and ``n`` the number of phases: the largest of ``n`` normal errors hardly exceeds it (the
    universal threshold of Donoho and Johnstone, Biometrika 1994). A phase's error recurs if both
    of these hold, and is then the median of the phase's errors:

    - The median is large, and so is the latest error, with the same sign.
    - It is no coincidence. If a share ``p`` of the errors at other phases is as large, then about
      ``n C(m, k) p^k`` phases have ``k`` or more large errors among ``m``: this must be 0.05 or
      less.

    Args:
        phases: Index of each row's phase, ``(rows,)``; every phase from 0 on occurs. The rows are
            in time order.
        errors: Errors of the forecasts, ``(rows,)``, centered at 0.
    """
    effects = medians(phases, errors)
    if len(effects) < 2:
        return np.zeros_like(effects)
    bound = errors.std() * np.sqrt(2 * np.log(len(effects)))
    large = np.where(np.abs(errors) > bound, np.sign(errors), 0.0)
    latest = np.zeros(len(effects))
    latest[phases] = large  # The last row of a phase wins.
    kept = (np.abs(effects) > bound) & (latest == np.sign(effects))
    for side in (-1.0, 1.0):
        kept &= (latest != side) | (_by_chance(phases, large == side) <= _BY_CHANCE)
    return np.where(kept, effects, 0.0)


def _by_chance(phases: IntArray, large: BoolArray) -> Array:
    """Return the expected number of phases with as many large errors, if they fell at random."""
    seen = np.bincount(phases)
    there = np.bincount(phases, large).astype("int64")
    # Plus one, since an error that has not been seen is not impossible.
    share = (large.sum() - there + 1) / (len(phases) - seen + 1)
    logs = np.append(0.0, np.log(np.arange(1, seen.max() + 1)).cumsum())
    ways = logs[seen] - logs[there] - logs[seen - there]
    expected: Array = len(seen) * np.exp(ways + there * np.log(share))
    return expected


def medians(phases: IntArray, errors: Array) -> Array:
    """Return the median of the errors at each phase, ``(phases,)``.

    Of an even number of errors, it is the one of the middle two that is nearer to 0. It is 0 if
    these two differ in sign, or if there is only one error.
    """
    counts = np.bincount(phases)
    begins = np.cumsum(counts) - counts
    by_size = errors[np.lexsort((errors, phases))]
    low, high = by_size[begins + (counts - 1) // 2], by_size[begins + counts // 2]
    nearer = np.where(np.abs(low) < np.abs(high), low, high)
    return np.where((low * high > 0) & (counts > 1), nearer, 0.0)
