"""Which windows each batch of each epoch holds, and in which order: arithmetic, partly cached.

Several workers may share every batch. Order and batches do not depend on their number, so that
together they train on the same batches as a single worker.

A uniform shuffle that needs no table: position ``i`` of epoch ``e`` is computed.

``numpy.random.Generator.permutation`` of a thousand million windows takes 8 GB. Here the
permutation of ``0..n-1`` is a keyed bijection on the next power of two, followed until it
lands below ``n`` (cycle walking), so any stretch of it costs only its own length, and it
depends on nothing but ``(n, seed, epoch)``: every backend and adapter sees the same order.

One round is ``x -> x * odd + c mod 2**bits`` and ``x -> x ^ (x >> bits/2)``. The first
carries information upwards, the second downwards; both are invertible, so their
composition is a permutation whatever the keys. The idea is that of Kensler,
*Correlated Multi-Jittered Sampling*, Pixar 13-01 (2013), with fresh keys every round;
cycle walking is Black and Rogaway, *Ciphers with Arbitrary Finite Domains* (2002).
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.panel.rows import PickledByFields
from keras_ts.windows.geometry import WindowRanges

# Permutations of few bits need more rounds: by chi-square tests on positions and ordered pairs over
# 20,000 keys, they are visibly uneven below eight rounds.
_ROUNDS_NARROW = 24
_ROUNDS_WIDE = 6
_NARROW_BITS = 14


@dataclass(frozen=True)
class Permutation:
    """The permutation of ``0..size-1`` that belongs to ``(seed, epoch)``."""

    size: int
    seed: int
    epoch: int
    _multipliers: Any = field(init=False, repr=False, compare=False)
    _constants: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rounds = _ROUNDS_NARROW if self._bits <= _NARROW_BITS else _ROUNDS_WIDE
        word = np.uint32 if self._bits <= 32 else np.uint64
        # SeedSequence is specified by NumPy to be stable across versions and platforms.
        keys = np.random.SeedSequence([self.seed, self.epoch]).generate_state(2 * rounds, word)
        object.__setattr__(self, "_multipliers", keys[:rounds] | word(1))
        object.__setattr__(self, "_constants", keys[rounds:])

    @property
    def _bits(self) -> int:
        return (self.size - 1).bit_length()

    def __call__(self, positions: Any) -> IntArray:
        """Return the image of each of ``positions``, integers in ``0..size-1``."""
        word = self._constants.dtype.type
        images = self._rounds(np.asarray(positions).astype(word))
        outside = np.flatnonzero(images >= self.size)
        walked = images.take(outside)
        while outside.size:
            images[outside] = self._rounds(walked)
            again = np.flatnonzero(walked >= self.size)
            outside, walked = outside.take(again), walked.take(again)
        return images.astype(np.int64)

    def _rounds(self, words: Any) -> Any:
        word = words.dtype.type
        mask, shift = word((1 << self._bits) - 1), word((self._bits + 1) // 2)
        shifted = np.empty_like(words)
        for multiplier, constant in zip(self._multipliers, self._constants, strict=True):
            np.multiply(words, multiplier, out=words)
            np.add(words, constant, out=words)
            np.bitwise_and(words, mask, out=words)
            np.right_shift(words, shift, out=shifted)
            np.bitwise_xor(words, shifted, out=words)
        return words


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
