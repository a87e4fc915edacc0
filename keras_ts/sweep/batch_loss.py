"""Reads the loss of single batches; Keras itself shows the mean since the epoch began."""

import math
from typing import Any

import keras


class UpdateLoss:
    """Reads the loss of all batches of one update of the weights.

    An update is made of one batch, or of several under gradient accumulation. The optimizer has
    ``seen`` a number of batches, and the last of them may belong to an update that the next
    batches finish.
    """

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
        """Begin with ``batch``, alone or as the first of one execution."""
        self._first = batch
        self._batch_loss.begin(model)

    def end(self, model: keras.Model, batch: int, logs: Any) -> float | None:
        """Return the mean loss if ``batch`` ends an update, else None."""
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


class BatchLoss:
    """Reads the loss of the batches between ``begin`` and ``end``, and leaves the epoch's mean.

    Keras keeps the mean in a metric named "loss". A model with a ``train_step`` of its own may
    keep another metric of that name, or log the mean in a metric of another name, which is then
    found by its value after an epoch's first batch. ``begin`` empties the mean, and ``end`` puts
    back the epoch's values. The logs of a model that keeps no mean hold the batch's own loss.
    """

    def __init__(self) -> None:
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Forget the mean that was held, since Keras has emptied it."""
        self._held: list[list[float]] = []
        self._epoch: list[float] | None = None
        self._name = "loss"
        self._first = True

    def begin(self, model: keras.Model) -> None:
        """Empty the mean."""
        means = _means(model, self._name)
        # Reading takes time, so the values that ``end`` put back are kept.
        self._held = self._held or [_read(mean) for mean in means]
        for mean in means:
            mean.reset_state()

    def end(self, model: keras.Model, logs: Any) -> tuple[float, float]:
        """Return the sum of the losses since ``begin`` and their weight, and restore the mean."""
        fed = None
        for mean, held in zip(_means(model, self._name), self._held, strict=True):
            total, count = _read(mean)
            held[:] = held[0] + total, held[1] + count
            for variable, value in zip(mean.variables, held, strict=True):
                variable.assign(value)
            # A mean that is still empty is not the loss. A loss of NaN counts: nan != 0.
            if total != 0 or count != 0:
                fed = total, count
                self._epoch = held
        if fed is None and self._first:
            fed = self._find(model, logged_loss(logs))
        self._first = False
        return fed or (logged_loss(logs), 1.0)

    def end_epoch(self, logs: Any) -> None:
        """Log the epoch's mean, since a ``train_step`` of its own may log the last batch's loss."""
        if self._epoch is not None and self._epoch[1]:
            logs["loss"] = self._epoch[0] / self._epoch[1]

    def _find(self, model: keras.Model, loss: float) -> tuple[float, float] | None:
        """Find the mean that was logged under another name, and read that mean from here on."""
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
            "The sweep finds no loss. A train_step of one's own updates a metric named 'loss', "
            f"or returns {{'loss': loss}}. It returned {sorted(logs or {})}."
        )
    return float(logs["loss"])


def _means(model: keras.Model, name: str) -> list[Any]:
    return [m for m in model.metrics if m.name == name and isinstance(m, keras.metrics.Mean)]


def _read(mean: Any) -> list[float]:
    # On TensorFlow, numpy() takes two thirds of the time of convert_to_numpy.
    return [float(variable.numpy()) for variable in mean.variables]
