"""Which windows each batch of each epoch holds: arithmetic, with part of the order cached.

Several workers may share every batch. Order and batches do not depend on their number, so that
together they train on the same batches as a single worker.
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

    # A *place* is an index into an epoch's order of all windows. A *position* is an index into the
    # rows that this worker reads in an epoch, batch after batch.

    ranges: WindowRanges
    batch_size: int  # Of all workers together: a multiple of ``shards * devices``.
    # "keep" a last batch that is not full, "drop" it, or "pad" it: fill it up with the first
    # windows of the epoch.
    remainder: Remainder
    shuffle: bool  # True: a permutation per epoch. False: series by series, in time order.
    seed: int  # The permutations depend on the seed and the epoch.
    shards: int = 1  # Number of workers that share every batch in equal parts.
    shard: int = 0  # Index of this worker. Its rows follow those of the workers before it.
    # Devices that share a worker's rows of every batch. With "keep", a last batch that is not full
    # is filled up to a multiple of ``shards * devices``.
    devices: int = 1

    def __post_init__(self) -> None:
        full, rest = divmod(self.total, self.batch_size)
        if self.remainder == "drop":
            rest = 0
        self.batches = full + (rest > 0)  # In an epoch.
        multiple = self.batch_size if self.remainder == "pad" else self.shards * self.devices
        filled = -(-rest // multiple) * multiple
        # Rows of this worker in a full batch, and in a smaller last one.
        self._rows, self._last_rows = self.batch_size // self.shards, filled // self.shards
        self._last = full * self._rows
        # ``positions`` is the number of this worker's rows in an epoch. The first ``size`` rows
        # hold windows, and the others padding.
        self.positions = self._last + self._last_rows
        begin = self.shard * self._last_rows
        self.size = self._last + min(max(rest - begin, 0), self._last_rows)
        # Windows have weights with "pad"; otherwise only if a worker's last batch has padding.
        self.weighted = self.remainder == "pad" or filled > rest
        self._weights = np.float32(1), np.float32(filled / max(rest, 1))
        self._stretch: tuple[Any, Any, Any] = None, None, None

    @property
    def total(self) -> int:
        """Number of windows of all workers."""
        return self.ranges.total

    def bounds(self, batch: int) -> tuple[int, int]:
        """Return the first position of a batch, and the one after its last."""
        begin = batch * self._rows
        return begin, min(begin + self._rows, self.positions)

    def windows(self, epoch: int, begin: int, end: int) -> tuple[IntArray, IntArray]:
        """Return numbers and starts of windows at positions ``begin .. end - 1`` of an epoch."""
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
            return windows[first:last], starts[first:last]
        rest = self.windows(epoch, begin - first + _STRETCH, end)
        return np.concatenate([windows[first:], rest[0]]), np.concatenate([starts[first:], rest[1]])

    def weights(self, begin: int, end: int) -> Array:
        """Return weights of positions ``begin .. end - 1``, which keep padding out of the loss."""
        # Keras averages a loss over the rows of a batch, padding included. So padding weighs 0, and
        # each window of a padded batch weighs ``rows / windows``: loss and gradient of the batch
        # are then those of its windows alone.
        positions = np.arange(begin, end)
        weights = np.where(positions < self._last, *self._weights)
        weights[positions >= self.size] = 0
        return weights

    def _ordered(self, epoch: int, number: int) -> IntArray:
        """Return the windows of a stretch of an epoch's order."""
        begin = number * _STRETCH
        places = positions = np.arange(begin, min(begin + _STRETCH, self.positions))
        if self.shards > 1:
            batch, row = np.divmod(positions, self._rows)
            rows = np.where(positions < self._last, self._rows, self._last_rows)
            places = batch * self.batch_size + self.shard * rows + row
        if begin + _STRETCH > self.size:  # Padding starts over at the first place.
            places = places % self.total
        return Permutation(self.total, self.seed, epoch)(places) if self.shuffle else places
