"""Registers classes with Keras, so that models which hold them can be saved and loaded.

Every class records ``keras_ts`` as its module. If Keras cannot find a saved object it prints this
module, so the error names the package to import; and source files can move without breaking
anybody's saved model.
"""

from collections.abc import Callable
from typing import TypeVar

import keras

PACKAGE = "keras_ts"

T = TypeVar("T", bound=type)

# Every registered class by its name, for ``keras_ts.__getattr__``.
CLASSES: dict[str, type] = {}


def registered(cls: T) -> T:
    """Register ``cls`` with Keras as ``keras_ts>ClassName``, of the module ``keras_ts``."""
    cls.__module__ = PACKAGE
    CLASSES[cls.__name__] = cls
    register: Callable[[T], T] = keras.saving.register_keras_serializable(package=PACKAGE)
    return register(cls)
