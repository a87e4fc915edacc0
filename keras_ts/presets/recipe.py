"""``Recipe``: the training of a preset, from the loss to the number of epochs."""

from dataclasses import dataclass
from typing import Any, Literal

import keras

from keras_ts import _checks
from keras_ts.interface import Interface
from keras_ts.layers.smoothed_forecast import SmoothedForecast
from keras_ts.losses import QuantileLoss, StandardizedMSE
from keras_ts.metrics import IntervalCoverage, MedianMAE

# Longer windows take minutes to read, and their weights take thousands of steps to tell.
_MOST_STEPS = 300
# Share of the first rate at which a decay ends. At 0 a model that is loaded and fitted again would
# stay as it is. This much adds 1 % to the sum of a fit's rates, and lets a loaded model learn as
# fast as the fit did 6 % before its end.
_FLOOR = 0.01


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
        loss: A loss by its Keras name; or ``"standardized_mse"``, ``StandardizedMSE`` in units of
            the training part, which a model with smoothing carries if it was built for a dataset;
            built alone, its unit is 1.
        optimizer: ``"sgd"`` or ``"adamw"``.
        learning_rate: The rate; with ``cosine_decay``, the first rate.
        batch_size: Windows in a batch.
        epochs: Passes over all windows. ``epochs_for`` gives more where there are few windows.
        momentum: Momentum of SGD. Defaults to 0.
        cosine_decay: True for a rate that falls to 1 % of ``learning_rate`` over the whole fit,
            along a cosine, and stays there: a fit that goes on later still learns. Defaults to
            False.
        steps_per_decade: For a sweep, epochs in which the rate grows tenfold. The sweep starts at
            ``learning_rate``. Defaults to None: no sweep.
        least_updates: Fewest updates of the weights, one a batch, for ``epochs_for``. Defaults to
            0: ``epochs`` passes are enough for any number of windows.
        window: Steps in a window, for ``window_for``: the least, if there is a share or a number
            of periods. Defaults to None: any window will do.
        window_share: Steps in a window beside those of the longest series to train on. Defaults
            to 0.
        window_periods: Seasons in a window. Defaults to 0.
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
    window: int | None = None
    window_share: float = 0.0
    window_periods: int = 0

    def __post_init__(self) -> None:
        _checks.choice("optimizer", self.optimizer, ("sgd", "adamw"))
        _checks.positive("learning_rate", self.learning_rate)
        _checks.integer("batch_size", self.batch_size, 1)
        _checks.integer("epochs", self.epochs, 1)
        _checks.boolean("cosine_decay", self.cosine_decay)
        if self.steps_per_decade is not None:
            _checks.integer("steps_per_decade", self.steps_per_decade, 1)
        _checks.integer("least_updates", self.least_updates, 0)
        _checks.integer("window_periods", self.window_periods, 0)
        if self.window is not None:
            _checks.integer("window", self.window, 1)
        if not 0 <= _checks.real("window_share", self.window_share) < 1:
            raise ValueError(
                f"window_share must lie in [0, 1). Received: window_share={self.window_share}."
            )
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

    def window_for(self, steps: int, horizon: int = 1, period: int = 1) -> int:
        """Return the steps of a window for series to train on.

        As many as the recipe asks for, 300 at most, and at most as many as the longest series has
        before its last ``horizon`` steps. With a ``period`` they are whole periods, and two at
        least, be that more than 300 or than any series has: ``pad_front`` fills up.

        Example:

        >>> from keras_ts import from_preset
        >>> from_preset("smooth_gru").recipe.window_for(1000)
        62
        >>> from_preset("seasonal_gru").recipe.window_for(120, horizon=18, period=12)
        72

        Args:
            steps: Steps of the longest series to train on, up to where the held-out part begins.
            horizon: Steps to forecast. Defaults to 1.
            period: Steps in a season. Defaults to 1: none.

        Raises:
            ValueError: The recipe names no window, or the series is no longer than the horizon.
        """
        steps = _checks.integer("steps", steps, 1)
        horizon = _checks.integer("horizon", horizon, 1)
        period = _checks.integer("period", period, 1)
        if self.window is None:
            raise ValueError("This recipe names no window: any will do.")
        if steps <= horizon:
            raise ValueError(
                f"steps={steps} leave no window before a horizon of {horizon}: no series is long "
                "enough to train on."
            )
        wanted = max(self.window, round(self.window_share * steps), self.window_periods * period)
        periods = min(-(-wanted // period), min(steps - horizon, _MOST_STEPS) // period)
        return period * max(periods, 1 if period == 1 else 2)

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
            ValueError: The rate decays and ``steps_per_epoch`` is missing; the levels that the
                model carries are not those it ends in; or it lacks the units that the loss needs.
        """
        rate: Any = self.learning_rate
        if self.cosine_decay:
            if steps_per_epoch is None:
                raise ValueError(
                    "This recipe's rate decays over the whole fit: pass "
                    "steps_per_epoch=len(dataset)."
                )
            updates = self.epochs_for(steps_per_epoch) * steps_per_epoch
            rate = keras.optimizers.schedules.CosineDecay(rate, updates, alpha=_FLOOR)
        if self.optimizer == "sgd":
            optimizer = keras.optimizers.SGD(rate, momentum=self.momentum)
        else:
            # Keras's own epsilon, 1e-7, is more than the gradients of a loss with small weights.
            epsilon = 1e-15 if self.loss == "standardized_mse" else 1e-7
            optimizer = keras.optimizers.AdamW(rate, epsilon=epsilon)
        loss: Any = self.loss
        if loss == "standardized_mse":
            loss = StandardizedMSE(_unit_of(model))
        metrics: list[Any] = ["mae"]
        levels = Interface.of(model).quantiles
        if levels is not None:
            loss, metrics = QuantileLoss(levels), [MedianMAE(levels)]
            if len(levels) > 1:
                metrics.append(IntervalCoverage(levels))
        model.compile(loss=loss, optimizer=optimizer, metrics=metrics)


def _unit_of(model: keras.Model) -> float | list[float]:
    """Return the units of the targets that the model carries, or 1 if it was built alone."""
    layer = next((layer for layer in model.layers if isinstance(layer, SmoothedForecast)), None)
    if layer is None:
        raise ValueError(
            'The loss "standardized_mse" needs the units of the targets, and only a model with '
            "smoothing carries them. Use a preset with smoothing, or replace(recipe, loss='mse')."
        )
    return 1.0 if layer.unit is None else layer.unit
