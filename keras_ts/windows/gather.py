"""Reads windows from an array, and cuts the inputs of some short, as those of young series are.

If the values of a window lie side by side, NumPy copies them as one untyped item. That is faster
than ``sliding_window_view(values, span)[starts]``, which copies them one by one.

A net that is trained and scored on full windows alone says little of a store that opened last week.
So the oldest inputs of some windows are made missing, in all columns, as they are missing in a
window that begins before its series.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from keras_ts._typing import Array, IntArray
from keras_ts.panel.rows import PickledByFields
from keras_ts.windows.geometry import Geometry
from keras_ts.windows.sampler import Permutation


@dataclass(frozen=True)
class StridedWindows(PickledByFields):
    """An array whose row ``s`` holds ``values[s + offset + step * k]`` for ``k < count``."""

    values: Array
    offset: int
    count: int
    step: int = 1

    def __len__(self) -> int:
        return max(len(self.values) - self.offset - self.step * (self.count - 1), 0)

    def __getitem__(self, starts: Any) -> Array:
        """Return rows: a read-only view for a slice, a new array for an array of starts."""
        if isinstance(starts, slice) or self._items is None:
            return self._view[starts]
        read = self._items[starts].view(self.values.dtype)
        return read.reshape(len(starts), self.count, *self.values.shape[1:])

    @cached_property
    def _view(self) -> Array:
        values = self.values
        return as_strided(
            values[self.offset :],
            shape=(len(self), self.count, *values.shape[1:]),
            strides=(values.strides[0], self.step * values.strides[0], *values.strides[1:]),
            writeable=False,
        )

    @cached_property
    def _items(self) -> Array | None:
        """Each row as one untyped item; None if its values are not neighbours in memory."""
        values = self.values[self.offset :]
        # A copy of the bytes of objects would skip Python's reference counts.
        fits = values.flags.c_contiguous and not values.dtype.hasobject
        if self.step > 1 or not fits or not len(self) or not values.size:
            return None
        row = values[0].nbytes
        # As bytes, since arrays of bfloat16 or dates do not expose their memory.
        memory = values.view(np.uint8).data
        item = np.dtype((np.void, self.count * row))
        return np.ndarray((len(self),), item, memory, strides=(row,))


@dataclass(frozen=True)
class Gather(PickledByFields):
    """Turns flat window starts into the arrays of a batch."""

    # A window that begins before its series has NaN there, and is read one position at a time, so
    # that no array is padded. If there may be such windows, all have floats for integers, so that
    # all batches have one dtype.

    values: Array  # ``(positions,)`` or ``(positions, columns)``.
    # Columns that are targets: None for all, a tuple, or an int for one column without its axis.
    targets: int | tuple[int, ...] | None
    future: tuple[int, ...]  # Columns known ahead, read at the targets' positions.
    geometry: Geometry
    offsets: IntArray | None = None  # Borders of the series; needed if ``geometry.before``.

    def past(self, starts: Any) -> Array:
        """Return the inputs, ``(batch, window, ...)``."""
        places = self.geometry.sampling_rate * np.arange(self.geometry.window)
        return self._read(self._inputs, None, starts, places)

    def ahead(self, starts: Any) -> Array:
        """Return the columns known ahead at the last input's targets, ``(batch, horizon, ...)``."""
        geometry = self.geometry
        places = geometry.reach + geometry.gap + np.arange(geometry.horizon)
        return self._read(self._horizons, self.future, starts, places)

    def target(self, starts: Any) -> Array:
        """Return the targets, ``(batch, [window,] [horizon,] [columns])``."""
        geometry = self.geometry
        steps = geometry.sampling_rate * np.arange(geometry.window)
        origins = steps if geometry.sequence else geometry.reach - 1
        places = np.add.outer(origins, geometry.gap + 1 + np.arange(geometry.horizon))
        places = places[..., 0] if geometry.horizon == 1 else places
        return self._read(self._targets, self.targets, starts, places)

    def _read(self, windows: Any, columns: Any, starts: Any, places: IntArray) -> Array:
        """Return columns of windows; ``places`` are the distances of their values from starts."""
        if not self.geometry.before:
            return _chosen(windows[starts], columns)
        dtype = self.values.dtype
        dtype = dtype if dtype.kind == "f" else np.result_type(dtype, np.float32)
        early = np.zeros(1, bool)
        if not isinstance(starts, slice):  # In a slice no window begins before its series.
            assert self.offsets is not None
            # The last target of a window is always a row of its series.
            last = starts + (self.geometry.span - 1)
            begins = self.offsets[np.searchsorted(self.offsets, last, side="right") - 1]
            early = starts < begins
        if not early.any():
            return _chosen(windows[starts], columns).astype(dtype, copy=False)
        axes = (-1, *[1] * places.ndim)
        positions, first = starts[early].reshape(axes) + places, begins[early].reshape(axes)
        values = self.values[np.maximum(positions, first)].astype(dtype)
        values[positions < first] = np.nan
        values = _chosen(values, columns)
        read = np.empty((len(starts), *values.shape[1:]), dtype)
        read[early], read[~early] = values, _chosen(windows[starts[~early]], columns)
        return read

    @cached_property
    def _inputs(self) -> StridedWindows:
        return StridedWindows(self.values, 0, self.geometry.window, self.geometry.sampling_rate)

    @cached_property
    def _horizons(self) -> StridedWindows:
        geometry = self.geometry
        return StridedWindows(self.values, geometry.reach + geometry.gap, geometry.horizon)

    @cached_property
    def _targets(self) -> Any:
        """An array which, indexed by starts, returns the targets in every column."""
        geometry, first = self.geometry, self.geometry.first_target
        if not geometry.sequence:
            if geometry.horizon > 1:
                return self._horizons
            ahead = np.asarray(self.values)[first:]
            ahead.flags.writeable = False
            return ahead
        if geometry.horizon == 1:
            return StridedWindows(self.values, first, geometry.window, geometry.sampling_rate)
        horizons = StridedWindows(self.values, first, geometry.horizon)[:]
        return StridedWindows(horizons, 0, geometry.window, geometry.sampling_rate)


def _chosen(read: Array, columns: int | tuple[int, ...] | None) -> Array:
    """Return columns of windows: all for None, and without their axis for an int."""
    if columns is None:
        return read
    return read[..., columns] if isinstance(columns, int) else read[..., list(columns)]


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
