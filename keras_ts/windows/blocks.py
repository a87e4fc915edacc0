"""Reads the windows of a dataset in time order, a block at a time, with targets of one shape.

Targets become ``(windows, steps, targets)`` in float64, whatever axes a dataset leaves out. With
``targets="sequence"`` only the targets of a window's last input, its origin, count.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.panel.roles import Inputs
from keras_ts.windows.geometry import WindowRanges
from keras_ts.windows.scale import moments_by_series
from keras_ts.windows.source import WindowSource

# The most numbers in the inputs of a block, and the most windows in it: memory stays bounded.
_NUMBERS, _WINDOWS = 1 << 23, 1 << 16


@dataclass(frozen=True)
class Block:
    """Some windows of a dataset, in time order."""

    begin: int  # Number of the first window.
    inputs: Any  # As the models get them.
    past: Array  # ``known``, with missing values filled if the models mask them.
    past_as_read: Array  # ``(windows, inputs, targets)``, NaN where missing.
    known: Array  # ``past_as_read``, with the usual level of series in windows without a value.
    actual: Array  # ``(windows, steps, targets)``
    series: IntArray  # ``(windows,)``
    origins: IntArray  # ``(windows,)``, flat positions of last inputs.
    weights: Array | None = None  # ``(windows,)``


class WindowBlocks:
    """The windows of a source that is in time order."""

    def __init__(self, source: WindowSource) -> None:
        self._source = source
        self.panel, self.geometry = source.panel, source.spec.geometry
        self.columns = np.array(self.panel.columns.targets)

    def only(self, windows: IntArray, kept: IntArray | None = None) -> Self:
        """Return windows by number; with ``kept``, only so many latest inputs of each are known."""
        ranges = self.ranges
        chosen = WindowRanges(
            ranges.starts(windows),
            np.ones(len(windows), np.int64),
            ranges.series_of(windows),
            ranges.step,
        )
        weights = self._source.weights
        weights = None if weights is None else weights.only(windows, chosen)
        sampler = replace(self._source.sampler, ranges=chosen)
        part = copy.copy(self)
        part._source = replace(self._source, sampler=sampler, weights=weights)
        if kept is not None:
            part._source = replace(part._source, kept=lambda seed, epoch, numbers: kept[numbers])
        return part

    def spread(self, most: int) -> Self:
        """Return at most ``most`` of the windows, one at random of each of ``most`` equal runs."""
        # At a fixed distance, all could be of one weekday.
        if self.count <= most:
            return self
        places = np.arange(most) + np.random.default_rng(0).random(most)
        return self.only((places * (self.count / most)).astype(np.int64))

    def thirds(self) -> tuple[Self, Self]:
        """Return the first two thirds of each series' windows, and the last third."""
        series = self.ranges.series_of(np.arange(self.count))
        _, first, counts = np.unique(series, return_index=True, return_counts=True)
        rank = np.arange(self.count) - np.repeat(first, counts)
        late: BoolArray = rank >= np.repeat(counts - counts // 3, counts)
        return self.only(np.flatnonzero(~late)), self.only(np.flatnonzero(late))

    @property
    def ranges(self) -> WindowRanges:
        """The windows' places."""
        return self._source.sampler.ranges

    @property
    def masks(self) -> bool:
        """True if the models mask missing inputs, so that baselines must cope with them, too."""
        return self._source.spec.handling.masked

    @property
    def unseen(self) -> bool:
        """True if a window may have no value; for baselines it has the usual level of series."""
        return self._source.spec.min_inputs == 0

    @property
    def rows(self) -> tuple[IntArray, IntArray]:
        """The flat begin and end of each series' rows before the first border of ``split``."""
        begin, end = self._source.before or (self.panel.offsets[:-1], self.panel.offsets[1:])
        return begin, end

    @cached_property
    def _usual(self) -> Array:
        """The usual level, by target: the median over series of the mean of their ``rows``."""
        begin, end = self.rows
        means = moments_by_series(self.panel.values, begin, end)[1][:, self.columns]
        return np.median(means[np.isfinite(means).all(axis=1)], axis=0)

    @property
    def partial(self) -> bool:
        """True if some targets of a window may be missing."""
        return self._source.spec.handling.partial

    @property
    def judgeable(self) -> str:
        """The windows that can be scored, in words for an error."""
        inputs = f"{'a value' if self.masks else 'all values'} of each target among its inputs and "
        return (
            f"a window with {'' if self.unseen else inputs}"
            f"{'a value' if self.partial else 'all values'} to forecast"
        )

    @property
    def count(self) -> int:
        """Number of windows."""
        return self.ranges.total

    @property
    def block_size(self) -> int:
        """The number of windows in every block except the last: a multiple of the batch size."""
        row = self.geometry.window * self.panel.num_columns
        batch = self._source.spec.batch_size
        return max(min(_NUMBERS // row, _WINDOWS) // batch, 1) * batch

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        """Yield the windows, ``size`` or ``block_size`` at a time."""
        size = size or self.block_size
        for begin in range(0, self.count, size):
            numbers = np.arange(begin, min(begin + size, self.count))
            inputs, targets, *weights = self._source.read(0, begin, int(numbers[-1]) + 1)
            past = Inputs.of(inputs).past.reshape(len(numbers), self.geometry.window, -1)
            known = past = past[..., self.columns].astype(np.float64)
            if self.unseen:
                empty = ~np.isfinite(past).any(axis=1, keepdims=True)
                known = np.where(empty, self._usual, past)
            yield Block(
                begin=begin,
                inputs=inputs,
                past=filled(known) if self.masks else known,
                past_as_read=past,
                known=known,
                actual=self.last_step(targets).astype(np.float64),
                series=self.ranges.series_of(numbers),
                origins=self.ranges.starts(numbers) + self.geometry.reach - 1,
                weights=weights[0].reshape(-1) if weights else None,
            )

    def last_step(self, values: Array) -> Array:
        """Return targets as ``(windows, steps, targets)``."""
        values = values[:, -1] if self.geometry.sequence else values
        return values.reshape(len(values), self.geometry.horizon, len(self.columns))


def finite(values: Array) -> BoolArray:
    """Return True for each window with finite values only."""
    return np.logical_and.reduce(np.isfinite(values).reshape(len(values), -1), axis=1)


def totals(values: Array, there: BoolArray) -> Array:
    """Return sums over the steps that are ``there``, ``(windows, 1, ...)``; NaN if none is."""
    there = there.reshape(*there.shape, *[1] * (values.ndim - there.ndim))
    summed = np.where(there, values, 0.0).sum(axis=1, keepdims=True)
    return np.where(there.any(axis=1, keepdims=True), summed, np.nan)


def filled(past: Array) -> Array:
    """Fill missing values of windows with the last value before them, or else the first after."""
    present = np.isfinite(past)
    lacking = np.flatnonzero(~present.all(axis=tuple(range(1, past.ndim))))
    made = past.copy()
    if len(lacking):
        past, present = past[lacking], present[lacking]
        steps = np.where(present, np.arange(past.shape[1])[:, None], -1)
        before = np.maximum.accumulate(steps, axis=1)
        first = present.argmax(axis=1)[:, None]
        made[lacking] = np.take_along_axis(past, np.where(before < 0, first, before), axis=1)
    return made
