"""Index arithmetic over *flat* rows: the series of a panel are laid end to end in one array."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray


class PickledByFields:
    """A dataclass whose copies and pickles hold only its fields, not what is computed from them."""

    # Pickle would write a cached view of all windows in full: 401 MB for a series of 0.8 MB.

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]


def concatenated_offsets(lengths: Any) -> IntArray:
    """Return the flat start of each series, laid end to end, and the end of the last."""
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))


def per_row(values: Array, offsets: IntArray) -> Array:
    """Repeat the values of each series, on the last axis, for each of its rows."""
    return np.repeat(values, np.diff(offsets), axis=-1)


def distinct(ordered: IntArray) -> IntArray:
    """Return the distinct numbers of a sorted array; ``np.unique`` would sort them again."""
    return ordered[np.append(True, np.diff(ordered) > 0)]


def run_positions(first: IntArray, count: IntArray, step: int = 1) -> IntArray:
    """Return ``count`` positions ``first, first + step, ...`` of each run, run after run."""
    before = np.cumsum(count) - count
    positions: IntArray = np.repeat(first - step * before, count)
    positions += step * np.arange(len(positions))
    return positions


def in_blocks(sizes: IntArray, most: int) -> Iterator[slice]:
    """Yield slices of neighbours whose sizes sum to at most ``most``; a larger item is alone."""
    ends, begin = np.cumsum(sizes), 0
    while begin < len(ends):
        room = ends[begin] - sizes[begin] + most
        stop = max(int(np.searchsorted(ends, room, side="right")), begin + 1)
        yield slice(begin, stop)
        begin = stop


def in_pieces(count: IntArray, most: int) -> tuple[IntArray, IntArray, IntArray]:
    """Cut runs into pieces of at most ``most`` items; return their runs, first items and sizes."""
    pieces = -(-count // most)
    run = np.repeat(np.arange(len(pieces)), pieces)
    first = run_positions(np.zeros_like(pieces), pieces, most)
    return run, first, np.minimum(count[run] - first, most)
