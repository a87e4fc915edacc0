"""Saves a model with stock layers in place of ours, for machines without keras_ts.

A stock layer gives the same result: ``Reshape``, ``Rescaling``, ``Identity``, or a small model of
the operations that our layer runs. A model whose result would change is refused.
"""

import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_ts import _keras_private
from keras_ts._dtypes import at_least_float32
from keras_ts._files import path_text, replacing
from keras_ts._models import check_model, inputs_of, value_of
from keras_ts._registration import PACKAGE
from keras_ts.interface import carried_by
from keras_ts.layers.bounded import Bounded
from keras_ts.layers.expand_series import ExpandSeries
from keras_ts.layers.normalize_window import NormalizeWindow
from keras_ts.layers.restore_window import RestoreWindow
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.layers.sorted_quantiles import SortedQuantiles
from keras_ts.layers.windowed_input import WindowedInput
from keras_ts.losses import QuantileLoss
from keras_ts.saving.config import LAMBDAS, entries, is_stock, title
from keras_ts.saving.save import write

_UNCOMPILED = (
    "To predict where keras_ts is not installed, save it uncompiled: "
    "keras_ts.save_model(model, filepath), then "
    "save_portable(keras_ts.load_model(filepath, compile=False), filepath)."
)
# Lengths to try for inputs of any length; a convolution may need the longer one.
LENGTHS = (4, 64)


def save_portable(model: keras.Model, filepath: str | os.PathLike[str]) -> None:
    """Save a model as a ``.keras`` file of stock layers, which loads without keras_ts.

    Weights, loss, metrics, and the optimizer with its state are kept; predictions are the same up
    to rounding. ``model`` does not change. The saved model takes no ragged batches, and no ``mask``
    argument.

    An ``Identity`` replaces a ``WindowedInput``. The windows go into the file's metadata, where
    ``load_windows`` reads them, and are lost if Keras saves the loaded model again.
    ``QuantileLoss`` and its metrics have no stock form, so a model that was trained for quantiles
    must be saved uncompiled. So must a model with a ``Bounded``: its stock form clips in training,
    too.

    Example:

    >>> import tempfile, keras
    >>> from keras_ts import RecurrentPreset, save_portable
    >>> model = RecurrentPreset(units=(4,), output_scale=100.0).build(window=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_portable(model, folder + "/model.keras")
    ...     again = keras.saving.load_model(folder + "/model.keras")
    >>> [type(layer).__name__ for layer in again.layers]
    ['InputLayer', 'Reshape', 'SimpleRNN', 'Dense', 'Rescaling']

    Args:
        model: The model: functional or sequential, and built.
        filepath: The file to write; its name ends in ``.keras``.

    Raises:
        TypeError: ``model`` is not a Keras model, or ``filepath`` not a path.
        ValueError: ``filepath`` does not end in ``.keras``; the model is compiled, and has
            ``QuantileLoss`` or a ``Bounded``; or stock layers would not give the same results.
    """
    model, path = check_model(model), path_text("filepath", filepath)
    if not path.endswith(".keras"):
        raise ValueError(f"filepath must end in .keras. Received: filepath={path!r}.")
    _check_stock(model)
    _check_masks(model)
    lowered = keras.models.clone_model(
        model, clone_function=lambda layer: _STOCK.get(type(layer), copied)(layer), recursive=True
    )
    if model.compiled:
        lowered.compile_from_config(model.get_compile_config())
    for place, entry in entries(keras.saving.serialize_keras_object(lowered)):
        if not is_stock(entry):
            raise ValueError(
                f"{place} holds {title(entry)}, which has no stock form there. Use a stock loss "
                "and metrics, and no layer of keras_ts inside a wrapper."
            )
    _copy_variables(model.variables, lowered.variables, "The model's layers")
    # An optimizer that has not run yet has no state beyond its settings.
    if model.compiled and model.optimizer.built:
        _copy_variables(
            model.optimizer.variables,
            lowered.optimizer.variables,
            "A layer was frozen or freed after the optimizer was built, and its state",
        )
    with replacing(path) as temporary:
        write(lowered, temporary, carried_by(model))


def _check_stock(model: keras.Model) -> None:
    """Refuse a model with layers, or a loss, that are neither Keras's own nor have a stock form."""
    if not type(model).__module__.startswith("keras."):
        raise ValueError(
            "model must be functional or sequential: a subclass loads only where its class is. "
            f"Received: {type(model).__name__}."
        )
    check_model(model, built=True)
    if model.compiled and isinstance(model.loss, QuantileLoss):
        raise ValueError(
            f"The model is compiled with QuantileLoss, which has no stock form. {_UNCOMPILED}"
        )
    if model.compiled and _keras_private.layers_within(model, Bounded):
        raise ValueError(
            "The model has a Bounded, whose stock form would clip in training, too, and a clipped "
            f"output has no gradient. {_UNCOMPILED}"
        )
    replaced = {f"{PACKAGE}>{layer.__name__}" for layer in _STOCK}
    for place, entry in entries(keras.saving.serialize_keras_object(model)):
        if entry["class_name"] in LAMBDAS:
            raise ValueError(f"{place} is a Lambda, which does not load elsewhere: replace it.")
        if not is_stock(entry) and title(entry) not in replaced:
            raise ValueError(
                f"{place} needs {title(entry)}, which is not of Keras and has no stock form. "
                "Replace it, or use keras_ts.save_model."
            )


