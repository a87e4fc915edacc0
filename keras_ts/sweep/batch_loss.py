"""The loss of single batches, which Keras shows only as a mean since the epoch began."""

from typing import Any

import keras

from keras_ts._typing import Array


class BatchLoss:
    """Reads the loss of the batches between ``begin`` and ``end``, and leaves the epoch's mean.

    Keras keeps the mean in a metric named "loss" (a model with a ``train_step`` of its own may
    keep another of that name). It is emptied before the batches, and gets back what it held
    after them. A model that keeps none is taken at its word: its logs hold the batch's loss.
    """

    def begin(self, model: keras.Model) -> None:
        """Empty the mean."""
        self._held: list[list[Array]] = []
        for metric in _means(model):
            self._held.append([keras.ops.convert_to_numpy(v) for v in metric.variables])
            metric.reset_state()

    def end(self, model: keras.Model, logs: Any) -> tuple[float, float]:
        """Return the sum of the losses since ``begin`` and their weight, and restore the mean."""
        seen = None
        for metric, held in zip(_means(model), self._held, strict=True):
            total, count = (float(keras.ops.convert_to_numpy(v)) for v in metric.variables)
            # What nobody fed is not the loss; nan != 0, so a loss that is not finite counts.
            if total != 0 or count != 0:
                seen = total, count
            for variable, value in zip(metric.variables, held, strict=True):
                variable.assign_add(value)
        return (logged_loss(logs), 1.0) if seen is None else seen


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
