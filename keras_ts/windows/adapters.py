"""The edges where a window dataset meets tf.data and Keras's own feeding: no arithmetic."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from keras_ts._keras_private import DataAdapter
from keras_ts.windows import tfdata

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_ts.windows.dataset import WindowDataset


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

        def count(*batch: Any) -> Any:
            handed_out.assign_add(1)
            return batch

        first = self.order.batches - len(self)

        def begin() -> int:
            return self.begin_pass(handed_out)

        return tfdata.batches(self.read, self.order, begin, first).map(count)

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
            if not -len(self) <= index:
                raise IndexError(f"batch {index} is out of range; an epoch has {len(self)}.")
            # Counted from the end of the first epoch, where it is negative.
            epoch, batch = divmod(index if index >= 0 else index + len(self), len(self))
            return dataset.read(epoch, *dataset.order.bounds(batch))

    return Batches()


def to_tf(dataset: "WindowDataset") -> "tf.data.Dataset":
    """A ``tf.data.Dataset`` whose every full pass is the next epoch, from 0."""
    import tensorflow as tf

    passes = tf.Variable(0, dtype=tf.int64, trainable=False)

    # Counted with the last batch, which is never read ahead: a pass that was only begun,
    # or read ahead and thrown away, uses up no epoch.
    def with_last(is_last: Any) -> None:
        passes.assign_add(tf.cast(is_last, tf.int64))

    def begin() -> int:
        return int(passes.numpy())

    counted = tfdata.batches(dataset.read, dataset.order, begin, with_last=with_last)
    return counted.apply(tf.data.experimental.assert_cardinality(dataset.order.batches))
