"""Reading windows out of an array: strided views, and one fancy index a batch.

A batch is a single gather where inputs and targets lie close together, so it runs at the
speed of NumPy's own ``sliding_window_view(values, span)[starts]``.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from keras_ts._typing import Array, IntArray
from keras_ts.windows.index import Geometry


def taps(values: Array, offset: int, count: int, step: int) -> Array:
    """A read-only view: row ``s`` holds ``values[s + offset + step * k]``, ``k < count``."""
    rows = len(values) - offset - step * (count - 1)
    return as_strided(
        values[offset:],
        shape=(max(rows, 0), count, *values.shape[1:]),
        strides=(values.strides[0], step * values.strides[0], *values.strides[1:]),
        writeable=False,
    )


@dataclass(frozen=True)
class Gather:
    """Turns flat window starts into the arrays of a batch.

    Attributes:
        values: ``(positions,)`` or ``(positions, columns)``.
        targets: Which columns are targets: None for all of them, an int for one whose
            axis is dropped, or a tuple.
        future: Columns known ahead, read at the targets' positions.
        geometry: The shape of a window.
    """

    values: Array
    targets: int | tuple[int, ...] | None
    future: tuple[int, ...]
    geometry: Geometry

    def past(self, starts: Any) -> Array:
        """Inputs ``(batch, window, ...)``, newly allocated for an array of starts."""
        return self._inputs[starts]

    def ahead(self, starts: Any) -> Array:
        """Covariates known ahead, ``(batch, horizon, columns)``, at the vector targets."""
        return _columns(self._horizons[starts], self.future)

    def target(self, starts: Any) -> Array:
        """Targets of the contract's shape for these windows."""
        shape = self.geometry
        if shape.sequence:
            read = self._steps[starts]
            return _columns(read[:, :, 0] if shape.horizon == 1 else read, self.targets)
        read = self._horizons[starts]
        return _columns(read[:, 0] if shape.horizon == 1 else read, self.targets)

    def pair(self, starts: Any) -> tuple[Array, Array]:
        """Inputs and targets of a batch, from one gather where that is the cheaper way."""
        if self._spans is None:
            return self.past(starts), self.target(starts)
        read, (inputs, ahead) = self._spans[starts], self._parts
        x, y = read.getfield(inputs, 0), read.getfield(*ahead)
        return x, y if self.targets is None else _columns(y, self.targets)

    @cached_property
    def _spans(self) -> Array | None:
        """Each window as one opaque item, which NumPy copies faster than an axis of numbers."""
        values, shape = self.values, self.geometry
        close = shape.sampling_rate == 1 and shape.gap + shape.horizon <= shape.window
        if shape.sequence or not close or not values.flags.c_contiguous:
            return None
        row = values.strides[0]
        raw = np.dtype((np.void, shape.span * row))
        return np.ndarray((len(values) - shape.span + 1,), raw, values.data, strides=(row,))

    @cached_property
    def _parts(self) -> Any:
        """What an opaque window holds: its inputs; its targets, all columns, and where they are."""
        values, shape = self.values, self.geometry
        columns, row = values.shape[1:], values.strides[0]
        ahead = columns if shape.horizon == 1 else (shape.horizon, *columns)
        inputs = np.dtype((values.dtype, (shape.window, *columns)))
        return inputs, (np.dtype((values.dtype, ahead)), shape.first_target * row)

    @cached_property
    def _inputs(self) -> Array:
        return taps(self.values, 0, self.geometry.window, self.geometry.sampling_rate)

    @cached_property
    def _horizons(self) -> Array:
        shape = self.geometry
        return taps(self.values, shape.reach + shape.gap, shape.horizon, 1)

    @cached_property
    def _steps(self) -> Array:
        shape = self.geometry
        horizons = taps(self.values, shape.first_target, shape.horizon, 1)
        return taps(horizons, 0, shape.window, shape.sampling_rate)


def _columns(read: Array, columns: int | tuple[int, ...] | None) -> Array:
    if columns is None:
        return read
    return read[..., columns] if isinstance(columns, int) else read[..., list(columns)]


def concatenated_bounds(lengths: Any) -> IntArray:
    """Flat start of each series laid end to end, and the end of the last."""
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
