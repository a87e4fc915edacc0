"""Recognizes the weights of a model, in memory or in its file, by digests.

A scorecard holds for the weights that were judged. It keeps one digest for each of them, and not
one for all in their order: so the weights can be compared with those in a file without building
the model, and a model that ``calibrate`` or ``save_portable`` made around the same layers is
recognized. Margins of a ``ConformalInterval`` change no point forecast and stand apart.
"""

import hashlib
from typing import NamedTuple

import keras
import numpy as np

from keras_ts import _keras_private
from keras_ts._typing import Array
from keras_ts.layers.conformal_interval import ConformalInterval
from keras_ts.saving import archive, hdf5

# Optimizers have states as large as the weights. Keras names their groups like this, the first in a
# .keras file, where each model inside the model has one.
_OPTIMIZERS = ("/optimizer/", "/optimizer_weights/")
_HDF5 = (".h5", ".hdf5")


class Weights(NamedTuple):
    """The digests of a model's weights, without those of random states and counters."""

    net: frozenset[str]  # outside of any ``ConformalInterval``
    intervals: frozenset[str] | None  # of a ``ConformalInterval``; None without one

    @classmethod
    def of(cls, model: keras.Model) -> "Weights":
        """Return the digests of a model in memory."""
        layers = _keras_private.layers_within(model, ConformalInterval)
        margins = {id(weight) for layer in layers for weight in layer.weights}
        digests: tuple[set[str], set[str]] = set(), set()
        for weight in model.weights:
            if "float" in weight.dtype:
                values = keras.ops.convert_to_numpy(weight)
                digests[id(weight) in margins].add(_digest(values))
        return cls(frozenset(digests[0]), frozenset(digests[1]) if layers else None)

    def plain(self) -> dict[str, list[str] | None]:
        """Return the entries ``weights`` and ``intervals`` of a scorecard."""
        intervals = None if self.intervals is None else sorted(self.intervals)
        return {"weights": sorted(self.net), "intervals": intervals}


def digests_in(path: str) -> frozenset[str]:
    """Return the digests of all weights in a ``.keras`` or ``.h5`` file that was checked before."""
    where, source = repr(path), path if path.endswith(_HDF5) else _content(path)
    digests = set()
    for name, values in hdf5.arrays(source, where):
        if values.dtype == "V2":  # Keras writes bfloat16 as the upper half of a float32.
            values = (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        if values.dtype.kind == "f" and not any(part in f"/{name}" for part in _OPTIMIZERS):
            digests.add(_digest(values))
    return frozenset(digests)


def _content(path: str) -> bytes:
    with archive.opened(path) as opened:
        return archive.read(opened, archive.WEIGHTS)


def _digest(values: Array) -> str:
    values = np.asarray(values, dtype=np.float32)
    content = repr(values.shape).encode() + values.tobytes()
    return hashlib.blake2b(content, digest_size=8).hexdigest()
