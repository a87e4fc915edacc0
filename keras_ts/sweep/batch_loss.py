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

    def begin_epoch(self) -> None:
        """Forget the mean that was held, since Keras has emptied it."""
        self._held: list[list[Array]] = []

    def begin(self, model: keras.Model) -> None:
        """Empty the mean."""
        means = _means(model)
        # What ``end`` put there is known, and reading it would cost as much as all the rest.
        self._held = self._held or [_read(metric) for metric in means]
        for metric in means:
            metric.reset_state()

    def end(self, model: keras.Model, logs: Any) -> tuple[float, float]:
        """Return the sum of the losses since ``begin`` and their weight, and restore the mean."""
        means = _means(model)
        seen = [_read(metric) for metric in means]
        for metric, held, new in zip(means, self._held, seen, strict=True):
            held[:] = [a + b for a, b in zip(held, new, strict=True)]
            for variable, value in zip(metric.variables, held, strict=True):
                variable.assign(value)
        # What nobody fed is not the loss; nan != 0, so a loss that is not finite counts.
        fed = [new for new in seen if any(value != 0 for value in new)]
        return (float(fed[-1][0]), float(fed[-1][1])) if fed else (logged_loss(logs), 1.0)


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


def _read(metric: Any) -> list[Array]:
    return [keras.ops.convert_to_numpy(variable) for variable in metric.variables]
