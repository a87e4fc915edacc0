"""The core that people pass in place of the recurrent layers: a layer, a model or a function.

It reads what the recurrent layers would: all columns side by side, at the last ``memory`` steps of
the window. If windows may lack values, a layer that takes a mask gets one. Any other core gets a
column that says which steps have values, since it would drop the mask.

A function of a tensor becomes a model of its own, so that its layers can be checked, and their
names do not collide with those around them.
"""

import functools
import inspect
import weakref
from typing import Any

import keras

from keras_ts import _checks, _keras_private
from keras_ts.layers.masks import MaskAsColumn, Unmask
from keras_ts.presets.blocks.core import called, without_mask
from keras_ts.presets.blocks.look_ahead import check_causal
from keras_ts.presets.requirements import Requirements

_TAKES = (
    "core must be a Keras layer or model, a function without arguments that returns one, or a "
    "function from a tensor (batch, steps, columns) to a tensor of features. "
)
# The layers of models that were built. A second model would share their weights.
_used: "weakref.WeakSet[keras.layers.Layer]" = weakref.WeakSet()


class CustomCore:
    """A layer, a model or a function in the place of the recurrent layers."""

    def __init__(self, needs: Requirements, core: Any) -> None:
        self._kind, self._masked, self._core = needs.settings.kind, needs.masked, core

    def __call__(self, columns: Any) -> Any:
        """Return the state: ``(batch, [window,] features)``, with ``window`` for a sequence."""
        core = _layer_or_function(self._core)
        is_layer = isinstance(core, keras.layers.Layer)
        if self._masked and not (is_layer and takes_mask(core)):
            columns = MaskAsColumn()(columns)
        if not is_layer:
            core = _as_model(core, columns)
        _check_unused(core)
        columns, mask = without_mask(columns)
        state = _attempted(functools.partial(called, core, mask=mask), columns)
        _check_state(state, columns, self._kind)
        if columns.shape[1] is not None:
            # A layer that was built for other columns fails only once it runs.
            _attempted(core, keras.ops.zeros((1, *columns.shape[1:]), columns.dtype))
        if self._kind == "sequence_to_sequence":
            check_causal(core, columns)
        _used.update(_own_layers(core))
        # The layers after a core take no mask.
        return state if _keras_private.mask_of(state) is None else Unmask()(state)


def _layer_or_function(core: Any) -> Any:
    """Return the layer that ``core`` is or returns; a function of a tensor unchanged."""
    if isinstance(core, keras.layers.Layer):
        return core
    if isinstance(core, type) or not callable(core):
        hint = " Make an object of the class first." if isinstance(core, type) else ""
        raise TypeError(f"{_TAKES}Received: core={_checks.shown(core)}.{hint}")
    try:
        parameters = inspect.signature(core).parameters.values()
    except ValueError as error:
        raise TypeError(f"{_TAKES}The arguments of {core!r} cannot be read.") from error
    required = [
        parameter
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if len(required) > 1 or any(p.kind is p.KEYWORD_ONLY for p in required):
        names = ", ".join(parameter.name for parameter in required)
        raise TypeError(f"{_TAKES}Received a function that needs the arguments {names}.")
    if required:
        return core
    returned = core()
    if not isinstance(returned, keras.layers.Layer):
        raise TypeError(
            f"{_TAKES}Received a function without arguments that returns {_checks.shown(returned)}."
        )
    return returned


def takes_mask(layer: keras.layers.Layer) -> bool:
    """Return True if a layer's ``call`` takes a mask, as that of recurrent layers does."""
    # That of a model does, too, but the first layer in it that passes no mask on drops it.
    return not isinstance(layer, keras.Model) and "mask" in inspect.signature(layer.call).parameters


def _as_model(function: Any, columns: Any) -> keras.Model:
    """Return the model that a function from a tensor describes."""
    inputs = keras.Input(columns.shape[1:], dtype=columns.dtype)
    outputs = _attempted(function, inputs)
    if not isinstance(outputs, keras.KerasTensor):
        raise TypeError(
            f"{_TAKES}Received a function that returns {_checks.shown(outputs)} for a tensor."
        )
    try:
        return keras.Model(inputs, outputs, name="core")
    except ValueError as error:
        raise ValueError(f"core cannot become a Keras model: {error}") from error


def _attempted(core: Any, columns: Any) -> Any:
    """Return a core's output for a tensor, or raise an error that names the tensor's shape."""
    try:
        return core(columns)
    except Exception as error:
        raise ValueError(
            f"core failed on a tensor of shape {tuple(columns.shape)}, (batch, steps, columns): "
            f"{type(error).__name__}: {error}"
        ) from error


def _own_layers(core: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return a core and the layers within it that have weights."""
    within = _keras_private.layers_within(core)[1:]
    return [core, *(layer for layer in within if layer.weights)]


def _check_unused(core: keras.layers.Layer) -> None:
    """Refuse a core with a layer that is in another model."""
    used = [layer.name for layer in _own_layers(core) if layer in _used]
    if used:
        raise ValueError(
            f"core has {used[0]!r}, which is in another model that was built, and the two would "
            "share its weights. Make a new layer for each model: pass a function that makes it, "
            "such as core=lambda: keras.layers.GRU(32)."
        )


def _check_state(state: Any, columns: Any, kind: str) -> None:
    """Refuse outputs of another shape than the head takes."""
    steps, sequence = columns.shape[1], kind == "sequence_to_sequence"
    expected = "(batch, steps, features)" if sequence else "(batch, features)"
    if not isinstance(state, keras.KerasTensor):
        raise ValueError(
            f"core must return one tensor {expected}. Received: {type(state).__name__} of "
            f"{len(keras.tree.flatten(state))} tensors."
        )
    shape = tuple(state.shape)
    hint = None
    if len(shape) == 3 and not sequence:
        hint = (
            "Let it pool the steps, with keras.layers.GlobalAveragePooling1D, or take the last "
            "one, x[:, -1]; for a recurrent layer return_sequences=False."
        )
    elif len(shape) == 2 and sequence:
        hint = (
            f"kind={kind!r} forecasts at every step: leave out the pooling; for a recurrent layer "
            "set return_sequences=True."
        )
    elif len(shape) != 2 + sequence:
        hint = "Let it flatten or pool the other axes."
    elif shape[-1] is None:
        hint = "The number of features must be known: end in a layer such as keras.layers.Dense."
    elif sequence and None not in (steps, shape[1]) and shape[1] != steps:
        hint = (
            f"It must keep all {steps} steps: for a convolution set padding='causal' and strides=1."
        )
    if hint:
        raise ValueError(f"core must return {expected}. Received: shape {shape}. {hint}")
