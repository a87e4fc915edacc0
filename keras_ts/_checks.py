"""Checks arguments for the whole package, so that equal mistakes get equal messages.

A check returns a plain Python value, so that configs hold no NumPy types and fit JSON, or raises an
error that shows the argument's ``name`` and the value received.
"""

import contextlib
import importlib
import json
import math
import operator
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, asdict, fields
from itertools import pairwise
from typing import Any, Self

import numpy as np

from keras_ts._typing import Array

# All percentiles are 99 levels. A file that asks for more than 200 is broken or malicious.
_MOST_LEVELS = 200
# Settings or a scorecard that take more bytes as JSON are broken or malicious, too.
_LONGEST_TEXT = 1 << 20
_MOST_FEATURES = 1024

# How many items of a long list a message names.
FEW = 3

_SHORT = reprlib.Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 20
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 200


def shown(value: Any) -> str:
    """Return ``repr(value)`` for an error message, cut off if it is long."""
    return _SHORT.repr(value)


def few(texts: Sequence[str], count: int = 0) -> str:
    """Return the first texts, and how many more there are: of ``count``, or for 0 of ``texts``."""
    more = (count or len(texts)) - FEW
    return ", ".join(texts[:FEW]) + (f" and {more} more" if more > 0 else "")


def instance(name: str, value: Any, kinds: Any) -> None:
    """Raise an error unless ``value`` is an instance of a class, or of a union of classes."""
    if not isinstance(value, kinds):
        listed = [kind.__name__ for kind in getattr(kinds, "__args__", [kinds])]
        raise TypeError(
            f"{name} must be a {' or '.join(listed).replace('NoneType', 'None')}. "
            f"Received: {name}={shown(value)} ({type(value).__name__})."
        )


def needed(module: str, what: str) -> Any:
    """Return an optional module, or raise an error that says what needs it."""
    package = module.partition(".")[0]
    try:
        importlib.import_module(package)
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{what} needs {package}: pip install {package}.") from error


