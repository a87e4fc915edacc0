"""Which windows each batch of each epoch holds: arithmetic, with part of the order cached.

Several workers may share every batch. The order, the batches and the padding do not depend on the
number of workers, so that together they make the same steps as a single one.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.geometry import PickledByFields, WindowRanges
from keras_ts.windows.arithmetic.shuffle import Permutation

# The order is computed in stretches of this many positions: long enough to hide NumPy's cost per
# call, short enough to stay in a core's cache.
_STRETCH = 1 << 16

Remainder = Literal["keep", "drop", "pad"]


@dataclass
class BatchSampler(PickledByFields):
    """The order of all windows in each epoch, the batches, and the rows of one worker."""

    # A *place* is an index into an epoch's order of all windows: place 0 holds the first window
    # that the epoch reads. A *position* is an index into the rows of this worker, batch after
    # batch.

    ranges: WindowRanges
    batch_size: int  # Windows that all workers read in a batch: a multiple of ``shards * devices``.
    # "keep" a last batch that is not full, "drop" it, or "pad" it: fill it up with the first
    # windows of the epoch.
    remainder: Remainder
    shuffle: bool  # True for a permutation per epoch, False for time order.
    seed: int  # The permutations depend on it, and on the epoch.
    shards: int = 1  # Number of workers that share every batch in equal parts.
    shard: int = 0  # Index of this worker. Its rows follow those of the workers before it.
    # Devices that share a worker's rows of every batch. With "keep", the last batch is filled up to
    # a multiple of ``shards * devices``.
    devices: int = 1

    def __post_init__(self) -> None:
        full, rest = divmod(self.total, self.batch_size)
        if self.remainder == "drop":
            rest = 0
        self.batches = full + (rest > 0)  # In an epoch.
        together = self.batch_size if self.remainder == "pad" else self.shards * self.devices
        filled = -(-rest // together) * together
        # Rows of this worker in a full batch, and in a smaller last one.
        self._rows, self._last_rows = self.batch_size // self.shards, filled // self.shards
        self._last = full * self._rows
        # Rows in all batches: more than ``size`` if there is padding, which comes last.
        self.positions = self._last + self._last_rows
        begin = self.shard * self._last_rows
        # Windows that this worker reads in an epoch.
        self.size = self._last + min(max(rest - begin, 0), self._last_rows)
        # True if windows have weights: some worker's epoch may be padded.
        self.weighted = self.remainder == "pad" or filled > rest
        self._weights = np.float32(1), np.float32(filled / max(rest, 1))
        self._stretch: tuple[Any, Any, Any] = None, None, None

    @property
    def total(self) -> int:
        """Number of windows that all workers share."""
        return self.ranges.total

    def bounds(self, batch: int) -> tuple[int, int]:
        """Return the first position of a batch, and the one after its last."""
        begin = batch * self._rows
        end = begin + self._rows
        return begin, end if end <= self.positions else self.positions

    def windows(self, epoch: int, begin: int, end: int) -> tuple[IntArray, IntArray]:
        """Return the windows at positions ``begin .. end - 1`` of an epoch."""
        # Positions from ``size`` on are padding: the first windows of the epoch again.
        number, first = divmod(begin, _STRETCH)
        # One tuple, replaced at once, so that other threads see either the old one or the new.
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

    def weights(self, begin: int, end: int) -> Array:
        """Return the weight of each position, which keeps padding out of the loss."""
        # Keras averages a loss over the rows of a batch, padding included. So padding weighs 0, and
        # each window of a padded batch weighs ``rows / windows``: the loss and the gradient of each
        # step are then those of its windows alone.
        positions = np.arange(begin, end)
        weights = np.where(positions < self._last, *self._weights)
        weights[positions >= self.size] = 0
        return weights

    def _ordered(self, epoch: int, number: int) -> IntArray:
        begin = number * _STRETCH
        places = self._places(np.arange(begin, min(begin + _STRETCH, self.positions)))
        if begin + _STRETCH > self.size:  # Padding starts over at the first place.
            places %= self.total
        if not self.shuffle:
            return places
        return Permutation(self.total, self.seed, epoch)(places)

    def _places(self, positions: IntArray) -> IntArray:
        if self.shards == 1:
            return positions
        batch, row = np.divmod(positions, self._rows)
        rows = np.where(positions < self._last, self._rows, self._last_rows)
        return batch * self.batch_size + self.shard * rows + row
