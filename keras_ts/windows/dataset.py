"""``WindowDataset``: the windows of a series as batches that Keras trains on.

It joins a source of batches with the progress of a run through them; both are in ``feeding``.
"""

import copy
import operator
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras

from keras_ts import _checks, _keras_private
from keras_ts._typing import Array
from keras_ts.windows.arithmetic.geometry import WindowRanges
from keras_ts.windows.arithmetic.sampler import BatchSampler
from keras_ts.windows.feeding.keras_adapter import KerasDataAdapter
from keras_ts.windows.feeding.progress import Progress
from keras_ts.windows.feeding.source import WindowSource
from keras_ts.windows.feeding.to_grain import to_grain
from keras_ts.windows.feeding.to_tf import to_tf
from keras_ts.windows.feeding.workers import Workers, cut, share
from keras_ts.windows.reading.panel import Panel
from keras_ts.windows.spec import WindowSpec
from keras_ts.windows.split import Part
from keras_ts.windows.weights import WindowWeights

if TYPE_CHECKING:
    import tensorflow as tf

# A state fits a dataset only if these are equal, since they determine the windows and their order.
_SAME_RUN = ("total", "batch_size", "remainder", "shuffle")


class WindowDataset(KerasDataAdapter, keras.utils.PyDataset):
    """Batches of windows, as ``WindowedSeries.build`` and ``split`` return them.

    It is a ``keras.utils.PyDataset``, so ``fit``, ``evaluate`` and ``predict`` take it on every
    backend. It needs the memory of one batch, whatever the number of windows. ``fit`` reads the
    batches in the dataset's own order and ignores ``fit(shuffle=...)``; weights go into
    ``build(series, sample_weight=...)``, not into ``fit``. ``predict`` follows the same order, so
    predict on a dataset that does not shuffle.

    Example:

    >>> import numpy as np
    >>> from keras_ts import WindowedSeries
    >>> dataset = WindowedSeries(window=4, batch_size=2).build(np.arange(10.0))
    >>> dataset
    <WindowDataset: 6 windows of 4 steps, 1 step ahead, in 3 batches>
    >>> len(dataset), dataset.num_windows, dataset.origins.tolist()
    (3, 6, [3, 4, 5, 6, 7, 8])
    >>> x, y = dataset[0]
    >>> x.tolist(), y.tolist()
    ([[0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]], [4.0, 5.0])
    """

    def __init__(
        self,
        spec: WindowSpec,
        panel: Panel,
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
        self._progress = Progress(sampler.batches)

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
        """The epoch whose order ``dataset[i]`` follows, from 0."""
        return self._progress.epoch

    @property
    def origins(self) -> Array:
        """The position or timestamp of the last input of every window, in time order.

        Timestamps are NumPy's. With a time zone they are Python objects (``pandas.Timestamp`` for
        pandas, else ``datetime`` with its offset from UTC, to the microsecond), so that ``split``
        can take each of them.
        """
        return self._source.placement.origins()

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The names of the columns, in the order of the arrays.

        There is a list for each of ``"past"``, ``"future"``, ``"static"`` and ``"target"``. The
        columns of an array are numbers.
        """
        return self._source.panel.columns.by_part()

    @property
    def frequency(self) -> str | list[str | None] | None:
        """The step from one timestamp to the next, read off the timestamps.

        Examples are ``"1 day"``, ``"15 minutes"``, ``"2 weekdays"``, ``"month end"`` and ``"month
        start, every 3 months"``. It is None without timestamps, and for a series that is too short
        or has no regular step. If the series of a panel differ, it is a list with one for each.
        """
        clock = self._source.panel.clock
        if clock is None:
            return None
        names: list[str | None] = clock.frequencies.per_series(str, None).tolist()
        return names[0] if len(set(names)) == 1 else names

    def __repr__(self) -> str:
        spec, batches = self.windows, self._source.sampler.batches
        counts = [(self.num_windows, "window"), (spec.window, "step"), (spec.horizon, "step")]
        windows, window, horizon = (
            f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in counts
        )
        in_batches = f"{batches:,} batch{'' if batches == 1 else 'es'}"
        return f"<WindowDataset: {windows} of {window}, {horizon} ahead, in {in_batches}>"

    def __len__(self) -> int:
        return self._progress.left

    def __getitem__(self, index: int) -> Any:
        try:
            index = operator.index(index)
        except TypeError:
            raise TypeError(
                "The number of a batch must be an integer. Received: "
                f"{_checks.shown(index)} ({type(index).__name__})."
            ) from None
        epoch, sampler = self._progress.epoch, self._source.sampler
        first = self._progress.first_of(epoch)
        batches = sampler.batches - first
        if not -batches <= index < batches:
            raise IndexError(f"batch {index} is out of range; there are {batches}.")
        # read(epoch, *bounds) would take a tenth longer: Python does not inline calls with a star.
        begin, end = sampler.bounds(first + index % batches)
        return self._source.read(epoch, begin, end)

    def __iter__(self) -> Iterator[Any]:
        return self._go_through(self._source, self._progress.begin_pass_by_hand)

    def reset(self) -> None:
        """Go back to the first batch of epoch 0, so that the next ``fit`` reads what the first did.

        Example:

        >>> import numpy as np
        >>> from keras_ts import WindowedSeries
        >>> dataset = WindowedSeries(window=4, shuffle=True, seed=1).build(np.arange(10.0))
        >>> dataset.on_epoch_end()
        >>> dataset.epoch
        1
        >>> dataset.reset()
        >>> dataset.epoch
        0
        """
        self._refuse_within_fit("reset")
        self._progress.go_to(0, 0)

    def shard(self, count: int, index: int) -> "WindowDataset":
        """Return the rows of every batch that worker ``index`` of ``count`` reads.

        The workers share each batch, so that together they make exactly the steps that one worker
        would make. A last batch that is not full is filled up, to a multiple of ``count`` times the
        devices of a worker, with windows of weight 0. Its own windows weigh more in return, so that
        the mean of the workers' losses is the loss of that batch; the windows of all other batches
        weigh 1. With ``remainder="drop"`` there is no such batch, and with ``"pad"`` it is full
        already.

        A loop that trains on shards averages the gradients of the workers, as PyTorch's
        ``DistributedDataParallel`` does, each that of its weighted mean loss. ``fit`` on JAX takes
        the whole dataset in every process, and calls this by itself; a shard that was made by hand
        trains the same. Metrics passed to ``compile`` as ``metrics=`` ignore weights, and count
        the repeated windows; those in ``weighted_metrics=`` do not.

        Example:

        >>> import numpy as np
        >>> from keras_ts import WindowedSeries
        >>> whole = WindowedSeries(window=2, batch_size=4).build(np.arange(9.0))
        >>> [y.tolist() for _, y in whole]
        [[2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]
        >>> [(y.tolist(), weights.tolist()) for _, y, weights in whole.shard(2, 1)]
        [([4.0, 5.0], [1.0, 1.0]), ([8.0, 2.0], [1.3333333730697632, 0.0])]

        Args:
            count: Number of workers.
            index: Number of this worker, from 0.

        Raises:
            ValueError: ``index`` is out of range, ``batch_size`` is not a multiple of ``count``
                times the devices of a worker, or the dataset is a shard.
        """
        sampler = cut(self._source.sampler, count, index)
        part = of_source(self, replace(self._source, sampler=sampler))
        part._progress.go_to(self.epoch, self._progress.first, self._progress.placed)
        return part

    def state(self) -> dict[str, Any]:
        """Return how far the run has come, as plain Python values that JSON takes.

        All workers that share the batches have the same state. In a callback's
        ``on_train_batch_end``, or while a custom loop uses a batch, it counts the batches trained
        on so far, that one included.
        """
        epoch, batch = self._progress.place
        sampler = self._source.sampler
        return {
            "epoch": epoch,
            "batch": batch,
            **{name: getattr(sampler, name) for name in _SAME_RUN},
            "seed": sampler.seed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken, in this process or another.

        The dataset then holds the rest of the epoch. ``fit(initial_epoch=dataset.epoch)`` trains on
        that, and then on whole epochs.

        Args:
            state: The dict that ``state()`` returned for the same series and settings, for any
                number of workers.

        Raises:
            RuntimeError: A ``fit`` is reading the dataset.
            ValueError: The state belongs to another dataset.
        """
        self._refuse_within_fit("restore")
        if not isinstance(state, dict) or not {"epoch", "batch", "seed"} <= state.keys():
            raise ValueError(f"state must be a dict from state(). Received: state={state!r}.")
        if "drop_remainder" in state:  # A state from before there was "pad".
            state = {"remainder": "drop" if state["drop_remainder"] else "keep", **state}
        if state.get("shards", 1) != 1:  # A shard once counted its own batches.
            raise ValueError(
                "state comes from a shard of an earlier version of keras_ts, which counted batches "
                f"differently. Take a new one. Received: shards={state['shards']!r}."
            )
        sampler = self._source.sampler
        for name in _SAME_RUN:
            if state.get(name) != getattr(sampler, name):
                raise ValueError(
                    f"state was taken with {name}={state.get(name)!r}, and this dataset has "
                    f"{name}={getattr(sampler, name)!r}. Build it from the same series and "
                    "settings."
                )
        epoch = _checks.integer("state['epoch']", state["epoch"], 0)
        batch = _checks.integer("state['batch']", state["batch"], 0)
        seed = _checks.integer("state['seed']", state["seed"], 0)
        if batch >= sampler.batches:
            raise ValueError(
                f"state['batch'] must be < {sampler.batches}, the batches in an epoch. "
                f"Received: {batch}."
            )
        self._source = replace(self._source, sampler=replace(sampler, seed=seed))
        self._progress.go_to(epoch, batch, placed=True)

    def _refuse_within_fit(self, method: str) -> None:
        if _keras_private.feeds_from(self):
            raise RuntimeError(
                f"{method}() was called within a fit, an evaluation or a prediction that reads "
                "this dataset and has counted its batches. Call it before that."
            )

    def align(self, predictions: Any) -> dict[str, Array]:
        """Return a table of the predictions for all windows, with their places in the series.

        Example:

        >>> dataset = WindowedSeries(window=3, horizon=2).build(np.arange(6.0))
        >>> table = dataset.align(np.array([[3.1, 4.1], [4.2, 5.2]]))
        >>> table["target"].tolist(), table["prediction"].tolist()
        ([3, 4, 4, 5], [3.1, 4.1, 4.2, 5.2])

        Args:
            predictions: One prediction per target, in time order, as ``predict`` returns them
                for this dataset if it does not shuffle. Rows of padding are dropped.

        Returns:
            Columns of equal length, with one row per window and step (and, in sequences, per
            input): ``series`` (its label or number), ``origin`` and ``target`` (positions, or
            timestamps as in ``origins``), ``step`` (from 1), ``actual`` and ``prediction`` (with
            an axis for several target columns).

        Raises:
            TypeError: The predictions are not real numbers.
            ValueError: The dataset shuffles or leaves out windows, or the shape does not fit.
        """
        sampler = self._source.sampler
        if sampler.shuffle or sampler.size < sampler.total:
            raise ValueError(
                "align needs all windows in time order, and this dataset "
                + ("shuffles. " if sampler.shuffle else "leaves some out. ")
                + 'Build it with shuffle=False and remainder="keep", without shard, and '
                "predict on that."
            )
        predictions = _checks.numeric(predictions, "predictions")
        filled = share(sampler, Workers.of_this_run()).positions
        if predictions.ndim and len(predictions) in (sampler.positions, filled):
            predictions = predictions[: sampler.size]  # Without the padding.
        return self._source.placement.table(self._source.targets(), predictions)

    def to_numpy(self) -> Any:
        """Return all windows ``(x, y)`` in time order, with weights if there are any.

        For a single series without gaps, these are read-only views, without a copy.
        """
        return self._source.read_all()

    def to_grain(self) -> Any:
        """Return a Grain dataset of the batches, whose repetitions are the next epochs."""
        return to_grain(self._source)

    def to_tf(self) -> "tf.data.Dataset":
        """Return a ``tf.data.Dataset`` of the batches, whose full passes are the next epochs."""
        return to_tf(self._source)


def in_time_order(dataset: WindowDataset, weighted: bool = False) -> WindowSource:
    """Return a source of all windows of a dataset in time order, without padding.

    ``source.read(0, begin, end)`` returns ``(x, y)`` of the windows ``begin .. end - 1``, whatever
    the order and the shard of the dataset; if ``weighted``, also their weights, if they have any.
    """
    source = dataset._source.in_time_order()
    return source if weighted else replace(source, weights=None)


def in_random_order(dataset: WindowDataset) -> WindowDataset:
    """Return a dataset of the same batches, from epoch 0, that shuffles whether it did or not."""
    source = dataset._source
    return of_source(dataset, replace(source, sampler=replace(source.sampler, shuffle=True)))


def of_source(dataset: WindowDataset, source: WindowSource) -> WindowDataset:
    """Return a dataset like another one that begins to read the batches of a source."""
    part = copy.copy(dataset)
    part._source, part._progress = source, Progress(source.sampler.batches)
    return part
