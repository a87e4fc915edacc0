"""Reads the argument ``models`` of ``compare``: models, with or without windows, and tables."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._backends import unwrapped
from keras_ts._models import check_model
from keras_ts.evaluation.forecasters.baselines import LinearRegression
from keras_ts.evaluation.forecasters.forecaster import (
    NAMES,
    USUAL_LEVELS,
    Forecaster,
    of_array,
    of_model,
)
from keras_ts.evaluation.forecasters.table_windows import on_windows
from keras_ts.evaluation.judged import JudgedWindows, common_windows, spans_of
from keras_ts.evaluation.judgement import lacking, steps_of
from keras_ts.interface import Interface
from keras_ts.layers.conformal_interval import ConformalInterval
from keras_ts.layers.following import Followed
from keras_ts.panel.labels import places_of
from keras_ts.presets.regression.direct import too_many
from keras_ts.scores.report import percent, whole_percent
from keras_ts.windows.carried import Spans, overlap

# The settings that train and validation must share.
_ALIKE = ("window", "horizon", "gap", "sampling_rate", "targets")


class Parts(NamedTuple):
    """A training and a validation part, and their name in errors: "validation" or a model's."""

    owner: str
    train: JudgedWindows
    judged: JudgedWindows

    @property
    def seen(self) -> int:
        """The number of series in which ``train`` has a target at or after one of ``judged``."""
        last, first = self.train.ends()[1], self.judged.ends()[0]
        if last.dtype.kind != first.dtype.kind:
            return 0
        places = places_of(self.judged.labels, self.train.labels)
        return int((last[places] >= first)[places >= 0].sum())


