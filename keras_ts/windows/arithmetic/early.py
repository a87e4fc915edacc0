"""Reads windows of which some begin before their series, where all columns are missing.

Only such windows are read one position at a time. The others take the way of ``Gather``, and no
array is padded.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.gather import Gather, chosen_columns
from keras_ts.windows.arithmetic.geometry import Geometry, PickledByFields


@dataclass(frozen=True)
class EarlyGather(PickledByFields):
    """Turns flat window starts into the arrays of a batch, with NaN before each series.

    Integers become floats in all windows, so that all batches have one dtype.
    """

    within: Gather  # Reads the windows that lie within their series.
    offsets: IntArray  # Flat start of each series, and the end of the last.

    def past(self, starts: Any) -> Array:
        """Return the inputs, ``(batch, window, ...)``."""
        return self._read(starts, ["past"])[0]

    def ahead(self, starts: Any) -> Array:
        """Return the columns known ahead, ``(batch, horizon, columns)``, after the last input."""
        return self._read(starts, ["ahead"])[0]

    def target(self, starts: Any) -> Array:
        """Return the targets, ``(batch, [window,] [horizon,] [columns])``."""
        return self._read(starts, ["target"])[0]

    def pair(self, starts: Any) -> tuple[Array, Array]:
        """Return the inputs and targets of a batch."""
        past, target = self._read(starts, ["past", "target"])
        return past, target

    def _read(self, starts: Any, parts: list[str]) -> list[Array]:
        """Return some parts of a batch: ``["past", "target"]``, or one of them or ``"ahead"``.

        A slice of starts has no early window, and returns views.
        """
        if isinstance(starts, slice):
            return self._read_within(starts, parts)
        shape = self.within.geometry
        # The last target of a window is always a row of its series.
        series = np.searchsorted(self.offsets, starts + (shape.span - 1), side="right") - 1
        begins = self.offsets[series]
        early = np.flatnonzero(starts < begins)
        if not len(early):
            return self._read_within(starts, parts)
        first, begins = starts[early], begins[early]
        if len(early) == len(starts):
            return [self._read_early(first, begins, part) for part in parts]
        # Where an early window stands, another is read, and then overwritten.
        safe = starts.copy()
        safe[early] = starts[np.argmax(starts >= self.offsets[series])]
        read = self._read_within(safe, parts)
        for array, part in zip(read, parts, strict=True):
            array[early] = self._read_early(first, begins, part)
        return read

    def _read_within(self, starts: Any, parts: list[str]) -> list[Array]:
        if len(parts) == 2:
            read: Any = self.within.pair(starts)
        else:
            read = [getattr(self.within, parts[0])(starts)]
        return [array.astype(self._dtype, copy=False) for array in read]

    def _read_early(self, starts: IntArray, begins: IntArray, part: str) -> Array:
        """Return a part of windows that begin before their series, which begin at ``begins``."""
        distances = self._distances[part]
        axes = (-1, *[1] * distances.ndim)
        places, begins = starts.reshape(axes) + distances, begins.reshape(axes)
        read = self.within.values[np.maximum(places, begins)].astype(self._dtype)
        read[places < begins] = np.nan
        columns = {"past": None, "ahead": self.within.future, "target": self.within.targets}
        return chosen_columns(read, columns[part])

    @cached_property
    def _distances(self) -> dict[str, IntArray]:
        """For each part, the distances of what it reads from the start of a window."""
        shape: Geometry = self.within.geometry
        inputs = shape.sampling_rate * np.arange(shape.window)
        ahead = shape.gap + 1 + np.arange(shape.horizon)
        origins = inputs if shape.sequence else inputs[-1]
        target = np.add.outer(origins, ahead)
        return {
            "past": inputs,
            "ahead": inputs[-1] + ahead,
            "target": target[..., 0] if shape.horizon == 1 else target,
        }

    @cached_property
    def _dtype(self) -> np.dtype[Any]:
        """The dtype of the values, or one that also holds NaN."""
        kind = self.within.values.dtype
        return kind if kind.kind == "f" else np.result_type(kind, np.float32)
