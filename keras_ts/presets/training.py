"""Makes one net of a preset, which begins with what is solved for, and trains it by the recipe."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._models import build_optimizer
from keras_ts._progress import FitLine
from keras_ts.interface import Interface
from keras_ts.presets.initial_fit.events import fit_events
from keras_ts.presets.initial_fit.parts import fit_level, fit_linear, fit_spread
from keras_ts.presets.requirements import Requirements
from keras_ts.presets.training_windows import with_short_pasts
from keras_ts.presets.wiring import wire
from keras_ts.windows.dataset import WindowDataset, in_stretches, in_time_order
from keras_ts.windows.training_backup import TrainingBackup, backup_of

# Of the windows of an epoch, if young series may come: chosen on folds of generated stores.
CUT_SHORT = 0.4
# Trains a compiled model that shall be fitted for some epochs of some steps, and sets it back. It
# shows its own steps on the line, if there is one.
Rehearsal = Callable[[keras.Model, int, int, FitLine | None], None]


def begun(needs: Requirements, core: Any, dataset: WindowDataset) -> keras.Model:
    """Return a net, and fit to a dataset the parts of it that are not trained."""
    wired = wire(needs, core)
    if wired.level is not None:
        fit_level(wired.level, needs, dataset)
    if wired.probe is not None:
        if wired.linear is not None:
            fit_linear(wired.linear, wired.season, wired.probe, dataset, needs.seasons, needs.units)
        if wired.events is not None:
            fit_events(wired.events, wired.probe, dataset, needs.units)
        if wired.head is not None and needs.settings.quantiles is not None:
            fit_spread(wired.head, wired.probe, dataset, needs.settings.quantiles)
    return wired.model


def trained(
    preset: Any,
    train: WindowDataset,
    core: Any,
    rehearsal: Rehearsal | None = None,
    **fit_arguments: Any,
) -> keras.Model:
    """Return a net that is built for a training part, compiled, and trained by the recipe."""
    model, recipe = preset.build(train, core=core), preset.recipe
    if preset.cell == "linear":
        recipe.compile(model)
        return model
    steps = fit_arguments.pop("steps_per_epoch", None) or recipe.steps_for(len(train))
    if (epochs := fit_arguments.pop("epochs", None)) is not None:
        epochs = _checks.integer("epochs", epochs, 1)
        recipe = replace(recipe, epochs=epochs, least_updates=0)
    known_ahead = Interface.of(model).known_ahead
    if preset.smoothing is not None and not known_ahead and of_one_series(train):
        # An update moves a forecast that is good at first by its rate, however few windows ask for
        # it. Those of a single series overlap: a batch that is not full counts by its share.
        filled = min(1.0, in_time_order(train).sampler.size / recipe.batch_size)
        recipe = replace(recipe, learning_rate=filled * recipe.learning_rate)
    recipe.compile(model, steps)
    build_optimizer(model)
    epochs = recipe.epochs_for(steps, known_ahead)
    read = with_short_pasts(train, CUT_SHORT)
    read = read if steps == len(train) else in_stretches(read, steps)
    callbacks, line = fit_arguments.pop("callbacks", None), None
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = [
            backup_of(backup, train, read) if isinstance(backup, TrainingBackup) else backup
            for backup in keras.tree.flatten(callbacks or [])
        ]
        for backup in callbacks:
            if isinstance(backup, TrainingBackup):
                fit_arguments.setdefault("initial_epoch", backup.epoch)
        if fit_arguments.get("verbose") is None:
            line = FitLine(steps * (epochs - fit_arguments.get("initial_epoch", 0)))
            callbacks, fit_arguments["verbose"] = [line, *callbacks], 0
    if rehearsal is not None:
        rehearsal(model, epochs, steps, line)
    fit_arguments.setdefault("shuffle", False)
    model.fit(read, epochs=epochs, callbacks=callbacks, **fit_arguments)
    if line is not None:
        line.end()
    return model


def of_one_series(dataset: WindowDataset) -> bool:
    """Return True if all windows are of the same series."""
    return len(np.unique(in_time_order(dataset).sampler.ranges.series)) == 1
