"""Recurring events: large errors that return at the same phase of every cycle.

A holiday is one day of the year, and a series has few years, so a network treats its errors there
as outliers. Unlike outliers, they return on the same day.
"""

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

# Expected number of false events in a cycle.
_BY_CHANCE = 0.05


def returning(phases: IntArray, errors: Array, *, together: bool = False, among: int = 0) -> Array:
    """Return the recurring error of each phase, ``(phases,)``; 0 where errors do not recur.

    An error is large beyond ``s sqrt(2 log(n))``, where ``s`` is the standard deviation of the
    errors and ``n`` the number of phases: the largest of ``n`` normal errors hardly exceeds it (the
    universal threshold of Donoho and Johnstone, Biometrika 1994). A phase's error recurs if both
    of these hold, and is then the median of the phase's errors:

    - The median is large, and so is the latest error, with the same sign.
    - It is no coincidence. If a share ``p`` of the errors at other phases is as large, then about
      ``n C(m, k) p^k`` phases have ``k`` or more large errors among ``m``: this must be 0.05 or
      less.

    Rows are in time order: ``phases`` are their phases, from 0 on, and ``errors`` are centered at
    0. With ``together``, large errors at several phases may have one cause, such as a week in which
    a shop is closed: ``p`` is then the share at those phases at which the first condition fails.
    If the phases were picked among more, ``n`` is ``among``, the number of those.
    """
    effects = medians(phases, errors)
    if len(effects) < 2:
        return np.zeros_like(effects)
    among = max(among, len(effects))
    bound = errors.std() * np.sqrt(2 * np.log(among))
    large = np.where(np.abs(errors) > bound, np.sign(errors), 0.0)
    latest = np.zeros(len(effects))
    latest[phases] = large  # The last row of a phase wins.
    kept = (np.abs(effects) > bound) & (latest == np.sign(effects))
    for side in (-1.0, 1.0):
        candidates = kept & (latest == side)
        apart = candidates if together else np.zeros_like(candidates)
        expected = among * _by_chance(phases, large == side, apart)
        kept &= (latest != side) | (expected <= _BY_CHANCE)
    return np.where(kept, effects, 0.0)


def returning_by_step(phases: IntArray, errors: Array, among: int = 0) -> Array:
    """Return the recurring error of each phase at each step, ``(phases, steps)``.

    The rule of ``returning`` is applied to the errors of each step, and then to what is left of
    them, since large events hide smaller ones. Large errors at one step hide an event that another
    step shows. So if a phase's error recurs at some steps, each other step gets its median, up to
    the size at the first of these steps, if the median is at least half as large as that.
    The ``errors``, ``(rows, steps)``, are centered at 0 at each step.
    """
    effects = np.stack([_returning_again(phases, of_step, among) for of_step in errors.T], axis=1)
    typical = np.stack([medians(phases, of_step) for of_step in errors.T], axis=1)
    first = np.argmax(effects != 0, axis=1, keepdims=True)
    first_effect = np.take_along_axis(effects, first, axis=1)
    side, size = np.sign(first_effect), np.abs(first_effect)
    missed = np.where(typical * side >= size / 2, side * np.minimum(np.abs(typical), size), 0.0)
    return np.where(effects != 0, effects, missed)


def _returning_again(phases: IntArray, errors: Array, among: int) -> Array:
    """Return the recurring errors, with those that recur once the larger ones are subtracted."""
    more = effects = returning(phases, errors, together=True, among=among)
    while more.any():
        left = errors - effects[phases]
        more = np.where(effects, 0.0, returning(phases, left, together=True, among=among))
        effects = effects + more
    return effects


def _by_chance(phases: IntArray, large: BoolArray, apart: BoolArray) -> Array:
    """Return the probability that a phase has as many large errors, if they fell at random."""
    seen = np.bincount(phases)
    there = np.bincount(phases, large).astype("int64")
    others = np.where(apart, 0, np.stack([there, seen]))
    large_elsewhere, elsewhere = others.sum(axis=1, keepdims=True) - others
    # Plus one, since an error that has not been seen is not impossible.
    share = (large_elsewhere + 1) / (elsewhere + 1)
    logs = np.append(0.0, np.log(np.arange(1, seen.max() + 1)).cumsum())
    ways = logs[seen] - logs[there] - logs[seen - there]
    probability: Array = np.exp(ways + there * np.log(share))
    return probability


def medians(phases: IntArray, errors: Array) -> Array:
    """Return the median of the errors at each phase, ``(phases,)``."""
    # For an even number of errors, the median is the one of the middle two that is nearer to 0, or
    # 0 if these two differ in sign. For a single error it is 0.
    counts = np.bincount(phases)
    begins = np.cumsum(counts) - counts
    by_size = errors[np.lexsort((errors, phases))]
    low, high = by_size[begins + (counts - 1) // 2], by_size[begins + counts // 2]
    nearer = np.where(np.abs(low) < np.abs(high), low, high)
    return np.where((low * high > 0) & (counts > 1), nearer, 0.0)
