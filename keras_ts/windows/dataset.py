"""``WindowDataset``: the windows of a series as batches that Keras trains on.

A batch depends only on the epoch and its number in it, not on the batches read before. Keras 3.12.4
to 3.16 calls these methods in ``fit``, ``evaluate`` and ``predict``, in this order:

1. ``workers`` and ``len(dataset)``. TensorFlow also reads the first batches, for their shapes.
2. In the first fit after ``compile``, on JAX and PyTorch, and on TensorFlow under a strategy:
   ``on_epoch_begin``, and one batch to build the model with.
3. ``on_epoch_end``, although no epoch has ended. ``predict`` may skip step 3.
4. For each epoch: ``on_epoch_begin``, all batches or ``steps_per_epoch`` of them, in any order,
   ``on_epoch_end``. TensorFlow reads batches ahead of those that it trains on.

A fit that stops within an epoch does not call ``on_epoch_end``, but the next fit does, in step 3.
So ``on_epoch_end`` moves on to the next epoch only if all batches were read since
``on_epoch_begin``, and never between step 1 and the next ``on_epoch_begin``. If step 2 reads all
batches (there is only one, or a strategy of TensorFlow reads ahead), it counts as an epoch.
"""

import copy
import operator
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras

from keras_ts import _checks
from keras_ts._dtypes import with_exact_integers
from keras_ts._typing import Array
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.labels import by_id_column
from keras_ts.windows.geometry import WindowRanges
from keras_ts.windows.pipelines import to_grain, to_tf
from keras_ts.windows.sampler import BatchSampler
from keras_ts.windows.source import WindowSource, checked_state, run_state
from keras_ts.windows.spec import WindowSpec
from keras_ts.windows.split import Part
from keras_ts.windows.weights import WindowWeights
from keras_ts.windows.workers import check_share, cut

if TYPE_CHECKING:
    import tensorflow as tf


