"""``WindowDataset``: windows of a series as batches that Keras trains on."""

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows import adapters
from keras_ts.windows.gather import Gather
from keras_ts.windows.index import Runs
from keras_ts.windows.order import Order
from keras_ts.windows.plan import read_weights, refuse_none
from keras_ts.windows.series import Panel, missing_rows, refuse_missing

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_ts.windows.spec import WindowedSeries


class WindowDataset(adapters.FedByKeras, keras.utils.PyDataset):
    """Batches of windows: what ``WindowedSeries.build`` and ``split`` return.

    A ``keras.utils.PyDataset``, so ``fit``, ``evaluate`` and ``predict`` take it on every
    backend. Memory is that of a batch, whatever the number of windows. Under ``fit`` the
    order of batches is the dataset's own, whatever ``fit(shuffle=...)`` says; weights go
    into ``build(series, sample_weight=...)``, not into ``fit``. ``predict`` follows that
    order too: predict on a dataset that does not shuffle.

    Example:

    >>> from keras_ts import WindowedSeries
    >>> dataset = WindowedSeries(window=4, batch_size=2).build(np.arange(10.0))
    >>> len(dataset), dataset.num_windows, dataset.origins.tolist()
    (3, 6, [3, 4, 5, 6, 7, 8])
    >>> x, y = dataset[0]
    >>> x.tolist(), y.tolist()
    ([[0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]], [4.0, 5.0])
    """

    def __init__(
        self,
        windows: "WindowedSeries",
        panel: Panel,
        runs: Runs,
        *,
        shuffle: bool | None = None,
        sample_weight: Any = None,
    ) -> None:
        super().__init__()
        refuse_none(runs, panel, windows)
        self._windows, self._panel, self._runs = windows, panel, runs
        self._gather = Gather(panel.values, panel.targets, panel.future, windows.geometry)
        self._order = Order(
            total=runs.total,
            batch_size=windows.batch_size,
            drop_remainder=windows.drop_remainder,
            shuffle=windows.shuffle if shuffle is None else shuffle,
            seed=random.getrandbits(32) if windows.seed is None else windows.seed,
        )
        if not self._order.batches:
            raise ValueError(
                f"drop_remainder=True leaves no batch: {runs.total} windows are fewer than "
                f"batch_size={windows.batch_size}."
            )
        self._weights: Array | None = None
        if sample_weight is not None:
            self._weights, self._per_window = read_weights(panel, runs, sample_weight)
        self._check_reads = panel.on_disk and windows.missing == "raise"
        self._epoch = 0
        self._within_epoch = self._end_unpaired = self._read_last = False

    @property
    def _plain(self) -> bool:
        return self._weights is None and not self._panel.future and self._panel.static is None

    @property
    def num_windows(self) -> int:
        """Number of windows that one epoch goes through."""
        return self._order.size

    @property
    def batch_length(self) -> int:
        """Number of windows in a full batch."""
        return self._order.batch_size

    @property
    def epoch(self) -> int:
        """The epoch whose order ``dataset[i]`` follows, from 0."""
        return self._epoch

    @property
    def origins(self) -> Array:
        """The last input of every window, in time order: a position or a timestamp."""
        every = np.arange(self._runs.total)
        flat = self._runs.starts(every) + self._windows.geometry.reach - 1
        if self._panel.times is not None:
            return self._panel.times[flat]
        return flat - self._panel.bounds[self._runs.series_of(every)]

    @property
    def num_batches(self) -> int:
        """Number of batches in an epoch."""
        return self._order.batches

    def __len__(self) -> int:
        return self._order.batches

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"batch {index} is out of range; there are {len(self)}.")
        return self.read(self._epoch, *self._order.bounds(index % len(self)))

    def __iter__(self) -> Iterator[Any]:
        epoch = self._epoch
        for index in range(len(self)):
            yield self.read(epoch, *self._order.bounds(index))

    def read(self, epoch: int, begin: int, end: int) -> Any:
        """Read the windows at positions ``begin .. end - 1`` of an epoch's order, as a batch."""
        if end == self._order.size:
            self._read_last = True
        windows = self._order.windows(epoch, begin, end)
        starts = self._runs.starts(windows)
        x, y = self._gather.pair(starts)
        if self._check_reads and (_missing(x) or _missing(y)):
            refuse_missing(self._panel)
        if self._plain:
            return x, y
        return self._assemble(windows, starts, x, y)

    # Keras calls on_epoch_end more often than an epoch ends: once before the first, to
    # reset, and on JAX and PyTorch after it took one batch to build the model. Neither
    # may use up an epoch, or backends would train in different orders.

    def on_epoch_begin(self) -> None:
        """Take note that an epoch begins; Keras calls it."""
        if self._end_unpaired:
            self._epoch -= 1
        self._end_unpaired = self._read_last = False
        self._within_epoch = True

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's order; Keras calls it."""
        if self._read_last or not self._within_epoch:
            self._epoch += 1
        self._end_unpaired = not self._within_epoch
        self._within_epoch = False

    def to_numpy(self) -> Any:
        """Return all windows ``(x, y)`` in time order, with weights if there are any.

        Where one series allows it, these are read-only views that copy nothing.
        """
        if self._check_reads:
            refuse_missing(self._panel)
        runs = self._runs
        if len(runs.first) == 1:
            first = int(runs.first[0])
            starts: Any = slice(first, first + runs.step * (runs.total - 1) + 1, runs.step)
        else:
            starts = runs.starts(np.arange(runs.total))
        x, y = self._gather.past(starts), self._gather.target(starts)
        return self._assemble(np.arange(runs.total), starts, x, y)

    def to_tf(self) -> "tf.data.Dataset":
        """Return a ``tf.data.Dataset`` of the batches; each full pass is the next epoch."""
        return adapters.to_tf(self)

    def _assemble(self, windows: IntArray, starts: Any, x: Array, y: Array) -> Any:
        inputs: Any = x
        if self._panel.future or self._panel.static is not None:
            inputs = {"past": x}
            if self._panel.future:
                inputs["future"] = self._gather.ahead(starts)
            if self._panel.static is not None:
                inputs["static"] = self._panel.static[self._runs.series_of(windows)]
        if self._weights is None:
            return inputs, y
        return inputs, y, self._weight(self._weights, windows, starts)

    def _weight(self, weights: Array, windows: IntArray, starts: Any) -> Array:
        if self._per_window:
            return weights[windows]
        read = Gather(weights, None, (), self._windows.geometry).target(starts)
        return read if read.ndim == 1 else read.mean(axis=tuple(range(1, read.ndim)))


def _missing(values: Array) -> bool:
    return bool(missing_rows(values.reshape(-1)).any())
