"""Makes a class saveable by Keras and findable by the people who load it.

Keras prints the ``module`` of a saved object that it cannot find, so every object
records ``keras_ts`` there: the error then names the package to import, and source files
may move without breaking anybody's saved model.
"""

from collections.abc import Callable
from typing import TypeVar

import keras

PACKAGE = "keras_ts"

T = TypeVar("T", bound=type)


def registered(cls: T) -> T:
    """Register ``cls`` with Keras as ``keras_ts>ClassName``, its module ``keras_ts``."""
    cls.__module__ = PACKAGE
    register: Callable[[T], T] = keras.saving.register_keras_serializable(package=PACKAGE)
    return register(cls)
