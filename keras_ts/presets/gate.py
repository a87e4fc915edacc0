"""Blends a net with the linear regression: the regression plus a share of their difference.

A net that begins at a ridge regression may end worse than the regression. So a net and a regression
of the first three quarters of the training part forecast the last quarter, and their errors there
say the share of each step and target.

The regression knows no events. If the net found some that have a name, and errs less on the last
quarter even before training, the untrained net takes the regression's place: it is the "line" then.
"""

import random
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_ts._dtypes import whole_precision, with_exact_integers
from keras_ts._models import predict, value_of
from keras_ts._progress import FitLine
from keras_ts._typing import Array
from keras_ts.interface import Interface
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.layers.sorted_quantiles import SortedQuantiles
from keras_ts.presets.regression.model import ridge_of, solved
from keras_ts.presets.requirements import required_by
from keras_ts.presets.settings import PresetSettings
from keras_ts.presets.share import best_share, better_line, error_sums
from keras_ts.presets.training import begun, fitted, free, of_one_series, side_by_side
from keras_ts.presets.wiring import within_bounds
from keras_ts.windows.blocks import Block, WindowBlocks
from keras_ts.windows.dataset import WindowDataset, in_stretches, in_time_order, of_source

# The part of the rows, the last ones, on which the share is chosen; and the part of the epochs for
# which a net is trained on the rows before, as a rehearsal of the fit.
_LATEST, _EPOCHS = 1 / 4, 1 / 2
# The pieces of a rehearsal; at the start of each, the learning rate is set to that of the fit.
_PIECES = 10
_BLOCK = 1024  # windows forecast at once
_NET, _LINE, _GATE = "net", "line", "gate"


def is_gated(preset: Any, train: WindowDataset, core: Any) -> bool:
    """Return True if a fit is blended: for a net with a linear map, and one series of many rows."""
    if preset.smoothing != "linear" or core is not None or not isinstance(train, WindowDataset):
        return False
    # With ``min_inputs=0``, a window may have no value, and the regression needs one.
    if train.windows.min_inputs == 0 or not of_one_series(train):
        return False
    early, late = _parts(train)
    return min(early.num_windows, late.num_windows) >= train.windows.batch_size


def gated_fit(
    preset: Any, train: WindowDataset, members: int, fit_arguments: dict[str, Any]
) -> keras.Model:
    """Return the blend of a net, or of the mean of several, with the regression, compiled."""
    parts: list[tuple[keras.Model, Array]] = []

    def rehearse(net: keras.Model, *of_fit: Any) -> None:
        share, by_start = _share(free(preset), train, net, *of_fit)
        parts.append((_frozen_start(preset, train) if by_start else _line(preset, train), share))

    net = fitted(free(preset), train, None, members, fit_arguments, rehearse)
    model = blend(net, *parts[0], preset)
    model.compile_from_config(net.get_compile_config())
    model.history = getattr(net, "history", None)
    return model


def _rehearsed(epochs: int) -> int:
    """Return the epochs of the rehearsal for a fit of this number of epochs."""
    return max(round(_EPOCHS * epochs), 1)


def blend(net: keras.Model, line: keras.Model, share: Array | None, bounds: Any) -> keras.Model:
    """Return a model, not compiled: a line plus a share of the net's difference from it."""
    shape, quantiles, dtype = net.output.shape[1:], Interface.of(net).quantiles, whole_precision()
    axes = "st"[: len(shape) - (quantiles is not None)]
    every = f"b{axes}" + "q" * (quantiles is not None)
    inputs, (by_net, by_line) = side_by_side({_NET: net, _LINE: line})
    gate = keras.layers.EinsumDense(f"{every},{axes}->{every}", shape, name=_GATE, dtype=dtype)
    gate.trainable = False
    correction = gate(keras.layers.Subtract(dtype=dtype)([by_net, by_line]))
    outputs = keras.layers.Add(dtype=dtype)([by_line, correction])
    if quantiles is not None:
        outputs = SortedQuantiles(quantiles)(outputs)
    if share is not None:
        gate.kernel.assign(np.reshape(share, gate.kernel.shape))
    return keras.Model(inputs, within_bounds(bounds, outputs))


def blended(model: keras.Model) -> tuple[keras.Model, keras.Model, Array] | None:
    """Return the net, the line and the share of a blend; None for any other model."""
    layers = {layer.name: layer for layer in model.layers}
    if not (isinstance(layers.get(_NET), keras.Model) and {_LINE, _GATE} <= set(layers)):
        return None
    return layers[_NET], layers[_LINE], keras.ops.convert_to_numpy(layers[_GATE].kernel)


