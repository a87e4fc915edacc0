"""``Recipe``: the training of a preset, from the loss to the number of epochs.

A recipe asks the model, and no dataset, for quantiles and units, so that a model that was loaded
from a file can be compiled again.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras

from keras_ts import _checks
from keras_ts.interface import Interface
from keras_ts.losses import MaskedLoss, QuantileLoss, StandardizedMSE
from keras_ts.metrics import IntervalCoverage, MaskedMAE, MedianMAE

# Longer windows take minutes to train on, and their weights need series of thousands of rows.
_MOST_STEPS = 300
# A decaying rate ends at this share of the first one: at 0, a model that is loaded and fitted again
# would not change. The sum of a fit's rates grows by 1 %.
_FLOOR = 0.01
# The losses of keras_ts by their names in a recipe; other names are Keras's.
_IN_UNITS = {"standardized_mse": StandardizedMSE}


@dataclass(frozen=True, repr=False)
class Recipe(_checks.Settings):
    """The training of a preset: loss, optimizer, rate, batch size and epochs.

    Example:

    >>> from keras_ts import from_preset
    >>> preset = from_preset("simple_rnn_40x2")
    >>> model = preset.build(window=20)
    >>> preset.recipe.compile(model)
    >>> model.loss, float(model.optimizer.learning_rate) < 1e-4
    ('huber', True)

    Args:
        loss: A loss by its Keras name; or ``"standardized_mse"``, a ``StandardizedMSE`` in units of
            the training part. It needs a model with smoothing, since others keep no units. The
            units are 1 if the model was built without a dataset.
        optimizer: ``"sgd"`` or ``"adamw"``.
        learning_rate: The learning rate; with ``cosine_decay``, the first one.
        batch_size: Windows in a batch.
        epochs: Number of epochs, of at most ``most_steps`` batches each. ``epochs_for`` gives more
            if columns are known ahead and there are few windows.
        momentum: Momentum of SGD. Defaults to 0.
        cosine_decay: True for a rate that falls along a cosine over the whole fit, to 1 % of
            ``learning_rate``, and stays there, so that a fit that goes on later still learns.
            Defaults to False.
        steps_per_decade: For a sweep, epochs in which the rate grows tenfold. The sweep starts at
            ``learning_rate``. Defaults to None: no sweep.
        least_updates: For ``epochs_for``, the least number of batches in a fit if columns are known
            ahead, such as promotions: their effects begin at 0, and few batches would leave them
            there. Defaults to 0.
        window: For ``window_for``, steps in a window, or the least number of steps if
            ``window_share`` or ``window_periods`` is set. Defaults to None: any window will do.
        window_share: Window length as a fraction of the longest training series. Defaults to 0.
        window_periods: Window length in periods. Defaults to 0.
        most_steps: For ``steps_for``, the most batches in an epoch, so that training on very many
            windows takes no longer. Defaults to None: all.
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
    most_steps: int | None = None

    def __post_init__(self) -> None:
        _checks.choice("optimizer", self.optimizer, ("sgd", "adamw"))
        _checks.positive("learning_rate", self.learning_rate)
        _checks.boolean("cosine_decay", self.cosine_decay)
        for name in ("batch_size", "epochs", "steps_per_decade", "window", "most_steps"):
            if getattr(self, name) is not None or name in ("batch_size", "epochs"):
                _checks.integer(name, getattr(self, name), 1)
        for name in ("least_updates", "window_periods"):
            _checks.integer(name, getattr(self, name), 0)
        for name in ("window_share", "momentum"):
            if not 0 <= _checks.real(name, getattr(self, name)) < 1:
                raise ValueError(
                    f"{name} must lie in [0, 1). Received: {name}={getattr(self, name)}."
                )
        if not isinstance(self.loss, str):
            raise TypeError(f"loss must be a loss by its name. Received: loss={self.loss!r}.")

    def steps_for(self, batches: int) -> int:
        """Return the batches in an epoch: all of the dataset, but at most ``most_steps``.

        With ``most_steps`` and shuffling, an epoch is a random sample of the windows, and the next
        epoch goes on where it ends.

        Example:

        >>> from keras_ts import from_preset
        >>> recipe = from_preset("seasonal_gru").recipe
        >>> recipe.steps_for(40), recipe.steps_for(4000)
        (40, 79)

        Args:
            batches: Batches in the dataset, ``len(dataset)``.
        """
        batches = _checks.integer("batches", batches, 1)
        return batches if self.most_steps is None else min(batches, self.most_steps)

    def epochs_for(self, steps_per_epoch: int, known_ahead: bool = False) -> int:
        """Return the epochs to fit: ``epochs``, or more if ``least_updates`` needs them.

        Example:

        >>> from keras_ts import from_preset
        >>> recipe = from_preset("seasonal_gru").recipe
        >>> recipe.epochs_for(steps_per_epoch=4), recipe.epochs_for(4, known_ahead=True)
        (8, 75)

        Args:
            steps_per_epoch: Batches in an epoch, as ``steps_for`` returns.
            known_ahead: True if the windows have ``future_columns``. Only then ``least_updates``
                counts. Defaults to False.
        """
        steps = _checks.integer("steps_per_epoch", steps_per_epoch, 1)
        least = self.least_updates if _checks.boolean("known_ahead", known_ahead) else 0
        return max(self.epochs, -(-least // steps))

    def window_for(self, steps: int, horizon: int = 1, period: int = 1) -> int:
        """Return the number of steps in a window for series to train on.

        The window has the length that the recipe asks for, but at most 300 steps, and at most the
        steps of the longest series before its last ``horizon``. With a ``period`` it is a whole
        number of periods, and always two or more, even if two exceed a limit: with
        ``min_inputs``, a window may begin before its series.

        Example:

        >>> from keras_ts import from_preset
        >>> from_preset("smooth_gru").recipe.window_for(1000)
        62
        >>> from_preset("seasonal_gru").recipe.window_for(120, horizon=18, period=12)
        72

        Args:
            steps: Steps of the longest series to train on, up to where the held-out part begins.
            horizon: Steps to forecast. Defaults to 1.
            period: Steps after which a season repeats. Defaults to 1: no season.

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
        asked = max(self.window, round(self.window_share * steps), self.window_periods * period)
        periods = min(-(-asked // period), min(steps - horizon, _MOST_STEPS) // period)
        return period * max(periods, 1 if period == 1 else 2)

    def compile(self, model: keras.Model, steps_per_epoch: int | None = None) -> None:
        """Compile ``model`` as the recipe says, with the mean absolute error as a metric.

        A model of quantiles, which ends in ``SortedQuantiles`` or names them in its
        ``WindowedInput``, gets ``QuantileLoss`` in place of the recipe's loss, and two metrics:
        ``mae``, the mean absolute error of the median, and unless the median is alone ``coverage``,
        the share of targets between the outer quantiles.

        If the model's windows have ``missing="mask_targets"``, a ``MaskedLoss`` wraps a loss of
        Keras, and ``mae`` is a ``MaskedMAE``.

        Args:
            model: The built model.
            steps_per_epoch: Batches in an epoch. Only a decaying rate needs them: it falls over
                the epochs that ``epochs_for`` returns for them.

        Raises:
            ValueError: The rate decays and ``steps_per_epoch`` is missing; the quantiles that the
                model carries are not those it ends in; or it lacks the units that the loss needs.
        """
        interface, rate = Interface.of(model), self.learning_rate
        if self.cosine_decay:
            if steps_per_epoch is None:
                raise ValueError(
                    "The recipe's learning rate decays over the whole fit: pass "
                    "steps_per_epoch=len(dataset)."
                )
            epochs = self.epochs_for(steps_per_epoch, interface.known_ahead)
            updates = epochs * steps_per_epoch
            rate = keras.optimizers.schedules.CosineDecay(rate, updates, alpha=_FLOOR)
        if self.optimizer == "sgd":
            optimizer = keras.optimizers.SGD(rate, momentum=self.momentum)
        else:
            # Keras's own epsilon, 1e-7, is more than the gradients of a loss with small weights.
            epsilon = 1e-15 if self.loss in _IN_UNITS else 1e-7
            optimizer = keras.optimizers.AdamW(rate, epsilon=epsilon)
        loss: Any = self.loss
        carried, quantiles = interface.carried, interface.quantiles
        partial = carried is not None and carried.windows.handling.partial
        metrics: list[Any] = [MaskedMAE() if partial else "mae"]
        if loss in _IN_UNITS:
            if interface.units is None:
                raise ValueError(
                    f'The loss "{loss}" needs the units of the targets, and only a model '
                    "with smoothing keeps them. Use a preset with smoothing, or "
                    "replace(recipe, loss='mse')."
                )
            loss = _IN_UNITS[loss](interface.units)
        elif partial and quantiles is None:
            loss = MaskedLoss(loss)
        if quantiles is not None:
            loss, metrics = QuantileLoss(quantiles), [MedianMAE(quantiles)]
            if len(quantiles) > 1:
                metrics.append(IntervalCoverage(quantiles))
        model.compile(loss=loss, optimizer=optimizer, metrics=metrics)
