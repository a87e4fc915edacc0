"""Windows with few inputs, as of young series: classes by number of inputs, and windows cut short.

A net that is trained and scored on full windows alone says little of a store that opened last week.
So the oldest inputs of some windows are made missing, in all columns, as they are missing in a
window that begins before its series.
"""

from dataclasses import dataclass

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.shuffle import Permutation


def classes_of(fewest: int, window: int, period: int | None = None) -> tuple[int, ...]:
    """Return the least number of inputs of each class; full windows are a class of their own."""
    # The classes begin at 1, 2, 3, 4, 6, 8, 12, 16, 24, ... and at two periods. The powers of two
    # alone are too coarse: of windows of 8 to 15 days, only those of two weeks show what a weekday
    # is like, and 80 % intervals of one width held 89 % and 73 %. From two periods on, a net
    # subtracts a window's season, and its errors change abruptly: with one width for 12 to 15 days,
    # 80 % intervals held 86 % at 13 days and 74 % at 14.
    steps = {factor << power for power in range(window.bit_length()) for factor in (2, 3)}
    inner = sorted({1, 2 * (period or 0), *steps})
    return (fewest, *(bound for bound in inner if fewest < bound < window), window)


def class_of(known: Array, bounds: tuple[int, ...]) -> IntArray:
    """Return the class of each number of inputs; the first class also has smaller numbers."""
    return np.searchsorted(bounds[1:], known, side="right")


def cut_short(past: Array, kept: IntArray, targets: IntArray) -> Array:
    """Return windows of which only the latest ``kept`` inputs are known, the others NaN."""
    # A window that would lose every value of a target is not cut, unless it keeps no input.
    length = past.shape[1]
    late = np.arange(length) >= length - kept[:, None]
    known = np.isfinite(past.reshape(*late.shape, -1)[..., targets])
    uncut = ((known & late[..., None]).any(axis=1) < known.any(axis=1)).any(axis=1) & (kept > 0)
    cut = past.copy()
    cut[~late & ~uncut[:, None]] = np.nan
    return cut


@dataclass(frozen=True)
class ShortPasts:
    """Cuts a share of all windows short, chosen anew in each epoch, to random lengths."""

    # Each doubling of lengths is equally frequent: 4 to 7 inputs are left as often as 8 to 15.

    share: float
    fewest: int  # The fewest inputs that a window keeps.
    window: int  # Inputs of a full window.
    total: int  # Number of all windows.

    def __call__(self, seed: int, epoch: int, windows: IntArray) -> IntArray:
        """Return how many inputs each window keeps; ``windows`` are indices of windows."""
        # A permutation ranks the windows, and those of the lowest ranks are cut. Its seed is not
        # the shuffle's, so that the two are independent.
        ranks = Permutation(self.total, seed + 1, epoch)(windows) / (self.share * self.total)
        fewest = self.fewest or 0.5  # Lengths from 0.5 to 1 are rounded down to 0.
        kept = np.floor(fewest * (self.window / fewest) ** np.minimum(ranks, 1.0))
        return np.where(ranks < 1, kept, self.window).astype(np.int64)
