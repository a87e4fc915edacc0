"""The core of the net: from the columns of a window to the state of the net.

Recurrent layers read all columns side by side, at the last ``memory`` steps of the window, and skip
masked steps. In sequence to sequence a masked step has the state of the step before it, so the
layers that follow get no mask.

A core of your own, a layer, a model or a function, reads the same columns. If windows may lack
values, a layer that takes a mask gets one. Any other core would drop a mask, so it gets a column
that says which steps have values. A function of a tensor becomes a model, so that its layers can
be checked, and their names do not collide with those around them.

In sequence to sequence, each step but the last has its target within the window. A core that reads
later steps could copy them, and its loss would fall to 0 without a forecast, so it is refused.
"""

import inspect
import weakref
from typing import Any

import keras
import numpy as np

from keras_ts import _checks, _keras_private
from keras_ts._models import value_of
from keras_ts._typing import Array
from keras_ts.layers.plumbing import MaskAsColumn, Unmask
from keras_ts.presets.requirements import Requirements
from keras_ts.presets.settings import CELLS

_TAKES = (
    "core must be a Keras layer or model, a function without arguments that returns one, or a "
    "function from a tensor (batch, steps, columns) to a tensor of features. "
)
# The layers of cores in models that were built. A second model would share their weights.
_used: "weakref.WeakSet[keras.layers.Layer]" = weakref.WeakSet()
# To check if a core looks ahead: the length of the window if it is open, and the most steps in a
# batch, all windows together.
_STEPS, _MOST_STEPS = 16, 1 << 14
# Differences up to this are rounding, in units of the outputs' precision times the largest one.
_ROUNDING = 8
# Weights below this, such as those of a gate that begins at 0, hide what a core reads.
_SMALL = 0.01


def recurrent(needs: Requirements, columns: Any) -> Any:
    """Return the state of recurrent layers, ``(batch[, steps], units)``."""
    settings = needs.settings
    sequence = settings.kind == "sequence_to_sequence"
    state, mask = _without_mask(columns)
    for position, units in enumerate(settings.units, start=1):
        layer = CELLS[settings.cell](
            units,
            return_sequences=sequence or position < len(settings.units),
            dropout=settings.dropout,
        )
        layer = keras.layers.Bidirectional(layer) if settings.bidirectional else layer
        state = _called(layer, state, mask)
    return state


def custom(needs: Requirements, core: Any, columns: Any) -> Any:
    """Return the state of a core of one's own, in the shape that recurrent layers return."""
    kind, core = needs.settings.kind, _layer_or_function(core)
    is_layer = isinstance(core, keras.layers.Layer)
    if needs.masked and not (is_layer and takes_mask(core)):
        columns = MaskAsColumn()(columns)
    if not is_layer:
        core = _as_model(core, columns)
    _check_unused(core)
    columns, mask = _without_mask(columns)
    state = _called(core, columns, mask)
    _check_state(state, columns, kind)
    if columns.shape[1] is not None:
        # A layer that was built for other columns fails only once it runs.
        core(keras.ops.zeros((1, *columns.shape[1:]), columns.dtype))
    if kind == "sequence_to_sequence":
        check_causal(core, columns)
    _used.update(_layers_of(core))
    return _without_mask(state)[0]  # The layers after a core take no mask.


def _without_mask(columns: Any) -> tuple[Any, Any]:
    """Return the columns without their mask, and the mask, or None if they have none."""
    mask = _keras_private.mask_of(columns)
    return (columns, None) if mask is None else (Unmask()(columns), mask)


def _called(layer: keras.layers.Layer, columns: Any, mask: Any) -> Any:
    """Call a layer with its mask as an argument: recurrent layers of Keras 3.16 pass none on."""
    if mask is None:
        return layer(columns)
    # If a mask is passed by name, Keras warns of layers that pass none on. So it is passed by its
    # position if possible. ``Bidirectional`` passes it by name to its two layers, so these are set
    # to support masks.
    if isinstance(layer, keras.layers.Bidirectional):
        layer.forward_layer.supports_masking = layer.backward_layer.supports_masking = True
    names = [
        name
        for name, parameter in inspect.signature(layer.call).parameters.items()
        if parameter.kind is not parameter.KEYWORD_ONLY
    ]
    for before in ([], ["initial_state"]):
        if names[1 : 2 + len(before)] == [*before, "mask"]:
            return layer(columns, *[None for _ in before], mask)
    return layer(columns, mask=mask)


