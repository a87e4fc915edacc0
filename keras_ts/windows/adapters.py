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
        return tf_pipeline(self, lambda: self.epoch)

    @property
    def batch_size(self) -> None:
        """Keras takes None where the last batch may be smaller."""
        return None


def to_tf(dataset: "WindowDataset") -> "tf.data.Dataset":
    """A ``tf.data.Dataset`` whose every full pass is the next epoch, from 0."""
    import tensorflow as tf

    passes = tf.Variable(0, dtype=tf.int64, trainable=False)
    last = len(dataset) - 1

    def count_pass(number: Any, batch: Any) -> Any:
        # Counted as the last batch leaves, behind the prefetch: a pass that was only
        # begun, or read ahead and thrown away, uses up no epoch.
        passes.assign_add(tf.cast(number == last, tf.int64))
        return batch

    counted = tf_pipeline(dataset, passes.read_value).prefetch(2).enumerate().map(count_pass)
    return counted.apply(tf.data.experimental.assert_cardinality(len(dataset)))


def tf_pipeline(dataset: "WindowDataset", epoch: Callable[[], Any]) -> "tf.data.Dataset":
    """Batches of the epoch that ``epoch()`` names when a pass begins."""
    import tensorflow as tf

    size, batch_size = dataset.num_windows, min(dataset.batch_length, dataset.num_windows)
    sample = dataset.read(0, 0, batch_size)
    flat = keras.tree.flatten(sample)
    dtypes = [array.dtype for array in flat]
    leading = None if size % batch_size else batch_size
    per_call = max(1, _CALL_BYTES // sum(array.nbytes for array in flat))
    whole_batches = size // batch_size
    whole_calls = -(-whole_batches // per_call)

    def read(epoch: Any, call: Any) -> list[Any]:
        begin = int(call) * per_call * batch_size
        # The last batch may be shorter, so it comes in a call of its own.
        begin, end, length = (
            (begin, min(begin + per_call * batch_size, whole_batches * batch_size), batch_size)
            if call < whole_calls
            else (whole_batches * batch_size, size, size - whole_batches * batch_size)
        )
        arrays = keras.tree.flatten(dataset.read(int(epoch), begin, end))
        return [array.reshape(-1, length, *array.shape[1:]) for array in arrays]

    def batches(epoch: Any, call: Any) -> Any:
        arrays = tf.numpy_function(read, [epoch, call], dtypes, stateful=False)
        for array, like in zip(arrays, flat, strict=True):
            array.set_shape((None, leading, *like.shape[1:]))
        return keras.tree.pack_sequence_as(sample, arrays)

    def one_pass(epoch: Any) -> Any:
        calls = tf.data.Dataset.range(whole_calls + (leading is None))
        return calls.map(lambda call: batches(epoch, call)).unbatch()

    start = tf.data.Dataset.from_tensors(0)
    return start.map(lambda _: tf.py_function(epoch, [], tf.int64)).flat_map(one_pass)
