"""The loss of single batches, which Keras shows only as a mean since the epoch began."""

from typing import Any

import keras


class BatchLoss:
    """Reads the loss of the batches between ``begin`` and ``end``, and leaves the epoch's mean.

    Keras keeps the mean in a metric named "loss" (a model with a ``train_step`` of its own may
    keep another of that name). It is emptied before the batches, and gets back what it held
    after them. A model that keeps none is taken at its word: its logs hold the batch's loss.
    """

    def begin_epoch(self) -> None:
        """Forget the mean that was held, since Keras has emptied it."""
        self._held: list[list[float]] = []

    def begin(self, model: keras.Model) -> None:
        """Empty the mean."""
        means = _means(model)
        # What ``end`` put there is known, and reading it takes time.
        self._held = self._held or [_read(mean) for mean in means]
        for mean in means:
            mean.reset_state()

    def end(self, model: keras.Model, logs: Any) -> tuple[float, float]:
        """Return the sum of the losses since ``begin`` and their weight, and restore the mean."""
        fed = None
        for mean, held in zip(_means(model), self._held, strict=True):
            total, count = _read(mean)
            held[:] = held[0] + total, held[1] + count
            for variable, value in zip(mean.variables, held, strict=True):
                variable.assign(value)
            # What nobody fed is not the loss; nan != 0, so a loss that is not finite counts.
            if total != 0 or count != 0:
                fed = total, count
        return fed or (logged_loss(logs), 1.0)


def logged_loss(logs: Any) -> float:
    """The loss in the logs of a batch or an epoch."""
    if "loss" not in (logs or {}):
        raise ValueError(
            "The sweep finds no loss. A train_step of one's own updates a metric named 'loss', "
            f"or returns {{'loss': loss}}. It returned {sorted(logs or {})}."
        )
    return float(logs["loss"])


def _means(model: keras.Model) -> list[Any]:
    return [m for m in model.metrics if m.name == "loss" and isinstance(m, keras.metrics.Mean)]


def _read(mean: Any) -> list[float]:
    # Two thirds of what convert_to_numpy takes on TensorFlow, for every batch.
    return [float(variable.numpy()) for variable in mean.variables]
