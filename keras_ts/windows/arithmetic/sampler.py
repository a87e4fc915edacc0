"""The windows of every batch of every epoch: pure arithmetic, and one cached stretch."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from keras_ts._typing import IntArray
from keras_ts.windows.arithmetic.geometry import PickledByFields, WindowRanges
from keras_ts.windows.arithmetic.shuffle import Permutation

# The order is computed in stretches of this many positions: long enough that NumPy's cost
# per call vanishes, short enough to stay in a core's cache.
_STRETCH = 1 << 16

Remainder = Literal["keep", "drop", "pad"]


@dataclass
class BatchSampler(PickledByFields):
    """The order of all windows, epoch by epoch, and its division into batches.

    A *position* is a place in the order of one epoch: position 0 holds the first window that
    the epoch reads.

    Attributes:
        ranges: The windows.
        batch_size: Largest number of windows in a batch.
        remainder: "keep" a last batch that is not full, "drop" it, or "pad" it: fill it up with
            the epoch's windows from its first on.
        shuffle: True for a permutation per epoch, False for time order.
        seed: Number that the permutations depend on besides the epoch.
        shards: Number of parts that share the windows, position by position.
        shard: Index of this part.
        batches: Number of batches in an epoch.
        size: Number of windows that an epoch reads.
        positions: Number of positions in all batches: more than ``size`` if some are padding.
        uniform: True if every batch is full, but perhaps the last. Shards that "keep" the last
            batch are not uniform: they need equal numbers of batches, although some have a window
            less than others, and so each parts its windows evenly.
    """

    ranges: WindowRanges
    batch_size: int
    remainder: Remainder
    shuffle: bool
    seed: int
    shards: int = 1
    shard: int = 0

    def __post_init__(self) -> None:
        everyone = self.total // self.shards
        if self.remainder == "drop":
            self.batches = everyone // self.batch_size
            self.size = self.batches * self.batch_size
        else:
            largest = -(-self.total // self.shards)
            self.batches = -(-largest // self.batch_size)
            self.size = everyone + (self.shard < self.total % self.shards)
        padded = self.remainder == "pad"
        self.positions = self.batches * self.batch_size if padded else self.size
        self.uniform = self.shards == 1 or self.remainder != "keep"
        self._stretch: tuple[Any, Any, Any] = None, None, None

    @property
    def total(self) -> int:
        """Number of windows that all shards share."""
        return self.ranges.total

    def bounds(self, batch: int) -> tuple[int, int]:
        """Return a batch's first position, and the one after its last."""
        if self.uniform:
            begin = batch * self.batch_size
            end = begin + self.batch_size
            return begin, end if end <= self.positions else self.positions
        return batch * self.size // self.batches, (batch + 1) * self.size // self.batches

    def windows(self, epoch: int, begin: int, end: int) -> tuple[IntArray, IntArray]:
        """Return the windows at positions ``begin .. end - 1`` of an epoch.

        Positions from ``size`` on are padding, and repeat the epoch from its beginning.

        Returns:
            The windows' numbers in time order, and their flat starts.
        """
        if end > self.size:
            return self._padded(epoch, begin, end)
        number, first = divmod(begin, _STRETCH)
        # One tuple, replaced whole: readers in other threads see the old one or the new.
        key, windows, starts = self._stretch
        if key != (epoch, number):
            windows = self._ordered(epoch, number)
            starts = self.ranges.starts(windows)
            self._stretch = (epoch, number), windows, starts
        last = first + end - begin
        if last <= _STRETCH:
            chosen = windows[first:last]
            return chosen, chosen if starts is windows else starts[first:last]
        rest = self.windows(epoch, begin - first + _STRETCH, end)
        return np.concatenate([windows[first:], rest[0]]), np.concatenate([starts[first:], rest[1]])

    def _padded(self, epoch: int, begin: int, end: int) -> tuple[IntArray, IntArray]:
        pieces = []
        while begin < end:
            first = begin % self.size
            last = min(first + end - begin, self.size)
            pieces.append(self.windows(epoch, first, last))
            begin += last - first
        windows, starts = zip(*pieces, strict=True)
        return np.concatenate(windows), np.concatenate(starts)

    def _ordered(self, epoch: int, number: int) -> IntArray:
        begin = number * _STRETCH
        positions = np.arange(begin, min(begin + _STRETCH, self.size)) * self.shards + self.shard
        if not self.shuffle:
            return positions
        return Permutation(self.total, self.seed, epoch)(positions)
