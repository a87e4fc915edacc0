"""Masks in models of files from a Keras whose recurrent layers passed them on.

They do up to 3.15. In Keras's master (3.16) a mask ends behind the first of them, with a warning.
A functional model's file holds the mask of each layer as an argument, so its forecasts stay; those
of a ``Sequential``, of a model that gets its mask from outside, and a loss that reads the mask of
the outputs would be others. So the layers of such files are told to pass masks on, which no config
says: ``save_model`` writes it beside the config, for ``load_model``.
"""

import contextlib
import re
import warnings
from collections.abc import Iterator
from typing import Any

import keras

from keras_ts import _keras_private

MARK = {"keras_ts_passes_masks": True}
_LAST = (3, 15)
_PASSED = (keras.layers.RNN, keras.layers.Bidirectional, keras.layers.TimeDistributed)


def counted_on(metadata: dict[str, Any]) -> bool:
    """Return True if a file counts on masks that this Keras does not pass on by itself."""
    version = re.match(r"(\d{1,4})\.(\d{1,4})", str(metadata.get("keras_version")))
    old = version is not None and tuple(map(int, version.groups())) <= _LAST
    return (old or MARK.items() <= metadata.items()) and not _passes_by_itself()


@contextlib.contextmanager
def unwarned(masks_pass: bool) -> Iterator[None]:
    """Keep back Keras's warnings of masks that end, if they will not."""
    if not masks_pass:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* does not support masking")
        yield


def pass_on(model: keras.Model) -> None:
    """Let the recurrent layers of a model pass masks on."""
    for layer in _recurrent(model):
        layer.supports_masking = True


def passed_on(model: keras.Model) -> bool:
    """Return True if the recurrent layers of a model were told to pass masks on."""
    told = [layer.supports_masking for layer in _recurrent(model)]
    return bool(told) and all(told) and not _passes_by_itself()


def _recurrent(model: keras.Model) -> list[Any]:
    return [layer for layer in _keras_private.layers_within(model) if isinstance(layer, _PASSED)]


def _passes_by_itself() -> bool:
    """Return True if the recurrent layers of this Keras pass masks on, as up to 3.15."""
    # Its names keep Keras from counting the two among the person's layers.
    probe = keras.layers.TimeDistributed(keras.layers.Identity(name="probe"), name="probe")
    return bool(probe.supports_masking)
