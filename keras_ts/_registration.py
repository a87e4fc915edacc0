"""Registers classes with Keras, so that models which hold them can be saved and loaded.

Every class records ``keras_ts`` as its module, so saved models load after a source file was moved.
If Keras does not find a class, its error names the package to import.
"""

from typing import TypeVar

import keras

PACKAGE = "keras_ts"

T = TypeVar("T", bound=type)

# Every registered class by its name, for ``keras_ts.__getattr__``.
CLASSES: dict[str, type] = {}


def registered(cls: T) -> T:
    """Register ``cls`` with Keras as ``keras_ts>ClassName``."""
    cls.__module__ = PACKAGE
    CLASSES[cls.__name__] = cls
    keras.saving.register_keras_serializable(package=PACKAGE)(cls)
    return cls