def _layer_or_function(core: Any) -> Any:
    """Return the layer that ``core`` is or returns; a function of a tensor unchanged."""
    if isinstance(core, keras.layers.Layer):
        return core
    if isinstance(core, type) or not callable(core):
        hint = " Make an object of the class first." if isinstance(core, type) else ""
        raise TypeError(f"{_TAKES}Received: core={_checks.shown(core)}.{hint}")
    required = [
        parameter
        for parameter in inspect.signature(core).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if required:
        return core
    layer = core()
    if not isinstance(layer, keras.layers.Layer):
        raise TypeError(
            f"{_TAKES}Received a function without arguments that returns {_checks.shown(layer)}."
        )
    return layer


def takes_mask(layer: keras.layers.Layer) -> bool:
    """Return True if a layer's ``call`` takes a mask, as that of recurrent layers does."""
    # A model's ``call`` does, too, but the mask ends at its first layer that passes none on.
    return not isinstance(layer, keras.Model) and "mask" in inspect.signature(layer.call).parameters


def _as_model(function: Any, columns: Any) -> keras.Model:
    """Return the model that a function from a tensor describes."""
    inputs = keras.Input(columns.shape[1:], dtype=columns.dtype)
    return keras.Model(inputs, function(inputs), name="core")


def _layers_of(core: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return a core and the layers within it that have weights."""
    within = _keras_private.layers_within(core)[1:]
    return [core, *(layer for layer in within if layer.weights)]


def _check_unused(core: keras.layers.Layer) -> None:
    """Refuse a core with a layer that is in another model."""
    used = [layer.name for layer in _layers_of(core) if layer in _used]
    if used:
        raise ValueError(
            f"core has {used[0]!r}, which is in another model that was built, and the two would "
            "share its weights. Make a new layer for each model: pass a function that makes it, "
            "such as core=lambda: keras.layers.GRU(32)."
        )


def _check_state(state: Any, columns: Any, kind: str) -> None:
    """Refuse outputs of a core in another shape than the next layers take."""
    sequence, shape = kind == "sequence_to_sequence", tuple(getattr(state, "shape", ()))
    whole = not sequence or len({*shape[1:2], columns.shape[1]} - {None}) < 2
    if len(shape) == 2 + sequence and shape[-1] is not None and whole:
        return
    expected, cure = "(batch, features)", "Pool the steps, or take the last one: x[:, -1]."
    if sequence:
        expected = f"(batch, {columns.shape[1]}, features)"
        cure = "Keep all steps: return_sequences=True, or padding='causal' and strides=1."
    raise ValueError(
        f"core must return one tensor {expected} for kind={kind!r}. Received shape {shape}. {cure}"
    )


def check_causal(core: keras.layers.Layer, columns: Any) -> None:
    """Refuse a built core whose output at a step depends on the columns of a later step."""
    # For every step of a random window, that step and all later ones are changed. The outputs
    # before it must stay.
    steps, features = columns.shape[1] or _STEPS, columns.shape[2]
    weights = [(variable, value_of(variable)) for variable in core.trainable_variables]
    small = [(variable, value) for variable, value in weights if np.abs(value).max() < _SMALL]
    generator = np.random.default_rng(0)
    try:
        for variable, _ in small:
            variable.assign(generator.normal(scale=0.1, size=variable.shape))
        seen = _seen_ahead(core, steps, features, columns.dtype)
    finally:
        for variable, value in small:
            variable.assign(value)
    if seen is not None:
        step, later = seen
        raise ValueError(
            f"core looks ahead: its output at step {step} of a window (from 0) changes with step "
            f"{later}. kind='sequence_to_sequence' forecasts at each step what follows it, so the "
            "core would see its own targets in training. Use padding='causal' for convolutions, "
            "use_causal_mask=True for attention, and nothing that reads all steps, such as "
            "Bidirectional layers and pooling."
        )


def _seen_ahead(
    core: keras.layers.Layer, steps: int, features: int, dtype: str
) -> tuple[int, int] | None:
    """Return the first step that sees a later one and the last step that it sees, or None."""
    generator = np.random.default_rng(0)
    window, other = generator.normal(size=(2, steps, features))
    rows = min(steps, max(1, _MOST_STEPS // steps))
    # The same window in each row: rounding may differ by row.
    same = np.broadcast_to(window, (rows, steps, features))
    outputs, precision = _outputs(core, same, dtype)
    largest = np.abs(outputs).max()
    tolerance = _ROUNDING * precision * largest
    if np.abs(_outputs(core, same, dtype)[0] - outputs).max() > tolerance:
        raise ValueError(
            "core returns different outputs for the same window. Outside of training it must "
            "return the same."
        )
    sees = np.full(steps, -1)
    for begin in range(1, steps, rows):
        changed = np.minimum(np.arange(begin, begin + rows), steps - 1)
        later = np.arange(steps) >= changed[:, None]
        windows = np.where(later[..., None], other, window)
        differences = np.abs(_outputs(core, windows, dtype)[0] - outputs).max(axis=-1)
        row, step = np.nonzero((differences > tolerance) & ~later)
        np.maximum.at(sees, step, changed[row])
    first = int(np.argmax(sees >= 0))
    return (first, int(sees[first])) if sees[first] >= 0 else None


def _outputs(core: keras.layers.Layer, windows: Array, dtype: str) -> tuple[Array, float]:
    """Return the outputs of a core outside of training, and the precision of their dtype."""
    outputs = core(keras.ops.convert_to_tensor(windows, dtype))
    kind = keras.backend.standardize_dtype(outputs.dtype)
    precision = 2.0**-7 if kind == "bfloat16" else float(np.finfo(kind).eps)
    return keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32")), precision
