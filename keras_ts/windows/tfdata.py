"""Batches through tf.data at its own speed: many in one call into Python, then parted.

A call out of tf.data costs as much as several of its elements, and each function in a
pipeline costs milliseconds at the start of every pass. So batches are read by the dozen,
ahead of time, by one function, into memory that TensorFlow takes over as it is.
"""

import math
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_ts._typing import Array
from keras_ts.windows.order import Order

if TYPE_CHECKING:
    import tensorflow as tf

# A call reads as many batches as fit into this many bytes, but no more than hide its cost:
# beyond these, memory is spent and nothing gained.
_CALL_BYTES = 1 << 23
_CALL_BATCHES = 64
# What is gathered at a time, so that it is copied while it is in a core's cache.
_PIECE_BYTES = 1 << 18
# Where TensorFlow takes an array without copying it.
_ALIGNMENT = 64


class _Loan:
    """What NumPy keeps as the base of an array on lent memory, of its views, and of theirs."""

    def __init__(self, raw: Array) -> None:
        self.__array_interface__ = raw.__array_interface__


class Buffers:
    """Memory that is lent out as arrays, and again when none of them is in use any more.

    Fresh memory costs more than filling it, since the system clears each page first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._free: list[Array] = []

    def lend(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array, not initialized, of at most as many bytes as the buffers have."""
        if np.dtype(dtype).hasobject:
            return np.empty(shape, dtype)
        raw = self._free.pop() if self._free else self._allocate()
        loan = _Loan(raw)
        # Holds the memory until the last array on it is gone, TensorFlow's tensors included.
        weakref.finalize(loan, self._take_back, raw).atexit = False
        size = math.prod(shape) * np.dtype(dtype).itemsize
        return np.asarray(loan)[:size].view(dtype).reshape(shape)

    def _allocate(self) -> Array:
        raw = np.empty(self._size + _ALIGNMENT, np.uint8)
        skipped = -raw.ctypes.data % _ALIGNMENT
        return raw[skipped : skipped + self._size]

    def _take_back(self, raw: Array) -> None:
        # One is read into, one waits, one is handed out; what a caller kept longer goes.
        if len(self._free) < 3:
            self._free.append(raw)


def batches(
    read: Callable[[int, int, int], Any],
    order: Order,
    begin: Callable[[], int],
    first: int = 0,
    with_last: Callable[[Any], Any] | None = None,
) -> "tf.data.Dataset":
    """Batches ``first`` and later of an epoch, which ``begin()`` tells at each pass.

    Args:
        read: Function of an epoch and two positions that returns the windows between.
        order: Where batches begin and end.
        begin: Called once as a pass begins; returns its epoch.
        first: First batch of a pass. Defaults to 0.
        with_last: Called in the graph with whether a pass's last batch is handed out, and
            not before that is asked for.
    """
    import tensorflow as tf

    length = order.bounds(0)[1]
    sample = read(0, 0, length)
    flat = keras.tree.flatten(sample)
    dtypes = [tf.int64, *(tf.as_dtype(array.dtype) for array in flat)]
    bytes_each = max(1, sum(array.nbytes for array in flat))
    per_call = min(max(1, _CALL_BYTES // bytes_each), _CALL_BATCHES) if order.uniform else 1
    piece = max(1, _PIECE_BYTES * length // bytes_each)
    last = order.batches - 1
    calls = -(-(last - first) // per_call) + 1
    # Batches that share windows out evenly differ by one.
    largest = length if order.uniform else length + 1
    same = length if order.size == length * order.batches else None
    buffers = [Buffers(array.nbytes // length * largest * per_call) for array in flat]

    def arrays(epoch: Any, number: Any) -> list[Any]:
        # The last batch, which may be smaller, has the last call to itself.
        start = last if number == calls - 1 else first + int(number) * per_call
        stop = order.batches if start == last else min(start + per_call, last)
        begins, ends = order.bounds(start)[0], order.bounds(stop - 1)[1]
        epoch = np.int64(begin() if epoch < 0 else epoch)
        out = [
            buffer.lend((ends - begins, *like.shape[1:]), like.dtype)
            for buffer, like in zip(buffers, flat, strict=True)
        ]
        for done in range(0, ends - begins, piece):
            part = read(int(epoch), begins + done, min(begins + done + piece, ends))
            for into, values in zip(out, keras.tree.flatten(part), strict=True):
                into[done : done + piece] = values
        return [epoch, *(array.reshape(stop - start, -1, *array.shape[1:]) for array in out)]

    def call(epoch: Any, number: Any) -> Any:
        epoch, *tensors = tf.numpy_function(arrays, [epoch, number], dtypes, stateful=False)
        epoch.set_shape(())
        for tensor, like in zip(tensors, flat, strict=True):
            tensor.set_shape((None, same, *like.shape[1:]))
        return epoch, (number, keras.tree.pack_sequence_as(sample, tensors))

    def hand_out(number: Any, parts: Any) -> Any:
        if with_last is not None:
            with_last(tf.equal(number, calls - 1))
        return tf.data.Dataset.from_tensor_slices(parts)

    # A scan rather than a map: its state is the pass's own, so that passes that overlap
    # keep each to its epoch.
    pieces = tf.data.Dataset.range(calls).scan(np.int64(-1), call).prefetch(1)
    # tf.data would read a batch ahead of the consumer, and so of whoever counts.
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False
    return pieces.flat_map(hand_out).with_options(options)
