"""An optimizer's state out of the old files from which Keras 3 does not bring it back.

From ``.h5`` files Keras reads it for none of the layers, from ``.keras`` files of Keras 2
it finds one variable too few, as the rate was no variable there.
"""

import io
import warnings
from typing import Any

import numpy as np

from keras_ts._typing import Array
from keras_ts.saving import archive

# Of these the order of variables is the same in Keras 2 and 3: m, v of the first weight, ...
_SAME_ORDER = ("SGD", "Adam", "AdamW", "RMSprop")


def restore_slots(optimizer: Any, path: str, legacy: bool) -> None:
    """Put the optimizer's state in the file back, or warn that it starts afresh.

    The optimizers of tf.keras up to 2.10 (``legacy``) kept all m before all v.
    """
    try:
        saved = _saved(path)
    # What h5py raises depends on what is wrong with the file.
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError):
        saved = []
    if saved is None:
        return
    variables = optimizer.variables
    if len(saved) == len(variables) - 1:
        saved.insert(1, np.asarray(float(optimizer.learning_rate)))
    known = ("SGD",) if legacy else _SAME_ORDER
    fits = [tuple(variable.shape) for variable in variables] == [value.shape for value in saved]
    if not fits or type(optimizer).__name__ not in known:
        warnings.warn(
            f"{path!r}: the state of {type(optimizer).__name__} could not be brought over. "
            "Its settings are kept, and its momentum starts afresh.",
            stacklevel=4,
        )
        return
    for variable, value in zip(variables, saved, strict=True):
        variable.assign(value)


def _saved(path: str) -> list[Array] | None:
    """The optimizer's variables in their order, or None if the file holds none."""
    import h5py

    if path.endswith(".keras"):
        with archive.opened(path) as opened:
            content = io.BytesIO(archive.read(opened, archive.WEIGHTS))
        with h5py.File(content, "r") as file:
            group = file.get("optimizer/vars")
            return [_number(group[name]) for name in sorted(group, key=int)] if group else None
    with h5py.File(path, "r") as file:
        group = file.get("optimizer_weights")
        return [_number(group[name]) for name in group.attrs["weight_names"]] if group else None


def _number(dataset: Any) -> Array:
    if dataset.dtype.kind not in "fiu":
        raise TypeError("an optimizer's state is numbers")
    return np.asarray(dataset[()])
