"""Reads the loss of single batches, where Keras itself shows the mean since the epoch began."""

import math
from typing import Any

import keras


# An update takes one batch, or ``batches`` of them under gradient accumulation. The optimizer has
# ``seen`` some batches before; the last of these may belong to an update that is not finished.
class UpdateLoss:
    """Reads the mean loss of the batches that make one update of the weights."""

    def __init__(self, batches: int, seen: int) -> None:
        self._batches = batches
        self._done = seen % batches
        self._total = self._count = 0.0
        self._first = 0
        self._batch_loss = BatchLoss()

    def begin_epoch(self) -> None:
        """Expect the first batch of an epoch."""
        self._batch_loss.begin_epoch()

    def begin(self, model: keras.Model, batch: int) -> None:
        """Begin to read at ``batch``, the first that Keras runs in this execution."""
        self._first = batch
        self._batch_loss.begin(model)

    def end(self, model: keras.Model, batch: int, logs: Any) -> float | None:
        """Return the mean loss of the update that ``batch`` finishes, or None for no update."""
        total, count = self._batch_loss.end(model, logs)
        self._total, self._count = self._total + total, self._count + count
        self._done += batch - self._first + 1
        if self._done < self._batches:
            return None
        loss = self._total / self._count if self._count else math.nan
        self._total, self._count, self._done = 0.0, 0.0, 0
        return loss

    def end_epoch(self, logs: Any) -> None:
        """Put the epoch's own mean into its logs."""
        self._batch_loss.end_epoch(logs)


# Keras adds every batch to a mean, a metric named "loss". ``begin`` empties this mean, so that
# ``end`` can read from it the batches in between; ``end`` then puts the epoch's mean back. A model
# with a ``train_step`` of its own may have several metrics named "loss", or keep the mean under
# another name. Such a metric is found after an epoch's first batch: its mean equals the logged
# loss. If a model keeps no mean, its logs hold the batch's own loss.
class BatchLoss:
    """Reads the loss of the batches between ``begin`` and ``end``."""

    def __init__(self) -> None:
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Forget the last epoch's mean, since Keras empties its metrics when an epoch begins."""
        self._held: list[list[float]] = []
        self._epoch: list[float] | None = None
        self._name = "loss"
        self._first = True

    def begin(self, model: keras.Model) -> None:
        """Empty Keras's mean of the losses."""
        means = _means(model, self._name)
        # Reading a metric is slow, so the values that ``end`` put back are reused.
        self._held = self._held or [_read(mean) for mean in means]
        for mean in means:
            mean.reset_state()

    def end(self, model: keras.Model, logs: Any) -> tuple[float, float]:
        """Return the sum of the losses since ``begin`` and their weight; restore the mean."""
        fed = None
        for mean, held in zip(_means(model, self._name), self._held, strict=True):
            total, count = _read(mean)
            held[:] = held[0] + total, held[1] + count
            for variable, value in zip(mean.variables, held, strict=True):
                variable.assign(value)
            # A metric that is still empty is not the loss; one that holds NaN is, since nan != 0.
            if total != 0 or count != 0:
                fed = total, count
                self._epoch = held
        if fed is None and self._first:
            fed = self._find(model, logged_loss(logs))
        self._first = False
        return fed or (logged_loss(logs), 1.0)

    def end_epoch(self, logs: Any) -> None:
        """Log the epoch's mean, since a model's own ``train_step`` may log the last batch's."""
        if self._epoch is not None and self._epoch[1]:
            logs["loss"] = self._epoch[0] / self._epoch[1]

    def _find(self, model: keras.Model, loss: float) -> tuple[float, float] | None:
        """Find the metric whose mean is ``loss``, to be read from now on; return sum and weight."""
        for metric in model.metrics:
            if isinstance(metric, keras.metrics.Mean):
                total, count = _read(metric)
                if count and math.isclose(total / count, loss, rel_tol=1e-5):
                    self._name = metric.name
                    self._held = [[total, count]]
                    self._epoch = self._held[0]
                    return total, count
        return None


def logged_loss(logs: Any) -> float:
    """Return the loss in the logs of a batch or an epoch."""
    if "loss" not in (logs or {}):
        raise ValueError(
            "The sweep finds no loss in the model's logs. Let the model's own train_step update a "
            "metric named 'loss', or return {'loss': loss}. Received logs with the keys "
            f"{sorted(logs or {})}."
        )
    return float(logs["loss"])


def _means(model: keras.Model, name: str) -> list[Any]:
    return [m for m in model.metrics if m.name == name and isinstance(m, keras.metrics.Mean)]


def _read(mean: Any) -> list[float]:
    # On TensorFlow, numpy() takes two thirds of the time of convert_to_numpy.
    return [float(variable.numpy()) for variable in mean.variables]
