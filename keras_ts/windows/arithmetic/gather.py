"""Reads windows out of an array: strided views, and one fancy index per batch.

NumPy copies a window whose values lie side by side as one opaque item, which is faster than
``sliding_window_view(values, span)[starts]``, a copy of rows of numbers.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from keras_ts._typing import Array
from keras_ts.windows.arithmetic.geometry import Geometry, PickledByFields

# Windows of fewer bytes are read fastest with inputs and targets together, in one block. For larger
# ones a separate read of the targets costs little, and the inputs are contiguous.
_READ_TOGETHER = 1024


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
        return opaque(self.values[self.offset :], self.count) if self.step == 1 else None


def opaque(values: Array, count: int) -> Array | None:
    """Return each run of ``count`` values as one untyped item, or None if that is impossible."""
    if not values.flags.c_contiguous or len(values) < count or not values.size:
        return None
    if values.dtype.hasobject:  # A copy of bytes would skip Python's reference counts.
        return None
    row = values[0].nbytes
    item = np.dtype((np.void, count * row))
    # As bytes, since some types (bfloat16, dates) do not expose their memory.
    memory = values.view(np.uint8).data
    return np.ndarray((len(values) - count + 1,), item, memory, strides=(row,))


@dataclass(frozen=True)
class Gather(PickledByFields):
    """Turns flat window starts into the arrays of a batch."""

    values: Array  # ``(positions,)`` or ``(positions, columns)``.
    # Columns that are targets: None for all, a tuple, or an int for one column whose axis is
    # dropped.
    targets: int | tuple[int, ...] | None
    future: tuple[int, ...]  # Columns known ahead, read at the targets' positions.
    geometry: Geometry  # The shape of a window.

    def past(self, starts: Any) -> Array:
        """Return the inputs, ``(batch, window, ...)``."""
        return self._inputs[starts]

    def ahead(self, starts: Any) -> Array:
        """Return the columns known ahead, ``(batch, horizon, columns)``, after the last input."""
        return chosen_columns(self._horizons[starts], self.future)

    def target(self, starts: Any) -> Array:
        """Return the targets, ``(batch, [window,] [horizon,] [columns])``."""
        return chosen_columns(self._targets[starts], self.targets)

    def pair(self, starts: Any) -> tuple[Array, Array]:
        """Return the inputs and targets of a batch, read together where that is cheaper."""
        if self._together is None:
            return self.past(starts), self.target(starts)
        read, (inputs, ahead) = self._together[starts], self._parts
        x, y = read.getfield(inputs, 0), read.getfield(*ahead)
        return x, y if self.targets is None else chosen_columns(y, self.targets)

    @cached_property
    def _inputs(self) -> StridedWindows:
        return StridedWindows(self.values, 0, self.geometry.window, self.geometry.sampling_rate)

    @cached_property
    def _horizons(self) -> StridedWindows:
        shape = self.geometry
        return StridedWindows(self.values, shape.reach + shape.gap, shape.horizon)

    @cached_property
    def _targets(self) -> Any:
        """An array which, indexed by starts, returns the targets in every column."""
        shape, first = self.geometry, self.geometry.first_target
        if not shape.sequence:
            if shape.horizon > 1:
                return self._horizons
            ahead = np.asarray(self.values)[first:]
            ahead.flags.writeable = False
            return ahead
        if shape.horizon == 1:
            return StridedWindows(self.values, first, shape.window, shape.sampling_rate)
        horizons = StridedWindows(self.values, first, shape.horizon)[:]
        return StridedWindows(horizons, 0, shape.window, shape.sampling_rate)

    @cached_property
    def _together(self) -> Array | None:
        """Each window, from its first input to its last target, as one opaque item."""
        values, shape = self.values, self.geometry
        close = shape.sampling_rate == 1 and shape.gap + shape.horizon <= shape.window
        if shape.sequence or not close or shape.span * values[0].nbytes > _READ_TOGETHER:
            return None
        return opaque(values, shape.span)

    @cached_property
    def _parts(self) -> Any:
        """The dtypes of inputs and targets within such an item, with the offset of the targets."""
        values, shape = self.values, self.geometry
        columns, row = values.shape[1:], values[0].nbytes
        ahead = columns if shape.horizon == 1 else (shape.horizon, *columns)
        inputs = np.dtype((values.dtype, (shape.window, *columns)))
        return inputs, (np.dtype((values.dtype, ahead)), shape.first_target * row)


def chosen_columns(read: Array, columns: int | tuple[int, ...] | None) -> Array:
    """Return columns of windows: all for None, and without their axis for an int."""
    if columns is None:
        return read
    return read[..., columns] if isinstance(columns, int) else read[..., list(columns)]
