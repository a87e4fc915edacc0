"""``Recipe``: the training of a preset, from the loss to the number of epochs."""

from dataclasses import dataclass
from typing import Any, Literal

import keras

from keras_ts import _checks
from keras_ts.losses import IntervalCoverage, MedianMAE, QuantileLoss
from keras_ts.windows.windowed_input import levels_given_by


@dataclass(frozen=True)
class Recipe:
    """The training of a preset: loss, optimizer, rate, batch size and epochs.

    Example:

    >>> from keras_ts import from_preset
    >>> preset = from_preset("simple_rnn_40x2", window=20)
    >>> model = preset.build()
    >>> preset.recipe.compile(model)
    >>> model.loss, float(model.optimizer.learning_rate) < 1e-4
    ('huber', True)

    Args:
        loss: A loss by its Keras name.
        optimizer: ``"sgd"`` or ``"adamw"``.
        learning_rate: The rate; with ``cosine_decay``, the first rate.
        batch_size: Windows in a batch.
        epochs: Passes over all windows. ``epochs_for`` gives more where there are few windows.
        momentum: Momentum of SGD. Defaults to 0.
        cosine_decay: True for a rate that falls to 0 over the whole fit, along a cosine.
            Defaults to False.
        steps_per_decade: For a sweep, epochs in which the rate grows tenfold. The sweep starts at
            ``learning_rate``. Defaults to None: no sweep.
        least_updates: Fewest updates of the weights, one a batch, for ``epochs_for``. Defaults to
            0: ``epochs`` passes are enough for any number of windows.
    """

    loss: str
    optimizer: Literal["sgd", "adamw"]
    learning_rate: float
    batch_size: int
    epochs: int
    momentum: float = 0.0
    cosine_decay: bool = False
    steps_per_decade: int | None = None
    least_updates: int = 0

    def __post_init__(self) -> None:
        _checks.choice("optimizer", self.optimizer, ("sgd", "adamw"))
        _checks.positive("learning_rate", self.learning_rate)
        _checks.integer("batch_size", self.batch_size, 1)
        _checks.integer("epochs", self.epochs, 1)
        _checks.boolean("cosine_decay", self.cosine_decay)
        if self.steps_per_decade is not None:
            _checks.integer("steps_per_decade", self.steps_per_decade, 1)
        _checks.integer("least_updates", self.least_updates, 0)
        if not 0 <= _checks.real("momentum", self.momentum) < 1:
            raise ValueError(f"momentum must lie in [0, 1). Received: momentum={self.momentum}.")
        if not isinstance(self.loss, str):
            raise TypeError(f"loss must be a loss by its name. Received: loss={self.loss!r}.")

    def epochs_for(self, steps_per_epoch: int) -> int:
        """Return the epochs to fit: ``epochs``, or as many as make ``least_updates``.

        Example:

        >>> from keras_ts import from_preset
        >>> recipe = from_preset("seasonal_gru").recipe
        >>> recipe.epochs_for(steps_per_epoch=80), recipe.epochs_for(steps_per_epoch=4)
        (8, 60)

        Args:
            steps_per_epoch: Batches in an epoch, ``len(dataset)``.
        """
        steps = _checks.integer("steps_per_epoch", steps_per_epoch, 1)
        return max(self.epochs, -(-self.least_updates // steps))

    def compile(self, model: keras.Model, steps_per_epoch: int | None = None) -> None:
        """Compile ``model`` as the recipe says, with the mean absolute error as a metric.

        A model that gives quantiles, which ends in ``SortedQuantiles`` or whose ``WindowedInput``
        carries levels, takes ``QuantileLoss`` in place of the recipe's loss. Its metrics are
        ``mae``, the mean absolute error of the median, and ``coverage``, the share of targets
        between the outer quantiles. Keras's own ``"mae"`` is no loss for such outputs, and no
        metric: with 3 levels and batches of 32 it stops with shapes that do not broadcast; with a
        batch of 1 or 3, or targets ``(batch, 1)``, it broadcasts and returns a number without a
        meaning.

        Args:
            model: The built model.
            steps_per_epoch: Batches in an epoch. Only a decaying rate needs them: it falls over
                ``epochs_for(steps_per_epoch)`` epochs.

        Raises:
            ValueError: The rate decays and ``steps_per_epoch`` is missing, or the levels that the
                model carries are not those it ends in.
        """
        rate: Any = self.learning_rate
        if self.cosine_decay:
            if steps_per_epoch is None:
                raise ValueError(
                    "This recipe's rate decays over the whole fit: pass "
                    "steps_per_epoch=len(dataset)."
                )
            updates = self.epochs_for(steps_per_epoch) * steps_per_epoch
            rate = keras.optimizers.schedules.CosineDecay(rate, updates)
        if self.optimizer == "sgd":
            optimizer = keras.optimizers.SGD(rate, momentum=self.momentum)
        else:
            optimizer = keras.optimizers.AdamW(rate)
        loss: Any = self.loss
        metrics: list[Any] = ["mae"]
        levels = levels_given_by(model)
        if levels is not None:
            loss, metrics = QuantileLoss(levels), [MedianMAE(levels)]
            if len(levels) > 1:
                metrics.append(IntervalCoverage(levels))
        model.compile(loss=loss, optimizer=optimizer, metrics=metrics)
