"""Trains the models of a backtest, and passes the levels of intervals from fold to fold."""

import copy
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_ts._models import check_model, value_of
from keras_ts._quantiles import NEAR, pairs_of
from keras_ts._typing import Array
from keras_ts.evaluation.calibrate import with_followed
from keras_ts.evaluation.judged import JudgedWindows, rows_apart
from keras_ts.interface import Interface
from keras_ts.layers.following import Followed, moved, shares_missed, unmoved
from keras_ts.presets.description import RecurrentPreset
from keras_ts.windows.cut import Fold as FoldParts
from keras_ts.windows.dataset import WindowDataset

Build = Callable[[WindowDataset], keras.Model]

# These may keep the best loss of an earlier fit, so each fit gets an unused copy.
_WATCHING = (
    keras.callbacks.EarlyStopping,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.ReduceLROnPlateau,
)


class Fold(NamedTuple):
    """What a fold's model forecast: points or quantiles, and the quantiles of totals."""

    predictions: Array
    levels: tuple[float, ...] | None
    totals: Array | None = None  # None unless totals are judged, and the model has error paths
    num_errors: int = 0  # how many held-out errors the model's intervals come from


class Trainer:
    """Builds and trains models, and checks that none shares weights with an earlier one."""

    def __init__(self, build: Build | RecurrentPreset, fit_arguments: Mapping[str, Any]) -> None:
        self._build, self._arguments = build, dict(fit_arguments)
        if self._arguments.get("verbose") in (None, "auto"):
            self._arguments["verbose"] = 0
        # The variables of all earlier models that still exist, by ``id``.
        self._earlier: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def model(self, fold: FoldParts) -> keras.Model:
        """Return a fresh model, trained on the training part of a fold."""
        arguments = dict(self._arguments)
        if arguments.get("callbacks") is not None:
            arguments["callbacks"] = [
                copy.copy(callback) if isinstance(callback, _WATCHING) else callback
                for callback in keras.tree.flatten(arguments["callbacks"])
            ]
        if fold.validation is not None:
            arguments["validation_data"] = fold.validation
        if isinstance(self._build, RecurrentPreset):
            return self._build.fit(fold.train, **arguments)
        model = self._fresh(self._build, fold.train)
        model.fit(fold.train, **{"shuffle": False, **arguments})
        self._remember(model)
        return model

    def shared(self, fold: FoldParts) -> Callable[[], keras.Model]:
        """Return a function that returns the model of some folds, trained on the first."""
        # The function restores the variables as they were after training, so that no fold depends
        # on earlier ones, even if calibrating or predicting changes the model.
        model = self.model(fold)
        variables = model.variables
        values = [value_of(variable) for variable in variables]

        def restored() -> keras.Model:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
            return model

        return restored

    def _remember(self, model: keras.Model) -> None:
        self._earlier.update({id(variable): variable for variable in model.variables})

    def _fresh(self, build: Build, train: WindowDataset) -> keras.Model:
        """Return the model that ``build`` makes; refuse one that is not fresh."""
        model = build(train)
        check_model(model)
        if any(id(variable) in self._earlier for variable in model.variables):
            raise ValueError(
                "build returned a model that shares weights with an earlier fold's, which has been "
                "trained on. Make the layers within build, or clone the model there: "
                "keras.models.clone_model."
            )
        return model


def check_fit_arguments(fit_arguments: Mapping[str, Any]) -> None:
    """Refuse arguments of ``fit`` that show a fold later values."""
    if fit_arguments.get("validation_data") is not None:
        raise ValueError(
            "validation_data would be the same for every fold, and show some folds later values. "
            "Pass validation_size= in its place."
        )
    if isinstance(fit_arguments.get("callbacks"), keras.callbacks.CallbackList):
        raise TypeError(
            "callbacks must be a list of callbacks: a CallbackList belongs to one model, and each "
            "fold has its own."
        )
    for callback in keras.tree.flatten(fit_arguments.get("callbacks")):
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            raise ValueError(
                "BackupAndRestore would load the weights of one fold's model into another's, which "
                "may have seen later values. Loop over windows.folds(series) yourself."
            )


# The levels at which the intervals of the next fold begin, ``(steps, targets)`` by coverage.
Levels = dict[float, Array]


def levels_after(before: Levels | None, done: Fold, judged: JudgedWindows) -> Levels:
    """Return the levels after a fold: ``before``, moved by its errors as ``follow`` does."""
    pairs, (windows, horizon, targets) = pairs_of(done.levels or ()), judged.shape
    low, high = np.array(list(pairs.values())).T
    bounds = done.predictions.reshape(windows * horizon, targets, -1)
    origins = judged.origins_of(np.arange(judged.count))
    missed = shares_missed(
        judged.targets().reshape(-1, targets),
        bounds[..., low],
        bounds[..., high],
        np.repeat(origins.times, horizon),
        np.tile(np.arange(1, horizon + 1), windows),
        horizon,
    )
    gaps = [rows_apart(origins.series, judged.origins(), horizon)] * len(missed)
    levels = unmoved(list(pairs)) if before is None else np.stack([*before.values()])
    reached = moved(levels, missed, list(pairs), gaps, done.num_errors, judged.geometry.gap)
    return dict(zip(pairs, reached, strict=True))


def moved_to(levels: Levels, model: keras.Model) -> keras.Model:
    """Return a calibrated model whose intervals have these levels."""
    layer = Interface(model, None).last_layer
    values = np.empty((len(layer.coverage), *layer.scores.quantiles.shape[2:4]))
    for place, share in enumerate(layer.coverage):
        values[place] = next(
            (level for own, level in levels.items() if abs(own - share) < NEAR), 1 - share
        )
    return with_followed(model, Followed(values, (), ""))
