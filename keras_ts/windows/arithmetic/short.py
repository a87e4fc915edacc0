"""Windows with few inputs, as of young series: classes by number of inputs, and windows cut short.

A net that is trained and judged on full windows alone says little of a store that opened last week.
So the oldest inputs of long windows are made missing, in all columns, as they are missing in a
window that begins before its series. Plain NumPy.
"""

from dataclasses import dataclass

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.shuffle import Permutation


def classes_of(fewest: int, window: int, period: int | None = None) -> tuple[int, ...]:
    """Return the least number of inputs of each class; full windows are a class of their own."""
    # 1, 2, 3, 4, 6, 8, 12, 16, 24, ... A class of 8 to 15 days would hold windows of one week and
    # of two, and only two weeks show what a weekday is like: with one width, 80 % bands held 89 and
    # 73 %. From two periods on, a net subtracts a window's season, and its errors and quantiles
    # change abruptly: with one width for 12 to 15 days, 80 % bands held 86 % at 13 and 74 % at 14.
    steps = {factor << power for power in range(window.bit_length()) for factor in (2, 3)}
    inner = sorted({1, 2 * (period or 0), *steps})
    return (fewest, *(bound for bound in inner if fewest < bound < window), window)


def class_of(known: Array, bounds: tuple[int, ...]) -> IntArray:
    """Return the class of each number of inputs; fewer than the least are in the first one."""
    return np.searchsorted(bounds[1:], known, side="right")


def cut_short(past: Array, kept: IntArray, targets: IntArray) -> Array:
    """Return windows of which only the latest ``kept`` inputs are known, the others NaN."""
    # A window that would lose every value of a target stays whole, unless it keeps no input.
    length = past.shape[1]
    late = np.arange(length) >= length - kept[:, None]
    known = np.isfinite(past.reshape(*late.shape, -1)[..., targets])
    whole = ((known & late[..., None]).any(axis=1) < known.any(axis=1)).any(axis=1) & (kept > 0)
    cut = past.copy()
    cut[~late & ~whole[:, None]] = np.nan
    return cut


@dataclass(frozen=True)
class ShortPasts:
    """Cuts a share of all windows short, at random in each epoch, and to random lengths."""

    # Short windows have 4 to 7 inputs as often as 8 to 15: each doubling is equally frequent.

    share: float
    fewest: int  # inputs that a window keeps at least
    window: int
    total: int  # number of windows

    def __call__(self, seed: int, epoch: int, windows: IntArray) -> IntArray:
        """Return how many inputs each window keeps: a function of seed, epoch and its number."""
        # Each window has another rank, and the windows of the lowest ranks are cut. The seed is not
        # the shuffle's, so that ranks do not depend on the order in which windows are read.
        ranks = Permutation(self.total, seed + 1, epoch)(windows) / (self.share * self.total)
        fewest = self.fewest or 0.5  # Lengths from a half to 1 leave no input.
        kept = np.floor(fewest * (self.window / fewest) ** np.minimum(ranks, 1.0))
        return np.where(ranks < 1, kept, self.window).astype(np.int64)
