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
from keras_ts.presets.wiring import within_bounds
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.training_backup import TrainingBackup, backups_of, end_backups

_MEAN, _MEMBER = "mean_of_members", "member_"


def mean_of(members: Sequence[keras.Model], bounds: Any) -> keras.Model:
    """Return the mean of models of the same inputs, not compiled, within what ``bounds`` has."""
    inputs = keras.tree.map_structure(
        lambda part: keras.Input(part.shape[1:], dtype=part.dtype, name=part.name),
        members[0].input,
    )
    outputs = keras.layers.Average(name=_MEAN, dtype=whole_precision())([
        keras.Model(member.input, member.output, name=f"{_MEMBER}{number}")(inputs)
        for number, member in enumerate(members)
    ])  # fmt: skip
    return keras.Model(inputs, outputs if bounds is None else within_bounds(bounds, outputs))


def members_of(model: keras.Model) -> list[keras.Model]:
    """Return the models whose mean a model is; none for any other model."""
    layers = {layer.name: layer for layer in model.layers}
    if not isinstance(layers.get(_MEAN), keras.layers.Average):
        return []
    return [layer for name, layer in layers.items() if name.startswith(_MEMBER)]


def untrained_mean(preset: Any, train: WindowDataset, core: Any, count: int) -> keras.Model:
    """Return what ``fitted_mean`` does, with the weights that the nets begin with."""
    return mean_of([_free(preset).build(train, core=core) for _ in range(count)], preset)


def fitted_mean(
    preset: Any, train: WindowDataset, core: Any, count: int, fit_arguments: dict[str, Any]
) -> keras.Model:
    """Return the mean of the nets of a preset, trained one after the other, compiled."""
    if preset.cell == "linear" or isinstance(core, keras.layers.Layer):
        cause = "core, which is one layer" if core is not None else "cell='linear' has no seed"
        raise ValueError(
            f"members={count} are nets from as many seeds, and here all would be one: {cause}. "
            "Leave members out, or pass a function, such as core=lambda: keras.layers.GRU(32)."
        )
    callbacks = fit_arguments.pop("callbacks", None)
    if isinstance(callbacks, keras.callbacks.CallbackList):
        raise TypeError("callbacks must be a list: a CallbackList belongs to one model.")
    callbacks = keras.tree.flatten(callbacks or [])
    parts = [_reseeded(train, number) for number in range(count)]
    backups = {
        backup: backups_of(backup, train, parts)
        for backup in callbacks
        if isinstance(backup, TrainingBackup)
    }
    members = []
    for number, part in enumerate(parts):
        of_part = [backups[each][number] if each in backups else each for each in callbacks]
        members.append(_free(preset).fit(part, core=core, callbacks=of_part, **fit_arguments))
    model = mean_of(members, preset)
    model.compile_from_config(members[0].get_compile_config())
    for backup, of_parts in backups.items():
        end_backups(backup, of_parts)
    return model


def _free(preset: Any) -> Any:
    """Return a preset without bounds, which go behind the mean: ``calibrate`` moves them."""
    return replace(preset, minimum=None, maximum=None)


def _reseeded(train: WindowDataset, number: int) -> WindowDataset:
    """Return a dataset of the same windows, from epoch 0, whose seed is larger by a number."""
    part, state = copy.copy(train), train.state()
    part.restore({**state, "epoch": 0, "batch": 0, "seed": state["seed"] + number})
    return part
