"""Batches for ``tf.data``, which reads many in one call into Python, and for Grain.

A call from tf.data into Python is slow, and each function in a pipeline costs milliseconds at the
start of every pass. So a single function reads dozens of batches at once, which the pipeline splits
up. TensorFlow and Grain are imported only by the functions that need them.
"""

import itertools
import operator
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np

from keras_ts import _checks
from keras_ts.windows.sampler import BatchSampler

if TYPE_CHECKING:
    import tensorflow as tf

# A call reads as many batches as fit into these bytes, but at most so many that its own cost hides.
_CALL_BYTES = 1 << 23
_CALL_BATCHES = 64


class Source(Protocol):
    """What a pipeline needs: the batches of an epoch, and their order."""

    @property
    def sampler(self) -> BatchSampler:
        """The order of the windows, and the batches."""

    def read(self, epoch: int, begin: int, end: int) -> Any:
        """Return the windows at positions ``begin .. end - 1`` of an epoch, as a batch."""


class _Reader:
    """Reads the batches of one call."""

    # TensorFlow keeps a function that a pipeline calls, and all that the function refers to, until
    # the process ends. So the function has a weak reference to this object, and the
    # ``tf.data.Dataset`` a strong one: the series are freed with the dataset.

    def __init__(self, source: Source, begin: Callable[[], int]) -> None:
        sampler = source.sampler
        length = sampler.bounds(0)[1]
        # One row of each array, for its shape and dtype.
        self.structure = keras.tree.map_structure(
            lambda array: array[:1].copy(), source.read(0, 0, length)
        )
        self.rows = keras.tree.flatten(self.structure)
        bytes_each = max(1, sum(length * row.nbytes for row in self.rows))
        self._per_call = min(max(1, _CALL_BYTES // bytes_each), _CALL_BATCHES)
        self._source, self._begin = source, begin
        self._last = sampler.batches - 1
        self.calls = -(-self._last // self._per_call) + 1
        # Windows in every batch, if all batches have the same number.
        self.length = length if sampler.positions == length * sampler.batches else None

    def arrays(self, epoch: Any, number: Any) -> list[Any]:
        """Return the epoch of a pass, and the batches of a call; a negative epoch begins a pass."""
        sampler = self._source.sampler
        epoch = np.int64(self._begin() if epoch < 0 else epoch)
        # The last call reads the last batch alone, since it may be smaller.
        if number == self.calls - 1:
            start, stop = self._last, sampler.batches
        else:
            start = int(number) * self._per_call
            stop = min(start + self._per_call, self._last)
        begins, ends = sampler.bounds(start)[0], sampler.bounds(stop - 1)[1]
        read = keras.tree.flatten(self._source.read(int(epoch), begins, ends))
        return [epoch, *(array.reshape(stop - start, -1, *array.shape[1:]) for array in read)]


def batches(
    source: Source, begin: Callable[[], int], with_last: Callable[[Any], Any] | None = None
) -> "tf.data.Dataset":
    """Return a ``tf.data.Dataset``; each pass over it reads the batches of one epoch."""
    import tensorflow as tf

    reader = _Reader(source, begin)
    calls, length, structure = reader.calls, reader.length, reader.structure
    shapes = [row.shape[1:] for row in reader.rows]
    dtypes = [tf.int64, *(tf.as_dtype(row.dtype) for row in reader.rows)]
    # If the dataset is made inside a ``tf.function``, only its own functions survive the tracing,
    # so they get a strong reference.
    held: Callable[[], _Reader | None] = (
        weakref.ref(reader) if tf.executing_eagerly() else lambda: reader
    )

    def arrays(epoch: Any, number: Any) -> list[Any]:
        reader = held()
        if reader is None:
            raise RuntimeError(
                "The tf.data.Dataset of this iterator was deleted: keep a reference to it for as "
                "long as you iterate."
            )
        return reader.arrays(epoch, number)

    def call(epoch: Any, number: Any) -> Any:
        epoch, *tensors = tf.numpy_function(arrays, [epoch, number], dtypes, stateful=False)
        epoch.set_shape(())
        for tensor, shape in zip(tensors, shapes, strict=True):
            tensor.set_shape((None, length, *shape))
        return epoch, (number, keras.tree.pack_sequence_as(structure, tensors))

    def hand_out(number: Any, parts: Any) -> Any:
        if with_last is not None:
            with_last(tf.equal(number, calls - 1))
        return tf.data.Dataset.from_tensor_slices(parts)

    # A scan, not a map: its state, the epoch, belongs to the pass, and passes may overlap.
    pieces = tf.data.Dataset.range(calls).scan(np.int64(-1), call).prefetch(1)
    # A prefetch after ``hand_out`` would count the last batch before the consumer asks for it.
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False
    dataset = pieces.flat_map(hand_out).with_options(options)
    # Everything made from a dataset, iterators too, keeps the dataset alive.
    dataset.keras_ts_reader = reader
    return dataset


def to_tf(source: Source, first: int) -> "tf.data.Dataset":
    """Return a ``tf.data.Dataset``; each full pass over it is the next epoch, from ``first``."""
    import tensorflow as tf

    passes = tf.Variable(first, dtype=tf.int64, trainable=False)

    # A pass counts once its last batch is handed out. So a pass that was only begun, or read ahead
    # and thrown away, does not use up an epoch.
    def with_last(is_last: Any) -> None:
        passes.assign_add(tf.cast(is_last, tf.int64))

    counted = batches(source, lambda: int(passes.numpy()), with_last=with_last)
    return counted.apply(tf.data.experimental.assert_cardinality(source.sampler.batches))


def to_grain(source: Source, first: int) -> Any:
    """Return a ``grain.MapDataset``; each repetition is the next epoch, from ``first``."""
    grain = _checks.needed("grain", "to_grain")

    class Batches(grain.MapDataset):  # type: ignore[name-defined]
        def __len__(self) -> int:
            return source.sampler.batches

        def __getitem__(self, index: Any) -> Any:
            if isinstance(index, slice):
                return self.slice(index)
            index = operator.index(index)
            if not -len(self) <= index:
                raise IndexError(f"batch {index} is out of range; an epoch has {len(self)}.")
            # A negative number counts from the end of the first epoch.
            epoch, batch = divmod(index if index >= 0 else index + len(self), len(self))
            return source.read(first + epoch, *source.sampler.bounds(batch))

    return Batches()


def to_iter_dataset(source: Source, single: bool) -> Any:
    """Return a ``grain.IterDataset``; each new pass over it reads the next epoch."""
    # Its elements are batches of tensors or, if ``single``, single windows as arrays.
    import grain

    class Pass(grain.DatasetIterator):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number, self.index = number, 0

        def __next__(self) -> Any:
            if self.index == source.sampler.batches:
                raise StopIteration
            batch = source.read(self.number, *source.sampler.bounds(self.index))
            self.index += 1
            if single:
                return keras.tree.map_structure(lambda array: array[0], batch)
            with keras.device("cpu"):
                return keras.tree.map_structure(keras.ops.convert_to_tensor, batch)

        def get_state(self) -> dict[str, int]:
            return {"pass": self.number, "index": self.index}

        def set_state(self, state: dict[str, int]) -> None:
            self.number, self.index = state["pass"], state["index"]

    class Passes(grain.IterDataset):
        passes = itertools.count()

        def __iter__(self) -> Pass:
            return Pass(next(self.passes))

    return Passes()
