"""Which windows stand in which batch of which epoch: pure arithmetic, and one cached stretch."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts._typing import IntArray
from keras_ts.windows.index import Rebuilt, Runs
from keras_ts.windows.shuffle import Permutation

# The order is computed in stretches of this many positions: long enough that NumPy's cost
# per call vanishes, short enough to stay in a core's cache.
_STRETCH = 1 << 16


@dataclass
class Order(Rebuilt):
    """The order of all windows, epoch by epoch.

    Attributes:
        runs: The windows.
        batch_size: Largest number of windows in a batch.
        drop_remainder: Whether batches that are not full are left out.
        shuffle: Whether every epoch has its own permutation, or time order.
        seed: What the permutations depend on besides the epoch.
        shards: Number of parts that share the windows, position by position.
        shard: Which part this is.
    """

    runs: Runs
    batch_size: int
    drop_remainder: bool
    shuffle: bool
    seed: int
    shards: int = 1
    shard: int = 0

    def __post_init__(self) -> None:
        self.total = self.runs.total
        # Whether every batch but the last is full. Shards that all have the same number of
        # batches, although some have a window less, share theirs out evenly instead.
        self.uniform = self.shards == 1 or self.drop_remainder
        everyone = self.total // self.shards
        if self.drop_remainder:
            self.batches = everyone // self.batch_size
            self.size = self.batches * self.batch_size
        else:
            largest = -(-self.total // self.shards)
            self.batches = -(-largest // self.batch_size)
            self.size = everyone + (self.shard < self.total % self.shards)
        self._stretch: tuple[Any, Any, Any] = None, None, None

    def bounds(self, batch: int) -> tuple[int, int]:
        """First position of a batch, and the one after its last."""
        if self.uniform:
            begin = batch * self.batch_size
            return begin, min(begin + self.batch_size, self.size)
        return batch * self.size // self.batches, (batch + 1) * self.size // self.batches

    def places(self, epoch: int, begin: int, end: int) -> tuple[IntArray, IntArray]:
        """The windows at positions ``begin .. end - 1`` of an epoch.

        Returns:
            Their numbers in time order, and their flat starts.
        """
        number, first = divmod(begin, _STRETCH)
        # One tuple, replaced whole: readers in other threads see the old one or the new.
        place, windows, starts = self._stretch
        if place != (epoch, number):
            windows = self._ordered(epoch, number)
            starts = self.runs.starts(windows)
            self._stretch = (epoch, number), windows, starts
        last = first + end - begin
        if last <= _STRETCH:
            chosen = windows[first:last]
            return chosen, chosen if starts is windows else starts[first:last]
        rest = self.places(epoch, begin - first + _STRETCH, end)
        return np.concatenate([windows[first:], rest[0]]), np.concatenate([starts[first:], rest[1]])

    def _ordered(self, epoch: int, number: int) -> IntArray:
        begin = number * _STRETCH
        positions = np.arange(begin, min(begin + _STRETCH, self.size)) * self.shards + self.shard
        if not self.shuffle:
            return positions
        return Permutation(self.total, self.seed, epoch)(positions)
