"""Takes the fingerprint of a model: its settings, variables and results, in a flat dict.

The fingerprints of a saved model and of the reloaded one differ in whatever the reload lost. So
nobody has to list what a reload can lose.
"""

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_ts._typing import Array
from keras_ts.losses import QuantileLoss

# Owner ("Layer 'dense'") -> place within it ("units") -> a setting as text, or numbers.
Fingerprint = dict[str, dict[str, Any]]

# The place of the state of a generator of random numbers.
SEED = "state of its random numbers"


def take(model: keras.Model, x: Any) -> Fingerprint:
    """Return the fingerprint of ``model`` and its outputs for ``x``; leave the model as it was."""
    variables: list[Any] = []
    fingerprint: Fingerprint = {"Model": {"": type(model).__name__, "name": repr(model.name)}}
    for owner, layer in _layers(model):
        fingerprint[owner] = dict(_inside(layer, variables))
    if model.compiled:
        fingerprint["Optimizer"] = dict(_optimizer(model.optimizer))
        fingerprint["Loss"] = dict(_flat("", model.loss, variables))
        settings = model.get_compile_config() or {}
        fingerprint["Compiling"] = {
            place: value
            for name in sorted(settings.keys() - {"optimizer", "loss"})
            for place, value in _flat(name, settings[name], variables)
        }
    variables += [v for metric in model.metrics for v in metric.variables]
    before = [(variable, _numbers(variable)) for variable in variables]
    fingerprint["Results"] = _results(model, x)
    # The state of random numbers that training never draws, as with a dropout of 0, is left out.
    model(x, training=True)
    for owner, layer in _layers(model):
        places = fingerprint[owner]
        for place, now in _inside(layer, []):
            if place.endswith(SEED) and np.array_equal(now, places[place]):
                del places[place]
    for variable, value in before:
        variable.assign(value)
    return fingerprint


def _layers(model: keras.Model, inside: str = "") -> Iterator[tuple[str, keras.layers.Layer]]:
    """Yield the layers of a model, those of models inside it included, each with its place."""
    for layer in model.layers:
        # Two inner models may have layers of the same name.
        name = f"{inside}{layer.name}"
        if isinstance(layer, keras.Model):
            yield from _layers(layer, f"{name}/")
        else:
            yield f"Layer {name!r}", layer


def _results(model: keras.Model, x: Any) -> dict[str, Any]:
    """Return the model's outputs for ``x``, and its loss and metrics for made-up errors in them."""
    outputs = model(x, training=False)
    results = dict(_flat("output", outputs, []))
    if not model.compiled:
        return results
    try:
        model.reset_metrics()
        y = keras.tree.map_structure(_with_errors, outputs)
        if isinstance(model.loss, QuantileLoss):
            y = y[..., 0]
        results["loss"] = _numbers(model.compute_loss(x=x, y=y, y_pred=outputs, training=False))
        values = model.compute_metrics(x, y, outputs)
        # The metric "loss" averages the loss so far.
        values.pop("loss", None)
        results |= {f"metric {name!r}": _numbers(value) for name, value in values.items()}
        model.reset_metrics()
    # Some losses, such as those of classes, take no such targets; their settings still count.
    except Exception as error:
        results["loss"] = f"not compared ({type(error).__name__} on made-up targets)"
    return results


def _with_errors(output: Any) -> Array:
    """Return targets with errors of all sizes, on both sides of a threshold such as Huber's."""
    values = _numbers(output)
    errors = np.geomspace(20.0, 0.03, values.size) * np.resize([1, -1], values.size)
    return values + errors.reshape(values.shape).astype(values.dtype)


def _optimizer(optimizer: Any) -> Iterator[tuple[str, Any]]:
    yield from _inside(optimizer, [])
    yield "iterations", repr(int(optimizer.iterations))
    # An optimizer that has not run yet has no state; the reloaded one has, of zeros.
    state = [v for v in optimizer.variables if v is not optimizer.iterations]
    for i, variable in enumerate(state if optimizer.built else []):
        yield f"variables[{i}]", _numbers(variable)


def _inside(item: Any, variables: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the class, the settings and the variables of an object of Keras."""
    yield "", type(item).__name__
    if isinstance(item, keras.random.SeedGenerator):
        yield from _flat(SEED, item.state, variables)
        return
    if isinstance(item, keras.Model):
        yield from _flat("layers", item.layers, variables)
        return
    settings = item.get_config() if hasattr(item, "get_config") else {}
    # The config may lack a setting, so attributes are compared too, except those of initializers:
    # their seeds no longer matter once a model is saved.
    if not isinstance(item, keras.initializers.Initializer):
        settings = {**settings, **_attributes(item)}
    settings.pop("name", None)
    for name, value in settings.items():
        yield from _flat(name, value, variables)


def _attributes(item: Any) -> dict[str, Any]:
    """Return the attributes of an object, without those that every object of its kind has."""
    if isinstance(item, keras.optimizers.Optimizer):
        public = {name: v for name, v in vars(item).items() if not name.startswith("_")}
        return {name: v for name, v in public.items() if name not in ("built", "iterations")}
    if not isinstance(item, keras.layers.Layer):
        return vars(item)
    # PyTorch keeps the layers inside a layer apart from its attributes.
    inner = dict(item.named_children()) if hasattr(item, "named_children") else {}
    bare = vars(keras.layers.Layer())
    attributes = {name: v for name, v in {**vars(item), **inner}.items() if name not in bare}
    # TensorFlow's lists of tracked objects contain everything a second time.
    attributes = {name: v for name, v in attributes.items() if not name.startswith("_self_")}
    return {**attributes, "trainable": item.trainable, "dtype": item.dtype_policy.name}


def _flat(place: str, value: Any, variables: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the settings and numbers within ``value``, each with its place."""
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        yield place, repr(value.item() if isinstance(value, np.generic) else value)
    elif isinstance(value, keras.Variable):
        variables.append(value)
        yield place, _numbers(value)
    elif isinstance(value, np.ndarray) or keras.ops.is_tensor(value):
        yield place, _numbers(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{place}.{key}".strip("."), item, variables)
    elif isinstance(value, Sequence):
        for i, item in enumerate(value):
            yield from _flat(f"{place}[{i}]", item, variables)
    elif isinstance(value, types.FunctionType | type):
        yield place, f"{value.__module__}.{value.__qualname__}"
    elif hasattr(value, "get_config"):
        for name, item in _inside(value, variables):
            yield f"{place}.{name}".strip("."), item


def _numbers(value: Any) -> Array:
    return np.array(keras.ops.convert_to_numpy(value))
