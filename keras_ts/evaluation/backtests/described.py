"""Describes the arguments of ``fit`` as plain values, so that a resumed backtest notices changes.

A folder of folds outlives the process, so the description holds values and hashes of code, never
addresses.
"""

import dataclasses
import functools
import hashlib
import inspect
import os
import re
import types
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_ts._typing import Array
from keras_ts.evaluation.backtests.fold_store import digest
from keras_ts.windows.dataset import WindowDataset, in_time_order

# Attributes that Keras sets on every callback.
_KERAS_SETS = ("model", "_model", "params")
# These only record or show a training, often in a path with the time in it: settings are left out.
_ONLOOKERS = (
    keras.callbacks.BackupAndRestore,
    keras.callbacks.CSVLogger,
    keras.callbacks.History,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.ProgbarLogger,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TensorBoard,
)

# Code of these packages changes only with their version, and is not hashed.
_LIBRARIES = (
    "keras",
    "keras_ts",
    "tensorflow",
    "torch",
    "jax",
    "flax",
    "builtins",
    "abc",
    "typing",
)

Places = Iterator[tuple[str, Any]]


class Unknown(str):
    """The class name of a value that cannot be compared with others of its class."""


def described(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return arguments as plain values by their places, such as ``"callbacks[0].patience"``.

    Args:
        arguments: The arguments by their names.

    Returns:
        The values, which JSON takes, and the places at which only a class name stands.
    """
    values: dict[str, Any] = {}
    for name in sorted(arguments):
        values.update(_places(name, arguments[name], ()))
    unknown = [place for place, value in values.items() if isinstance(value, Unknown)]
    return values, unknown


def _places(place: str, value: Any, above: tuple[int, ...]) -> Places:
    """Yield every place within a value, with the plain value there.

    Args:
        place: The place of the value.
        value: The value.
        above: The ids of the objects that contain it, so that a cycle ends.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        yield place, value
    elif isinstance(value, float | complex):
        yield place, value if isinstance(value, float) and np.isfinite(value) else repr(value)
    elif isinstance(value, os.PathLike):
        yield place, os.fspath(value)
    elif isinstance(value, bytes):
        yield place, hashlib.sha256(value).hexdigest()
    elif isinstance(value, type | types.ModuleType):
        yield place, _named(value)
    elif id(value) in above:
        yield place, "itself"
    else:
        yield from _object(place, value, (*above, id(value)))


def _object(place: str, value: Any, above: tuple[int, ...]) -> Places:
    if isinstance(value, Mapping):
        yield place, _named(type(value))
        for key in sorted(value, key=repr):
            yield from _places(f"{place}[{key!r}]", value[key], above)
    elif isinstance(value, set | frozenset):
        yield place, f"{_named(type(value))} of {sorted(map(repr, value))}"
    elif isinstance(value, list | tuple):
        yield place, f"{_named(type(value))} of {len(value)}"
        for number, item in enumerate(value):
            yield from _places(f"{place}[{number}]", item, above)
    elif isinstance(value, WindowDataset):
        yield place, _dataset(value)
    elif keras.ops.is_tensor(value):
        yield place, _numbers(keras.ops.convert_to_numpy(value))
    elif hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype == object:
            yield from _places(place, array.tolist(), above)
        else:
            yield place, _numbers(array)
    elif isinstance(value, functools.partial):
        parts = {"func": value.func, "args": value.args, "keywords": value.keywords}
        yield from _places(place, parts, above)
    elif isinstance(value, types.MethodType):
        yield from _places(f"{place}.__self__", value.__self__, above)
        yield from _places(place, value.__func__, above)
    elif isinstance(value, types.FunctionType):
        yield from _function(place, value, above)
    elif isinstance(value, np.ufunc | types.BuiltinFunctionType):
        yield place, _named(value)
    else:
        yield from _instance(place, value, above)


def _instance(place: str, value: Any, above: tuple[int, ...]) -> Places:
    kind = type(value)
    name = _named(kind)
    if isinstance(value, keras.callbacks.Callback):
        yield place, name
        if kind not in _ONLOOKERS:
            yield from _callback(place, value, above)
        return
    if dataclasses.is_dataclass(value):
        settings: Any = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    else:
        try:
            settings = value.get_config()
        except (AttributeError, NotImplementedError, TypeError):
            yield place, Unknown(name)
            return
    yield place, name
    yield from _code_of(place, kind, above)
    for inner, setting in _places(f"{place}.config", settings, above):
        # Keras numbers the layers of a process in their names.
        yield inner, re.sub(r"_\d+$", "", setting) if type(setting) is str else setting
    if isinstance(value, keras.layers.Layer):
        for number, variable in enumerate(value.variables):
            yield f"{place}.variables[{number}]", _numbers(keras.ops.convert_to_numpy(variable))
    else:
        # Some losses of Keras leave settings out of their config.
        for inner, setting in sorted(getattr(value, "__dict__", {}).items()):
            if isinstance(setting, Mapping):
                yield from _places(f"{place}.{inner}", setting, above)


def _callback(place: str, callback: Any, above: tuple[int, ...]) -> Places:
    settings = {name: value for name, value in vars(callback).items() if name not in _KERAS_SETS}
    if _package(type(callback)) in ("keras", "keras_ts"):
        # The other attributes are its state, which every fit resets.
        parameters = inspect.signature(type(callback).__init__).parameters
        settings = {name: value for name, value in settings.items() if name in parameters}
        settings.pop("verbose", None)
        if "min_delta" in settings:  # Keras negates it for metrics to be minimized.
            settings["min_delta"] = abs(settings["min_delta"])
    yield from _code_of(place, type(callback), above)
    for name in sorted(settings):
        yield from _places(f"{place}.{name}", settings[name], above)


def _code_of(place: str, kind: type, above: tuple[int, ...]) -> Places:
    """Yield the methods and plain attributes of a class and its bases, libraries left out."""
    for base in kind.__mro__:
        if _package(base) in _LIBRARIES:
            continue
        for name, member in sorted(vars(base).items()):
            member = getattr(member, "fget", None) or getattr(member, "__func__", member)
            if isinstance(member, types.FunctionType):
                yield from _function(f"{place}.{base.__name__}.{name}()", member, above)
            elif not name.startswith("__") and _is_plain(member):
                yield from _places(f"{place}.{base.__name__}.{name}", member, above)


def _function(place: str, function: types.FunctionType, above: tuple[int, ...]) -> Places:
    """Yield a function's name and code, then its defaults, closure and globals."""
    code = function.__code__
    hasher = hashlib.sha256()
    names = _hash(code, hasher)
    yield place, f"{_named(function)} {hasher.hexdigest()}"
    yield from _places(f"{place} defaults", function.__defaults__ or (), above)
    yield from _places(f"{place} defaults", function.__kwdefaults__ or {}, above)
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        # A cell is empty until its variable is assigned.
        held = cell.cell_contents if cell != types.CellType() else None
        yield from _places(f"{place} {name}", held, above)
    for name in sorted(names & function.__globals__.keys()):
        value = function.__globals__[name]
        ours = isinstance(value, types.FunctionType) and value.__module__ == function.__module__
        if ours or _is_plain(value):
            yield from _places(f"{place} {name}", value, above)


def _hash(code: types.CodeType, hasher: Any) -> set[str]:
    """Add a code object to a hash; return the names of globals and attributes in it."""
    hasher.update(code.co_code)
    names = set(code.co_names)
    hasher.update(repr((code.co_names, code.co_varnames)).encode())
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _hash(constant, hasher)
        else:
            # The order of a set of strings differs between processes.
            is_set = isinstance(constant, frozenset)
            hasher.update(repr(sorted(map(repr, constant)) if is_set else constant).encode())
    return names


def _dataset(dataset: WindowDataset) -> str:
    source = in_time_order(dataset, weighted=True)
    weights = source.weights and source.weights.values
    hasher = hashlib.sha256(digest(source.panel, weights).encode())
    hasher.update(repr(dataset.windows.get_config()).encode())
    arrays = [source.sampler.ranges.first, source.sampler.ranges.count]
    if source.weights is not None and source.weights.factors is not None:
        arrays.append(source.weights.factors)
    for array in arrays:
        hasher.update(array.tobytes())
    return f"{_named(WindowDataset)} {hasher.hexdigest()}"


def _numbers(array: Array) -> str:
    content = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    return f"{array.dtype} {array.shape} {content}"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | tuple | np.generic)


def _package(kind: type) -> str:
    return kind.__module__.split(".")[0]


def _named(value: Any) -> str:
    module = getattr(value, "__module__", None)
    name = getattr(value, "__qualname__", getattr(value, "__name__", repr(type(value))))
    return name if module in (None, "builtins") else f"{module}.{name}"