class WindowDataset(keras.utils.PyDataset):
    """Batches of windows, as ``WindowedSeries.build`` and ``split`` return them.

    It is a ``keras.utils.PyDataset``, so ``fit``, ``evaluate`` and ``predict`` take it on every
    backend. Beside the series, it holds one batch, and the order of 65,536 windows at most. Pass
    ``fit(dataset, shuffle=False)``: ``WindowedSeries(shuffle=True)`` shuffles windows, and Keras
    would shuffle batches as well, by Python's ``random``. Weights go into
    ``build(series, sample_weight=...)``, not into ``fit``. ``predict`` follows the dataset's order,
    so pass it a dataset that does not shuffle; ``align`` joins its result to the targets.

    Example:

    >>> import numpy as np
    >>> from keras_ts import WindowedSeries
    >>> dataset = WindowedSeries(window=4, batch_size=2).build(np.arange(10.0))
    >>> dataset
    <WindowDataset: 6 windows of 4 steps, 1 step ahead, in 3 batches>
    >>> len(dataset), dataset.num_windows, dataset.origins.tolist()
    (3, 6, [3, 4, 5, 6, 7, 8])
    >>> x, y, *_ = dataset[0]
    >>> x.tolist(), y.tolist()
    ([[0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]], [4.0, 5.0])
    """

    _steps: int | None = None  # Batches in an epoch; None for all (see ``in_stretches``).

    def __init__(
        self,
        spec: WindowSpec,
        panel: FlatSeries,
        ranges: WindowRanges,
        *,
        shuffle: bool,
        weights: WindowWeights | None = None,
        before: Part | None = None,
    ) -> None:
        super().__init__()
        sampler = BatchSampler(
            ranges=ranges,
            batch_size=spec.batch_size,
            remainder=spec.remainder,
            shuffle=shuffle,
            seed=random.getrandbits(32) if spec.seed is None else spec.seed,
        )
        if not sampler.batches:
            raise ValueError(
                f'remainder="drop" leaves no batch: {ranges.total} windows are fewer than '
                f"batch_size={spec.batch_size}."
            )
        self._source = WindowSource(spec, panel, sampler, weights, before)
        self._go_to(0, 0)

    def _go_to(self, epoch: int, batch: int) -> None:
        self._epoch = epoch
        self._first = batch  # At which an iteration by hand begins.
        self._next = batch  # The batch after the last that the iteration has read.
        self._reads = 0  # Batches read since the epoch began, by Keras or by hand.
        self._beginning = False  # True from Keras's making its iterator to its first epoch.

    @property
    def windows(self) -> WindowSpec:
        """The ``WindowedSeries`` that the dataset was built with."""
        return self._source.spec

    @property
    def num_windows(self) -> int:
        """Number of windows in one epoch."""
        return self._source.sampler.size

    @property
    def epoch(self) -> int:
        """The epoch whose order ``dataset[i]`` follows, from 0; set it to begin another one."""
        return self._epoch

    @epoch.setter
    def epoch(self, number: int) -> None:
        self._go_to(_checks.integer("epoch", number, 0), 0)

    @property
    def workers(self) -> int:
        """1: other threads would read batches before ``on_epoch_end`` moves on to their epoch."""
        # Keras asks when it starts a fit, an evaluation or a prediction: earlier reads are void.
        self._reads, self._beginning = 0, True
        return 1

    @property
    def use_multiprocessing(self) -> bool:
        """False: other processes would not learn of a new epoch."""
        return False

    @property
    def origins(self) -> Array:
        """The position or timestamp of the last input of every window, in time order.

        Timestamps are NumPy's. With a time zone they are ``pandas.Timestamp`` for pandas, else
        ``datetime`` with an offset from UTC. Each can be a border of ``split``.
        """
        return self._source.placement.origins()

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The names of the columns by part, in the order of the arrays; of an array, numbers.

        The parts are ``"past"``, ``"future"``, ``"static"`` and ``"target"``.
        """
        return self._source.panel.columns.by_part()

    @property
    def frequency(self) -> str | None:
        """The step from one timestamp to the next, such as ``"1 day"`` or ``"month end"``.

        It is None without timestamps, and if no series has two rows.
        """
        return self._source.panel.frequency

    def __repr__(self) -> str:
        spec, batches = self.windows, self._source.sampler.batches
        counts = [(self.num_windows, "window"), (spec.window, "step"), (spec.horizon, "step")]
        windows, window, horizon = (
            f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in counts
        )
        in_batches = f"{batches:,} batch{'' if batches == 1 else 'es'}"
        return f"<WindowDataset: {windows} of {window}, {horizon} ahead, in {in_batches}>"

    def __len__(self) -> int:
        return self._source.sampler.batches if self._steps is None else self._steps

    def __getitem__(self, index: int) -> Any:
        index, batches = operator.index(index), len(self)
        if not -batches <= index < batches:
            raise IndexError(f"batch {index} is out of range; there are {batches}.")
        self._reads += 1
        return self._batch(self._epoch, index % batches)

    def _batch(self, epoch: int, number: int) -> Any:
        source = self._source
        if self._steps is not None:
            # Batches are numbered across passes, and each epoch takes the next ``_steps`` of them.
            epoch, number = divmod(epoch * self._steps + number, source.sampler.batches)
        begin, end = source.sampler.bounds(number)  # read(epoch, *bounds) takes a tenth longer.
        batch = source.read(epoch, begin, end)
        return with_exact_integers(batch) if source.has_inexact_integers else batch

    def __iter__(self) -> Iterator[Any]:
        epoch = self._epoch
        for number in range(self._first, len(self)):
            # Counted before it is yielded: a state taken while it is in use continues after it.
            self._next = number + 1
            self._reads += 1
            yield self._batch(epoch, number)

    def on_epoch_begin(self) -> None:
        """Begin the epoch at its first batch; Keras calls this method.

        Raises:
            RuntimeError: ``torch.distributed`` has several processes.
            ValueError: The run has several processes, and the dataset is not the shard of this
                process; or the devices cannot share a batch.
        """
        check_share(self._source.sampler)
        self._go_to(self._epoch, 0)

    def on_epoch_end(self) -> None:
        """Move on to the next epoch if all batches of this one were read; Keras calls this."""
        if self._reads >= len(self) and not self._beginning:
            self.next_epoch()

    def next_epoch(self) -> None:
        """Move on to the order of the next epoch, in a loop of your own.

        Example:

        >>> dataset = WindowedSeries(window=4, batch_size=3).build(np.arange(10.0))
        >>> for x, y in dataset:
        ...     pass  # A step of training.
        >>> dataset.next_epoch()
        >>> dataset.epoch
        1
        """
        self._go_to(self._epoch + 1, 0)

    def reset(self) -> None:
        """Go back to the first batch of epoch 0, so that the next ``fit`` reads what the first did.

        Example:

        >>> dataset = WindowedSeries(window=4, shuffle=True, seed=1).build(np.arange(10.0))
        >>> dataset.epoch = 3
        >>> dataset.reset()  # Epoch 0 again.
        """
        self._go_to(0, 0)

    def shard(self, count: int, index: int) -> "WindowDataset":
        """Return a dataset of the rows of every batch that worker ``index`` of ``count`` reads.

        Together the workers train on the batches of a single worker. A last batch that is not full
        is filled up, to a multiple of ``count`` times the devices of a worker, with windows of
        weight 0. The batch's other windows weigh more, so that the mean of the workers' losses is
        the loss of the batch. Other batches keep their weights, or get weights of 1.

        ``fit(dataset.shard(jax.process_count(), jax.process_index()), shuffle=False)`` trains on
        JAX under ``keras.distribution.DataParallel(auto_shard_dataset=False)``. A loop of your own
        must average the gradients of the workers' weighted mean losses, as PyTorch's
        ``DistributedDataParallel`` does. ``compile(metrics=...)`` counts windows of weight 0;
        ``weighted_metrics=`` does not.

        Example:

        >>> dataset = WindowedSeries(window=2, batch_size=4).build(np.arange(9.0))
        >>> [y.tolist() for _, y in dataset]
        [[2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]
        >>> [(y.tolist(), weights.tolist()) for _, y, weights in dataset.shard(2, 1)]
        [([4.0, 5.0], [1.0, 1.0]), ([8.0, 2.0], [1.3333333730697632, 0.0])]

        Args:
            count: Number of workers.
            index: Number of this worker, from 0.

        Raises:
            ValueError: ``index`` is out of range, ``batch_size`` is not a multiple of ``count``
                times the devices of a worker, the dataset is a shard already, or it shuffles by a
                seed that each process of this run has drawn for itself.
        """
        sampler = cut(self._source.sampler, count, index, drawn=self.windows.seed is None)
        part = of_source(self, replace(self._source, sampler=sampler))
        part._go_to(self._epoch, self._first)
        return part

    def state(self) -> dict[str, Any]:
        """Return how far the run has come, as plain Python values that JSON takes.

        In a loop of your own, the state counts the batches read so far, also the one in use.
        Keras's ``fit`` reads ahead: within its epochs, the state is that of the epoch's beginning.
        """
        epochs, batch = divmod(self._next, len(self))
        state = run_state(self._source.sampler, self._epoch + epochs, batch)
        return state if self._steps is None else {**state, "steps": self._steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken, in this process or another.

        An iteration by hand then reads the rest of the epoch; all else begins the epoch again.

        Args:
            state: The dict that ``state()`` returned for the same series and settings, for any
                number of workers. A loop that does not iterate over the dataset itself sets
                ``state["batch"]`` to the number of batches that it has had.

        Raises:
            ValueError: The state belongs to another dataset.
        """
        sampler = self._source.sampler
        epoch, batch, seed = checked_state(state, sampler, len(self))
        self._source = replace(self._source, sampler=replace(sampler, seed=seed))
        self._go_to(epoch, batch)

    def align(self, predictions: Any, quantiles: Any = None) -> dict[str, Array]:
        """Return a table of the predictions for all windows, with their places in the series.

        Pass what ``predict`` of a model returns for this dataset. If these are quantiles or
        calibrated intervals, pass their levels, too, which an array does not hold: the median
        becomes ``prediction``, the others ``prediction_0.1``, ``prediction_0.9`` and so on.

        Example:

        >>> dataset = WindowedSeries(window=3, horizon=2).build(np.arange(6.0))
        >>> table = dataset.align(np.array([[3.1, 4.1], [4.2, 5.2]]))
        >>> table["target"].tolist(), table["prediction"].tolist()
        ([3, 4, 4, 5], [3.1, 4.1, 4.2, 5.2])
        >>> bands = np.array([[[2, 3, 4], [3, 4, 6]], [[3, 4, 5], [4, 5, 7]]])
        >>> table = dataset.align(bands, quantiles=[0.1, 0.5, 0.9])
        >>> table["prediction"].tolist(), table["prediction_0.9"].tolist()
        ([3, 4, 4, 5], [4, 6, 5, 7])

        Args:
            predictions: One prediction per target, in time order. Rows of padding are dropped.
            quantiles: The levels of the quantiles on the last axis, such as ``[0.1, 0.5, 0.9]``
                after ``calibrate(model, validation, coverage=0.8)`` of a point forecast. Defaults
                to None: point forecasts.

        Returns:
            Columns of equal length, with one row per window and step (and, in sequences, per
            input): ``series`` (its label or number), ``origin`` and ``target`` (positions, or
            timestamps as in ``origins``), ``step`` (from 1), ``actual`` and ``prediction`` (with
            an axis for several target columns), then ``prediction_0.1`` and so on.

        Raises:
            TypeError: The predictions, or ``quantiles``, are not real numbers.
            ValueError: The dataset shuffles or leaves out windows, the shape does not fit, or
                ``quantiles`` do not increase between 0 and 1, or lack 0.5.
        """
        levels = None if quantiles is None else _checks.levels("quantiles", quantiles)
        return by_id_column(self._source.align(_checks.numeric(predictions, "predictions"), levels))

    def to_numpy(self) -> Any:
        """Return all windows ``(x, y)`` in time order, with weights if there are any.

        For a single series without gaps, ``x`` and ``y`` are mostly read-only views, not copies.
        """
        return self._source.read_all()

    def to_grain(self) -> Any:
        """Return a Grain dataset of the batches; each repetition reads the next epoch.

        It begins at the first batch of the epoch at which this dataset now is.
        """
        return to_grain(self._source, self._epoch)

    def to_tf(self) -> "tf.data.Dataset":
        """Return a ``tf.data.Dataset`` of the batches; each full pass reads the next epoch.

        It begins at the first batch of the epoch at which this dataset now is, and later calls of
        ``next_epoch`` and ``restore`` do not move it. If ``restore`` came before, skip the batches
        that the run has had: ``itertools.islice(stream, dataset.state()["batch"], None)``.
        """
        return to_tf(self._source, self._epoch)


class EpochOrder(keras.callbacks.Callback):
    """Lets a fit that ``BackupAndRestore`` resumes read the windows in the order of its epoch."""

    def __init__(self, dataset: WindowDataset) -> None:
        super().__init__()
        dataset.reset()  # An interrupted fit in this process may have read some epochs of it.
        self._dataset = dataset

    def on_train_begin(self, logs: Any = None) -> None:
        """Note where Keras begins: at epoch 1, if the only batch has built the model."""
        self._first = self._dataset.epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the epoch of the dataset to that of the fit."""
        self._dataset.epoch = self._first + epoch


def in_time_order(dataset: WindowDataset, weighted: bool = False) -> WindowSource:
    """Return a source of all windows in time order, without padding, whatever the shard."""
    source = dataset._source.in_time_order()
    return source if weighted else replace(source, weights=None)


def in_stretches(dataset: WindowDataset, steps: int) -> WindowDataset:
    """Return a dataset with epochs of ``steps`` batches, which go on from one to the next."""
    # With Keras's ``steps_per_epoch``, a dataset cannot tell a continued pass from a new one.
    part = of_source(dataset, dataset._source)
    part._steps = steps
    return part


def of_source(dataset: WindowDataset, source: WindowSource) -> WindowDataset:
    """Return a dataset like another one, at the first batch of a new source."""
    part = copy.copy(dataset)
    part._source = source
    part._go_to(0, 0)
    return part