class Entries:
    """Models and tables by name, with the windows on which all of them are judged."""

    def __init__(self, models: Any, train: Any, validation: Any) -> None:
        named = _named(models)
        self.names = list(named)
        shared = None
        if not (train is None and validation is None):
            shared = _parts("validation", train, validation)
        read = {(id(train), id(validation)): shared}
        by_model: dict[str, Any] = {}
        self.models: dict[str, keras.Model] = {}
        for name, value in named.items():
            if isinstance(value, keras.Model):
                self.models[name], by_model[name] = value, shared
            elif isinstance(value, tuple):
                self.models[name], *datasets = value
                key = id(datasets[0]), id(datasets[1])
                by_model[name] = read[key] = read.get(key) or _parts(name, *datasets)
        if shared is None and (not by_model or None in by_model.values()):
            raise ValueError(
                "validation is None: pass train and validation, whose targets are judged, or "
                "(model, train, validation) for each model."
            )
        # Without shared parts, the baselines get the windows with the most columns, and of these
        # the longest.
        self.parts = shared or max(
            by_model.values(),
            key=lambda of: (len(of.judged.panel.columns.names), of.judged.geometry.reach),
        )
        self._by_model = by_model
        interfaces: dict[str, Interface] = {}
        for name, model in self.models.items():
            part = by_model[name].judged
            cure = f"Give it parts of its own: models={{{name!r}: (model, train, validation)}}."
            interfaces[name] = Interface.of(model, part.dataset, name, cure=cure)
            interfaces[name].check_columns(part.panel.columns, name, cure)
        _warn_seen(interfaces, {name: parts.judged for name, parts in by_model.items()})
        distinct = list(dict.fromkeys([self.parts, *by_model.values()]))
        windows = common_windows([parts.owner for parts in distinct], [p.judged for p in distinct])
        common = dict(zip(distinct, windows, strict=True))
        tables = {
            name: on_windows(name, table, common[self.parts])
            for name, table in named.items()
            if name not in by_model
        }
        if tables:
            covered = np.logical_and.reduce(
                [~lacking(table.forecasts).all(axis=(1, 2)) for table in tables.values()]
            )
            if not covered.any():
                who = " and ".join(tables)
                raise ValueError(
                    f"No window has a target for which all columns of {who} have a forecast."
                )
            common = {each: part.only(np.flatnonzero(covered)) for each, part in common.items()}
            tables = {
                name: table._replace(forecasts=table.forecasts[covered])
                for name, table in tables.items()
            }
        self.judged = common[self.parts]
        self._common, self._interfaces, self._tables = common, interfaces, tables
        all_levels = [
            *(interface.quantiles for interface in interfaces.values()),
            *(table.levels for table in tables.values()),
        ]
        usual = next((levels for levels in all_levels if levels), USUAL_LEVELS)
        self.forecasters: list[Forecaster] = [
            of_model(name, interfaces[name], common[by_model[name]])
            if name in by_model
            else of_array(name, *tables[name][:2], self.judged, usual=usual)
            for name in self.names
        ]

    def _called(self, parts: Parts) -> str:
        """Return the names of the models with these windows, or else the name of the parts."""
        names = [name for name, used in self._by_model.items() if used is parts]
        return " and ".join(names) or parts.owner

    @property
    def period(self) -> int | None:
        """The season that the models carry, in rows, or None; an error if they carry several."""
        periods = {name: each.period for name, each in self._interfaces.items() if each.period}
        if len(set(periods.values())) > 1:
            raise ValueError(
                f"The models carry seasons of different lengths: {_checks.shown(periods)}. Pass "
                "period=, the rows in a season for MASE and the baselines; 1 for no season."
            )
        return next(iter(periods.values()), None)

    def notes(self, baselines: Sequence[str]) -> list[str]:
        """Return sentences on windows that differ, and on what models and baselines read."""
        notes = []
        distinct = list(self._common)
        if len(distinct) > 1 or self.judged.count < self.parts.judged.count:
            counts = ", ".join(f"{self._called(p)} {p.judged.count}" for p in distinct)
            notes.append(
                f"All have {self.judged.count} windows in common (of their own: {counts}); only "
                "these are judged."
            )
            before, left = (
                each.ranges.series_of(np.arange(each.count))
                for each in (self.parts.judged, self.judged)
            )
            if len(gone := np.setdiff1d(before, left)):
                names = [self.judged.labels[number] for number in gone.tolist()]
                notes.append(f"No window is left of the series {_checks.shown(names)}.")
        if len(distinct) > 1:
            notes.append(f"The baselines read the windows of {self._called(self.parts)}.")
        if self._tables:
            end = steps_of(self.forecasters, self.judged)[self.judged].stop
            notes += [
                f"{name} forecasts up to step {table.last_step}; steps after {end} are not judged."
                for name, table in self._tables.items()
                if table.last_step > end
            ]
        for parts, judged in self._common.items():
            if seen := parts._replace(judged=judged).seen:
                who = self._called(parts) if len(distinct) > 1 else ""
                notes.append(
                    f"In {seen} series train{who and f' of {who}'} has a target at or after the "
                    f"first of validation, so {who or 'the models'} may have seen what is judged."
                )
        covariates = self.parts.judged.beyond_targets()
        if self.models:
            notes += covariates_note(covariates, baselines, too_many(self.parts.train))
        for name, interface in self._interfaces.items():
            last = interface.last_layer
            if isinstance(last, ConformalInterval) and last.halves is not None:
                first, latest = last.halves
                often = "more" if latest < first else "less"
                notes.append(
                    f"Within the part that {name} was calibrated on, its "
                    f"{whole_percent(last.coverage[0])} interval held {percent(first)} of values "
                    f"in the first half and {percent(latest)} in the last, which chance does not "
                    f"explain: coverage drifts, so later values may miss it {often} often than "
                    "asked."
                )
        for name, parts in self._by_model.items():
            more = [text for text in parts.judged.beyond_targets() if text not in covariates]
            if more:
                notes.append(f"{name} also reads what no baseline does: {'; '.join(more)}.")
        return notes


def covariates_note(covariates: Sequence[str], baselines: Sequence[str], wide: bool) -> list[str]:
    """Return a sentence on what models read beside the past of targets, if anything."""
    if not covariates:
        return []
    readers = "the baselines of keras_ts do not"
    if LinearRegression.name in baselines:
        readers = "of the baselines only the linear regression does"
        if wide:
            readers += ", without the past of other columns, which are too many for its windows"
    return [f"Beside the past of the targets, models may read {'; '.join(covariates)}; {readers}."]