def _parts(train: WindowDataset) -> tuple[WindowDataset, WindowDataset]:
    """Return the windows before a training part's last quarter, and those with targets in it."""
    source = train._source
    ranges, geometry = source.sampler.ranges, source.spec.geometry
    begins, ends = ranges.rows(geometry.span, source.panel.offsets)
    border = ends.max() - round(_LATEST * (ends.max() - begins.min()))
    datasets = []
    for part in (
        ranges.between(begins.min(), border - geometry.span),
        ranges.between(border - geometry.first_target, ends.max()),
    ):
        # A fixed seed, so that a fit that goes on from a backup chooses the same shares.
        sampler = replace(source.sampler, ranges=part, seed=0)
        if sampler.remainder == "keep":  # JAX would compile anew for a batch of another size.
            sampler = replace(sampler, remainder="drop")
        weights = None if source.weights is None else source.weights.part(part)
        datasets.append(of_source(train, replace(source, sampler=sampler, weights=weights)))
    return datasets[0], datasets[1]


def _share(
    preset: Any,
    train: WindowDataset,
    net: keras.Model,
    epochs: int,
    steps: int,
    shown: FitLine | None,
) -> tuple[Array, bool]:
    """Return the net's share by step and target, from 0 to 1, and leave the net as it was.

    The other value is True if the untrained net takes the regression's place.
    """
    early, late = _parts(train)
    variables = [*net.variables, *net.optimizer.variables]
    before = [value_of(variable) for variable in variables]
    _begin(preset, train, early, net)
    line, blocks = ridge_of(early), WindowBlocks(in_time_order(late, weighted=True))
    middle = 0 if preset.quantiles is None else preset.quantiles.index(0.5)

    def told(block: Block) -> Array:
        outputs = predict(net, with_exact_integers(block.inputs))
        return outputs.reshape(*block.actual.shape, -1)[..., middle]

    with_events = any(isinstance(of, CalendarEvents) and of.names for of in net.layers)
    starts = [told(block) for block in blocks.blocks(_BLOCK)] if with_events else []
    _train(preset, early, net, epochs, steps, shown)
    sums: Any = 0.0  # of the regression and, if it has events, of the untrained net
    for number, block in enumerate(blocks.blocks(_BLOCK)):
        lines = np.stack([line.predict(blocks, block), *starts[number : number + 1]])
        sums = sums + error_sums(told(block), lines, block.actual, block.weights)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    chosen = better_line(sums)
    return best_share(sums[:, chosen], late.windows.horizon), chosen == 1


def _begin(preset: Any, train: WindowDataset, early: WindowDataset, net: keras.Model) -> None:
    """Give a net the weights at which a net of the early part begins."""
    # A new net would have to be compiled, which takes longer than most fits. So the net of the fit
    # is used, with the constants of all rows for standardizing.
    net.set_weights(_start(preset, train, early).get_weights())


def _start(preset: Any, train: WindowDataset, part: WindowDataset) -> keras.Model:
    """Return a net before training, of a part of the rows; a fit that goes on has the same one."""
    state = random.getstate()
    random.seed(0)  # Keras draws the seeds of initializers from it.
    try:
        return begun(required_by(preset, train), None, part)
    finally:
        random.setstate(state)


def _train(
    preset: Any,
    early: WindowDataset,
    net: keras.Model,
    epochs: int,
    steps: int,
    shown: FitLine | None,
) -> None:
    """Train a net on the early part, as the fit trains it."""
    read = in_stretches(early, preset.recipe.steps_for(len(early)))
    count = _rehearsed(epochs)
    every = -(-count // _PIECES)
    settings: dict[str, Any] = {"shuffle": False, "verbose": 0}
    if shown is not None:
        shown.steps += count * len(read)
        settings["callbacks"] = [shown]
    for first in range(0, count, every):
        # The compiled schedule is that of the longer fit: jump to the same part of the schedule.
        net.optimizer.iterations.assign(first * epochs * steps // count)
        net.fit(read, initial_epoch=first, epochs=min(first + every, count), **settings)


def _frozen_start(preset: Any, train: WindowDataset) -> keras.Model:
    """Return the net before training, frozen."""
    start = _start(free(preset), train, train)
    for layer in start.layers:
        if layer.weights:  # Files do not keep that an input is frozen.
            layer.trainable = False
    return start


def _line(preset: Any, train: WindowDataset) -> keras.Model:
    """Return the regression of the training part, with the quantiles of the preset."""
    settings = PresetSettings(cell="linear", quantiles=preset.quantiles, period=preset.period)
    return solved(required_by(settings, train), train)
