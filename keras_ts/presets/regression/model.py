"""Builds the linear regression of ``compare`` as a model with nothing left to train.

``DirectRidge`` solves the regression in NumPy, in other units than those of the model. The model
standardizes all windows by the training part, or each by its own mean and standard deviation. So
this file converts the coefficients.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from keras_ts._dtypes import whole_precision
from keras_ts._models import value_of
from keras_ts._typing import Array
from keras_ts.interface import Interface
from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.layers.plumbing import CarryForward, LastSteps, MissingAsColumns, SelectColumns
from keras_ts.layers.restore_window import RestoreWindow
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.panel.roles import as_x
from keras_ts.presets.blocks.normalization import normalized, standardization
from keras_ts.presets.regression.direct import DirectRidge
from keras_ts.presets.regression.ridge import Line
from keras_ts.presets.requirements import IGNORED, Constants, Requirements, required_by
from keras_ts.presets.settings import PresetSettings
from keras_ts.presets.wiring import entrance, headed, within_bounds
from keras_ts.windows.blocks import WindowBlocks
from keras_ts.windows.dataset import WindowDataset, in_time_order

# The name of the cell and of its models, and the names of two layers.
_NAME: Literal["linear"] = "linear"
_WINDOW, _OTHERS = "linear_window", "linear_others"


def solved(needs: Requirements, dataset: WindowDataset) -> keras.Model:
    """Return the regression of a dataset as a model, frozen."""
    levels = needs.settings.quantiles or ()
    ridge = ridge_of(dataset, levels)
    if len(levels) > 1 and ridge.fewest_errors < 2:
        warnings.warn(
            f"Quantiles of {dataset.num_windows} training windows have no width at some step: they "
            "are made of errors on the last third of each series' windows, and a step has fewer "
            "than two. For two errors, two series need three windows each, or one series six: pass "
            "a smaller window= or min_inputs=, or a later border.",
            stacklevel=5,
        )
    norm: Literal["standard"] | None = "standard" if ridge.scaled else None
    # The blocks that are shared with nets read the settings of a net.
    settings = replace(needs.settings, cell="gru", window_norm=norm, period=None)
    needs = replace(needs, settings=settings, units=None)
    layers, model = _wired(needs, ridge)
    _set(layers, needs, ridge)
    for layer in layers:
        if layer is not None:
            layer.trainable = False
    return model


def solved_again(interface: Interface, dataset: WindowDataset) -> keras.Model | None:
    """Return the regression of another dataset, if the model is a regression; else None."""
    if not _is_solved(interface.model):
        return None
    carried: Any = {end: getattr(interface.bounds, end, None) for end in ("minimum", "maximum")}
    carried |= {"period": interface.period, "quantiles": interface.quantiles}
    return solved(required_by(PresetSettings(cell=_NAME, **carried), dataset), dataset)


def keep_spread(model: keras.Model, levels: Sequence[float], of: keras.Model) -> None:
    """Move a regression's quantiles as far from its median as those of ``of`` are from theirs."""
    if not _is_solved(model):
        return
    parts = []
    for each in (of, model):
        last = [x for x in each.layers if isinstance(x, RestoreWindow | ScaleOutput)][-1]
        layer, unit = each.get_layer(_OTHERS), np.asarray(getattr(last, "scale", 1.0))
        bias = value_of(layer.bias).reshape(each.get_layer(_WINDOW).steps, len(levels), -1) * unit
        parts.append((bias, bias[:, [levels.index(0.5)]], type(last)))
    (old, old_median, kind), (_, median, new_kind) = parts
    if kind is new_kind:  # One series has other units than several.
        layer.bias.assign(((median + old - old_median) / unit).reshape(-1))


def _is_solved(model: keras.Model) -> bool:
    return model.name == _NAME and _OTHERS in {layer.name for layer in model.layers}


def ridge_of(dataset: WindowDataset, levels: Sequence[float] = ()) -> DirectRidge:
    """Return the regression of a dataset, in NumPy."""
    source = in_time_order(dataset, weighted=True)
    weights = source.weights
    if weights is not None:
        # Errors are in units of each window, so weights by the scale of a series are left out.
        weights = None if weights.of_windows is None else replace(weights, of_series=None)
    ridge = DirectRidge()
    ridge.fit(WindowBlocks(replace(source, weights=weights)), levels)
    return ridge