def _named(models: Any) -> dict[str, Any]:
    """Return, by name, models, (model, train, validation) and tables; or raise an error."""
    if models is None:
        return {}
    if _is_table(models):
        named = {"forecast": models}
    else:
        named = dict(models) if isinstance(models, Mapping) else {"model": models}
    for name, value in named.items():
        if name in NAMES:
            raise ValueError(f"models has the name of a baseline: {name!r}. Take another one.")
        if isinstance(value, tuple) and len(value) == 3:
            named[name] = check_model(value[0], built=True), *value[1:]
        elif isinstance(unwrapped(value), keras.Model):
            named[name] = check_model(value, built=True)
    return named


def _is_table(value: Any) -> bool:
    """Return True for a frame, and for a dict of columns such as ``align`` returns."""
    if isinstance(value, Mapping):
        models = any(isinstance(part, keras.Model | tuple) for part in value.values())
        return {"target", "prediction"} <= set(value) and not models
    return hasattr(value, "columns")


def _parts(owner: str, train: Any, validation: Any) -> Parts:
    """Return two parts with equal settings, columns and, without labels, number of series."""
    trained, judged = JudgedWindows("train", train), JudgedWindows("validation", validation)
    datasets = trained.dataset, judged.dataset
    windows = [dataset.windows for dataset in datasets]
    pairs = [(name, *(getattr(spec, name) for spec in windows)) for name in _ALIKE]
    pairs.append(("columns", *(dataset.columns for dataset in datasets)))
    for name, ours, theirs in pairs:
        if ours != theirs:
            raise ValueError(
                f"train and validation must have the same {name}, from one WindowedSeries. "
                f"Received: {name}={_checks.shown(ours)} and {name}={_checks.shown(theirs)}."
            )
    if None in (trained.panel.labels, judged.panel.labels):
        counts = len(trained.labels), len(judged.labels)
        if counts[0] != counts[1]:
            raise ValueError(
                "train and validation must hold the same series. Received "
                f"{counts[0]} and {counts[1]} series."
            )
    return Parts(owner, trained, judged)


def _warn_seen(interfaces: Mapping[str, Interface], judged: Mapping[str, JudgedWindows]) -> None:
    """Warn of models with nets or intervals that learnt from targets that are judged."""
    spans: dict[JudgedWindows, Spans] = {}
    for name, interface in interfaces.items():
        calibrated_on = getattr(interface.last_layer, "calibrated_on", None)
        trained_on, part = interface.trained_on, judged[name]
        if (calibrated_on or trained_on) and part not in spans:
            spans[part] = spans_of(part)
        seen = []
        if overlap(calibrated_on, spans.get(part, {})):
            seen.append(
                "was calibrated on targets that validation holds, so its coverage there is the one "
                "asked for, by construction. Judge it on later windows."
            )
        if overlap(trained_on, spans.get(part, {})):
            seen.append(
                "was trained on targets that validation holds, by fine_tune or by "
                "calibrate(train_on=...), so its errors there are too small. Judge it on later "
                "windows."
            )
        if _followed(getattr(interface.last_layer, "followed", None), part):
            seen.append(
                "has intervals that follow targets that validation holds, so their coverage there "
                "says little. Judge them on later windows, or each fold before they move: "
                "backtest(..., follow=True)."
            )
        for what in seen:
            warnings.warn(f"{name} {what}", stacklevel=4)


def _followed(followed: Followed | None, judged: JudgedWindows) -> bool:
    """Return True if a window has targets in the time span that the intervals followed."""
    clock = judged.panel.clock
    if followed is None or not followed.origins or clock is None or clock.frequency is None:
        return False
    origins, numbers = judged.origins(), clock.numbers
    first, last = (numbers[origins + int(ahead)] for ahead in judged.ahead[[0, -1]])
    within = (first <= followed.origins[-1] + len(judged.ahead)) & (last > followed.origins[0])
    return bool(within.any())
