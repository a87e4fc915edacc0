"""The mean of several nets as one model: it depends less on the luck of a seed than each of them.

Each net is a model inside the model, so that all of them ride in one file, and each can be trained
further on its own.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from keras_ts._dtypes import whole_precision
from keras_ts.presets.training import Rehearsal, trained
from keras_ts.presets.wiring import within_bounds
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.training_backup import TrainingBackup, backup_of, end_backups

_MEAN, _MEMBER = "mean_of_members", "member_"


def mean_of(members: Sequence[keras.Model], bounds: Any) -> keras.Model:
    """Return the mean of models of the same inputs, not compiled, within what ``bounds`` has."""
    named = {f"{_MEMBER}{number}": member for number, member in enumerate(members)}
    inputs, forecasts = side_by_side(named)
    outputs = keras.layers.Average(name=_MEAN, dtype=whole_precision())(forecasts)
    return keras.Model(inputs, outputs if bounds is None else within_bounds(bounds, outputs))


def side_by_side(models: dict[str, keras.Model]) -> tuple[Any, list[Any]]:
    """Return new inputs, and the outputs for them of models of the same inputs, by their names."""
    first = next(iter(models.values()))
    inputs = keras.tree.map_structure(
        lambda part: keras.Input(part.shape[1:], dtype=part.dtype, name=part.name), first.input
    )
    return inputs, [
        keras.Model(each.input, each.output, name=name)(inputs) for name, each in models.items()
    ]


def members_of(model: keras.Model) -> list[keras.Model]:
    """Return the models whose mean a model is; none for any other model."""
    layers = {layer.name: layer for layer in model.layers}
    if not isinstance(layers.get(_MEAN), keras.layers.Average):
        return []
    return [layer for name, layer in layers.items() if name.startswith(_MEMBER)]


def unfitted(preset: Any, train: WindowDataset, core: Any, count: int) -> keras.Model:
    """Return the model that ``fitted`` returns, before its training."""
    if count == 1:
        return preset.build(train, core=core)
    return mean_of([free(preset).build(train, core=core) for _ in range(count)], preset)


def fitted(
    preset: Any,
    train: WindowDataset,
    core: Any,
    count: int,
    fit_arguments: dict[str, Any],
    rehearsal: Rehearsal | None = None,
) -> keras.Model:
    """Return the net of a preset, or the mean of several, trained one by one; compiled."""
    if count == 1:
        return trained(preset, train, core, rehearsal, **fit_arguments)
    if preset.cell == "linear" or isinstance(core, keras.layers.Layer):
        cause = "core, which is one layer" if core is not None else "cell='linear' has no seed"
        raise ValueError(
            f"members={count} trains as many nets, each from its own seed. Here all would be the "
            f"same net: {cause}. Leave members out, or pass a function, such as "
            "core=lambda: keras.layers.GRU(32)."
        )
    callbacks = fit_arguments.pop("callbacks", None)
    if isinstance(callbacks, keras.callbacks.CallbackList):
        raise TypeError("callbacks must be a list: a CallbackList belongs to one model.")
    callbacks = keras.tree.flatten(callbacks or [])
    parts = [_reseeded(train, number) for number in range(count)]
    backups = {
        backup: [backup_of(backup, train, part, number) for number, part in enumerate(parts)]
        for backup in callbacks
        if isinstance(backup, TrainingBackup)
    }
    members: list[keras.Model] = []
    for number, part in enumerate(parts):
        of_part = [backups[each][number] if each in backups else each for each in callbacks]
        first = None if members else rehearsal
        arguments = {**fit_arguments, "callbacks": of_part}
        members.append(trained(free(preset), part, core, first, **arguments))
    model = mean_of(members, preset)
    model.compile_from_config(members[0].get_compile_config())
    for backup, of_parts in backups.items():
        end_backups(backup, of_parts)
    return model


def free(preset: Any) -> Any:
    """Return a preset without bounds: ``mean_of`` bounds the mean of the nets instead."""
    return replace(preset, minimum=None, maximum=None)


def _reseeded(train: WindowDataset, number: int) -> WindowDataset:
    """Return the dataset from epoch 0, with ``number`` added to its seed."""
    part, state = copy.copy(train), train.state()
    part.restore({**state, "epoch": 0, "batch": 0, "seed": state["seed"] + number})
    return part
