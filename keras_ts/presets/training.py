"""Trains the net of a preset, or several, once the parts with a closed form are fitted.

The mean of several nets depends less on seeds than each net does. The nets are models inside the
model of the mean, so that one file holds all of them, and each can be trained further.
"""

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._dtypes import whole_precision
from keras_ts._models import build_optimizer
from keras_ts._progress import FitLine
from keras_ts._typing import FitArguments
from keras_ts.interface import Interface
from keras_ts.panel.rows import in_pieces
from keras_ts.presets.initial_fit.events import fit_events
from keras_ts.presets.initial_fit.parts import fit_level, fit_linear, fit_spread
from keras_ts.presets.requirements import Requirements
from keras_ts.presets.training_windows import with_short_pasts
from keras_ts.presets.wiring import wire, within_bounds
from keras_ts.windows.dataset import EpochOrder, WindowDataset, in_stretches, in_time_order
from keras_ts.windows.scale import merged

# The share of windows that lose their oldest inputs in an epoch, so that the net learns young
# series, too; chosen on generated stores.
CUT_SHORT = 0.4
_MEAN, _MEMBER = "mean_of_members", "member_"
# A function called before a fit, with the compiled model, its epochs, its steps per epoch, and the
# line of progress, if any. It may train the model, and then restores it.
Rehearsal = Callable[[keras.Model, int, int, FitLine | None], None]


def begun(needs: Requirements, core: Any, dataset: WindowDataset) -> keras.Model:
    """Return a net, not yet trained, whose parts with a closed form are fitted to a dataset."""
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
        # Keras would refuse a misspelt argument; here nothing else reads them.
        if unknown := sorted(fit_arguments.keys() - FitArguments.__annotations__.keys()):
            raise TypeError(f"fit has no argument {', '.join(unknown)}. Leave it out.")
        recipe.compile(model)
        return model
    steps = fit_arguments.pop("steps_per_epoch", None) or recipe.steps_for(len(train))
    if (epochs := fit_arguments.pop("epochs", None)) is not None:
        epochs = _checks.integer("epochs", epochs, 1)
        recipe = replace(recipe, epochs=epochs, least_updates=0)
    known_ahead = Interface.of(model).known_ahead
    if preset.smoothing is not None and not known_ahead and of_one_series(train):
        # AdamW changes weights by its rate, however few windows a batch has. Windows of one series
        # overlap, so the rate is lowered in proportion if they do not fill a batch.
        filled = min(1.0, in_time_order(train).sampler.size / recipe.batch_size)
        recipe = replace(recipe, learning_rate=filled * recipe.learning_rate)
    recipe.compile(model, steps)
    build_optimizer(model)
    epochs = recipe.epochs_for(steps, known_ahead)
    read = with_short_pasts(train, CUT_SHORT)
    read = read if steps == len(train) else in_stretches(read, steps)
    callbacks, line = fit_arguments.pop("callbacks", None), None
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = keras.tree.flatten(callbacks or [])
        if any(isinstance(callback, keras.callbacks.BackupAndRestore) for callback in callbacks):
            callbacks = [EpochOrder(read), *callbacks]
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


def warn_beyond_bounds(preset: Any, train: WindowDataset) -> None:
    """Warn of targets in a training part that lie outside of a preset's bounds."""
    if preset.minimum is None and preset.maximum is None:
        return
    source = in_time_order(train)
    panel, targets = source.panel, list(source.panel.columns.targets)
    rows = source.sampler.ranges.rows(source.spec.geometry.span, panel.offsets)
    begins, ends = merged(*rows).T
    # In pieces, since a store may have more rows than fit in memory.
    run, done, sizes = in_pieces(ends - begins, 1 << 20)
    for name, side, beyond in (("minimum", "below", np.less), ("maximum", "above", np.greater)):
        bound, count, first = getattr(preset, name), 0, 0
        for begin, size in () if bound is None else zip(begins[run] + done, sizes, strict=True):
            values = panel.values[begin : begin + size].reshape(size, -1)[:, targets]
            found = begin + np.flatnonzero(beyond(values, bound).any(axis=1))
            first = first if count or not len(found) else int(found[0])
            count += len(found)
        if count:
            warnings.warn(
                f"{count} row{'s' * (count > 1)} of the training part "
                f"{'have' if count > 1 else 'has'} a target {side} {name}={bound:g}, the first at "
                f"{panel.place(first)}. No forecast lies there. Correct such values, for example "
                f"returns that are booked as sales, or leave {name} out.",
                stacklevel=3,
            )


def of_one_series(dataset: WindowDataset) -> bool:
    """Return True if all windows are of the same series."""
    return len(np.unique(in_time_order(dataset).sampler.ranges.series)) == 1


def mean_of(members: Sequence[keras.Model], bounds: Any) -> keras.Model:
    """Return a model, not compiled, of the mean of models, clipped to a preset's ``bounds``."""
    inputs, forecasts = side_by_side({f"{_MEMBER}{i}": model for i, model in enumerate(members)})
    outputs = keras.layers.Average(name=_MEAN, dtype=whole_precision())(forecasts)
    return keras.Model(inputs, within_bounds(bounds, outputs))


def side_by_side(models: dict[str, keras.Model]) -> tuple[Any, list[Any]]:
    """Return new inputs, and the outputs of models for them; each model is a layer of its name."""
    inputs = keras.tree.map_structure(
        lambda part: keras.Input(part.shape[1:], dtype=part.dtype, name=part.name),
        next(iter(models.values())).input,
    )
    return inputs, [
        keras.Model(model.input, model.output, name=name)(inputs) for name, model in models.items()
    ]


def members_of(model: keras.Model) -> list[keras.Model]:
    """Return the models inside one that ``mean_of`` made; none for any other model."""
    layers = {layer.name: layer for layer in model.layers}
    if not isinstance(layers.get(_MEAN), keras.layers.Average):
        return []
    return [layer for name, layer in layers.items() if name.startswith(_MEMBER)]


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
        cause = "cell='linear' has no seed. Leave members out."
        if core is not None:
            cause = (
                "core, which is one layer. Leave members out, or pass a function, such as "
                "core=lambda: keras.layers.GRU(32)."
            )
        raise ValueError(
            f"members={count} trains as many nets, each from its own seed. Here all would be the "
            f"same net: {cause}"
        )
    callbacks = fit_arguments.pop("callbacks", None)
    callbacks = keras.tree.flatten(callbacks or [])
    if any(isinstance(each, keras.callbacks.BackupAndRestore) for each in callbacks):
        raise ValueError(
            f"members={count} trains {count} nets, and BackupAndRestore would load one into the "
            "next. Leave it out, or train one net."
        )
    parts = [_reseeded(train, number) for number in range(count)]
    members: list[keras.Model] = []
    for part in parts:
        fit_arguments["callbacks"] = callbacks
        first = None if members else rehearsal
        members.append(trained(free(preset), part, core, first, **fit_arguments))
    model = mean_of(members, preset)
    model.compile_from_config(members[0].get_compile_config())
    return model


def free(preset: Any) -> Any:
    """Return a preset without bounds, for nets inside a model that is clipped as a whole."""
    return replace(preset, minimum=None, maximum=None)


def _reseeded(train: WindowDataset, number: int) -> WindowDataset:
    """Return a copy of the dataset at epoch 0, with ``number`` added to its seed."""
    part, state = copy.copy(train), train.state()
    part.restore({**state, "epoch": 0, "batch": 0, "seed": state["seed"] + number})
    return part
