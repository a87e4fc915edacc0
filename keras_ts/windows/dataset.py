"""``WindowDataset``: windows of a series as batches that Keras trains on."""

import copy
import dataclasses
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_ts import _checks, _keras_private
from keras_ts._typing import Array, IntArray
from keras_ts.windows import adapters
from keras_ts.windows.align import Placement
from keras_ts.windows.gather import Gather
from keras_ts.windows.index import Runs
from keras_ts.windows.order import Order
from keras_ts.windows.plan import read_weights, refuse_none
from keras_ts.windows.series import Panel, missing_rows, refuse_missing

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_ts.windows.spec import WindowedSeries

# What must be the same for a state to make sense: the windows, and how they are ordered.
_SAME_RUN = ("total", "batch_size", "drop_remainder", "shuffle", "shards", "shard")


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
        self.order = Order(
            runs=runs,
            batch_size=windows.batch_size,
            drop_remainder=windows.drop_remainder,
            shuffle=windows.shuffle if shuffle is None else shuffle,
            seed=random.getrandbits(32) if windows.seed is None else windows.seed,
        )
        if not self.order.batches:
            raise ValueError(
                f"drop_remainder=True leaves no batch: {runs.total} windows are fewer than "
                f"batch_size={windows.batch_size}."
            )
        self._weights: Array | None = None
        if sample_weight is not None:
            self._weights, self._per_window = read_weights(panel, runs, sample_weight)
        self._plain = self._weights is None and not panel.future and panel.static is None
        self._check_reads = panel.on_disk and windows.missing == "raise"
        self._epoch = self._offset = 0
        self._handed_out: Any = 0
        self._within_epoch = self._read_last = self._resetting = False
        self._fresh_length = True

    def __getstate__(self) -> dict[str, Any]:
        # TensorFlow's variable that counts batches stays in its process.
        return {**self.__dict__, "_handed_out": int(self._handed_out)}

    @property
    def num_windows(self) -> int:
        """Number of windows that one epoch goes through."""
        return self.order.size

    @property
    def epoch(self) -> int:
        """The epoch whose order ``dataset[i]`` follows, from 0."""
        return self._epoch

    @property
    def origins(self) -> Array:
        """The last input of every window, in time order: a position or a timestamp."""
        return Placement(self._panel, self._runs, self._windows.geometry).origins()

    @property
    def num_batches(self) -> int:
        """Number of batches in an epoch, or left in one that ``restore`` goes on with."""
        self._fresh_length = self._resetting = True
        self._refuse_ignored(_keras_private.data_arguments(self))
        return len(self)

    def __len__(self) -> int:
        return self.order.batches - self._offset

    def __getitem__(self, index: int) -> Any:
        order = self.order
        index = _checks.integer("The number of a batch", index, -(1 << 62))
        batches = order.batches - self._offset
        if not -batches <= index < batches:
            raise IndexError(f"batch {index} is out of range; there are {batches}.")
        batch = self._offset + index % batches
        if batch == order.batches - 1:
            self._read_last = True
        return self.read(self._epoch, *order.bounds(batch))

    def __iter__(self) -> Iterator[Any]:
        epoch, first = self._epoch, self._offset
        self._handed_out = 0
        for batch in range(first, self.order.batches):
            # Counted first: whoever asks for the state while using a batch has had it.
            self._handed_out = batch - first + 1
            yield self.read(epoch, *self.order.bounds(batch))

    def read(self, epoch: int, begin: int, end: int) -> Any:
        """Read the windows at positions ``begin .. end - 1`` of an epoch's order, as a batch."""
        windows, starts = self.order.places(epoch, begin, end)
        x, y = self._gather.pair(starts)
        batch = (x, y) if self._plain else self._assemble(windows, starts, x, y)
        if self._check_reads and any(map(_missing, keras.tree.flatten(batch))):
            refuse_missing(self._panel)
        return batch

    # Keras calls on_epoch_end more often than an epoch ends: once before the first, to
    # reset, and on JAX and PyTorch after it took one batch to build the model. It asks for
    # num_batches just before; neither call may use up an epoch, or backends would train in
    # different orders.

    def on_epoch_begin(self) -> None:
        """Take note that an epoch begins; Keras calls it."""
        if not self._fresh_length:
            raise RuntimeError(
                "The epoch that restore() went on with is finished, and Keras has not noticed "
                "that the next one is longer. Finish it in a fit of its own: "
                "fit(epochs=epoch + 1, initial_epoch=epoch), then fit the rest."
            )
        self._read_last = self._resetting = False
        self._within_epoch = True

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's order; Keras calls it."""
        complete = self._read_last or self._done() >= self.order.batches
        if not self._resetting and (complete or not self._within_epoch):
            self._epoch += 1
            self._fresh_length = self._offset == 0
            self._offset = 0
            self._handed_out = 0
        self._within_epoch = self._read_last = self._resetting = False

    def shard(self, count: int, index: int) -> "WindowDataset":
        """Return the part of every epoch that worker ``index`` of ``count`` reads.

        The parts are disjoint, cover all windows (but for ``drop_remainder``), and have
        equal numbers of batches; together they follow the order of the whole.

        Args:
            count: Number of workers.
            index: Which of them, from 0.

        Raises:
            ValueError: ``index`` is out of range, or the windows are too few.
        """
        count, index = _checks.integer("count", count, 1), _checks.integer("index", index, 0)
        if index >= count:
            raise ValueError(f"index must be < count. Received: count={count}, index={index}.")
        if self.order.shards > 1:
            raise ValueError("This dataset is a shard already; shard the whole one.")
        order = dataclasses.replace(self.order, shards=count, shard=index)
        smallest = order.total // count
        if order.batches < 1 or smallest < order.batches:
            cure = "fewer workers, a larger batch_size or drop_remainder=True"
            if order.drop_remainder:
                cure = "fewer workers, a smaller batch_size or drop_remainder=False"
            elif not smallest:
                cure = "fewer workers"
            raise ValueError(
                f"count={count} workers cannot share {order.total} windows in batches of "
                f"{order.batch_size} with equal numbers of batches. Use {cure}."
            )
        part = copy.copy(self)
        part.order = order
        part.restore({**part.state(), "epoch": self._epoch, "batch": 0})
        return part

    def state(self) -> dict[str, Any]:
        """Return where the run is, as plain Python values that JSON takes.

        Taken in a callback's ``on_train_batch_end`` (or while using a batch in a loop of
        one's own), it counts the batches trained on so far.
        """
        epoch, batch = divmod(self._done(), self.order.batches)
        order = self.order
        return {
            "epoch": self._epoch + epoch,
            "batch": batch,
            **{name: getattr(order, name) for name in _SAME_RUN},
            "seed": order.seed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken, in this process or another.

        The dataset then holds what is left of the epoch: finish that in a ``fit`` of its
        own, and fit the epochs after it in the next.

        Args:
            state: What ``state()`` returned for the same series and settings.

        Raises:
            ValueError: The state is of another dataset.
        """
        if not isinstance(state, dict) or not {"epoch", "batch", "seed"} <= state.keys():
            raise ValueError(f"state must be what state() returned. Received: state={state!r}.")
        for name in _SAME_RUN:
            if state.get(name) != getattr(self.order, name):
                raise ValueError(
                    f"state was taken with {name}={state.get(name)!r}, and this dataset has "
                    f"{name}={getattr(self.order, name)!r}. Build it from the same series and "
                    "settings."
                )
        epoch = _checks.integer("state['epoch']", state["epoch"], 0)
        batch = _checks.integer("state['batch']", state["batch"], 0)
        seed = _checks.integer("state['seed']", state["seed"], 0)
        if batch >= self.order.batches:
            raise ValueError(
                f"state['batch'] must be < {self.order.batches}, the batches in an epoch. "
                f"Received: {batch}."
            )
        self._epoch, self._offset = epoch, batch
        self.order = dataclasses.replace(self.order, seed=seed)
        self._within_epoch = self._read_last = self._resetting = False
        self._handed_out, self._fresh_length = 0, True

    def align(self, predictions: Any) -> dict[str, Array]:
        """Put the predictions for all windows back on their places in the series.

        Example:

        >>> dataset = WindowedSeries(window=3, horizon=2).build(np.arange(6.0))
        >>> table = dataset.align(np.array([[3.1, 4.1], [4.2, 5.2]]))
        >>> table["target"].tolist(), table["prediction"].tolist()
        ([3, 4, 4, 5], [3.1, 4.1, 4.2, 5.2])

        Args:
            predictions: One prediction per target, in time order: what ``predict`` returns
                for this dataset if it does not shuffle.

        Returns:
            Columns of equal length, one row per window and step (and, in sequences, per
            input): ``series`` (its label or number), ``origin`` and ``target`` (positions,
            or timestamps where the series has them), ``step`` (from 1), ``actual`` and
            ``prediction`` (with an axis for several target columns).

        Raises:
            ValueError: The dataset shuffles or leaves windows out, or the shape does not fit.
        """
        if self.order.shuffle or self.order.size < self._runs.total:
            raise ValueError(
                "align needs all windows in time order, and this dataset "
                + ("shuffles. " if self.order.shuffle else "leaves some out. ")
                + "Build it with shuffle=False and drop_remainder=False, without shard, and "
                "predict on that."
            )
        place = Placement(self._panel, self._runs, self._windows.geometry)
        starts = self._runs.starts(np.arange(self._runs.total))
        return place.table(self._gather.target(starts), np.asarray(predictions))

    def _refuse_ignored(self, arguments: dict[str, Any]) -> None:
        """Refuse what Keras hands to its own adapters only, and would not obey for this one."""
        cures = {
            "y": "the targets are in the dataset",
            "sample_weight": "pass them to WindowedSeries.build(series, sample_weight=...)",
            "class_weight": "pass one weight a window to build(series, sample_weight=...)",
            "batch_size": f"its batches hold {self.order.batch_size} windows, as WindowedSeries("
            "batch_size=...) says",
        }
        for name, cure in cures.items():
            value = arguments.get(name)
            if value is not None and not (name == "batch_size" and value == self.order.batch_size):
                raise ValueError(
                    f"{name} cannot be passed beside a WindowDataset: {cure}. "
                    f"Received: {name}={_checks.shown(value)}."
                )

    # What Keras's feeding asks for; see adapters.FedByKeras.

    def begin_pass(self, handed_out: Any) -> int:
        """Let a variable count the batches that Keras begins to read; return their epoch."""
        handed_out.assign(0)
        self._handed_out = handed_out
        return self._epoch

    def _done(self) -> int:
        """Batches of this epoch that were handed out, by this run or the one before."""
        return self._offset + int(self._handed_out)

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

    def to_grain(self) -> Any:
        """Return a Grain dataset of the batches; its repetitions are the next epochs."""
        return adapters.to_grain(self)

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
        weights = self._weight(self._weights, windows, starts)
        # One axis less than the targets, so that Keras weighs windows and nothing else.
        return inputs, y, weights.reshape(len(weights), *[1] * (y.ndim - 2))

    def _weight(self, weights: Array, windows: IntArray, starts: Any) -> Array:
        if self._per_window:
            return weights[windows]
        read = Gather(weights, None, (), self._windows.geometry).target(starts)
        return read if read.ndim == 1 else read.mean(axis=tuple(range(1, read.ndim)))


def _missing(values: Array) -> bool:
    return bool(missing_rows(values.reshape(-1)).any())
