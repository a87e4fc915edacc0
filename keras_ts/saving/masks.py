"""Masks in models of files from a Keras whose recurrent layers passed them on.

Recurrent layers pass masks on up to Keras 3.15. In Keras's master (3.16) a mask ends behind the
first of them, with a warning. A functional model's file holds the mask of each layer as an
argument, so its forecasts stay. Other forecasts would follow from a ``Sequential`` or a model that
gets its mask from outside, and another loss if it reads the mask of the outputs. So ``load_model``
makes the layers of such files pass masks on. No config holds that, so ``save_model`` writes it
beside the config.
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
    """Return True if a file needs masks that this Keras does not pass on by itself."""
    version = re.match(r"(\d{1,4})\.(\d{1,4})", str(metadata.get("keras_version")))
    old = version is not None and tuple(map(int, version.groups())) <= _LAST
    return (old or MARK.items() <= metadata.items()) and not _passes_by_itself()


@contextlib.contextmanager
def unwarned(masks_pass: bool) -> Iterator[None]:
    """Suppress Keras's warnings of masks that end if ``masks_pass``."""
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
    """Return True if the recurrent layers of a model were set to pass masks on."""
    told = [layer.supports_masking for layer in _recurrent(model)]
    return bool(told) and all(told) and not _passes_by_itself()


def _recurrent(model: keras.Model) -> list[Any]:
    return [layer for layer in _keras_private.layers_within(model) if isinstance(layer, _PASSED)]


def _passes_by_itself() -> bool:
    """Return True if the recurrent layers of this Keras pass masks on, as up to 3.15."""
    # The names keep Keras from counting these two layers when it names others.
    probe = keras.layers.TimeDistributed(keras.layers.Identity(name="probe"), name="probe")
    return bool(probe.supports_masking)
