"""Where windows start, which positions they read, and which part of a split they belong to.

This is index arithmetic over *flat* positions: the series of a panel are laid end to end, and
windows start in a few ranges ``first, first + stride, ...``. A range takes three integers however
many windows it holds, so a thousand million windows fit in memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from keras_ts._typing import BoolArray, IntArray
from keras_ts.panel.rows import (
    PickledByFields,
    concatenated_offsets,
    distinct,
    in_blocks,
    in_pieces,
)


@dataclass(frozen=True)
class Geometry:
    """The shape of one window, as distances from its first position."""

    window: int
    horizon: int
    gap: int
    stride: int
    sampling_rate: int
    sequence: bool
    before: int = 0  # Most positions by which a window may begin before its series.

    @property
    def reach(self) -> int:
        """Positions from the first input to the last, both included."""
        return self.sampling_rate * (self.window - 1) + 1

    @property
    def span(self) -> int:
        """Positions from the first input to the last target, both included."""
        return self.reach + self.gap + self.horizon

    @property
    def first_target(self) -> int:
        """Distance from the first input to the first target."""
        return self.gap + 1 if self.sequence else self.reach + self.gap

    @property
    def first_start(self) -> int:
        """Distance from a series' first row to its first window: 0, or less with ``before``."""
        return -(self.before // self.stride * self.stride)


@dataclass(frozen=True)
class WindowRanges(PickledByFields):
    """Windows in time order, as ranges of evenly spaced starts."""

    first: IntArray  # Flat start of each range's first window.
    count: IntArray  # Number of windows in each range, at least 1.
    series: IntArray  # Index of the series that each range reads.
    step: int  # Distance between neighbouring starts of a range.

    @cached_property
    def _before(self) -> IntArray:
        """Number of windows before each range, and in all ranges."""
        return concatenated_offsets(self.count)

    @property
    def total(self) -> int:
        """Number of windows in all ranges."""
        return int(self._before[-1])

    def rows(self, span: int, offsets: IntArray) -> tuple[IntArray, IntArray]:
        """Return begins and ends of the flat rows that each range reads."""
        end = self.first + self.step * (self.count - 1) + span
        return np.maximum(self.first, offsets[self.series]), end

    def starts(self, windows: IntArray) -> IntArray:
        """Return the flat starts of windows, given their numbers in time order."""
        if len(self.first) == 1:
            return windows * self.step + self.first[0]
        number = self._range_of(windows)
        return self.first[number] + self.step * (windows - self._before[number])

    def numbers(self, starts: IntArray) -> IntArray:
        """Return the numbers of windows in time order, given their flat starts."""
        number = np.searchsorted(self.first, starts, side="right") - 1
        return self._before[number] + (starts - self.first[number]) // self.step

    def series_of(self, windows: IntArray) -> IntArray:
        """Return the index of the series that each window reads, given the windows' numbers."""
        return self.series[self._range_of(windows)]

    def between(self, low: IntArray, high: IntArray) -> "WindowRanges":
        """Keep the windows that start between ``low`` and ``high``, both included."""
        last = self.first + self.step * (self.count - 1)
        skipped = np.maximum(-((self.first - low) // self.step), 0)
        first = self.first + self.step * skipped
        count = (np.minimum(last, high) - first) // self.step + 1
        return self._nonempty(first, count, self.series, self.step)

    def _range_of(self, windows: IntArray) -> IntArray:
        return np.searchsorted(self._before, windows, side="right") - 1

    @staticmethod
    def _nonempty(first: IntArray, count: IntArray, series: IntArray, step: int) -> "WindowRanges":
        kept = count > 0
        return WindowRanges(first[kept], count[kept], series[kept], step)


def layout(
    offsets: IntArray,
    gaps: IntArray,
    geometry: Geometry,
    number: Callable[[IntArray], IntArray] | None = None,
) -> WindowRanges:
    """Return all windows of a panel that cross neither the end of a series nor a gap.

    With ``number``, which numbers the steps to rows, origins are multiples of the stride.
    """
    # Windows that begin before a series have flat starts within the series before it, or below 0.
    # Still starts are distinct, and increase from each series to the next: a window ends in its
    # series, and begins before it by less than its span.
    cuts = distinct(np.sort(np.concatenate([offsets, gaps]), kind="stable"))
    low, high = cuts[:-1], cuts[1:]
    series = np.searchsorted(offsets, low, side="right") - 1
    begin = offsets[series]
    if number is None:
        # After a gap, starts stay multiples of the stride, counted from the first row.
        first = begin - (begin - low) // geometry.stride * geometry.stride
        first[low == begin] += geometry.first_start
    else:
        first = low - np.where(low == begin, geometry.before, 0)
        first += (low - first - geometry.reach + 1 - number(low)) % geometry.stride
    count = (high - geometry.span - first) // geometry.stride + 1
    return WindowRanges._nonempty(first, count, series, geometry.stride)


def runs_of(ranges: WindowRanges, starts: IntArray) -> WindowRanges:
    """Return the windows of ranges with step 1 that have some flat starts, in increasing order."""
    number = np.searchsorted(ranges.first, starts, side="right") - 1
    last = ranges.first + ranges.count - 1
    kept = (number >= 0) & (starts <= last[number]) if len(last) else np.zeros(len(starts), bool)
    starts, number = starts[kept], number[kept]
    # The most common distance makes the fewest runs.
    same, apart = np.diff(number) == 0, np.diff(starts)
    distances, counts = np.unique(apart[same], return_counts=True)
    step = int(distances[counts.argmax()]) if len(counts) else 1
    edges = np.append(0, np.flatnonzero(~same | (apart != step)) + 1)[: len(starts)]
    count = np.diff(np.append(edges, len(starts)))
    return WindowRanges(starts[edges], count, ranges.series[number[edges]], step)


def only_where(ranges: WindowRanges, span: int, allowed: Any, block: int = 1 << 20) -> WindowRanges:
    """Keep the windows flagged by ``allowed(firsts, counts)``, a function of runs of windows."""
    # Short ranges, such as one for each series, share a call.
    source, done, counts = in_pieces(ranges.count, block)
    begins = ranges.first[source] + ranges.step * done
    first, count, owner = [], [], []
    for call in in_blocks(ranges.step * (counts - 1) + span, block):
        windows = concatenated_offsets(counts[call])
        kept = allowed(begins[call], counts[call])
        starting, ending = kept.copy(), kept.copy()
        starting[1:] &= ~kept[:-1]
        ending[:-1] &= ~kept[1:]
        # A run of kept windows does not go on from one range into the next.
        starting[windows[:-1]] = kept[windows[:-1]]
        ending[windows[1:] - 1] = kept[windows[1:] - 1]
        edges = np.flatnonzero(starting)
        piece = np.searchsorted(windows, edges, side="right") - 1
        first.append(begins[call][piece] + ranges.step * (edges - windows[piece]))
        count.append(np.flatnonzero(ending) + 1 - edges)
        owner.append(ranges.series[source[call][piece]])
    empty = np.empty(0, np.int64)
    begins, counts, series = (np.concatenate([empty, *part]) for part in (first, count, owner))
    return WindowRanges(begins, counts, series, ranges.step)


def windowed_any(flags: BoolArray, count: int, step: int) -> BoolArray:
    """Return, for every ``i``, True if any of the ``count`` flags ``i, i + step, ...`` is set."""
    length = len(flags) - step * (count - 1)
    rows = -(-len(flags) // step)
    padded = np.zeros((rows + 1, step), dtype=np.int64)
    padded[1:].reshape(-1)[: len(flags)] = flags
    sums = padded.cumsum(axis=0)
    counts: IntArray = (sums[count:] - sums[:-count]).reshape(-1)[:length]
    return counts > 0


def windows_reading(
    inputs: BoolArray, targets: BoolArray, geometry: Geometry, count: int
) -> BoolArray:
    """Return, for each of ``count`` windows, True if an input or a target of it is flagged."""
    span = geometry.stride * (count - 1) + 1
    hit = windowed_any(inputs, geometry.window, geometry.sampling_rate)[:span]
    ahead = windowed_any(targets[geometry.first_target :], geometry.horizon, 1)
    if geometry.sequence:
        ahead = windowed_any(ahead, geometry.window, geometry.sampling_rate)
    return (hit | ahead[:span])[:: geometry.stride]


def part_of(
    ranges: WindowRanges,
    begin: IntArray,
    end: IntArray,
    offsets: IntArray,
    geometry: Geometry,
    context: bool,
) -> WindowRanges:
    """Keep the windows with all targets in their series' part; inputs, too, if not ``context``."""
    reach_back = geometry.first_target if context else 0
    begin = np.where(begin > offsets, begin, begin - geometry.before)
    low, high = begin - reach_back, end - geometry.span
    return ranges.between(low[ranges.series], high[ranges.series])


def fold_edges(
    count: IntArray, n_splits: int, test_size: int | None = None, max_train_size: int | None = None
) -> list[tuple[IntArray, IntArray, IntArray]]:
    """Return each fold's first training position, its border and its end."""
    # As in ``sklearn.model_selection.TimeSeriesSplit``, the last ``n_splits * test_size`` positions
    # are divided into validation parts, and each fold trains on all positions before its part.
    size = count // (n_splits + 1) if test_size is None else test_size
    borders = [np.maximum(count - left * size, 0) for left in range(n_splits, -1, -1)]
    most = count if max_train_size is None else max_train_size
    return [(np.maximum(border - most, 0), border, end) for border, end in pairwise(borders)]