class _Layers(NamedTuple):
    """The layers that hold the coefficients."""

    window: LinearForecast  # of the values of a target, for this target alone
    others: keras.layers.Dense  # of all other inputs of the window, with the constant
    ahead: keras.layers.EinsumDense | None  # of the columns known ahead
    relative: keras.layers.EinsumDense | None  # of these columns, times the mean of the window


def _wired(needs: Requirements, ridge: DirectRidge) -> tuple[_Layers, keras.Model]:
    """Return the layers of the coefficients, and the model."""
    assert needs.targets is not None
    inputs, window = entrance(needs)
    dtype, flat = whole_precision(), needs.steps * needs.outputs_per_step
    normal, location, _, restore, _ = normalized(needs, window, filled=True)
    latest, planned = [normal], _planned(needs)
    if planned:
        plan = standardization(_ahead(needs)[range(len(planned))])(SelectColumns(planned)(window))
        latest.append(CarryForward("first")(plan) if needs.masked else plan)
    lags = max(ridge.lags, 1)
    others = [keras.layers.Flatten(dtype=dtype)(LastSteps(lags)(part)) for part in latest]
    for part, constants in needs.series_constants.items():
        others.append(standardization(constants)(inputs[part]))
    if len(ridge.indicated) and ridge.lags:
        indicated = LastSteps(lags)(SelectColumns(ridge.indicated.tolist())(window))
        others.append(keras.layers.Flatten(dtype=dtype)(MissingAsColumns()(indicated)))
    joined = others[0] if len(others) == 1 else keras.layers.Concatenate(dtype=dtype)(others)
    shape = (needs.steps, needs.outputs_per_step // needs.targets_per_step, needs.targets_per_step)
    layers = _Layers(
        LinearForecast(needs.steps, name=_WINDOW),
        keras.layers.Dense(flat, kernel_initializer="zeros", dtype=dtype, name=_OTHERS),
        *(_by_step(needs, bias) if needs.ahead and used else None
          for bias, used in ((None, True), ("st", ridge.scaled))),
    )  # fmt: skip
    windows = SelectColumns(needs.targets)(normal)
    of_targets = keras.layers.Reshape((shape[0], 1, shape[2]), dtype=dtype)(layers.window(windows))
    terms = [keras.layers.Reshape(shape, dtype=dtype)(layers.others(joined)), of_targets]
    relative = None
    if layers.ahead is not None:
        known = standardization(_ahead(needs))(inputs["future"])
        if needs.ahead_masked and planned:
            known = CarryForward()(known)
        terms.append(keras.layers.Reshape(shape, dtype=dtype)(layers.ahead(known)))
        if layers.relative is not None:
            means = [SelectColumns(needs.targets)(location)] * shape[1]
            level = means[0] if len(means) == 1 else keras.layers.Concatenate(dtype=dtype)(means)
            relative = keras.layers.Multiply(dtype=dtype)([layers.relative(known), level])
    outputs = keras.layers.Reshape((flat,), dtype=dtype)(keras.layers.Add(dtype=dtype)(terms))
    outputs, _ = headed(needs, None, outputs, None, restore, relative)
    return layers, keras.Model(as_x(inputs), within_bounds(needs.settings, outputs), name=_NAME)


def _by_step(needs: Requirements, bias: str | None) -> keras.layers.EinsumDense:
    """Return a layer that maps, at each step, the step's columns to its outputs."""
    return keras.layers.EinsumDense(
        "bsk,skt->bst",
        (needs.steps, needs.outputs_per_step),
        bias_axes=bias,
        kernel_initializer="zeros",
        dtype=whole_precision(),
    )


def _planned(needs: Requirements) -> tuple[int, ...]:
    """Return the places in ``past`` of the columns known ahead, without the calendar."""
    return needs.ahead[: len(needs.ahead) - needs.calendar]


def _ahead(needs: Requirements) -> Constants:
    assert needs.ahead_constants is not None
    return needs.ahead_constants


def _set(layers: _Layers, needs: Requirements, ridge: DirectRidge) -> None:
    """Set the coefficients."""
    assert needs.target_constants is not None
    quantiles, targets = len(ridge.offsets) or 1, needs.targets_per_step
    maps = [_Map.of(line, needs, ridge, target) for target, line in enumerate(ridge.lines)]
    layers.window.kernel.assign(np.stack([of.window for of in maps]))
    by_quantile = [np.repeat(of.others[:, :, None], quantiles, axis=2) for of in maps]
    layers.others.kernel.assign(np.stack(by_quantile, axis=3).reshape(layers.others.kernel.shape))
    bias = np.stack([of.constant for of in maps], axis=1)[:, None]
    if len(ridge.offsets):
        units = 1.0 if ridge.scaled else np.asarray(needs.target_constants.std)
        bias = bias + ridge.offsets.transpose(1, 0, 2) / units
    layers.others.bias.assign(np.broadcast_to(bias, (needs.steps, quantiles, targets)).reshape(-1))
    for layer, effects in ((layers.ahead, "ahead"), (layers.relative, "relative")):
        if layer is not None:
            kernel = np.stack([getattr(of, effects) for of in maps], axis=2)
            layer.kernel.assign(np.tile(kernel, quantiles))
    if layers.relative is not None:
        levels = np.stack([of.level for of in maps], axis=1)
        layers.relative.bias.assign(np.tile(levels, quantiles))


class _Map(NamedTuple):
    """The coefficients of a target, in the units of the model."""

    window: Array  # (window, steps)
    others: Array  # (inputs, steps)
    constant: Array  # (steps,)
    ahead: Array  # (steps, columns)
    relative: Array  # (steps, columns)
    level: Array  # (steps,), the bias of ``relative``

    @classmethod
    def of(cls, line: Line, needs: Requirements, ridge: DirectRidge, target: int) -> "_Map":
        """Convert the coefficients of a regression."""
        assert needs.window is not None
        assert needs.own is not None
        assert needs.targets is not None
        assert needs.target_constants is not None
        groups, column = (needs.own, _planned(needs)), needs.own[needs.targets[target]]
        units, lags, steps = line.units, ridge.lags, needs.steps
        kernel = line.window * (units.y.unit / units.window.unit)[:, None]
        effects = line.ahead * (units.y.unit / units.ahead.unit)
        constant = units.y.unit * line.constant + units.y.origin
        constant -= (kernel * units.window.origin[:, None]).sum(axis=0)
        constant -= (effects * units.ahead.origin).sum(axis=1)
        mean, std = _standardized(needs, ridge.scaled)
        window, rest = kernel[: needs.window], kernel[needs.window :]
        constant += mean[column] * window.sum(axis=0)
        latest = [np.zeros((max(lags, 1), len(group), steps)) for group in groups]
        for place in range(len(mean)) if lags else ():
            if place != column:
                part, rest = rest[:lags], rest[lags:]
                constant += mean[place] * part.sum(axis=0)
                group = int(place in groups[1])
                latest[group][:, groups[group].index(place)] = std[place] * part
        others = [part.reshape(-1, steps) for part in latest]
        for constants in needs.series_constants.values():
            part, rest = rest[: len(constants.mean)], rest[len(constants.mean) :]
            constant += np.asarray(constants.mean) @ part
            others.append(_used(constants)[:, None] * part)
        fixed, relative = np.split(effects, [len(needs.ahead)], axis=1)
        known, spread = np.asarray(_ahead(needs).mean), _used(_ahead(needs))
        constant += fixed @ known
        unit, origin = 1.0, 0.0
        if not ridge.scaled:
            unit, origin = needs.target_constants.std[target], needs.target_constants.mean[target]
        return cls(
            std[column] * window / unit,
            np.concatenate([*others, rest]) / unit,
            (constant - origin) / unit,
            fixed * spread / unit,
            relative * spread if ridge.scaled else relative,
            relative @ known if ridge.scaled else np.zeros(steps),
        )


def _standardized(needs: Requirements, scaled: bool) -> tuple[Array, Array]:
    """Return by column the mean and standard deviation by which the model standardizes windows."""
    assert needs.own is not None
    planned = _planned(needs)
    mean, std = np.zeros(len(needs.own) + len(planned)), np.ones(len(needs.own) + len(planned))
    for places, constants in ((needs.own, needs.own_constants), (planned, _ahead(needs))):
        if places and constants is not None and not (scaled and places is needs.own):
            some = constants[range(len(places))]
            mean[list(places)], std[list(places)] = some.mean, _used(some)
    return mean, std


def _used(constants: Constants) -> Array:
    """Return standard deviations, with 0 for covariates that are constant in the training part."""
    std = np.asarray(constants.std)
    return np.where(std < IGNORED, std, 0.0)
