"""The edges where a window dataset meets tf.data and Keras's own feeding: no arithmetic."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import keras

from keras_ts._keras_private import DataAdapter

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_ts.windows.dataset import WindowDataset

# Batches are made about this many bytes at a time for tf.data: a call into Python costs
# more than a small batch, and a large one is not worth holding twice.
_CALL_BYTES = 1 << 20


class FedByKeras(DataAdapter):
    """What ``fit``, ``evaluate`` and ``predict`` ask of a dataset, on every backend."""

    def get_numpy_iterator(self: "WindowDataset") -> Iterator[Any]:
        """Batches of the current epoch."""
        return iter(self)

    def get_jax_iterator(self: "WindowDataset") -> Iterator[Any]:
        """Batches of the current epoch, which JAX takes as NumPy arrays."""
        return iter(self)

    def get_torch_dataloader(self: "WindowDataset") -> Any:
        """A loader that goes through the current epoch each time it is iterated."""
        import torch

        batches = self

        class Batches(torch.utils.data.IterableDataset):
            def __iter__(self) -> Iterator[Any]:
                return iter(batches)

        return torch.utils.data.DataLoader(Batches(), batch_size=None)

    def get_tf_dataset(self: "WindowDataset") -> "tf.data.Dataset":
        """A dataset that goes through the current epoch each time it is iterated."""
        import tensorflow as tf

        handed_out = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.count_in(handed_out)

        def count(*batch: Any) -> Any:
            handed_out.assign_add(1)
            return batch

        return _tf_pipeline(self, self.position).map(count)

    @property
    def batch_size(self) -> None:
        """Keras takes None where the last batch may be smaller."""
        return None


def to_grain(dataset: "WindowDataset") -> Any:
    """A ``grain.MapDataset`` of the batches, whose repetitions are the next epochs, from 0."""
    try:
        import grain
    except ImportError as error:
        raise ImportError("to_grain needs grain: pip install grain.") from error

    class Batches(grain.MapDataset):
        def __len__(self) -> int:
            return dataset.order.batches

        def __getitem__(self, index: Any) -> Any:
            if isinstance(index, slice):
                return self.slice(index)
            epoch, batch = divmod(index, len(self))
            return dataset.read(epoch, *dataset.order.bounds(batch))

    return Batches()


def to_tf(dataset: "WindowDataset") -> "tf.data.Dataset":
    """A ``tf.data.Dataset`` whose every full pass is the next epoch, from 0."""
    import tensorflow as tf

    passes = tf.Variable(0, dtype=tf.int64, trainable=False)

    def count_pass(*batch: Any) -> Any:
        passes.assign_add(1)
        return batch

    def start() -> list[Any]:
        return [passes.read_value(), tf.constant(0, tf.int64)]

    # Counted with the last batch, which is never read ahead: a pass that was only begun,
    # or read ahead and thrown away, uses up no epoch.
    counted = _tf_pipeline(dataset, start, with_last=lambda last: last.map(count_pass))
    return counted.apply(tf.data.experimental.assert_cardinality(dataset.order.batches))


def _tf_pipeline(
    dataset: "WindowDataset",
    start: Callable[[], Any],
    with_last: Callable[[Any], Any] = lambda last: last,
) -> "tf.data.Dataset":
    """Batches from where ``start()`` says that a pass begins: its epoch and first batch."""
    import tensorflow as tf

    order = dataset.order
    sample = dataset.read(0, *order.bounds(0))
    flat = keras.tree.flatten(sample)
    dtypes = [array.dtype for array in flat]
    size = len(flat[-1]) if order.size == order.batches * len(flat[-1]) else None
    per_call = max(1, _CALL_BYTES // sum(array.nbytes for array in flat)) if order.uniform else 1
    last = order.batches - 1

    def read(epoch: Any, first: Any) -> list[Any]:
        batches = 1 if first == last else min(per_call, last - int(first))
        begin, end = order.bounds(int(first))[0], order.bounds(int(first) + batches - 1)[1]
        arrays = keras.tree.flatten(dataset.read(int(epoch), begin, end))
        return [array.reshape(batches, -1, *array.shape[1:]) for array in arrays]

    def call(epoch: Any, first: Any) -> Any:
        arrays = tf.numpy_function(read, [epoch, first], dtypes, stateful=False)
        for array, like in zip(arrays, flat, strict=True):
            array.set_shape((None, size, *like.shape[1:]))
        return keras.tree.pack_sequence_as(sample, arrays)

    def one_pass(epoch: Any, first: Any) -> Any:
        calls = tf.data.Dataset.range(first, last, per_call)
        most = calls.map(lambda batch: call(epoch, batch)).unbatch().prefetch(2)
        end = tf.data.Dataset.from_tensors(tf.constant(last, tf.int64))
        return most.concatenate(with_last(end.map(lambda batch: call(epoch, batch)).unbatch()))

    begin = tf.data.Dataset.from_tensors(0)
    passes = begin.map(lambda _: tuple(tf.py_function(start, [], [tf.int64] * 2)))
    # tf.data would read a batch ahead of the consumer, and so of whoever counts.
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False
    return passes.flat_map(one_pass).with_options(options)
