"""The loss of single batches, which Keras shows only as a mean since the epoch began."""

import math
from typing import Any

import keras


class BatchLoss:
    """Reads the loss of the batches between ``begin`` and ``end``, and leaves the epoch's mean.

    Keras keeps the mean in a metric named "loss". A model with a ``train_step`` of its own may
    keep another of that name, or log as its loss the mean in a metric of any name: that one
    tells itself by its value after an epoch's first batch. The mean is emptied before the
    batches, and gets back what it held after them. A model that keeps none is taken at its
    word: its logs hold the batch's loss.
    """

    def begin_epoch(self) -> None:
        """Forget the mean that was held, since Keras has emptied it."""
        self._held: list[list[float]] = []
        self._epoch: list[float] | None = None
        self._name = "loss"
        self._first = True

    def begin(self, model: keras.Model) -> None:
        """Empty the mean."""
        means = _means(model, self._name)
        # What ``end`` put there is known, and reading it takes time.
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
            # What nobody fed is not the loss; nan != 0, so a loss that is not finite counts.
            if total != 0 or count != 0:
                fed = total, count
                self._epoch = held
        if fed is None and self._first:
            fed = self._find(model, logged_loss(logs))
        self._first = False
        return fed or (logged_loss(logs), 1.0)

    def end_epoch(self, logs: Any) -> None:
        """Log the epoch's mean: where a model's logs are its own, they are the last batch's."""
        if self._epoch is not None and self._epoch[1]:
            logs["loss"] = self._epoch[0] / self._epoch[1]

    def _find(self, model: keras.Model, loss: float) -> tuple[float, float] | None:
        """Look for the mean of another name that was logged, and follow it from here on."""
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
    """The loss in the logs of a batch or an epoch."""
    if "loss" not in (logs or {}):
        raise ValueError(
            "The sweep finds no loss. A train_step of one's own updates a metric named 'loss', "
            f"or returns {{'loss': loss}}. It returned {sorted(logs or {})}."
        )
    return float(logs["loss"])


def _means(model: keras.Model, name: str) -> list[Any]:
    return [m for m in model.metrics if m.name == name and isinstance(m, keras.metrics.Mean)]


def _read(mean: Any) -> list[float]:
    # Two thirds of what convert_to_numpy takes on TensorFlow, for every batch.
    return [float(variable.numpy()) for variable in mean.variables]