def listed(value: Any) -> Any:
    """Return an array or a column as a list, and anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def integer(name: str, value: Any, minimum: int) -> int:
    """Return ``value`` as an int >= ``minimum``."""
    number = None
    if not isinstance(value, bool):
        with contextlib.suppress(TypeError):
            number = operator.index(value)
    if number is None:
        raise TypeError(
            f"{name} must be an integer >= {minimum}. Received: {name}={shown(value)} "
            f"({type(value).__name__})."
        )
    if number < minimum:
        raise ValueError(f"{name} must be >= {minimum}. Received: {name}={number}.")
    if number >= 1 << 63:
        raise ValueError(f"{name} must be less than 2**63. Received {number.bit_length()} bits.")
    return number


def real(name: str, value: Any) -> float:
    """Return ``value`` as a finite float."""
    refused = isinstance(value, str | bytes | bool) or getattr(value, "ndim", 0) != 0
    if refused or not hasattr(value, "__float__"):
        raise TypeError(
            f"{name} must be a finite number. Received: {name}={shown(value)} "
            f"({type(value).__name__})."
        )
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite. Received: {name}={number}.")
    return number


def indices(name: str, value: Any) -> int | list[int] | None:
    """Return an index, a list of them, or None."""
    if value is None:
        return None
    if isinstance(value, list | tuple) and value:
        return [integer(f"{name}[{place}]", index, 0) for place, index in enumerate(value)]
    return integer(name, value, 0)


def positive(name: str, value: Any) -> float:
    """Return ``value`` as a finite float > 0."""
    number = real(name, value)
    if number <= 0:
        raise ValueError(f"{name} must be > 0. Received: {name}={number}.")
    return number


def per_feature(name: str, value: Any, check: Callable[[str, Any], float]) -> float | list[float]:
    """Return a number, or a list of one number for each feature, each checked by ``check``."""
    value = listed(value)
    if not isinstance(value, list | tuple):
        return check(name, value)
    if not 1 <= len(value) <= _MOST_FEATURES:
        raise ValueError(
            f"{name} must be a number, or a list of 1 to {_MOST_FEATURES} numbers, one for each "
            f"feature. Received {len(value)}."
        )
    return [check(f"{name}[{i}]", entry) for i, entry in enumerate(value)]


def fits(name: str, value: float, dtype: str, may_vanish: bool = False) -> float:
    """Return ``value`` if ``dtype`` can hold it."""
    # Arithmetic may round values below the smallest normal number to 0; ``may_vanish`` allows them.
    smallest, largest = float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
    if abs(value) > largest or (abs(value) < smallest and not may_vanish):
        least = "" if may_vanish else f"at least {smallest:.2g} and "
        raise ValueError(
            f"{name} must fit {dtype}: {least}at most {largest:.2g} in absolute value. "
            f"Received: {name}={value!r}."
        )
    return value


def boolean(name: str, value: Any) -> bool:
    """Return ``value`` if it is a bool."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False. Received: {name}={shown(value)}.")
    return bool(value)


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Return ``value`` if it is one of ``allowed``."""
    if not isinstance(value, str) or value not in allowed:
        listed = ", ".join(repr(option) for option in allowed)
        raise ValueError(f"{name} must be one of {listed}. Received: {name}={shown(value)}.")
    return value


def numeric(values: Any, what: str) -> Array:
    """Return ``values``, which errors call ``what``, as an array of real numbers."""
    if isinstance(values, np.ma.MaskedArray) and values.dtype.kind in "biuf":
        floats: Any = values.astype(np.result_type(values.dtype, np.float32))
        values = floats.filled(np.nan)
    array = values if isinstance(values, np.ndarray) else np.asarray(values)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(
            f"{what} must hold real numbers. Received dtype {array.dtype}"
            + (f", first value {shown(array.flat[0])}." if array.size else ".")
            + (" For a panel pass a list of arrays." if isinstance(values, Mapping) else "")
        )
    return array


def levels(name: str, value: Any, median: bool = True) -> tuple[float, ...]:
    """Return the levels of quantiles as floats; with ``median``, 0.5 must be one of them."""
    value = listed(value)
    if not isinstance(value, list | tuple):
        raise TypeError(
            f"{name} must be a list of numbers between 0 and 1. Received: {name}={shown(value)} "
            f"({type(value).__name__})."
        )
    if len(value) > _MOST_LEVELS:
        raise ValueError(f"{name} must be at most {_MOST_LEVELS} numbers. Received {len(value)}.")
    checked = tuple(real(f"{name}[{i}]", level) for i, level in enumerate(value))
    increasing = all(low < high for low, high in pairwise((0.0, *checked, 1.0)))
    if not checked or not increasing or (median and 0.5 not in checked):
        also = ", and hold 0.5, the median" if median else ""
        raise ValueError(
            f"{name} must increase, lie between 0 and 1{also}. Received: {name}="
            f"{shown(list(value))}."
        )
    return checked


def json_text(name: str, value: Any) -> str:
    """Return a dict of plain values as JSON, if that is not too long."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        text = ""
    if not isinstance(value, dict) or not 0 < len(text) <= _LONGEST_TEXT:
        raise TypeError(
            f"{name} must be a dict of plain values that takes at most {_LONGEST_TEXT:,} bytes as "
            f"JSON, or None. Received: {name}={shown(value)}."
        )
    return text


def in_order(settings: Any) -> list[Field[Any]]:
    """Return the fields of settings or their class, those that may be positional first."""
    # An inherited field that must be named stands before them in ``fields``.
    return sorted(fields(settings), key=lambda field: bool(field.kw_only))


class Settings:
    """The base of dataclasses of settings: prints the call that makes one, and fits JSON."""

    def __repr__(self) -> str:
        values = [(each.name, getattr(self, each.name), each.default) for each in in_order(self)]
        changed = [
            f"{name}={_SHORT.repr1(value, 2) if isinstance(value, dict | tuple) else repr(value)}"
            for name, value, default in values
            if value != default
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def get_config(self) -> dict[str, Any]:
        """Return the settings as plain Python values that JSON takes."""
        values = asdict(self)  # type: ignore[call-overload]
        return {each.name: _plain(values[each.name]) for each in in_order(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the settings that ``config`` holds."""
        return cls(**config)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
