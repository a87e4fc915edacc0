"""``FilledBatch``: counts a last batch that was filled up as the windows that it has.

Keras averages the loss of an epoch over the rows of its batches, and a filled batch has more rows
than windows. So the last batch is weighed again, by its share of windows, once it is over.
"""

from typing import Any

import keras
import numpy as np

from keras_ts import _keras_fits
from keras_ts.windows.arithmetic.sampler import BatchSampler


class FilledBatch(keras.callbacks.Callback):
    """Weighs the last batch of a fit or an evaluation by its share of windows.

    Args:
        method: "fit" or "evaluate", which both call the callbacks of a fit with validation.
    """

    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method
        self._last: int | None = None
        self._share = 1.0
        self._before: list[np.ndarray[Any, Any]] | None = None

    def set_last(self, batch: int | None, share: float) -> None:
        """Set the number of the last batch, or None if it is not filled, and its share."""
        self._last, self._share, self._before = batch, share, None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Keep the sums before the last batch of a fit."""
        self._begin(batch, "fit")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Weigh the last batch of a fit."""
        self._end("fit")

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Keep the sums before the last batch of an evaluation."""
        self._begin(batch, "evaluate")

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Weigh the last batch of an evaluation."""
        self._end("evaluate")

    def _begin(self, batch: int, method: str) -> None:
        if self.method == method and batch == self._last:
            self._before = [_value(variable) for variable in self._sums()]

    def _end(self, method: str) -> None:
        before = self._before
        if self.method != method or before is None:
            return
        self._before = None
        for variable, old in zip(self._sums(), before, strict=True):
            variable.assign(old + (_value(variable) - old) * self._share)

    def _sums(self) -> list[Any]:
        """Return the totals and counts of all means: of the loss, and of metrics."""
        metrics = [part for all_ in self.model.metrics for part in getattr(all_, "metrics", [all_])]
        means = [metric for metric in metrics if isinstance(metric, keras.metrics.Mean)]
        return [variable for mean in means for variable in (mean.total, mean.count)]


def weigh_last_batch(dataset: Any, sampler: BatchSampler, batches: int) -> None:
    """Let the fit or evaluation that begins an epoch of ``dataset`` weigh its last batch.

    Args:
        dataset: The dataset.
        sampler: The rows that this process feeds.
        batches: Number of batches in the epoch.
    """
    loop = _keras_fits.loop_reading(dataset)
    if loop is None:
        return
    # Otherwise the last batch of a pass is not the last step of an epoch.
    simple = loop.steps is None and loop.model.steps_per_execution == 1
    last = batches - 1 if sampler.last_share < 1 and simple else None
    own = next((item for item in loop.callbacks.callbacks if _is_of(item, loop.method)), None)
    if own is None and last is not None:
        own = FilledBatch(loop.method)
        _keras_fits.add_callback(loop, own)
    if own is not None:
        own.set_last(last, sampler.last_share)


def _is_of(callback: Any, method: str) -> bool:
    return isinstance(callback, FilledBatch) and callback.method == method


def _value(variable: Any) -> np.ndarray[Any, Any]:
    return np.array(keras.ops.convert_to_numpy(variable))