def _check_masks(model: keras.Model) -> None:
    """Refuse a model if a mask reaches a layer that drops masks in its stock form."""

    def drops_masks(layer: Any) -> bool:
        keeps = type(layer) is WindowedInput or (type(layer) is ScaleOutput and _is_scalar(layer))
        return type(layer) in _STOCK and not keeps

    reached = reached_layers(model, drops_masks)
    if reached is None:
        raise ValueError(
            "model masks its input, and the layers that the mask reaches are unknown: the model "
            f"did not run on zeros of the lengths {', '.join(map(str, LENGTHS))}. Save with "
            "keras_ts.save_model."
        )
    for layer in reached:
        raise ValueError(
            f"A mask reaches {layer.name!r} ({type(layer).__name__}), and its stock form would "
            "drop it: later layers would read the padding. Mask after this layer, or save with "
            "keras_ts.save_model."
        )


def _is_scalar(layer: ScaleOutput) -> bool:
    # Under image_data_format "channels_first", Rescaling applies a list along another axis.
    return not isinstance(layer.scale, list) and not isinstance(layer.offset, list)


def _reshape(layer: ExpandSeries) -> keras.layers.Layer:
    if layer.axis not in (-1, 2):
        raise ValueError(
            f"{layer.name!r}: ExpandSeries(axis={layer.axis}) has no stock form that holds for "
            "every length; only axis=-1 has."
        )
    return keras.layers.Reshape((-1, 1), name=layer.name, dtype=layer.dtype_policy)


def _rescaling(layer: ScaleOutput) -> keras.layers.Layer:
    if not _is_scalar(layer):
        return _traced(layer)
    return keras.layers.Rescaling(
        layer.scale, layer.offset, name=layer.name, dtype=at_least_float32(layer)
    )


def _identity(layer: WindowedInput) -> keras.layers.Layer:
    # Under a half-precision policy, Identity would cast the series to it.
    dtype = layer.input.dtype
    return keras.layers.Identity(
        name=layer.name, dtype=dtype if keras.backend.is_float_dtype(dtype) else "float32"
    )


def _traced(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Return a small model of the operations that the layer runs, under the layer's name."""
    # The length stays open, since the layer may be called on several lengths.
    inputs = keras.tree.map_structure(
        lambda x: keras.Input([*[None] * (len(x.shape) - 2), x.shape[-1]], dtype=x.dtype),
        layer.input,
    )
    return keras.Model(inputs, layer.call(inputs), name=layer.name)


_STOCK: dict[type, Callable[[Any], keras.layers.Layer]] = {
    ExpandSeries: _reshape,
    ScaleOutput: _rescaling,
    NormalizeWindow: _traced,
    RestoreWindow: _traced,
    SortedQuantiles: _traced,
    Bounded: _traced,
    WindowedInput: _identity,
}


def _copy_variables(ours: list[Any], theirs: list[Any], what: str) -> None:
    if [tuple(v.shape) for v in ours] != [tuple(v.shape) for v in theirs]:
        raise ValueError(f"{what} would not fit a newly built model; compile it again.")
    for variable, value in zip(theirs, ours, strict=True):
        # The copy is needed on JAX, where training frees an array that both would share.
        variable.assign(value_of(value))


# A layer may treat a mask differently from its replacement. Layers of an inner model get masks only
# when the model runs on data. So the model is run on zeros to find the layers that a mask reaches.
def reached_layers(
    model: keras.Model, watched: Callable[[keras.layers.Layer], bool]
) -> list[keras.layers.Layer] | None:
    """Return the ``watched`` layers that a mask reaches, or None if the model does not run."""
    masking = (
        entry["class_name"] in ("Masking", "MaskMissing")
        or (isinstance(entry["config"], dict) and entry["config"].get("mask_zero"))
        for _, entry in entries(model.get_config())
    )
    if not any(masking):
        return []
    reached: list[keras.layers.Layer] = []

    def watching(layer: keras.layers.Layer) -> keras.layers.Layer:
        copy = copied(layer)
        if watched(layer):

            def compute_mask(inputs: Any, mask: Any) -> None:
                if any(part is not None for part in keras.tree.flatten(mask)):
                    reached.append(layer)

            copy.compute_mask = compute_mask
        return copy

    followed = keras.models.clone_model(model, clone_function=watching, recursive=True)
    return reached if any(_runs(followed, length) for length in LENGTHS) else None


def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Return a layer with the same settings and new weights."""
    return type(layer).from_config(layer.get_config())


def _runs(model: keras.Model, length: int) -> bool:
    """Return True if the model runs on zeros, with ``length`` for open axes."""

    def zeros(x: Any) -> Any:
        return np.zeros([length if n is None else n for n in x.shape], x.dtype)

    try:
        model(keras.tree.map_structure(zeros, inputs_of(model)))
    except Exception:
        return False
    return True
