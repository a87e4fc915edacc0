"""Errors that return each time a cycle comes to the same phase, and are too large to be noise.

A holiday is one day of a year, and a series has few years: a net takes its errors there for
outliers. That they return, to the day, tells one from the other.
"""

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

# Events that chance may feign in a cycle, on average.
_BY_CHANCE = 0.05


def returning(phases: IntArray, errors: Array) -> Array:
    """Return the error to expect at each phase, ``(phases,)``: 0 where none returns.

    Errors are large beyond ``s sqrt(2 log(n))``, which the largest of ``n`` hardly exceeds if they
    are normal, where ``s`` is their standard deviation and ``n`` the number of phases (the
    universal threshold of Donoho and Johnstone, Biometrika 1994). The median of a phase's errors
    returns, if all of this holds:

    - The median is large, and so is the latest error, on the same side of 0.
    - Chance would not do it. If a share ``p`` of the errors at other phases is as large, then ``n
      C(m, k) p^k`` phases have ``k`` large errors or more among ``m``: at most 0.05 on average.

    Args:
        phases: The number of each row's phase, ``(rows,)``, from 0 without any left out. The rows
            are in the order of time.
        errors: Errors of the forecasts, ``(rows,)``, about 0.
    """
    effects = medians(phases, errors)
    if len(effects) < 2:
        return np.zeros_like(effects)
    bound = errors.std() * np.sqrt(2 * np.log(len(effects)))
    large = np.where(np.abs(errors) > bound, np.sign(errors), 0.0)
    latest = np.zeros(len(effects))
    latest[phases] = large  # Of several rows the last one stays.
    kept = (np.abs(effects) > bound) & (latest == np.sign(effects))
    for side in (-1.0, 1.0):
        kept &= (latest != side) | (_by_chance(phases, large == side) <= _BY_CHANCE)
    return np.where(kept, effects, 0.0)


def _by_chance(phases: IntArray, large: BoolArray) -> Array:
    """Return how many phases would have as many large errors as each one, if they were spread."""
    seen = np.bincount(phases)
    there = np.bincount(phases, large).astype("int64")
    # One more than there are, for what has not been seen is not impossible.
    share = (large.sum() - there + 1) / (len(phases) - seen + 1)
    logs = np.append(0.0, np.log(np.arange(1, seen.max() + 1)).cumsum())
    ways = logs[seen] - logs[there] - logs[seen - there]
    expected: Array = len(seen) * np.exp(ways + there * np.log(share))
    return expected


def medians(phases: IntArray, errors: Array) -> Array:
    """Return the median of the errors at each phase, ``(phases,)``.

    Of an even number it is the one of the two in the middle that is nearer to 0; it is 0 if these
    two differ in sign, or if there is one error alone.
    """
    counts = np.bincount(phases)
    begins = np.cumsum(counts) - counts
    by_size = errors[np.lexsort((errors, phases))]
    low, high = by_size[begins + (counts - 1) // 2], by_size[begins + counts // 2]
    nearer = np.where(np.abs(low) < np.abs(high), low, high)
    return np.where((low * high > 0) & (counts > 1), nearer, 0.0)
