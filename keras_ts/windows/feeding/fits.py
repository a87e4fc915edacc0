"""Finds out, as a fit begins, how far earlier fits came, and whether its learning rate is 0.

A fit that was killed is called again in a new process, on a newly built dataset. Keras's
``BackupAndRestore`` restores the weights and the epoch, and the dataset has to follow, since the
order of its windows depends on the epoch.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import keras

from keras_ts import _keras_fits, _keras_private


@dataclass(frozen=True)
class Beginning:
    """A fit before its callbacks restore anything.

    Attributes:
        epoch: Its ``initial_epoch``.
        batches: The batches that its optimizer has counted, or None if it does not count all.
    """

    epoch: int
    batches: int | None

    @classmethod
    def of(cls, fit: _keras_fits.Fit) -> "Beginning":
        """Return where ``fit`` begins."""
        return cls(fit.epoch, _batches_counted(fit))


def trained_before(
    fit: _keras_fits.Fit, backup: Any, beginning: Beginning, batches: int, fresh: bool
) -> tuple[int, int] | None:
    """Return how far earlier fits came: passes through the dataset, and batches of the next one.

    Both count from where the continued fit began. In a new process that is where the dataset is
    now, since the same program has led there.

    Args:
        fit: The fit, in its first epoch.
        backup: The ``BackupAndRestore`` that restored the fit, or None.
        beginning: The fit, as it was called.
        batches: Batches in a pass.
        fresh: True if nothing has read the dataset. Its epochs are then those of the fit, including
            those that ``initial_epoch`` skips.
    """
    steps = min(fit.steps_per_epoch or batches, batches)
    epochs, more = fit.epoch, 0
    if not fresh:
        epochs = 0 if backup is None else max(0, fit.epoch - beginning.epoch)
    if backup is not None and backup.save_freq != "epoch":
        more = _batches_of_epoch(fit, beginning, steps)
    if fit.validates and (epochs or more):
        _not_followed("the dataset is its own validation set, and is read for that too")
        return None
    if batches % steps and (epochs or more):
        _not_followed(f"steps_per_epoch={steps} does not divide its {batches} batches")
        return None
    if not 0 <= more < steps or (more and steps < batches):
        _not_followed("the backup was taken in the middle of an epoch, which starts over")
        more = 0
    passes, parts = divmod(epochs, batches // steps)
    return passes, parts * steps + more


def _batches_of_epoch(fit: _keras_fits.Fit, beginning: Beginning, steps: int) -> int:
    """Return how many batches of its first epoch a fit has trained on, or -1 if unknown."""
    counted = _batches_counted(fit)
    if counted is None or beginning.batches is None:
        return -1
    return counted - beginning.batches - (fit.epoch - beginning.epoch) * steps


def _batches_counted(fit: _keras_fits.Fit) -> int | None:
    optimizer = getattr(fit.model, "optimizer", None)
    # A loss-scaling optimizer does not count batches whose gradients are not finite.
    if optimizer is None or hasattr(optimizer, "inner_optimizer"):
        return None
    return _keras_fits.updates_of(optimizer)


def _not_followed(reason: str) -> None:
    warnings.warn(
        "This fit continues an earlier one, and the dataset cannot follow to the same place in the "
        f"order of windows: {reason}. The weights will differ from those of a fit that was never "
        'stopped. Use BackupAndRestore(save_freq="epoch"), or save dataset.state() with the model '
        "and call dataset.restore(state) before fit.",
        stacklevel=2,
    )


def warn_of_rate_zero(fit: _keras_fits.Fit, batches: int) -> None:
    """Warn if a fit begins at a learning rate of 0 that nothing seems to raise.

    Args:
        fit: The fit, in its first epoch.
        batches: Batches in a pass through the dataset.
    """
    optimizer = getattr(fit.model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if optimizer is None or _number(optimizer.learning_rate):
        return
    schedule = _keras_private.schedule_of(optimizer)
    if schedule is None:
        rises = any(_may_set_rates(callback) for callback in fit.callbacks)
    elif isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        begin = _keras_fits.updates_of(optimizer)
        last = (fit.epochs - fit.epoch) * (fit.steps_per_epoch or batches) - 1
        # Updates to look at: at distances that double, and 64 spread evenly to the end of the fit.
        ahead = {min(1 << power, last) for power in range(last.bit_length() + 1)}
        ahead |= {last * part // 64 for part in range(64)}
        rises = any(_number(schedule(begin + updates)) for updates in ahead)
    else:
        rises = True  # A function of one's own: unknown.
    if not rises:
        warnings.warn(
            "This fit begins at a learning rate of 0 that does not rise, so no weight will change. "
            "This happens after a schedule has ended, also to a model loaded from a file. Compile "
            "the model again: by recipe.compile(model, ...), or with an optimizer whose rate is "
            "above 0, such as keras.optimizers.Adam(1e-4).",
            stacklevel=2,
        )


def _may_set_rates(callback: Any) -> bool:
    """Return True if a callback may raise a rate of 0: a custom one, or one of two of Keras's."""
    of_keras = type(callback).__module__.startswith("keras.")
    may = (keras.callbacks.LearningRateScheduler, keras.callbacks.LambdaCallback)
    return not of_keras or isinstance(callback, may)


def _number(value: Any) -> float:
    return float(keras.ops.convert_to_numpy(value))
